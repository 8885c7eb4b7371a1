"""Statements of one month worked by hand, and what holds of any."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medpool_etl.errors import InputError, SettlementError
from medpool_etl.ledger import (
    Flow,
    account_statement,
    add,
    balance_sheet,
    closing,
    fund_statement,
    ledger,
    opening,
    post_flows,
    reverse,
    trial_balance,
)
from tests.ledger.support import CITY, POSTINGS, instruct, row, transfers

A = "331002"
OPENINGS: list[dict[str, Any]] = [
    {"fund": "worker", "books": CITY, "account": "1003", "tag": "reserve", "amount": "300.00"},
    {"fund": "worker", "books": A, "account": "1003", "tag": "legacy", "amount": "50.00"},
    {"fund": "worker", "books": A, "account": "1004", "amount": "10.00"},
]
JANUARY = {
    "premium_booked": (A, "100.00"),
    "treasury_transfer": (CITY, "100.00"),
    "subsidy_received": (A, "20.00"),
    "fiscal_interest": (CITY, "2.00"),
    "reserve_uploaded": (A, "30.00"),
    "reserve_received": (A, "30.00"),
    "allocation": (CITY, "69.00"),
    "distribution": (A, "60.00"),
    "distribution_received": (A, "60.00"),
    "revolving_paid": (A, "4.00"),
    "revolving_received": (A, "4.00"),
    "insurer_paid": (CITY, "5.00"),
    "county_expenditure": (A, "55.00"),
    "county_interest": (A, "1.00"),
}
# Paid by the city on the last day of February, and not yet with the county.
FEBRUARY = {"allocation": (CITY, "10.00"), "distribution": (A, "10.00")}


def _flows(said: dict[str, tuple[str, str]], period: str) -> pa.Table:
    flows = [Flow(name, "worker", county, Decimal(amount)) for name, (county, amount) in said.items()]
    return post_flows(flows, POSTINGS, CITY, period=period, city="taizhou")


BOOKS = add(add(opening(OPENINGS, POSTINGS, "2022-01"), _flows(JANUARY, "2022-01")), _flows(FEBRUARY, "2022-02"))
LINES = [
    "premiums", "subsidies", "interest", "transfer_revenue", "other_revenue", "revenue_subtotal", "from_upper", "from_lower", "total_in",
    "benefits", "critical_illness", "transfer_expenditure", "other_expenditure", "expenditure_subtotal", "to_upper", "to_lower",
    "total_out", "result", "brought_forward", "carried_forward",
]  # fmt: skip


def _lines(books: str, period: str, column: str = "amount", **more: Any) -> dict[str, str]:
    rows = fund_statement(BOOKS, POSTINGS, period, **more).to_pylist()
    own = [r for r in rows if r["books"] == books]
    assert [r["line"] for r in own] == LINES
    return {r["line"]: str(r[column]) for r in own if r[column]}


def test_statement_of_the_city() -> None:
    """The city's January: what came in, what went out, and what it carries forward."""
    assert _lines(CITY, "2022-01") == {
        "premiums": "100.00", "subsidies": "20.00", "interest": "2.00", "revenue_subtotal": "122.00", "from_lower": "30.00",
        "total_in": "152.00", "critical_illness": "5.00", "expenditure_subtotal": "5.00", "to_lower": "60.00", "total_out": "65.00",
        "result": "87.00", "brought_forward": "300.00", "carried_forward": "387.00",
    }  # fmt: skip


def test_statement_of_a_county() -> None:
    """The county's January, in the layout of the county statement."""
    assert _lines(A, "2022-01") == {
        "interest": "1.00", "revenue_subtotal": "1.00", "from_upper": "60.00", "total_in": "61.00", "benefits": "55.00",
        "expenditure_subtotal": "55.00", "to_upper": "30.00", "total_out": "85.00", "result": "-24.00", "brought_forward": "60.00",
        "carried_forward": "36.00",
    }  # fmt: skip


def test_consolidated() -> None:
    """What the levels paid each other is no revenue of the whole; what is on its way stays in its line."""
    january = {
        "premiums": "100.00", "subsidies": "20.00", "interest": "3.00", "revenue_subtotal": "123.00", "total_in": "123.00",
        "benefits": "55.00", "critical_illness": "5.00", "expenditure_subtotal": "60.00", "total_out": "60.00", "result": "63.00",
        "brought_forward": "360.00", "carried_forward": "423.00",
    }  # fmt: skip
    assert _lines("consolidated", "2022-01", consolidated=True) == january
    assert _lines("consolidated", "2022-02", consolidated=True) == {
        "to_lower": "10.00",
        "total_out": "10.00",
        "result": "-10.00",
        "brought_forward": "423.00",
        "carried_forward": "413.00",
    }
    of_county = _lines("consolidated", "2022-01", consolidated=True, county=A)
    assert (of_county["total_in"], of_county["total_out"], of_county["result"]) == ("121.00", "55.00", "66.00")


