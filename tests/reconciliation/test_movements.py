"""Money that moved as no rule foresees: on the city's accounts, in the treasury, and from one month to the next."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pytest

from medpool_etl import pipeline
from medpool_etl.periods import Month
from medpool_etl.simulator import Simulation, simulate
from tests.conftest import MONTH, Settled, at, settle_month
from tests.support import read, write

APRIL = Month.parse("2022-04")
TREASURY = ("国家金库台州市中心支库", "331000100500001")
WORKER_FISCAL, RESIDENT_FISCAL = "331000100300001", "331000100300002"
WORKER_PAYING, RESIDENT_PAYING = "331000100400001", "331000100400002"
COMPANY = ("台州某某信息科技有限公司", "622200001234567890")
ACCOUNTS = {"worker": (WORKER_FISCAL, WORKER_PAYING), "resident": (RESIDENT_FISCAL, RESIDENT_PAYING)}
# Amount (negative: a debit), the other account's name and number, and the remark.
Line = tuple[str, str, str, str]
UNKNOWN: tuple[Line, ...] = (
    ("-5000000.00", *COMPANY, "往来款"),
    ("-1234567.89", "台州市医疗保险服务中心支出户（城乡居民医保）", RESIDENT_PAYING, "拨付2022年3月职工医保用款"),
    ("-700000.00", *TREASURY, "退回国库"),
    ("88888.88", *COMPANY, "医保信息平台退款"),
    ("77777.77", COMPANY[0], "", "医保信息平台退款"),
)
INTEREST: tuple[Line, ...] = (("123.45", "", "", "结息"), ("67.89", "", "", "利息"))


class Edited:
    """A simulated month whose files were edited before it was settled."""

    def __init__(self, folder: Path, edit: Callable[[Simulation], None], month: Month = MONTH) -> None:
        self.settings = at(folder)
        self.simulation = simulate("taizhou", month, self.settings.inbox)
        edit(self.simulation)
        self.run, self.blocked = settle_month(self.settings, month)
        self.tables = self.run.folder(self.settings) / "tables"


def file_of(simulation: Simulation, key: str) -> Path:
    return simulation.folder / simulation.names[key]


def money(text: str) -> Decimal:
    return Decimal(text.replace(",", "") or "0")


def add_lines(simulation: Simulation, account: str, day: str, lines: tuple[Line, ...]) -> None:
    """Write further movements at the end of a fiscal account's statement, with balances that follow from them."""
    path = file_of(simulation, f"account_statement/{account}")
    rows = read(path)
    balance = money(rows[-1][4])
    for index, (text, name, number, remark) in enumerate(lines, 90001):
        amount = Decimal(text)
        balance += amount
        sides = [f"{-amount:,.2f}", ""] if amount < 0 else ["", f"{amount:,.2f}"]
        rows.append([day, day.replace("-", "") + str(index), *sides, f"{balance:,.2f}", name, number, remark])
    rows[1] = [f"期末余额：{balance:.2f}" if cell.startswith("期末余额") else cell for cell in rows[1]]
    write(path, rows)


def add_treasury_rows(simulation: Simulation, rows: list[list[str]]) -> None:
    path = file_of(simulation, "treasury_receipts")
    write(path, read(path, "utf-8-sig") + rows, "utf-8-sig")


def statement_nets(simulation: Simulation) -> dict[str, Decimal]:
    """Sum credit − debit over the rows of each account's statement, read without medpool."""
    nets = {}
    for account in (WORKER_FISCAL, RESIDENT_FISCAL):
        rows = read(file_of(simulation, f"account_statement/{account}"))[3:]
        nets[account] = sum((money(row[3]) - money(row[2]) for row in rows), Decimal(0))
    for account in (WORKER_PAYING, RESIDENT_PAYING):
        sheet = openpyxl.load_workbook(file_of(simulation, f"account_statement/{account}")).active
        cells = [row[2:4] for row in sheet.iter_rows(min_row=5, values_only=True)]
        nets[account] = sum(
            (Decimal(f"{credit or 0:.2f}") - Decimal(f"{debit or 0:.2f}") for debit, credit in cells), Decimal(0)
        )
    return nets


