"""T8.1: each month's premiums leave the city treasury for the fund's special fiscal account, per county and fund."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ConfigurationError, InputError, SettlementError
from medpool_etl.periods import Period
from medpool_etl.places import load_accounts
from medpool_etl.policy import Rulebook, load_rulebook
from medpool_etl.settlement import Facts, Registered, Transfer, apply_rule, transfers_table
from medpool_etl.settlement.rules.remittance import RemittanceCounty

RULEBOOK, CALENDAR = load_rulebook("taizhou"), WorkingCalendar.load()
PARTIES = Registered(load_accounts("taizhou"))
TREASURY, WORKER, RESIDENT = "331000100500001", "331000100300001", "331000100300002"
Booked = tuple[str, str, str, int]


def fact(fund: str, county: str, booked: str, receipts: int = 1) -> Booked:
    """Return what the treasury booked."""
    return fund, county, booked, receipts


def remit(*facts: Booked, month: str = "2022-03", rulebook: Rulebook = RULEBOOK) -> tuple[Transfer, ...]:
    """Apply the rule to both funds."""
    found: tuple[Transfer, ...] = ()
    for fund in ("worker", "resident"):
        counties: Mapping[str, Any] = {
            county: RemittanceCounty(booked=Decimal(booked), receipts=receipts)
            for of, county, booked, receipts in facts
            if of == fund
        }
        period = Period.parse(month)
        found += apply_rule("T8.1", rulebook, CALENDAR, PARTIES, fund, period, Facts(), counties).transfers
    return found


def reading(value: str) -> Rulebook:
    """Return the rulebook with another reading of the due date."""
    taken = RULEBOOK.readings["remittance_due"].model_copy(update={"value": value})
    return RULEBOOK.model_copy(update={"readings": {**RULEBOOK.readings, "remittance_due": taken}})


# What the treasury booked -> (payer, receiver, county, amount) of each transfer, worked by hand.
HAND_WORKED: dict[str, tuple[list[Booked], list[tuple[str, str, str, str]]]] = {
    "nothing booked anywhere": ([], []),
    "one county": (
        [fact("worker", "331002", "6888.89")],
        [(TREASURY, WORKER, "331002", "6888.89")],
    ),
    "one fen": (
        [fact("resident", "331083", "0.01")],
        [(TREASURY, RESIDENT, "331083", "0.01")],
    ),
    "the funds do not cross": (
        [fact("worker", "331002", "100.00"), fact("resident", "331002", "200.00")],
        [(TREASURY, WORKER, "331002", "100.00"), (TREASURY, RESIDENT, "331002", "200.00")],
    ),
    "a county without receipts gets no voucher": (
        [fact("worker", "331002", "0.00", 0), fact("worker", "331003", "5.50"), fact("worker", "331004", "0.00", 0)],
        [(TREASURY, WORKER, "331003", "5.50")],
    ),
    "a large month": (
        [fact("worker", "331081", "123456789012.34"), fact("resident", "331082", "98765432109.87")],
        [(TREASURY, WORKER, "331081", "123456789012.34"), (TREASURY, RESIDENT, "331082", "98765432109.87")],
    ),
    "more refunded than booked comes back": (
        [fact("worker", "331002", "-70.25", 2), fact("worker", "331003", "100.00")],
        [(WORKER, TREASURY, "331002", "70.25"), (TREASURY, WORKER, "331003", "100.00")],
    ),
}


@pytest.mark.parametrize(("facts", "expected"), HAND_WORKED.values(), ids=HAND_WORKED)
def test_facts_give_transfers(facts: list[Booked], expected: list[tuple[str, str, str, str]]) -> None:
    """The transfers are those worked by hand from the same facts."""
    found = [(t.payer.number, t.receiver.number, t.county, str(t.amount)) for t in remit(*facts)]
    assert found == expected


# month, reading -> due, and the last day on which the money is in time (G5).
DUE = [
    ("2022-01", "month_end", "2022-01-31", "2022-02-07"),
    ("2022-01", "next_month_end", "2022-02-28", "2022-02-28"),
    ("2022-03", "month_end", "2022-03-31", "2022-03-31"),
    ("2022-03", "next_month_end", "2022-04-30", "2022-05-05"),
    ("2022-04", "month_end", "2022-04-30", "2022-05-05"),
    ("2022-04", "next_month_end", "2022-05-31", "2022-05-31"),
    ("2022-12", "month_end", "2022-12-31", "2023-01-03"),
    ("2022-12", "next_month_end", "2023-01-31", "2023-01-31"),
]


@pytest.mark.parametrize(("month", "taken", "due", "late_after"), DUE)
def test_due_and_late(month: str, taken: str, due: str, late_after: str) -> None:
    """The due date is the calendar day of the reading; late is after the next working day, Spring Festival included."""
    (transfer,) = remit(fact("worker", "331002", "1.00"), month=month, rulebook=reading(taken))
    assert transfer.due_date is not None and transfer.late_after is not None
    assert (transfer.due_date.isoformat(), transfer.late_after.isoformat()) == (due, late_after)


def test_where_it_comes_from() -> None:
    """A transfer names its rule, the clause of the notice and the facts it was reckoned from."""
    (transfer,) = remit(fact("worker", "331002", "6888.89", 3))
    assert transfer.rule_id == "T8.1"
    assert transfer.clause == "台政办发〔2021〕48号 附件第八条第一款"
    assert transfer.facts == "booked=6888.89 receipts=3"
    assert transfer.transfer_id == "T8.1/worker/331002"


def test_before_the_notice() -> None:
    """December 2021 is refused, with the first month; January 2022 is not."""
    with pytest.raises(InputError, match=r"(?s)48号.*2022-01"):
        remit(fact("worker", "331002", "1.00"), month="2021-12")
    assert remit(fact("worker", "331002", "1.00"), month="2022-01")


def test_year_without_a_calendar() -> None:
    """A month whose holidays nobody knows is an error, not a guess."""
    with pytest.raises(ConfigurationError, match="2150"):
        remit(fact("worker", "331002", "1.00"), month="2150-03")


def test_finer_than_a_fen() -> None:
    """Facts finer than a fen are an error, not rounded."""
    with pytest.raises(ValidationError, match="exact to the fen"):
        remit(fact("worker", "331002", "1.005"))


AMOUNTS = st.lists(st.integers(-(10**12), 10**15).map(lambda fen: Decimal(fen) / 100), max_size=9)
COUNTIES = ("331002", "331003", "331004", "331022", "331023", "331024", "331081", "331082", "331083")


@given(AMOUNTS)
def test_nothing_is_lost(amounts: list[Decimal]) -> None:
    """What goes out of the treasury of each fund less what comes back is what was booked for it, one transfer an amount."""
    facts = [
        fact(("worker", "resident")[number % 2], COUNTIES[number], str(amount)) for number, amount in enumerate(amounts)
    ]
    transfers = remit(*facts)
    for fund, account in (("worker", WORKER), ("resident", RESIDENT)):
        moved = sum(t.amount if t.receiver.number == account else -t.amount for t in transfers if t.fund == fund)
        assert moved == sum(Decimal(booked) for of, _, booked, _ in facts if of == fund)
    assert len(transfers) == sum(1 for amount in amounts if amount)


def transfer(**changed: Any) -> Transfer:
    """Return a transfer with some of its fields changed."""
    return dataclasses.replace(remit(fact("worker", "331002", "1.00"))[0], **changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"amount": Decimal("0.00")}, "a positive amount"),
        ({"amount": Decimal("-1.00")}, "a positive amount"),
        ({"amount": Decimal("0.005")}, "finer than one fen"),
        ({"receiver": PARTIES.of("treasury", "worker")}, "pays itself"),
    ],
)
def test_impossible_transfer(changed: dict[str, object], said: str) -> None:
    """A transfer of nothing, of parts of a fen, or to itself cannot exist."""
    with pytest.raises(SettlementError, match=said):
        transfer(**changed)


def test_transfers_as_a_table() -> None:
    """The table has the transfers in order of their ids, amounts exact."""
    rows = transfers_table(remit(fact("worker", "331003", "2.00"), fact("worker", "331002", "1.10"))).to_pylist()
    assert [row["transfer_id"] for row in rows] == ["T8.1/worker/331002", "T8.1/worker/331003"]
    assert rows[0]["amount"] == Decimal("1.10")
    assert rows[0]["due_date"] == dt.date(2022, 3, 31)
    assert (rows[0]["payer_account"], rows[0]["receiver_account"]) == (TREASURY, WORKER)
    assert transfers_table([]).num_rows == 0


def test_the_same_transfer_twice() -> None:
    """Two transfers for the same county and fund are an error that names them."""
    with pytest.raises(SettlementError, match=r"T8\.1/worker/331002"):
        transfers_table([transfer(), transfer()])
