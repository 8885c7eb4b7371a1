"""Zaozhuang's chain of income: county income account → city income account → special fiscal account, nil at month-end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from medpool_etl.intake import receive
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.basis import Basis
from medpool_etl.pipeline.opening import begin
from medpool_etl.pipeline.steps import judge, reconcile, stage
from medpool_etl.places import FUNDS, Account, load_accounts, load_city
from medpool_etl.store import Control, Settings, Warehouse
from tests.conftest import at
from tests.support import write

CITY = "zaozhuang"
OCTOBER, NOVEMBER = Month.parse("2020-10"), Month.parse("2020-11")
CHAIN = ("income_upload", "income_fiscal", "income_nil", "fiscal_agency", "account_activity", "statement_arithmetic")
SHIZHONG, XUECHENG, YICHENG, TENGZHOU = "370402", "370403", "370404", "370481"
COMPANY = ("枣庄某某煤业有限公司", "622200009876543210", "缴医疗保险费")
HOSPITAL = ("枣庄某某医院", "622200001111222233", "医疗费")
HEADERS = ["交易日期", "流水号", "借方", "贷方", "余额", "对方户名", "对方账号", "摘要"]
# Where a county has what nobody planned: fund and unit.
Place = tuple[str, str]


@dataclass
class Line:
    """A movement: ``amount`` is what the account gained (negative: paid)."""

    day: str
    amount: Decimal
    name: str
    number: str
    remark: str


class Chain:
    """Statements of a month of the whole chain. Every county collects on the 12th and uploads on the 29th and 30th; the city
    passes all of it on on the 30th, the last working day of both months."""

    def __init__(self, month: Month) -> None:
        self.month = month
        self.accounts = load_accounts(CITY)
        self.lines: defaultdict[str, list[Line]] = defaultdict(list)
        self.opening: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.kept_by_city: dict[str, Decimal] = {}
        self.units = [unit.code for unit in load_city(CITY).units_on(month.last_day)]

    def line(self, account: Account, day: int, amount: Decimal, other: Account | tuple[str, str, str]) -> None:
        """Write a movement into an account's statement."""
        name, number, remark = (other.name, other.number, "划款") if isinstance(other, Account) else other
        self.lines[account.number].append(Line(f"{self.month}-{day:02d}", amount, name, number, remark))

    def move(self, source: Account, target: Account, day: int, amount: Decimal) -> None:
        """Move money between two accounts, in both statements."""
        self.line(source, day, -amount, target)
        self.line(target, day, amount, source)

    def collected(self, fund: str, unit: str) -> Decimal:
        """What a county collects: no two the same, with fen."""
        return Decimal(unit) + (Decimal("0.07") if fund == "worker" else Decimal("500000.31"))

    def income(self, fund: str, unit: str | None = None) -> Account:
        return self.accounts.one("income", fund, unit)

    def play(self) -> None:
        """Collect and upload in every county."""
        for fund in FUNDS:
            for unit in self.units:
                amount = self.collected(fund, unit)
                self.line(self.income(fund, unit), 12, amount, COMPANY)
                self.move(self.income(fund, unit), self.income(fund), 29, amount - 1000)
                self.move(self.income(fund, unit), self.income(fund), 30, Decimal(1000))

    def pass_on(self) -> None:
        """Let the city pass on what its income accounts hold, and pay a round sum to the city agency."""
        for fund in FUNDS:
            city, fiscal = self.income(fund), self.accounts.one("fiscal", fund)
            paying = self.accounts.one("expenditure", fund)
            self.move(city, fiscal, 30, self.balance(city.number) - self.kept_by_city.get(fund, Decimal(0)))
            self.move(fiscal, paying, 5, Decimal("250000.50"))
            self.opening.setdefault(fiscal.number, Decimal("9000000.00"))

    def balance(self, number: str) -> Decimal:
        return self.opening[number] + sum((line.amount for line in self.lines[number]), Decimal(0))

    def write(self, folder: Path) -> None:
        """Write a statement for every account that moved, as banks do."""
        folder.mkdir(parents=True)
        for account in self.accounts.accounts:
            lines = sorted(self.lines[account.number], key=lambda line: line.day)
            if not lines:
                continue
            balance, opening = self.opening[account.number], self.opening[account.number]
            rows = []
            for index, line in enumerate(lines, 1):
                balance += line.amount
                sides = [f"{-line.amount:,.2f}", ""] if line.amount < 0 else ["", f"{line.amount:,.2f}"]
                serial = f"{line.day.replace('-', '')}{index:05d}"
                rows.append([line.day, serial, *sides, f"{balance:,.2f}", line.name, line.number, line.remark])
            head = [
                [f"户名：{account.name}", f"账号：{account.number}", "币种：人民币"],
                [f"期初余额：{opening:.2f}", f"期末余额：{balance:.2f}", "单位：元"],
                HEADERS,
            ]
            write(folder / f"对账单_{account.number}_{self.month.compact}.csv", head + rows)


