"""Sheets every workbook has: formats, standing, lists. The same run gives the same bytes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from medpool_etl.periods import Month, Period
from medpool_etl.places import City
from medpool_etl.policy import Rulebook
from medpool_etl.reports.tables import read_table
from medpool_etl.store.warehouse import read_json, whole

FIGURES = {"final": "正式", "provisional": "暂定"}
OUTCOMES = {
    "accepted": "采用",
    "accepted_with_set_asides": "采用（有剔除行）",
    "rejected": "拒收",
    "unusable": "无法使用",
    "superseded": "已被取代",
    "missing": "未到",
}
SEVERITIES = {"critical": "拒收文件", "warning": "剔除", "info": "警告"}
FUND_NAMES = {"worker": "职工", "resident": "居民"}
A3, A4 = 8, 9
# A constant moment, because a workbook remembers when it was made and runs must give the same bytes.
_MADE = dt.datetime(2000, 1, 1)


def write_book(path: Path, fill: Callable[[xlsxwriter.Workbook], None]) -> Path:
    """Write a workbook whole or not at all and return its path."""
    with whole(path) as temporary:
        book = xlsxwriter.Workbook(str(temporary), {"strings_to_formulas": False, "strings_to_urls": False})
        book.set_properties({"title": path.stem, "created": _MADE})
        fill(book)
        book.close()
    return path


class Sheets:
    """The sheets of one run's workbook; a kind of workbook says in ``write`` which it has."""

    def __init__(
        self, book: xlsxwriter.Workbook, folder: Path, city: City, rulebook: Rulebook, month: Month | Period
    ) -> None:
        self.book, self.folder, self.city, self.rulebook, self.month = book, folder, city, rulebook, month
        self.known = read_json(folder / "summary.json")
        base = {"font_name": "SimSun", "font_size": 10, "valign": "vcenter"}
        edge = {**base, "border": 1}
        self.title = book.add_format({**base, "font_size": 16, "bold": True, "align": "center"})
        self.plain = book.add_format({**base, "text_wrap": True})
        self.warn = book.add_format({**base, "bold": True, "font_color": "#C00000", "text_wrap": True})
        self.head = book.add_format({**edge, "bold": True, "align": "center", "text_wrap": True, "bg_color": "#DDEBF7"})
        self.text = book.add_format({**edge, "text_wrap": True})
        self.money = book.add_format({**edge, "num_format": "#,##0.00;[Red]-#,##0.00"})
        self.total = book.add_format({**edge, "bold": True, "num_format": "#,##0.00;[Red]-#,##0.00"})
        self.label = book.add_format({**edge, "bold": True, "align": "center"})
        self.place = book.add_format({**edge, "num_format": "0"})
        self.count = book.add_format({**edge, "num_format": "#,##0"})

    def sheet(self, name: str, width: int, landscape: bool = True) -> Any:
        """Return a new sheet of a number of columns, set up for printing, with room for its title."""
        sheet = self.book.add_worksheet(name)
        sheet.set_paper(A3 if width > 8 else A4)
        sheet.set_margins(0.4, 0.4, 0.5, 0.5)
        sheet.fit_to_pages(1, 0)
        if landscape:
            sheet.set_landscape()
        sheet.merge_range(0, 0, 0, width - 1, "", self.title)
        sheet.set_row(0, 28)
        return sheet

    def standing(self, sheet: Any, row: int, width: int) -> None:
        """Write which period the sheet is of and whether its figures are final, and if not, why."""
        label = "结算月" if isinstance(self.month, Month) else "结算期间"
        text = f"{label}：{self.month.zh}　数据状态：{FIGURES[self.known['figures']]}"
        if self.known["figures"] == "provisional":
            text += f"（{self.known['reasons_zh']}）"
        gate = self.known.get("gate", {})
        if gate.get("blocked"):
            text += "　已拦截，未发布：须先核清“差异明细”中标“拦截”的差异"
        if override := gate.get("override"):
            text += f"　已拦截，由{override['by']}放行：{override['reason']}"
        form = self.plain if self.known["figures"] == "final" and not override else self.warn
        sheet.merge_range(row, 0, row, width - 1, text, form)
        sheet.set_row(row, 30)

    def sum_of(self, sheet: Any, row: int, column: int, first: int, value: Decimal | int, form: Any) -> None:
        """Write a formula that adds up the column from row ``first`` to above, with its value for readers that do not calculate."""
        cell = xlsxwriter.utility.xl_range(first, column, row - 1, column)
        sheet.write_formula(row, column, f"=SUM({cell})", form, value)

    def listing(self, name: str, rows: pd.DataFrame, widths: list[int]) -> None:
        """Write a frame as a sheet with filters; the frame's columns are its headers."""
        sheet = self.sheet(name, len(widths))
        sheet.write_string(0, 0, f"{self.city.name.zh} {self.month.zh} {name}", self.title)
        self.standing(sheet, 1, len(widths))
        sheet.write_row(2, 0, list(rows.columns), self.head)
        for row, values in enumerate(rows.itertuples(index=False, name=None), 3):
            for column, value in enumerate(values):
                if pd.isna(value):
                    sheet.write_blank(row, column, None, self.text)
                elif isinstance(value, Decimal):
                    sheet.write_number(row, column, value, self.money)
                elif isinstance(value, int) and not isinstance(value, bool):
                    form = self.place if rows.columns[column] == "行号" else self.count
                    sheet.write_number(row, column, value, form)
                else:
                    sheet.write_string(row, column, str(value), self.text)
        if rows.empty:
            sheet.merge_range(3, 0, 3, len(widths) - 1, "（无）", self.text)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(3, 0)
        sheet.autofilter(2, 0, max(3, 2 + len(rows)), len(widths) - 1)

    def files(self) -> pd.DataFrame:
        """Return the run's files as a list for people."""
        rows = read_table(self.folder, "files")
        rows["outcome"] = rows["outcome"].map(OUTCOMES)
        return named(
            rows,
            file_name="文件名", contract_title="文件类型", part="所属单位或账号", outcome="处理结果", rows_read="读入行数",
            rows_accepted="采用行数", rows_set_aside="剔除行数", problem_zh="问题",
        )  # fmt: skip

    def findings(self) -> pd.DataFrame:
        """Return the rows set aside or warned of as a list for people."""
        rows = read_table(self.folder, "set_aside_rows")
        rows["severity"] = rows["severity"].map(SEVERITIES)
        return named(
            rows,
            file_name="文件名", sheet="工作表", row_no="行号", severity="处理", column_headers="栏目", found="实际内容",
            expected_zh="应为", do_zh="处理办法",
        )  # fmt: skip


def named(rows: pd.DataFrame, **titles: str) -> pd.DataFrame:
    """Return the columns named in ``titles``, in that order, under those headers."""
    return rows[list(titles)].rename(columns=titles)