def test_year_to_date() -> None:
    """Beside the month stands the year so far; a year and a quarter are statements too."""
    assert _lines(CITY, "2022-02", "year_to_date")["total_in"] == "152.00"
    assert _lines(CITY, "2022-02", "year_to_date")["brought_forward"] == "300.00"
    assert _lines(CITY, "2022-02")["brought_forward"] == "387.00"
    assert _lines(CITY, "2022") == _lines(CITY, "2022-02", "year_to_date") == _lines(CITY, "2022-Q1")
    assert _lines(CITY, "2023") == {"brought_forward": "377.00", "carried_forward": "377.00"}
    for wrong in ("2022-opening", "2022-clearing"):
        with pytest.raises(InputError, match="has no statement"):
            fund_statement(BOOKS, POSTINGS, wrong)


def test_trial_balance() -> None:
    """Opening, debit, credit, closing of every account, debit positive; by sub-ledger too."""
    said = [
        (r["books"], r["account"], str(r["opening"]), str(r["debit"]), str(r["credit"]), str(r["closing"]))
        for r in trial_balance(BOOKS, POSTINGS, "2022-01").to_pylist()
        if r["books"] == CITY
    ]
    assert said == [
        (CITY, "1003", "300.00", "152.00", "69.00", "383.00"),
        (CITY, "1004", "0.00", "69.00", "69.00", "0.00"),
        (CITY, "1005", "0.00", "100.00", "100.00", "0.00"),
        (CITY, "1101", "0.00", "4.00", "0.00", "4.00"),
        (CITY, "3001", "-300.00", "0.00", "0.00", "-300.00"),
        (CITY, "4001", "0.00", "0.00", "100.00", "-100.00"),
        (CITY, "4101", "0.00", "0.00", "20.00", "-20.00"),
        (CITY, "4201", "0.00", "0.00", "2.00", "-2.00"),
        (CITY, "4302", "0.00", "0.00", "30.00", "-30.00"),
        (CITY, "5101", "0.00", "5.00", "0.00", "5.00"),
        (CITY, "5302", "0.00", "60.00", "0.00", "60.00"),
    ]
    tagged = {(r["account"], r["tag"]): str(r["closing"]) for r in trial_balance(BOOKS, POSTINGS, "2022-01", by_tag=True).to_pylist() if r["books"] == CITY}  # fmt: skip
    assert (tagged["1003", "reserve"], tagged["1003", ""]) == ("330.00", "53.00")


def test_balance_sheet() -> None:
    """Assets are liabilities and fund balance; the whole city owes itself no revolving fund."""
    county = [
        (r["part"], r["account"], str(r["amount"]))
        for r in balance_sheet(BOOKS, POSTINGS, "2022-01").to_pylist()
        if r["books"] == A
    ]
    assert county == [
        ("asset", "1003", "20.00"),
        ("asset", "1004", "20.00"),
        ("liability", "2001", "4.00"),
        ("balance", "3001", "60.00"),
        ("balance", "", "-24.00"),
    ]
    whole = balance_sheet(BOOKS, POSTINGS, "2022-01", consolidated=True).to_pylist()
    assert [(r["part"], r["account"], str(r["amount"])) for r in whole] == [
        ("asset", "1003", "403.00"),
        ("asset", "1004", "20.00"),
        ("balance", "3001", "360.00"),
        ("balance", "", "63.00"),
    ]


def test_account_statement() -> None:
    """Balance brought forward, then every entry with the account on its other side and the balance after it."""
    january = account_statement(BOOKS, POSTINGS, "worker", A, "1004", "2022-01").to_pylist()
    assert [
        (r["flow"], r["counter_account"], str(r["debit"]), str(r["credit"]), str(r["balance"])) for r in january
    ] == [
        ("", "", "0.00", "0.00", "10.00"),
        ("county_expenditure", "5001", "0.00", "55.00", "-45.00"),
        ("county_interest", "4201", "1.00", "0.00", "-44.00"),
        ("distribution_received", "4301", "60.00", "0.00", "16.00"),
        ("revolving_received", "2001", "4.00", "0.00", "20.00"),
    ]
    assert [r["clause"] for r in january][1:3] == ["T10.3", "T9"]
    revenue = account_statement(BOOKS, POSTINGS, "worker", CITY, "4001", "2022-02").to_pylist()
    assert [(r["note"], str(r["balance"])) for r in revenue] == [("期初余额", "100.00")]
    reserve = account_statement(BOOKS, POSTINGS, "worker", CITY, "1003", "2022-01", tag="reserve").to_pylist()
    assert [str(r["balance"]) for r in reserve] == ["300.00", "330.00"]
    with pytest.raises(InputError, match="no account 9999"):
        account_statement(BOOKS, POSTINGS, "worker", CITY, "9999", "2022-01")


def test_a_correction_in_the_statements() -> None:
    """A correction shows in the month it is booked in, or in the month the money is of, as asked."""
    march = instruct(row("county_finance", "fiscal_account", "9.00"))
    after = add(march, reverse(march, "2022-05", "paid twice"))

    def subsidies(period: str, by: Any) -> str:
        rows = fund_statement(after, POSTINGS, period, by=by).to_pylist()
        return next(str(r["amount"]) for r in rows if r["line"] == "subsidies")

    assert [subsidies(month, "period") for month in ("2022-03", "2022-05", "2022")] == ["9.00", "-9.00", "0.00"]
    assert [subsidies(month, "belongs_to") for month in ("2022-03", "2022-05")] == ["0.00", "0.00"]


