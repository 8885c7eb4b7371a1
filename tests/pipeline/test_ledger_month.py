"""The books of a month: what they open with, that they balance, what they state, and what was instructed beside what happened."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from medpool_etl.periods import Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.books import keep_period
from medpool_etl.pipeline.books.executed import brought
from medpool_etl.places import load_accounts, load_city
from medpool_etl.reports import workbook_path
from tests.conftest import MONTH, Settled, at
from tests.support import read

D = Decimal
CITY = "331000"


def rows(settled: Settled, table: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    return duckdb.execute(
        f"SELECT {columns} FROM '{settled.tables}/{table}.parquet' WHERE {where} ORDER BY ALL"
    ).fetchall()


def title_balances(settled: Settled) -> dict[str, Decimal]:
    """The opening balance each of the bank's statements names above its rows, by account number."""
    found = {}
    for key, name in settled.simulation.names.items():
        if key.startswith("account_statement/"):
            path = settled.simulation.folder / name
            if path.suffix == ".xlsx":
                sheet = openpyxl.load_workbook(path).active
                assert sheet is not None
                lines = [[str(cell) for cell in row] for row in sheet.iter_rows(max_row=3, values_only=True)]
            else:
                lines = read(path)[:4]
            text = "|".join("|".join(line) for line in lines).split("期初余额：")[1]
            written = re.match(r"[\d,]+\.\d\d", text)
            assert written is not None
            found[key.split("/")[1]] = D(written[0].replace(",", ""))
    return found


def test_the_books_open_with_what_the_banks_say(sample: Settled) -> None:
    """Each fund's account of the city opens with its statement's opening balance, against the fund balance of 3001."""
    balances = title_balances(sample)
    accounts = load_accounts("taizhou")
    opened = {
        (fund, account): amount
        for fund, account, amount in rows(
            sample,
            "ledger_posted",
            "fund, account, amount",
            f"entry_source = 'opening' AND books = '{CITY}' AND side = 'debit'",
        )
    }
    assert opened == {
        (fund, code): balances[accounts.one(kind, fund).number]
        for fund in ("worker", "resident")
        for kind, code in (("fiscal", "1003"), ("expenditure", "1004"))
    }
    against = rows(sample, "ledger_posted", "DISTINCT account", "entry_source = 'opening' AND side = 'credit'")
    assert against == [("3001",)]


def test_a_county_opens_with_its_report_s_balance(sample: Settled) -> None:
    """Counties send no statement in the sample month: the report's opening balance is what their expenditure account opens with."""
    opened = rows(
        sample,
        "ledger_posted",
        "fund, books, amount",
        f"entry_source = 'opening' AND books <> '{CITY}' AND side = 'debit' AND account = '1004'",
    )
    assert opened == rows(sample, "monthly_settlement", "fund, county, account_opening")
    assert len(opened) == 18


def test_the_trial_balance_sums_to_nothing(sample: Settled) -> None:
    """In every book of every fund opening and closing balances sum to 0.00, and debits are credits."""
    sums = duckdb.execute(
        "SELECT fund, books, sum(opening_amount), sum(debit_amount - credit_amount), sum(closing_amount) "
        f"FROM '{sample.tables}/trial_balance.parquet' GROUP BY ALL"
    ).fetchall()
    assert len(sums) == 20
    assert {row[2:] for row in sums} == {(D(0), D(0), D(0))}


def test_a_county_s_account_closes_with_its_report(sample: Settled) -> None:
    """1004 in each county's books closes with the balance the county reports; the city's with that of the bank's statement."""
    closed = rows(sample, "trial_balance", "fund, books, closing_amount", f"account = '1004' AND books <> '{CITY}'")
    assert closed == rows(sample, "monthly_settlement", "fund, county, account_closing")


def statement(settled: Settled, books: str, fund: str, column: str = "amount") -> dict[str, Decimal]:
    return dict(rows(settled, "fund_statements", f"line, {column}", f"books = '{books}' AND fund = '{fund}'"))


