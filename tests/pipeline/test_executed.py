"""Movements post as what they are: matched with the transfer a rule instructed, by accounts, fund and amount, or by their accounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from medpool_etl.marts.build import MATCHED
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.books import instruct, keep_month, match_movements
from medpool_etl.pipeline.books.executed import execute
from medpool_etl.pipeline.session import staging_session
from medpool_etl.settlement import Party, Transfer
from medpool_etl.store.models import make_view
from medpool_etl.store.session import add_references, add_rows

D = Decimal
MONTH = Month.parse("2022-05")
PERIOD = Period.of(MONTH)
DAY = dt.date(2022, 5, 10)
COUNTY = "331002"
AGREED = Agreed.load("taizhou")
CITY = AGREED.city.code
FISCAL, RESERVE = "331000100300001", "3310001003000120"
AGENCY, COUNTY_AGENCY = "331000100400001", "331002100400001"
COUNTY_FISCAL, COUNTY_FINANCE = "331002100300001", "331002100900001"
INSURER, HOSPITALS, STRANGER = "331000100800001", "331000100800002", "620000000000000999"

STATEMENT = pa.schema(
    [
        ("file_id", pa.string()),
        ("line_id", pa.int64()),
        ("row_no", pa.int64()),
        ("account_no", pa.string()),
        ("serial_no", pa.string()),
        ("booked_date", pa.date32()),
        ("debit", pa.decimal128(18, 2)),
        ("credit", pa.decimal128(18, 2)),
        ("counterparty_no", pa.string()),
        ("counterparty_name", pa.string()),
        ("remark", pa.string()),
        ("opening_balance", pa.decimal128(18, 2)),
        ("closing_balance", pa.decimal128(18, 2)),
    ]
)
REPORT = pa.schema(
    [
        ("file_id", pa.string()),
        ("line_id", pa.int64()),
        ("row_no", pa.int64()),
        ("county", pa.string()),
        ("item", pa.string()),
        ("fund", pa.string()),
        ("amount", pa.decimal128(18, 2)),
    ]
)


class Month5:
    """A month of hand-written statements (worker fund) and reports, over earlier runs that published nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lines, self.reports = folder, list[dict[str, Any]](), list[dict[str, Any]]()
        self.connection = staging_session(AGREED, MONTH)
        add_rows(self.connection, [], AGREED.contracts.values())

    def line(
        self, account: str, other: str, amount: str, remark: str = "", day: dt.date = DAY, opening: str = "1000"
    ) -> None:
        """Add a line of an account's statement: what came in, or with a minus what went out."""
        number = len(self.lines) + 1
        net = D(amount)
        self.lines.append(
            {
                "file_id": account, "line_id": number, "row_no": number, "account_no": account, "serial_no": str(number),
                "booked_date": day, "debit": -net if net < 0 else None, "credit": net if net > 0 else None,
                "counterparty_no": other or None, "counterparty_name": None, "remark": remark,
                "opening_balance": D(opening), "closing_balance": None,
            }
        )  # fmt: skip

    def moved(self, payer: str, receiver: str, amount: str, day: dt.date = DAY) -> None:
        """Add a movement as the statements of both sides show it."""
        self.line(payer, receiver, f"-{amount}", day=day)
        self.line(receiver, payer, amount, day=day)

    def report(self, **items: str) -> None:
        """Add the county's report of the worker fund."""
        self.reports += [
            {"file_id": "report", "line_id": n, "row_no": n, "county": COUNTY, "item": item, "fund": "worker", "amount": D(amount)}
            for n, (item, amount) in enumerate(items.items(), 1)
        ]  # fmt: skip

    def views(self) -> duckdb.DuckDBPyConnection:
        """Give the session the staging views and empty tables of earlier runs."""
        tables = {
            "account_statement": pa.Table.from_pylist(self.lines, schema=STATEMENT),
            "county_expenditure_report": pa.Table.from_pylist(self.reports, schema=REPORT),
        }
        for name in tables:
            self.connection.execute(f"DROP VIEW {name}")
        add_references(self.connection, tables)
        self.connection.execute(f"CREATE TEMP TABLE matched_movements ({MATCHED})")
        for name in ("treasury_premiums", "account_movements", "account_balances", "flow_rows"):
            make_view(self.connection, "staging", name)
        for name in ("ledger_posted", "ledger_instructed", "transfers"):
            columns = ", ".join(
                f"CAST(NULL AS {AGREED.registry.terms[c].type}) AS {c}" for c in AGREED.registry.tables[name].columns
            )
            self.connection.execute(f"CREATE TEMP VIEW done_{name} AS SELECT {columns} WHERE false")
        self.connection.execute(
            "CREATE TEMP TABLE pair_totals (pair VARCHAR, fund VARCHAR, brought_forward DECIMAL(18, 2), "
            "expected_difference DECIMAL(18, 2))"
        )
        return self.connection

    def posted(self, *transfers: Transfer) -> dict[tuple[str, str], str]:
        """Return the flows of the month by flow and books, with the amount (a minus: the other way round)."""
        connection = self.views()
        self.matched = match_movements(
            connection, AGREED, PERIOD, self.folder, instruct(AGREED, PERIOD, transfers), transfers
        )
        entries = execute(connection, AGREED, MONTH).to_pylist()
        return {(row["flow"], row["books"]): str(row["amount"]) for row in entries if row["side"] == "debit"}