class Reconciled:
    """A month of files, reconciled, and what came of it."""

    def __init__(self, settings: Settings, month: Month, carries: Reconciled | None = None) -> None:
        agreed, warehouse = Agreed.load(CITY), Warehouse(settings.warehouse)
        control = Control(settings.control_url)
        try:
            arrivals = receive(
                settings.month_inbox(CITY, month),
                agreed.city,
                month,
                agreed.accounts,
                agreed.contracts,
                control,
                warehouse,
            )
        finally:
            control.close()
        assert {arrival.state for arrival in arrivals} == {"active"}
        before = {"month": carries.run.month, "run_id": carries.run.run_id} if carries else None
        basis = Basis(adjusts=[], carries=before, decisions=[], override=None)
        self.run = begin(settings, agreed, month, arrivals, basis)
        for step in (stage, judge, reconcile):
            step(settings, self.run)
        self.folder = warehouse.complete(CITY, str(month), self.run.run_id) / "reconciliation"

    def rows(self, table: str, columns: str, where: str) -> list[tuple[Any, ...]]:
        path = self.folder / f"{table}.parquet"
        return duckdb.sql(f"SELECT {columns} FROM '{path}' WHERE {where} ORDER BY ALL").fetchall()

    def breaks(self, *pairs: str) -> list[tuple[Any, ...]]:
        """Return pair, fund, county, class, difference, owner and gate of every break of the pairs."""
        named = ", ".join(f"'{pair}'" for pair in pairs)
        return self.rows(
            "classified_breaks", "pair, fund, county, class, difference, owner, gate", f"pair IN ({named})"
        )


def month_of(folder: Path, month: Month, edit: Callable[[Chain], None] = lambda chain: None) -> Chain:
    """Write a month of the chain: planned, edited, and passed on by the city."""
    chain = Chain(month)
    chain.play()
    edit(chain)
    chain.pass_on()
    chain.write(at(folder).month_inbox(CITY, month))
    return chain


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Reconciled:
    """A month in which everything went as it should."""
    folder = tmp_path_factory.mktemp("clean")
    month_of(folder, OCTOBER)
    return Reconciled(at(folder), OCTOBER)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Reconciled:
    """A month with a balance kept back, money that did not arrive, and a payment an income account may not make."""

    def edit(chain: Chain) -> None:
        chain.line(chain.income("worker", SHIZHONG), 30, Decimal("432.10"), COMPANY)
        chain.line(chain.income("resident", TENGZHOU), 30, Decimal("76543.21"), COMPANY)
        chain.line(chain.income("resident", TENGZHOU), 30, Decimal("-76543.21"), chain.income("resident"))
        chain.line(chain.income("worker", YICHENG), 20, Decimal("8888.00"), COMPANY)
        chain.line(chain.income("worker", YICHENG), 21, Decimal("-8888.00"), HOSPITAL)
        chain.kept_by_city["resident"] = Decimal("0.01")

    folder = tmp_path_factory.mktemp("faulty")
    month_of(folder, OCTOBER, edit)
    return Reconciled(at(folder), OCTOBER)


def test_a_clean_chain_agrees(clean: Reconciled) -> None:
    """Nothing is open in the chain, nor on any account, and every county and fund was compared."""
    assert clean.breaks(*CHAIN) == []
    expected = Chain(OCTOBER)
    totals = clean.rows("pair_totals", "fund, county, left_total, right_total", "pair = 'income_upload'")
    assert totals == sorted(
        (fund, unit, expected.collected(fund, unit), expected.collected(fund, unit))
        for fund in FUNDS
        for unit in expected.units
    )
    passed = clean.rows("pair_totals", "fund, left_total, right_total", "pair = 'income_fiscal'")
    sums = {fund: sum(expected.collected(fund, unit) for unit in expected.units) for fund in FUNDS}
    assert passed == sorted((fund, total, total) for fund, total in sums.items())