@pytest.mark.parametrize("fund", ["worker", "resident"])
def test_the_statement_holds_to_the_fen(sample: Settled, fund: str) -> None:
    """Carried forward is brought forward + total in − total out in every book; the city's consolidated lines are the counties' and
    the city's own, for nothing between the levels is left, and premiums are what the treasury booked."""
    books = [row[0] for row in rows(sample, "fund_statements", "DISTINCT books")]
    assert len(books) == 11
    for code in books:
        for column in ("amount", "year_to_date"):
            said = statement(sample, code, fund, column)
            assert said["carried_forward"] == said["brought_forward"] + said["total_in"] - said["total_out"]
    whole = statement(sample, "consolidated", fund)
    ((booked, spent),) = duckdb.execute(
        f"SELECT sum(treasury_booked), sum(expenditure) FROM '{sample.tables}/monthly_settlement.parquet' WHERE fund = '{fund}'"
    ).fetchall()
    assert (whole["premiums"], whole["benefits"]) == (booked, spent)
    assert {whole[name] for name in ("from_upper", "from_lower", "to_upper", "to_lower")} == {D(0)}
    city = statement(sample, CITY, fund)
    assert city["to_lower"] == sum(
        statement(sample, code, fund)["from_upper"] for code in books if code.startswith("331") and code != CITY
    )


def test_the_balance_sheet_is_the_statement_s_carry(sample: Settled) -> None:
    """Assets less liabilities are the balance, and what the statement carries forward."""
    parts: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for fund, books, part, amount in rows(sample, "balance_sheets", "fund, books, sheet_part, amount"):
        parts[fund, books][part] += amount
    assert len(parts) == 22
    for (fund, books), said in parts.items():
        assert said["asset"] - said["liability"] == said["balance"] == statement(sample, books, fund)["carried_forward"]


def test_the_remittance_was_executed_as_instructed(sample: Settled) -> None:
    """T8.1 instructs each county's premiums out of the treasury; the bank shows the sum of them, so nothing differs."""
    compared = rows(
        sample,
        "instructed_executed",
        "fund, county, instructed_amount, executed_amount, gap_amount",
        "flow = 'treasury_transfer'",
    )
    assert compared == [
        ("resident", CITY, D("14628000.00"), D("14628000.00"), D(0)),
        ("worker", CITY, D("427185102.62"), D("427185102.62"), D(0)),
    ]
    entries = rows(sample, "ledger_instructed", "DISTINCT booked_in, entry_source, rule_id, flow")
    assert entries == [("2022-03", "instructed", "T8.1", "treasury_transfer")]
    names = {row[0] for row in rows(sample, "ledger_instructed", "transfer_id")}
    assert names == {row[0] for row in rows(sample, "transfers", "row_id")}


def test_what_differs_is_told_and_no_error(sample: Settled) -> None:
    """Nobody instructed the allocations of the first month there is: they stand as executed alone, and the month is final."""
    ((gap,),) = rows(sample, "instructed_executed", "gap_amount", "flow = 'allocation' AND fund = 'worker'")
    assert gap == D("-455512273.01")
    assert rows(sample, "runs", "figures") == [("final",)]


def test_the_sheets_show_the_tables(sample: Settled) -> None:
    """基金收支表 has the city as a whole, the city and each county, this month and to date; 资产负债表 and 科目余额表 their rows."""
    book = openpyxl.load_workbook(workbook_path(sample.folder, load_city("taizhou"), MONTH), data_only=True)
    sheet = [list(row) for row in book["基金收支表"].iter_rows(min_row=3, values_only=True)]
    assert sheet[0][:5] == ["基金", "项目", "全市合并\n本期", "全市合并\n本年累计", "台州市本级\n本期"]
    premiums = next(row for row in sheet if row[:2] == ["职工", "社会保险费收入"])
    assert D(str(premiums[2])) == D(str(premiums[4])) == D("427185102.62")
    assert len(sheet[0]) == 2 + 2 * 11 and len(sheet) == 1 + 2 * 20
    for name, table in (("科目余额表", "trial_balance"), ("指令与执行", "instructed_executed")):
        shown = list(book[name].iter_rows(min_row=4, values_only=True))
        assert len(shown) == len(rows(sample, table, "1 AS one"))
    sheet = [list(row) for row in book["资产负债表"].iter_rows(min_row=4, values_only=True)]
    cash = next(row for row in sheet if row[:3] == ["职工", "资产", "支出户存款"])
    assert D(str(cash[3])) == sum(D(str(cell)) for cell in cash[4:])


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settled, Settled]:
    """The sample month and the month after it."""
    settings = at(tmp_path_factory.mktemp("months"))
    return Settled(settings), Settled(settings, month=MONTH.plus(1))


