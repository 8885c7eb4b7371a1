"""A ledger grows by entries that balance, in open periods; what was wrong is reversed and names what it corrects."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from medpool_etl.errors import InputError, SettlementError
from medpool_etl.ledger import Flow, add, closing, ledger, opening, post_flows, reverse, trial_balance
from medpool_etl.ledger.entries import LEDGER
from tests.ledger.support import CITY, POSTINGS, instruct, legs, row, transfers

EMPTY = ledger([])


def _one() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = instruct(row("treasury", "fiscal_account", "5.00")).to_pylist()
    return rows


def test_what_does_not_balance() -> None:
    """Sides that differ, a side alone, an entry twice, and one across funds are refused with the entry's id."""
    one = _one()
    broken: list[tuple[list[dict[str, Any]], str]] = [
        ([one[0], {**one[1], "amount": Decimal("5.01")}], "debit 5.00, credit 5.01"),
        (one[:1], "does not balance"),
        ([*one, *one], "stands twice"),
        ([one[0], {**one[1], "fund": "resident"}], "crosses"),
    ]
    for rows, said in broken:
        with pytest.raises(SettlementError, match=rf"(?s)instructed/T1/0.*{said}"):
            ledger(rows)


def test_adding() -> None:
    """New entries join; the same entry does not join twice."""
    first, second = (
        instruct(row("treasury", "fiscal_account")),
        instruct(row("treasury", "fiscal_account"), period="2022-04"),
    )
    both = add(add(EMPTY, first), second)
    assert both.num_rows == 4
    assert both.schema == LEDGER
    with pytest.raises(SettlementError, match="in the ledger already"):
        add(both, first)


def test_two_ledgers() -> None:
    """What should move and what did are two ledgers."""
    done = post_flows([Flow("treasury_transfer", "worker", CITY, Decimal(1))], POSTINGS, CITY, period="2022-03")
    with pytest.raises(SettlementError, match="two ledgers"):
        add(instruct(row("treasury", "fiscal_account")), done)


def test_a_closed_period() -> None:
    """A closed period refuses entries, new ones and corrections; the open one takes them."""
    march = instruct(row("treasury", "fiscal_account"))
    with pytest.raises(SettlementError, match="2022-03 is closed"):
        add(EMPTY, march, closed={"2022-03"})
    with pytest.raises(SettlementError, match="2022-03 is closed"):
        reverse(march, "2022-03", "wrong county", closed={"2022-03"})
    books = add(march, reverse(march, "2022-04", "wrong county", closed={"2022-03"}), closed={"2022-03"})
    assert books.num_rows == 4


def test_a_correction() -> None:
    """A correction is red: the same sides, negative, in the open period, naming what it corrects and why; once only."""
    march = instruct(row("treasury", "fiscal_account", "5.00", belongs_to="2022-02"))
    red = reverse(march, "2022-05", " wrong county ")
    assert legs(red) == [(CITY, "debit", "1003", "", "-5.00"), (CITY, "credit", "1005", "", "-5.00")]
    for said in red.to_pylist():
        assert said["corrects"] == "2022-03/instructed/T1/0"
        assert (said["period"], said["date"], said["belongs_to"]) == ("2022-05", dt.date(2022, 5, 31), "2022-02")
        assert (said["note"], said["source"], said["flow"]) == ("wrong county", "instructed", "treasury_transfer")
    books = add(march, red)
    with pytest.raises(SettlementError, match="corrected already"):
        add(books, reverse(march, "2022-06", "again"))
    with pytest.raises(SettlementError, match="no entry 2022-03/instructed/T1/0 to correct"):
        add(EMPTY, red)
    with pytest.raises(InputError, match="needs a reason"):
        reverse(march, "2022-05", " ")
    with pytest.raises(SettlementError, match="cannot be corrected in 2022-02"):
        reverse(march, "2022-02", "too early")
    with pytest.raises(InputError, match="not a month"):
        reverse(march, "spring", "no period")


@settings(deadline=None)
@given(transfers())
def test_a_reversal_nets_to_zero(rows: list[dict[str, Any]]) -> None:
    """What is posted and reversed leaves every account of every fund and books at nothing, turnover included."""
    entries = instruct(*rows)
    after = add(entries, reverse(entries, "2022-03", "all of it"))
    for said in trial_balance(after, POSTINGS, "2022-03", by_tag=True).to_pylist():
        assert (said["debit"], said["credit"], said["closing"]) == (Decimal(0), Decimal(0), Decimal(0))


def test_opening() -> None:
    """Balances come in against the fund balance of their sub-ledger; what is owed, against the year's."""
    opened = opening(
        [
            {"fund": "worker", "books": CITY, "account": "1003", "tag": "reserve", "amount": "100.00"},
            {
                "fund": "worker",
                "books": CITY,
                "account": "1101",
                "tag": "revolving",
                "county": "331002",
                "amount": "8.00",
            },
            {"fund": "worker", "books": "331002", "account": "2001", "tag": "revolving", "amount": "8.00"},
            {"fund": "worker", "books": "331003", "account": "1004", "amount": "0.00"},
        ],
        POSTINGS,
        "2022-01",
    )
    assert sorted(legs(opened)) == sorted(
        [
            (CITY, "debit", "1003", "reserve", "100.00"),
            (CITY, "credit", "3001", "reserve", "100.00"),
            (CITY, "debit", "1101", "revolving", "8.00"),
            (CITY, "credit", "3001", "", "8.00"),
            ("331002", "debit", "3001", "", "8.00"),
            ("331002", "credit", "2001", "revolving", "8.00"),
        ]
    )
    assert {r["date"] for r in opened.to_pylist()} == {dt.date(2022, 1, 1)}
    again: dict[str, Any] = {"fund": "worker", "books": CITY, "account": "1003", "amount": "1.00"}
    for wrong, said in (
        ([again, again], "given twice"),
        ([{**again, "account": "4001"}], "4001 has no opening balance"),
        ([{**again, "account": "9"}], "9 has no opening balance"),
        ([{**again, "tag": "spare"}], "no tag spare"),
    ):
        with pytest.raises(InputError, match=said):
            opening(wrong, POSTINGS, "2022-01")


@settings(deadline=None)
@given(transfers())
def test_closing(rows: list[dict[str, Any]]) -> None:
    """At the end of a year revenue and expenditure stand at nothing, and what they were is in the fund balance."""
    entries = instruct(*rows)
    before = trial_balance(entries, POSTINGS, "2022").to_pylist()
    closed = add(entries, closing(entries, POSTINGS, 2022))
    result = {
        (r["fund"], r["books"]): sum(
            x["closing"]
            for x in before
            if (x["fund"], x["books"]) == (r["fund"], r["books"])
            and POSTINGS.accounts[x["account"]].type in ("revenue", "expenditure", "balance")
        )
        for r in before
    }
    left: dict[Any, Decimal] = dict.fromkeys(result, Decimal(0))
    for said in trial_balance(closed, POSTINGS, "2022").to_pylist():
        kind = POSTINGS.accounts[said["account"]].type
        if kind == "balance":
            left[said["fund"], said["books"]] += said["closing"]
        assert kind not in ("revenue", "expenditure") or said["closing"] == 0
    assert left == result
    assert closing(closed, POSTINGS, 2022).num_rows == 0
    assert {r["date"] for r in closing(entries, POSTINGS, 2022).to_pylist()} <= {dt.date(2022, 12, 31)}
