"""No money below zero, the levels agree, and what was executed stands beside what was instructed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from medpool_etl.errors import SettlementError
from medpool_etl.ledger import Flow, add, check_balances, compare, inter_level, opening, overdrafts, post_flows, reverse
from tests.ledger.support import CITY, POSTINGS, instruct, row, transfers

A, B = "331002", "331003"


def _opened(amount: str, **more: Any) -> Any:
    return opening(
        [{"fund": "worker", "books": CITY, "account": "1003", "amount": amount, **more}], POSTINGS, "2022-03"
    )


def test_below_zero() -> None:
    """An account that pays more than it holds is named with books, fund, day and what it stands at."""
    paid = instruct(row("fiscal_account", "city_agency", "10.00", date=dt.date(2022, 3, 4)))
    assert overdrafts(paid, POSTINGS, _opened("10.00")).num_rows == 0
    check_balances(paid, POSTINGS, _opened("10.00"))
    said = overdrafts(paid, POSTINGS, _opened("9.99")).to_pylist()
    assert [(s["account"], s["scope"], s["books"], s["date"], s["balance"]) for s in said] == [
        ("1003", "account", CITY, dt.date(2022, 3, 4), Decimal("-0.01"))
    ]
    with pytest.raises(SettlementError, match=r"(?s)worker fund, books of 331000: 1003 财政专户存款 stands at -0.01"):
        check_balances(paid, POSTINGS, _opened("9.99"))


def test_a_sub_ledger_below_zero() -> None:
    """The reserve pays no more than it holds, though its bank account holds more; the year's money may run ahead of the pots."""
    drawn = instruct(row("reserve", "fiscal_account", "3.00"))
    said = overdrafts(drawn, POSTINGS, _opened("100.00")).to_pylist()
    assert [(s["account"], s["scope"], s["tag"], s["balance"]) for s in said] == [
        ("1003", "tag", "reserve", Decimal("-3.00"))
    ]
    ahead = instruct(row("fiscal_account", "city_agency", "3.00"))
    assert overdrafts(ahead, POSTINGS, _opened("100.00", tag="reserve")).num_rows == 0


def test_in_the_middle_of_the_month() -> None:
    """What comes back later does not make good a day below zero."""
    moved = instruct(
        row("fiscal_account", "city_agency", "5.00", date=dt.date(2022, 3, 3), transfer_id="a"),
        row("treasury", "fiscal_account", "5.00", date=dt.date(2022, 3, 9), transfer_id="b"),
    )
    own = [s for s in overdrafts(moved, POSTINGS).to_pylist() if s["account"] == "1003"]
    assert [(s["date"], s["balance"]) for s in own] == [(dt.date(2022, 3, 3), Decimal("-5.00"))]


@settings(deadline=None)
@given(transfers())
def test_levels_agree(rows: list[dict[str, Any]]) -> None:
    """Whatever rules instruct, city and counties book what they pay each other alike, in sum and county by county."""
    for by_county in (False, True):
        for said in inter_level(instruct(*rows), POSTINGS, by_county).to_pylist():
            assert said["difference"] == 0


def test_levels_that_differ() -> None:
    """Money the city paid and a county has not booked is the difference, in the period it was paid."""
    flows = [
        Flow("distribution", "worker", A, Decimal("7.00")),
        Flow("distribution", "worker", B, Decimal("5.00")),
        Flow("distribution_received", "worker", A, Decimal("7.00")),
        Flow("distribution_received", "worker", B, Decimal("4.00")),
        Flow("revolving_paid", "worker", A, Decimal("2.00")),
    ]
    entries = post_flows(flows, POSTINGS, CITY, period="2022-03")
    said = [
        (s["city_account"], s["city_amount"], s["county_amount"], s["difference"])
        for s in inter_level(entries, POSTINGS).to_pylist()
    ]
    assert said == [
        ("1101", Decimal("2.00"), Decimal(0), Decimal("2.00")),
        ("5302", Decimal("12.00"), Decimal("11.00"), Decimal("1.00")),
    ]
    by_county = {
        (s["county"], s["city_account"]): s["difference"] for s in inter_level(entries, POSTINGS, True).to_pylist()
    }
    assert by_county == {(A, "1101"): 2, (A, "5302"): 0, (B, "5302"): 1}


def test_instructed_and_executed() -> None:
    """Side by side by fund, county and flow; what no rule instructs is not compared, a statement without counties in sum."""
    told = instruct(
        row("treasury", "fiscal_account", "6.00", transfer_id="a", county=A),
        row("treasury", "fiscal_account", "4.00", transfer_id="b", county=B),
        row("fiscal_account", "treasury", "1.00", transfer_id="c", county=B),
        row("city_agency", "county_agency", "3.00", transfer_id="d", county=A),
        row("county_finance", "fiscal_account", "2.00", transfer_id="e", county=B),
    )
    done = post_flows(
        [
            Flow("treasury_transfer", "worker", CITY, Decimal("8.50")),
            Flow("premium_booked", "worker", A, Decimal("50.00")),
            Flow("distribution", "worker", A, Decimal("3.00")),
        ],
        POSTINGS,
        CITY,
        period="2022-03",
    )
    said = [
        (s["county"], s["flow"], str(s["instructed"]), str(s["executed"]), str(s["difference"]))
        for s in compare(told, done, POSTINGS).to_pylist()
    ]
    assert said == [
        (CITY, "treasury_transfer", "9.00", "8.50", "0.50"),
        (A, "distribution", "3.00", "3.00", "0.00"),
        (A, "distribution_received", "3.00", "0.00", "3.00"),
        (B, "subsidy_received", "2.00", "0.00", "2.00"),
    ]
    narrowed = compare(told, done, POSTINGS, {"distribution"}).to_pylist()
    assert [(s["flow"], s["title"]) for s in narrowed] == [("distribution", "市经办拨县经办")]


@settings(deadline=None)
@given(transfers())
def test_a_correction_takes_back_what_is_compared(rows: list[dict[str, Any]]) -> None:
    """What is instructed and reversed is instructed no more."""
    entries = instruct(*rows)
    after = add(entries, reverse(entries, "2022-03", "all of it"))
    assert all(s["instructed"] == 0 for s in compare(after, after.slice(0, 0), POSTINGS).to_pylist())


@settings(deadline=None)
@given(transfers())
def test_executed_as_instructed(rows: list[dict[str, Any]]) -> None:
    """When every flow that was instructed is executed, nothing differs, and both post the same accounts."""
    told = instruct(*rows)
    wanted = compare(told, told.slice(0, 0), POSTINGS).to_pylist()
    flows = [Flow(s["flow"], s["fund"], s["county"], s["instructed"]) for s in wanted]
    done = post_flows(flows, POSTINGS, CITY, period="2022-03")
    assert all(s["difference"] == 0 for s in compare(told, done, POSTINGS).to_pylist())