def breaks(tables: Path, pair: str) -> list[tuple[str, str, Decimal]]:
    """Return fund, class and difference of every break of a pair."""
    return duckdb.sql(
        f"SELECT fund, class, difference FROM '{tables}/breaks.parquet' WHERE pair = '{pair}' ORDER BY ALL"
    ).fetchall()


def figures(tables: Path) -> str:
    return str(duckdb.sql(f"SELECT figures FROM '{tables}/runs.parquet'").fetchall()[0][0])


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Edited:
    """A month with movements nobody foresees, more transferred than booked, and treasury money of no receipt."""

    def edit(simulation: Simulation) -> None:
        add_lines(simulation, WORKER_FISCAL, "2022-03-31", UNKNOWN + INTEREST)
        add_lines(simulation, RESIDENT_FISCAL, "2022-03-31", (("100000.00", *TREASURY, "划转保险费"),))
        row = ["1110000000", "2022-03-16", "16331002", "", "电子税票", "", "", "", "13310020000"]
        other_level, other_subject = row[:], row[:]
        other_level[3], other_level[5:8] = "933100220220300001", ["4", "1020301", "5000000.00"]
        other_subject[3], other_subject[5:8] = "933100220220300002", ["3", "1020399", "345678.90"]
        add_treasury_rows(simulation, [other_level, other_subject])

    return Edited(tmp_path_factory.mktemp("moved"), edit)


def test_a_movement_no_rule_knows_is_a_break(moved: Edited) -> None:
    """Payments to strangers, across funds or back, and credits from strangers, are breaks; interest is none."""
    expected = sorted(("worker", "unknown_movement", Decimal(line[0])) for line in UNKNOWN)
    assert breaks(moved.tables, "account_activity") == expected
    assert figures(moved.tables) == "provisional"


def test_an_unknown_movement_names_its_place(moved: Edited) -> None:
    """The break of a movement carries the statement's amount on the left, nothing on the right, and the file row."""
    name = moved.simulation.names[f"account_statement/{WORKER_FISCAL}"]
    rows = read(moved.simulation.folder / name)
    line = next(index for index, row in enumerate(rows, 1) if row[2:3] == ["5,000,000.00"])
    found = duckdb.sql(
        f"SELECT left_amount, coalesce(right_amount, 0), left_file, left_row FROM '{moved.tables}/breaks.parquet' "
        "WHERE pair = 'account_activity' AND difference = -5000000"
    ).fetchall()
    assert found == [(Decimal("-5000000.00"), Decimal(0), name, line)]


def test_an_unknown_movement_disturbs_no_other_pair(moved: Edited) -> None:
    """A payment to the other fund's account or back to the treasury does not count as allocation or transfer."""
    assert breaks(moved.tables, "fiscal_agency") == []
    assert breaks(moved.tables, "agency_county") == []
    assert [row for row in breaks(moved.tables, "treasury_fiscal") if row[0] == "worker"] == []


@pytest.mark.parametrize("month", ["sample", "moved"])
def test_every_movement_stands_in_the_totals(month: str, request: pytest.FixtureRequest) -> None:
    """Per fund, the left total of account_activity is credit − debit summed over all rows of its two statements."""
    settled = request.getfixturevalue(month)
    nets = statement_nets(settled.simulation)
    totals = dict(
        duckdb.sql(
            f"SELECT fund, sum(left_total)::DECIMAL(18,2) FROM '{settled.tables}/reconciliations.parquet' "
            "WHERE pair = 'account_activity' GROUP BY fund"
        ).fetchall()
    )
    assert totals == {fund: sum(nets[account] for account in accounts) for fund, accounts in ACCOUNTS.items()}


def test_more_transferred_than_booked_has_its_own_class(moved: Edited) -> None:
    """A transfer of 100,000.00 beyond what was booked is over_transferred, not amount_differs."""
    assert breaks(moved.tables, "treasury_fiscal") == [("resident", "over_transferred", Decimal("-100000.00"))]


def test_treasury_money_of_no_receipt_is_a_break(moved: Edited) -> None:
    """Money at county level or under another subject, with no receipt in the tax file, is a break for itself."""
    assert breaks(moved.tables, "tax_treasury") == [
        ("worker", "wrong_level", Decimal("-5000000.00")),
        ("worker", "wrong_subject", Decimal("-345678.90")),
    ]