def test_the_next_month_brings_the_balances_forward(following: tuple[Settled, Settled]) -> None:
    """It opens no account again: each opens with what the published ledger of the month before closed with, and the year to date is
    of both months."""
    first, second = following
    assert rows(second, "ledger_posted", "DISTINCT entry_source") == [("executed",)]
    key = "fund, books, account, sub_ledger"
    closed = {row[:4]: row[4] for row in rows(first, "trial_balance", f"{key}, closing_amount")}
    opened = {row[:4]: row[4] for row in rows(second, "trial_balance", f"{key}, opening_amount")}
    assert {name: amount for name, amount in opened.items() if amount} == {
        name: amount for name, amount in closed.items() if amount
    }
    for fund in ("worker", "resident"):
        months = [statement(settled, "consolidated", fund) for settled in following]
        to_date = statement(second, "consolidated", fund, "year_to_date")
        assert to_date["premiums"] == months[0]["premiums"] + months[1]["premiums"]
        assert to_date["brought_forward"] == months[0]["brought_forward"]
        assert to_date["carried_forward"] == months[1]["carried_forward"]


def session(settled: list[Settled]) -> duckdb.DuckDBPyConnection:
    """A session in which those months are what earlier runs published."""
    connection = duckdb.connect()
    for table in ("ledger_posted", "ledger_instructed", "transfers"):
        parts = " UNION ALL ".join(f"FROM '{item.tables}/{table}.parquet'" for item in settled)
        connection.execute(f"CREATE VIEW done_{table} AS {parts}")
    return connection


def test_a_clearing_states_the_year_and_closes_it(following: tuple[Settled, Settled]) -> None:
    """The year's statement is what its months state to date; the closing entries leave no revenue or expenditure, and all of the
    year's result in 3001."""
    with session(list(following)) as connection:
        books = keep_period(connection, Agreed.load("taizhou"), Period.parse("2022-clearing"), ())
    year = {(row["fund"], row["books"], row["line"]): row["amount"] for row in books.statements.to_pylist()}
    for fund in ("worker", "resident"):
        for code in ("consolidated", CITY, "331002"):
            to_date = statement(following[1], code, fund, "year_to_date")
            assert {line: year[fund, code, line] for line in to_date} == to_date
    assert {row["source"] for row in books.posted.to_pylist()} == {"closing"}
    left = {
        (row["fund"], row["books"]): row["closing"]
        for row in books.trial.to_pylist()
        if row["account"] >= "4000" and row["closing"]
    }
    assert left == {}
    assert all(row["account"] for row in books.sheets.to_pylist())
    assert {row["difference"] for row in books.compared.to_pylist() if row["flow"] == "treasury_transfer"} == {D(0)}


def test_a_new_year_opens_with_the_old_one_s_balances(following: tuple[Settled, Settled]) -> None:
    """The books of the first month of a year open with the assets and liabilities the year before ended with, against 3001."""
    with session(list(following)) as connection:
        earlier, before = brought(connection, Period.parse("2023-01"))
    assert earlier.num_rows == 0
    assert before.num_rows == sum(len(rows(item, "ledger_posted", "1 AS one")) for item in following)


def test_levels_that_differ_make_the_month_provisional(tmp_path: Path) -> None:
    """A county that reports less than it was sent: the fund's 补助下级 and 上级补助 differ, and a reason says by what."""
    settled = Settled(at(tmp_path), "county_received_less")
    ((figures, zh, en),) = rows(settled, "runs", "figures, reasons_zh, reasons_en")
    ((sent, got),) = duckdb.execute(
        "SELECT sum(amount) FILTER (account = '5302'), sum(amount) FILTER (account = '4301') "
        f"FROM '{settled.tables}/ledger_posted.parquet' WHERE fund = 'resident'"
    ).fetchall()
    assert sent > got
    assert figures == "provisional"
    assert f"城乡居民医保市县往来不一致：补助下级支出{sent}元，上级补助收入{got}元" in zh
    assert "the levels differ in the Resident fund" in en
    assert "职工医保市县往来" not in zh
