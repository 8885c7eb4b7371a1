"""The workbook of a quarter, an opening or a clearing: who pays whom, how it was worked out, and from what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from medpool_etl.periods import Period
from medpool_etl.places import City
from medpool_etl.policy import Rulebook
from medpool_etl.reports.indicator_sheets import write_indicators
from medpool_etl.reports.ledger_sheets import LedgerSheets
from medpool_etl.reports.rule_sheets import RuleSheets
from medpool_etl.reports.sheets import FUND_NAMES, write_book
from medpool_etl.reports.tables import read_table
from medpool_etl.settlement import ROLES, step_zh

_TITLES = {"quarter": "季度划转", "opening": "年初划拨", "clearing": "年终清算"}


def period_workbook_path(folder: Path, city: City, period: Period) -> Path:
    """Return where a run keeps the workbook of its period."""
    return folder / "reports" / f"{city.name.zh}医保基金{_TITLES[period.kind]}_{period.compact}.xlsx"


def write_period_workbook(folder: Path, city: City, rulebook: Rulebook, period: Period) -> Path:
    """Write the workbook of a settled quarter, opening or clearing and return its path."""
    return write_book(
        period_workbook_path(folder, city, period), lambda book: _Writer(book, folder, city, rulebook, period).write()
    )


class _Writer(LedgerSheets, RuleSheets):
    def write(self) -> None:
        transfers = read_table(self.folder, "transfers")
        self._summary(transfers)
        self.rules(transfers)
        if isinstance(self.month, Period) and self.month.kind == "clearing":
            self.fund_statement("基金收支表（全年）", year=True)
            self.balance_sheet()
        write_indicators(self)
        self.cited()
        self.listing("文件", self.files(), [44, 20, 18, 16, 10, 10, 10, 60])
        self.listing("剔除行与警告", self.findings(), [44, 10, 8, 10, 22, 26, 40, 40])

    def _summary(self, transfers: pd.DataFrame) -> None:
        """One line a county, one column a step of a rule: what the county has to do with it, with totals."""
        title = _TITLES[self.month.kind] if isinstance(self.month, Period) else ""
        when = self.month.zh if title == _TITLES["quarter"] else f"{self.month.year}年"
        for fund, label in FUND_NAMES.items():
            rows = transfers[transfers["fund"] == fund]
            steps = list(
                dict.fromkeys(
                    zip(rows["rule_id"], rows["step"].fillna(""), rows["payer"], rows["receiver"], strict=True)
                )
            )
            width = 2 + max(len(steps), 1)
            sheet = self.sheet(f"汇总_{label}", width)
            sheet.write_string(0, 0, f"{self.city.name.zh} {when}{title}汇总（{label}）", self.title)
            self.standing(sheet, 1, width)
            sheet.set_column(0, 1, 13)
            sheet.set_column(2, width - 1, 20)
            heads = [self._head(rows, step) for step in steps]
            sheet.write_row(2, 0, ["行政区划", "县（市、区）", *(heads or ["（无）"])], self.head)
            sheet.set_row(2, 48)
            line = 2
            for county, group in rows.groupby("county", sort=True):
                line += 1
                sheet.write_string(line, 0, county or self.city.code, self.text)
                name = group["county_name"].iloc[0]
                sheet.write_string(line, 1, self.city.name.zh if pd.isna(name) else name, self.text)
                for column, step in enumerate(steps, 2):
                    sheet.write_number(line, column, sum(self._of(group, step)["amount"], 0), self.money)
            if steps:
                sheet.merge_range(line + 1, 0, line + 1, 1, "合计", self.label)
                for column, step in enumerate(steps, 2):
                    self.sum_of(sheet, line + 1, column, 3, sum(self._of(rows, step)["amount"]), self.total)
            sheet.freeze_panes(3, 2)

    def _of(self, rows: pd.DataFrame, step: tuple[Any, ...]) -> pd.DataFrame:
        rule, name, payer, receiver = step
        same = (rows["rule_id"] == rule) & (rows["step"].fillna("") == name)
        return rows[same & (rows["payer"] == payer) & (rows["receiver"] == receiver)]

    def _head(self, rows: pd.DataFrame, step: tuple[Any, ...]) -> str:
        rule, name, payer, receiver = step
        return f"{rule} {step_zh(name)}\n{ROLES[payer].zh} → {ROLES[receiver].zh}"
