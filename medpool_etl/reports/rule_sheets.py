"""The sheets of what rules ordered: transfers, what nobody pays, the working, the facts, the clauses."""

from __future__ import annotations

import pandas as pd

from medpool_etl.reports.sheets import FUND_NAMES, Sheets, named
from medpool_etl.reports.tables import read_table
from medpool_etl.settlement import step_zh


class RuleSheets(Sheets):
    """Adds the sheets of rules to a workbook."""

    def rules(self, transfers: pd.DataFrame) -> None:
        """Write the sheets of some transfers of the run, and of everything its rules noted."""
        self.listing("划转清单", self._transfers(transfers), [8, 12, 12, 16, 28, 28, 18, 12, 12, 36, 44])
        self.listing("未落实", self._unfunded(), [8, 12, 12, 18, 44, 36])
        self.listing("计算过程", self._working(), [12, 8, 12, 44, 20, 8, 36])
        self.listing("计算依据", self._facts(), [12, 8, 12, 22, 20, 12, 56])

    def cited(self) -> None:
        """Write the sheet of the clauses amounts rest on."""
        rows = read_table(self.folder, "clauses").sort_values("clause")
        named_rows = named(rows, clause="条款", notice="文号", source="位置", quote="原文")
        self.listing("依据条款", named_rows, [12, 26, 30, 90])

    def _transfers(self, rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.assign(fund=rows["fund"].map(FUND_NAMES), due_date=rows["due_date"].astype("string"))
        rows["late_after"] = rows["late_after"].astype("string")
        rows["step"] = [step_zh(step or "") for step in rows["step"].fillna("")]
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