def test_a_balance_left_over_blocks(faulty: Reconciled) -> None:
    """What an income account keeps at month-end blocks, to the fen, and a county's is that county's to pass on."""
    left = faulty.breaks("income_nil")
    assert [row[:5] + row[6:] for row in left] == [
        ("income_nil", "resident", "370400", "income_not_nil", Decimal("0.01"), "block"),
        ("income_nil", "worker", SHIZHONG, "income_not_nil", Decimal("432.10"), "block"),
    ]
    assert left[1][5] == "county"


def test_an_upload_that_did_not_arrive(faulty: Reconciled) -> None:
    """A county that sent more than the city received has a break of its own; the city agency looks for the money."""
    assert faulty.breaks("income_upload") == [
        ("income_upload", "resident", TENGZHOU, "amount_differs", Decimal("76543.21"), "agency", "warn")
    ]
    assert faulty.breaks("income_fiscal") == []


def test_an_income_account_pays_nobody_else(faulty: Reconciled) -> None:
    """A payment to a hospital out of an income account blocks, under its account and serial number, and nothing else does."""
    ((*found, item),) = faulty.rows(
        "classified_breaks", "fund, county, class, difference, gate, item_key", "pair = 'account_activity'"
    )
    assert found == ["worker", YICHENG, "unknown_movement", Decimal("-8888.00"), "block"]
    assert item.startswith("370404100200001/20201021")


class TwoMonths:
    """October and November: one county uploads on October's last day what the city has in November; another keeps a balance
    back in October and passes it on in November."""

    sent, kept = Decimal("123456.78"), Decimal("999.99")

    def __init__(self, folder: Path) -> None:
        self.written = month_of(folder, OCTOBER, self.send)
        self.october = Reconciled(at(folder), OCTOBER)
        month_of(folder, NOVEMBER, self.arrive)
        self.november = Reconciled(at(folder), NOVEMBER, carries=self.october)

    def send(self, chain: Chain) -> None:
        source = chain.income("worker", XUECHENG)
        chain.line(source, 30, self.sent, COMPANY)
        chain.line(source, 31, -self.sent, chain.income("worker"))
        chain.line(chain.income("resident", TENGZHOU), 31, self.kept, COMPANY)

    def arrive(self, chain: Chain) -> None:
        chain.opening.update({number: self.written.balance(number) for number in self.written.lines})
        chain.line(chain.income("worker"), 1, self.sent, chain.income("worker", XUECHENG))
        chain.move(chain.income("resident", TENGZHOU), chain.income("resident"), 2, self.kept)


@pytest.fixture(scope="module")
def two_months(tmp_path_factory: pytest.TempPathFactory) -> TwoMonths:
    return TwoMonths(tmp_path_factory.mktemp("two-months"))


def test_an_upload_across_month_end(two_months: TwoMonths) -> None:
    """Sent on October's last day and received in November: a break in October, carried, and ended by November's sums."""
    first, second, sent = two_months.october, two_months.november, two_months.sent
    assert first.breaks("income_upload") == [
        ("income_upload", "worker", XUECHENG, "amount_differs", sent, "agency", "warn")
    ]
    assert first.rows("carried_items", "side, fund, county, amount, origin", "pair = 'income_upload'") == [
        ("left", "worker", XUECHENG, sent, "2020-10")
    ]
    totals = "left_total - right_total, brought_forward, difference"
    where = f"pair = 'income_upload' AND fund = 'worker' AND county = '{XUECHENG}'"
    assert second.rows("pair_totals", totals, where) == [(-sent, sent, Decimal(0))]
    collected = Chain(NOVEMBER).collected("worker", XUECHENG)
    cleared = second.rows("pass_totals", "fund, county, amount", "pair = 'income_upload' AND pass = 'carried_over'")
    assert cleared == [("worker", XUECHENG, collected + sent)]
    assert second.rows("carried_items", "pair", "pair = 'income_upload'") == []


def test_a_balance_left_over_is_a_break_of_its_month_only(two_months: TwoMonths) -> None:
    """Kept back in October and passed on in November: November's accounts are nil, so nothing of it is left."""
    found = [row[1:5] for row in two_months.october.breaks("income_nil")]
    assert found == [("resident", TENGZHOU, "income_not_nil", two_months.kept)]
    assert two_months.november.breaks(*CHAIN, "balance_continuity") == []