def test_a_zero_on_the_unused_side_is_an_empty_cell(sample: Settled, tmp_path: Path) -> None:
    """Statements with 0.00 in the unused debit or credit column settle exactly like those with empty cells."""

    def edit(simulation: Simulation) -> None:
        for account in (WORKER_FISCAL, RESIDENT_FISCAL):
            path = file_of(simulation, f"account_statement/{account}")
            rows = read(path)
            write(path, rows[:3] + [[*row[:2], row[2] or "0.00", row[3] or "0.00", *row[4:]] for row in rows[3:]])
        for account in (WORKER_PAYING, RESIDENT_PAYING):
            path = file_of(simulation, f"account_statement/{account}")
            book = openpyxl.load_workbook(path)
            for row in book.active.iter_rows(min_row=5, min_col=3, max_col=4):
                for cell in row:
                    if cell.value is None:
                        cell.value = 0
            book.save(path)

    settled = Edited(tmp_path, edit)
    for table in ("monthly_settlement", "vouchers", "reconciliations", "ledger_entries"):
        rows = [duckdb.sql(f"FROM '{tables}/{table}.parquet' ORDER BY ALL").fetchall() for tables in
                (settled.tables, sample.tables)]  # fmt: skip
        assert rows[0] == rows[1] != [], table
    assert duckdb.sql(f"SELECT DISTINCT gate FROM '{settled.tables}/breaks.parquet'").fetchall() == [("expected",)]
    assert figures(settled.tables) == "final"


def test_a_receipt_in_transit_is_collected_once(tmp_path: Path) -> None:
    """In transit in March and booked in April, a receipt counts as collected in April, and over both months once."""
    march = Settled(at(tmp_path), "in_transit")
    header, *late = read(file_of(march.simulation, "tax_collection_detail"))[1:]
    place = {name: header.index(name) for name in header}
    (receipt,) = [row for row in late if row[0] != "合计" and not row[place["入库日期"]]]
    amount = receipt[place["实缴金额"]]

    simulation = simulate("taizhou", APRIL, march.settings.inbox, cures=False)
    path = file_of(simulation, "tax_collection_detail")
    *rows, total = read(path)
    booked = receipt[:]
    booked[place["入库日期"]] = "20220408"
    for name in ("应缴金额", "实缴金额"):
        total[place[name]] = str(money(total[place[name]]) + money(receipt[place[name]]))
    write(path, [*rows, booked, total])
    row = {name: receipt[position] for name, position in place.items()}
    voucher = [row["收款国库"], "2022-04-08", "08331002", row["电子税票号码"], "电子税票", "3", row["预算科目"], amount]
    add_treasury_rows(simulation, [[*voucher, row["主管税务机关"]]])
    path = file_of(simulation, "agency_bookings")
    *rows, total = read(path)
    total[-1] = f"{money(total[-1]) + money(amount):,.2f}"
    booking = [row["行政区划"], "灵活就业", "职工医保", "202203", row["电子税票号码"], "2022年4月8日"]
    write(path, [*rows, [*booking, f"{money(amount):,.2f}"], total])
    add_lines(simulation, WORKER_FISCAL, "2022-04-30", ((amount, *TREASURY, "划转保险费"),))
    april = pipeline.run_month(march.settings, "taizhou", APRIL).folder(march.settings) / "tables"

    receipts = {}
    for folder in (march.simulation, simulation):
        for line in read(file_of(folder, "tax_collection_detail"))[2:-1]:
            fund = "resident" if line[place["缴费人类型"]] == "城乡居民" else "worker"
            receipts[line[1]] = (fund, line[place["行政区划"]], money(line[place["实缴金额"]]))
    expected: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for fund, county, paid in receipts.values():
        expected[(fund, county)] += paid
    found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    transit = {}
    for month, tables in (("2022-03", march.tables), ("2022-04", april)):
        for fund, county, collected, waiting in duckdb.sql(
            f"SELECT fund, county, tax_collected, tax_in_transit FROM '{tables}/monthly_settlement.parquet'"
        ).fetchall():
            found[(fund, county)] += collected
            transit[(month, fund, county)] = waiting
    assert found == expected
    assert {key: value for key, value in transit.items() if value} == {
        ("2022-03", "worker", row["行政区划"]): money(amount)
    }
    assert duckdb.sql(f"SELECT DISTINCT class FROM '{april}/breaks.parquet'").fetchall() == [("account_movement",)]
    assert figures(april) == "final"