def test_after_the_year_is_closed() -> None:
    """Closed, the statement of the year is the same, and the next year brings the same forward."""
    closed = add(BOOKS, closing(BOOKS, POSTINGS, 2022))
    for period in ("2022-01", "2022", "2023-01"):
        assert fund_statement(closed, POSTINGS, period).equals(fund_statement(BOOKS, POSTINGS, period))
    assert {
        (r["account"], str(r["amount"]))
        for r in balance_sheet(closed, POSTINGS, "2023-01").to_pylist()
        if r["part"] == "balance"
    } == {
        ("3001", "377.00"),
        ("3001", "36.00"),
    }


def test_books_that_do_not_balance() -> None:
    """Entries somebody changed by hand are refused, not shown."""
    rows = _flows({"county_interest": (A, "1.00")}, "2022-01").to_pylist()
    rows[0]["amount"] = Decimal("2.00")
    changed = pa.Table.from_pylist(rows, schema=BOOKS.schema)
    with pytest.raises(SettlementError, match="carried forward"):
        fund_statement(changed, POSTINGS, "2022-01")
    with pytest.raises(SettlementError, match="closing"):
        trial_balance(changed, POSTINGS, "2022-01")
    with pytest.raises(SettlementError, match="assets less liabilities"):
        balance_sheet(changed, POSTINGS, "2022-01")


def test_nothing_moved() -> None:
    """A ledger without entries has statements without rows, of the same columns."""
    nothing = ledger([])
    for made in (trial_balance, balance_sheet, fund_statement):
        table = made(nothing, POSTINGS, "2022-01")
        assert (table.num_rows, table.schema) == (0, made(BOOKS, POSTINGS, "2022-01").schema)


@settings(deadline=None, max_examples=40)
@given(transfers(12), transfers(12), st.booleans())
def test_what_holds_of_any(january: list[dict[str, Any]], march: list[dict[str, Any]], shut: bool) -> None:
    """Trial balances sum to nothing, also by sub-ledger of the year's own money and the pots; carried forward is brought forward and the
    result; the next month brings forward what this one carried; the whole is the sum of the books."""
    entries = add(instruct(*january, period="2022-01"), instruct(*march, period="2022-03"))
    if shut:
        entries = add(entries, closing(entries, POSTINGS, 2022))
    for period in ("2022-01", "2022-03", "2022"):
        rows = trial_balance(entries, POSTINGS, period, by_tag=True).to_pylist()
        assert sum(r["closing"] for r in rows) == 0
        assert sum(r["debit"] for r in rows) == sum(r["credit"] for r in rows)
    of = {
        (period, r["fund"], r["books"], r["line"]): r["amount"]
        for period in ("2022-01", "2022-02", "2022-03")
        for r in fund_statement(entries, POSTINGS, period).to_pylist()
    }
    for (period, fund, books, line), amount in of.items():
        if line == "carried_forward":
            said = {name: of[period, fund, books, name] for name in LINES}
            assert amount == said["brought_forward"] + said["total_in"] - said["total_out"]
            assert said["result"] == said["total_in"] - said["total_out"]
            if period != "2022-03":
                following = {"2022-01": "2022-02", "2022-02": "2022-03"}[period]
                assert of[following, fund, books, "brought_forward"] == amount
    parts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for r in fund_statement(entries, POSTINGS, "2022").to_pylist():
        parts[r["fund"], r["line"]] += r["amount"]
    for r in fund_statement(entries, POSTINGS, "2022", consolidated=True).to_pylist():
        if r["line"] in ("from_upper", "from_lower", "to_upper", "to_lower"):
            assert r["amount"] == 0
        elif r["line"] not in ("total_in", "total_out"):
            assert r["amount"] == parts[r["fund"], r["line"]]


@settings(deadline=None)
@given(transfers())
def test_pots_balance(rows: list[dict[str, Any]]) -> None:
    """What a pot holds is what the fund balance and the flows of that pot come to: no move between pots is lost."""
    said = trial_balance(instruct(*rows), POSTINGS, "2022-03", by_tag=True).to_pylist()
    for fund, books, tag in {(r["fund"], r["books"], r["tag"]) for r in said}:
        if tag not in ("", "revolving"):
            assert sum(r["closing"] for r in said if (r["fund"], r["books"], r["tag"]) == (fund, books, tag)) == 0


def test_dates_of_the_statement() -> None:
    """Entries of a month stand in the order of their days."""
    moved = instruct(
        row("treasury", "fiscal_account", "1.00", transfer_id="b", date=dt.date(2022, 3, 2)),
        row("treasury", "fiscal_account", "2.00", transfer_id="a", date=dt.date(2022, 3, 9)),
    )
    said = account_statement(moved, POSTINGS, "worker", CITY, "1003", "2022-03").to_pylist()
    assert [str(r["balance"]) for r in said] == ["0.00", "1.00", "3.00"]
