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
from medpool_etl.reports.sheets import FUND_NAMES, named, write_book
from medpool_etl.reports.tables import read_table
from medpool_etl.settlement import ROLES

_TITLES = {"quarter": "季度划转", "opening": "年初划拨", "clearing": "年终清算"}


def period_workbook_path(folder: Path, city: City, period: Period) -> Path:
    """Return where a run keeps the workbook of its period."""
    return folder / "reports" / f"{city.name.zh}医保基金{_TITLES[period.kind]}_{period.compact}.xlsx"


def write_period_workbook(folder: Path, city: City, rulebook: Rulebook, period: Period) -> Path:
    """Write the workbook of a settled quarter, opening or clearing and return its path."""
    return write_book(
        period_workbook_path(folder, city, period), lambda book: _Writer(book, folder, city, rulebook, period).write()
    )


class _Writer(LedgerSheets):
    def write(self) -> None:
        transfers = read_table(self.folder, "transfers")
        self._summary(transfers)
        self.listing("划转清单", self._transfers(transfers), [8, 12, 12, 16, 28, 28, 18, 12, 12, 36, 44])
        self.listing("未落实", self._unfunded(), [8, 12, 12, 18, 44, 36])
        self.listing("计算过程", self._working(), [12, 8, 12, 44, 20, 8, 36])
        self.listing("计算依据", self._facts(), [12, 8, 12, 22, 20, 12, 56])
        if isinstance(self.month, Period) and self.month.kind == "clearing":
            self.fund_statement("基金收支表（全年）", year=True)
            self.balance_sheet()
        write_indicators(self)
        self.listing("依据条款", self._clauses(), [12, 26, 30, 90])
        self.listing("文件", self.files(), [44, 20, 18, 16, 10, 10, 10, 60])
        self.listing("剔除行与警告", self.findings(), [44, 10, 8, 10, 22, 26, 40, 40])

    def _summary(self, transfers: pd.DataFrame) -> None:
        """One line a county, one column a step of a rule: what the county has to do with it, with totals."""
        title = _TITLES[self.month.kind] if isinstance(self.month, Period) else ""
        for fund, label in FUND_NAMES.items():
            rows = transfers[transfers["fund"] == fund]
            steps = list(
                dict.fromkeys(
                    zip(rows["rule_id"], rows["step"].fillna(""), rows["payer"], rows["receiver"], strict=True)
                )
            )
            width = 2 + max(len(steps), 1)
            sheet = self.sheet(f"汇总_{label}", width)
            sheet.write_string(0, 0, f"{self.city.name.zh} {self.month.zh}{title}汇总（{label}）", self.title)
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
        rule, _, payer, receiver = step
        return f"{rule}\n{ROLES[payer].zh} → {ROLES[receiver].zh}"

    def _transfers(self, rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.assign(fund=rows["fund"].map(FUND_NAMES), due_date=rows["due_date"].astype("string"))
        rows["late_after"] = rows["late_after"].astype("string")
        return named(
            rows, fund="基金", county_name="县（市、区）", rule_id="规则", step="步骤", payer_name="付款方", receiver_name="收款方",
            amount="金额（元）", due_date="应完成日", late_after="逾期界限", clause="依据", facts="计算依据",
        )  # fmt: skip

    def _unfunded(self) -> pd.DataFrame:
        rows = read_table(self.folder, "rule_unfunded")
        rows["fund"] = rows["fund"].map(FUND_NAMES)
        return named(
            rows, fund="基金", county_name="县（市、区）", rule_id="规则", amount="金额（元）", problem_zh="情况", clause="依据"
        )  # fmt: skip

    def _working(self) -> pd.DataFrame:
        rows = read_table(self.folder, "rule_working").sort_values("position")
        rows["fund"] = rows["fund"].map(FUND_NAMES)
        rows["unit"] = rows["unit"].map({"yuan": "元"}).fillna("")
        return named(
            rows, rule_id="规则", fund="基金", county_name="县（市、区）", step_zh="项目", value="数值", unit="单位", clause="依据"
        )  # fmt: skip

    def _facts(self) -> pd.DataFrame:
        rows = read_table(self.folder, "rule_facts")
        rows["fund"] = rows["fund"].map(FUND_NAMES)
        return named(
            rows, rule_id="规则", fund="基金", county_name="县（市、区）", fact="数据项", fact_amount="数值", fact_word="文字值",
            fact_source="来源",
        )  # fmt: skip

    def _clauses(self) -> pd.DataFrame:
        rows = read_table(self.folder, "clauses").sort_values("clause")
        return named(rows, clause="条款", notice="文号", source="位置", quote="原文")