@pytest.fixture
def month(tmp_path: Path) -> Iterator[Month5]:
    made = Month5(tmp_path)
    yield made
    made.connection.close()


def transfer(
    rule: str,
    payer: tuple[str, str],
    receiver: tuple[str, str],
    amount: str,
    due: dt.date | None = DAY,
    step: str = "",
    county: str = COUNTY,
) -> Transfer:
    """Return an instructed transfer between two parties, each its role and account."""
    sides = [Party(role, number, role) for role, number in (payer, receiver)]
    return Transfer("worker", county, sides[0], sides[1], D(amount), due, due, rule, "clause", "", step)


REVOLVING = transfer("T11", ("city_agency", AGENCY), ("county_agency", COUNTY_AGENCY), "60.00")


def test_a_payment_to_a_county_is_the_revolving_fund_it_was_instructed_as(month: Month5) -> None:
    """Of two payments of the city agency one is the revolving fund: in both books it is lent, and the rest is the month's money."""
    month.moved(AGENCY, COUNTY_AGENCY, "60.00")
    month.moved(AGENCY, COUNTY_AGENCY, "40.00")
    month.report(opening_balance="5", received="100", interest="0", total="30")
    posted = month.posted(REVOLVING)
    assert posted == {
        ("revolving_paid", CITY): "60.00",
        ("distribution", CITY): "40.00",
        ("revolving_received", COUNTY): "60.00",
        ("distribution_received", COUNTY): "40.00",
        ("county_expenditure", COUNTY): "30.00",
    }
    assert month.matched == 2  # The same payment, on both banks' statements.


@pytest.mark.parametrize(
    "other",
    [
        transfer("T11", ("city_agency", AGENCY), ("county_agency", COUNTY_AGENCY), "60.01"),
        transfer("T11", ("city_agency", AGENCY), ("county_agency", "331003100400001"), "60.00", county="331003"),
        transfer("T11", ("city_agency", AGENCY), ("county_agency", COUNTY_AGENCY), "60.00", dt.date(2022, 6, 1)),
        transfer("T11", ("city_agency", AGENCY), ("county_agency", COUNTY_AGENCY), "60.00", None),
    ],
    ids=["amount", "account", "month", "no day, so due in the month behind"],
)
def test_what_is_not_the_same_is_not_matched(month: Month5, other: Transfer) -> None:
    """One fen, another account or another month apart, a payment is the month's money."""
    month.moved(AGENCY, COUNTY_AGENCY, "60.00")
    month.report(opening_balance="5", received="60", interest="0", total="30")
    connection = month.views()
    booked = [row for row in instruct(AGREED, PERIOD, [other]).to_pylist() if row["period"] == str(MONTH)]
    due = pa.Table.from_pylist(booked, schema=instruct(AGREED, PERIOD, []).schema)
    assert match_movements(connection, AGREED, PERIOD, month.folder, due, (other,)) == 0
    flows = {row["flow"] for row in execute(connection, AGREED, MONTH).to_pylist()}
    assert flows == {"distribution", "distribution_received", "county_expenditure"}


def test_one_instruction_explains_one_payment(month: Month5) -> None:
    """Two payments of the same amount, one instruction: the first payment is what was instructed."""
    month.moved(AGENCY, COUNTY_AGENCY, "60.00", dt.date(2022, 5, 20))
    month.moved(AGENCY, COUNTY_AGENCY, "60.00", dt.date(2022, 5, 4))
    assert month.posted(REVOLVING) == {("revolving_paid", CITY): "60.00", ("distribution", CITY): "60.00"}
    path = month.folder / "ledger" / "matched_movements.parquet"
    assert sorted(duckdb.execute(f"SELECT line_id, transfer_id FROM '{path}'").fetchall()) == [
        (3, "transfers/taizhou/2022-05/T11/worker/331002"),
        (4, "transfers/taizhou/2022-05/T11/worker/331002"),
    ]


