"""The sheets of the ledger: 科目余额表, 基金收支表, 资产负债表, 指令与执行."""

from __future__ import annotations

import pandas as pd

from medpool_etl.money import ZERO
from medpool_etl.reports.sheets import FUND_NAMES, Sheets, named
from medpool_etl.reports.tables import read_table

PARTS = {"asset": "资产", "liability": "负债", "balance": "基金结余"}
WHOLE = "consolidated"


class LedgerSheets(Sheets):
    """The sheets a workbook has of the run's ledger."""

    def trial_balance(self, name: str = "科目余额表") -> None:
        """Write opening, debit, credit and closing of every account of every book."""
        rows = read_table(self.folder, "trial_balance").sort_values(["fund", "books", "account", "sub_ledger"])
        rows["fund"] = rows["fund"].map(FUND_NAMES)
        frame = named(
            rows, fund="基金", books_name="账簿", account="科目代码", account_title="科目", sub_ledger_title="分账",
            opening_amount="期初余额（借方为正）", debit_amount="本期借方", credit_amount="本期贷方", closing_amount="期末余额（借方为正）",
        )  # fmt: skip
        self.listing(name, frame, [8, 14, 10, 20, 16, 20, 20, 20, 20])

    def fund_statement(self, name: str = "基金收支表", year: bool = False) -> None:
        """Write a line a fund and line of the statement: the city as a whole, the city's books, each county's; of a month besides
        each the year to date."""
        rows = read_table(self.folder, "fund_statements")
        heads = ["本年"] if year else ["本期", "本年累计"]
        columns = {"本年": "amount", "本期": "amount", "本年累计": "year_to_date"}
        lines = rows[["position", "line", "line_title"]].drop_duplicates().sort_values("position")
        books = self._books(rows)
        shown: list[dict[str, object]] = []
        for fund, label in FUND_NAMES.items():
            own = rows[rows["fund"] == fund].set_index(["books", "line"])
            for line, title in zip(lines["line"], lines["line_title"], strict=True):
                row: dict[str, object] = {"基金": label, "项目": title}
                for code, called in books.items():
                    for head in heads:
                        there = (code, line) in own.index
                        row[f"{called}\n{head}"] = own.at[(code, line), columns[head]] if there else ZERO
                if not own.empty:
                    shown.append(row)
        self._table(name, shown, ["基金", "项目"], [8, 18], 18)

    def balance_sheet(self, name: str = "资产负债表") -> None:
        """Write a line a fund and account: the city as a whole, the city's books, each county's."""
        rows = read_table(self.folder, "balance_sheets")
        books = self._books(rows)
        shown: list[dict[str, object]] = []
        for fund, label in FUND_NAMES.items():
            own = rows[rows["fund"] == fund]
            for part, word in PARTS.items():
                items = own[own["sheet_part"] == part]
                for account, title in sorted(set(zip(items["account"], items["account_title"], strict=True))):
                    of = items[items["account"] == account].set_index("books")["amount"]
                    row: dict[str, object] = {"基金": label, "类别": word, "科目": title}
                    shown.append(row | {called: of.get(code, ZERO) for code, called in books.items()})
        self._table(name, shown, ["基金", "类别", "科目"], [8, 10, 20], 20)

    def instructed_executed(self, name: str = "指令与执行") -> None:
        """Write what was instructed beside what was executed, what differs first."""
        rows = read_table(self.folder, "instructed_executed")
        rows = rows.assign(same=rows["gap_amount"] == ZERO).sort_values(["same", "fund", "flow", "county"])
        rows["fund"] = rows["fund"].map(FUND_NAMES)
        frame = named(
            rows, fund="基金", county_name="县（市、区）", flow_title="业务", instructed_amount="指令金额", executed_amount="执行金额",
            gap_amount="差额（指令－执行）",
        )  # fmt: skip
        self.listing(name, frame, [8, 14, 30, 20, 20, 20])

    def _books(self, rows: pd.DataFrame) -> dict[str, str]:
        """Return the books of rows and what they are called: the city as a whole, the city, the counties."""
        called = dict(zip(rows["books"], rows["books_name"], strict=True))
        order = sorted(called, key=lambda code: (code != WHOLE, code != self.city.code, code))
        return {code: called[code] for code in order}

    def _table(
        self, name: str, shown: list[dict[str, object]], heads: list[str], widths: list[int], width: int
    ) -> None:
        frame = pd.DataFrame(shown) if shown else pd.DataFrame(columns=heads)
        self.listing(name, frame, [*widths, *[width] * (len(frame.columns) - len(widths))])