def test_the_revolving_fund_comes_back(month: Month5) -> None:
    """Given back as instructed it settles what was lent; the report's net receipts are entered in full, and the money given back."""
    month.moved(COUNTY_AGENCY, AGENCY, "60.00")
    month.moved(AGENCY, COUNTY_AGENCY, "90.00")
    month.report(opening_balance="5", received="30", interest="0", total="30")
    back = transfer("T11.2", ("county_agency", COUNTY_AGENCY), ("city_agency", AGENCY), "60.00")
    assert month.posted(back) == {
        ("revolving_recovered", CITY): "60.00",
        ("distribution", CITY): "90.00",
        ("revolving_returned", COUNTY): "60.00",
        ("distribution_received", COUNTY): "90.00",
        ("county_expenditure", COUNTY): "30.00",
    }


def test_a_reserve_is_paid_into_the_bank_account_it_is_a_part_of(month: Month5) -> None:
    """The reserve is a sub-ledger: the bank shows the fiscal account, the books the reserve (T15.1)."""
    month.moved(COUNTY_FISCAL, FISCAL, "70.00")
    reserve = transfer("T15.1", ("county_balance", COUNTY_FISCAL), ("reserve", RESERVE), "70.00")
    assert month.posted(reserve) == {("reserve_received", CITY): "70.00", ("reserve_uploaded", COUNTY): "70.00"}


def test_what_a_government_pays_is_what_it_was_asked_for(month: Month5) -> None:
    """Its share of a clearing and its subsidy come from one account: the amount says which is which; what nobody asked for is
    subsidy, and what goes back to it subsidy the other way round."""
    month.line(FISCAL, COUNTY_FINANCE, "11.00")
    month.line(FISCAL, COUNTY_FINANCE, "22.00")
    share = transfer(
        "T19", ("county_government", COUNTY_FINANCE), ("fiscal_account", FISCAL), "22.00", step="county_share"
    )
    assert month.posted(share) == {("subsidy_received", CITY): "11.00", ("clearing_received", CITY): "22.00"}


def test_subsidy_that_goes_back_is_taken_off(month: Month5) -> None:
    """Of one month 11 came and 4 went back: 7 is the subsidy."""
    month.line(FISCAL, COUNTY_FINANCE, "11.00")
    month.line(FISCAL, COUNTY_FINANCE, "-4.00")
    assert month.posted() == {("subsidy_received", CITY): "7.00"}


def test_payees_of_the_city_agency(month: Month5) -> None:
    """The insurer is critical-illness insurance, institutions are benefits, what comes back is taken off, a stranger is nothing."""
    month.line(AGENCY, INSURER, "-9.00")
    month.line(AGENCY, HOSPITALS, "-5.00")
    month.line(AGENCY, HOSPITALS, "2.00")
    month.line(AGENCY, STRANGER, "-1.00")
    assert month.posted() == {("insurer_paid", CITY): "9.00", ("city_benefits_paid", CITY): "3.00"}


def test_interest_a_county_hands_over(month: Month5) -> None:
    """Its agency gives it to its fiscal account and that to the city's: the report enters its receipts less what it gave away, the
    books both."""
    month.moved(COUNTY_AGENCY, COUNTY_FISCAL, "3.00")
    month.moved(COUNTY_FISCAL, FISCAL, "3.00")
    month.report(opening_balance="5", received="-3", interest="3", total="0")
    interest = transfer("T9", ("county_fiscal_account", COUNTY_FISCAL), ("fiscal_account", FISCAL), "3.00")
    assert month.posted(interest) == {
        ("county_interest", COUNTY): "3.00",
        ("county_agency_to_fiscal", COUNTY): "3.00",
        ("county_income_uploaded", COUNTY): "3.00",
        ("county_income_received", CITY): "3.00",
    }


def test_an_account_below_zero_is_a_reason_and_no_crash(month: Month5) -> None:
    """A county that paid more than it had stands below zero in the books: the month is provisional, and the reason names whose
    account of which fund."""
    month.report(opening_balance="5", received="0", interest="0", total="30")
    books = keep_month(month.views(), AGREED, PERIOD, month.folder, (), [])
    assert [reason.zh for reason in books.reasons] == ["椒江区职工医保支出户存款账面余额为负（-25.00元）"]
    assert books.trial.num_rows == 3
