"""Zaozhuang's income accounts are emptied on the last two working days of a month, whatever holidays lie there."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import InputError
from medpool_etl.money import from_fen
from medpool_etl.periods import Period
from medpool_etl.places import load_accounts
from medpool_etl.policy import due_of, load_rulebook
from medpool_etl.settlement import Named, Outcome, Registered, apply_rule
from medpool_etl.settlement.rules.upload import CityIncome, CountyIncome

RULEBOOK = load_rulebook("zaozhuang", ())
CALENDAR = WorkingCalendar.load()


def applied(month: str, city: CityIncome, counties: dict[str, CountyIncome], parties: object = None) -> Outcome:
    """Apply the rule to a month of the workers' fund."""
    return apply_rule(
        "Zz-4.2.1", RULEBOOK, CALENDAR, parties or Named({}), "worker", Period.parse(month), city, counties  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("month", "first", "last"),
    [
        # Spring Festival began on 24 January 2020.
        ("2020-01", "2020-01-22", "2020-01-23"),
        ("2020-02", "2020-02-27", "2020-02-28"),
        # 27 September was a Sunday worked for the holidays that began on 1 October.
        ("2020-09", "2020-09-29", "2020-09-30"),
        ("2020-10", "2020-10-29", "2020-10-30"),
        ("2020-12", "2020-12-30", "2020-12-31"),
    ],
)
def test_the_last_two_working_days(month: str, first: str, last: str) -> None:
    """The window opens on the last working day but one; both steps are due, and late, after the last."""
    outcome = applied(month, CityIncome(), {"370402": CountyIncome(collected=Decimal(1))})
    assert next(line.value for line in outcome.working if line.step == "window") == first
    day = dt.date.fromisoformat(last)
    assert [(t.step, t.due_date, t.late_after) for t in outcome.transfers] == [
        ("county", day, day),
        ("city", day, day),
    ]


def test_the_accounts_are_those_registered() -> None:
    """A county's income account pays the city's of the same fund, and that the special fiscal account."""
    outcome = applied(
        "2020-03", CityIncome(), {"370481": CountyIncome(collected=Decimal(5))}, Registered(load_accounts("zaozhuang"))
    )
    assert [(t.payer.number, t.receiver.number) for t in outcome.transfers] == [
        ("370481100200001", "370400100200001"),
        ("370400100200001", "370400100300001"),
    ]


@given(
    st.dictionaries(
        st.sampled_from(["370402", "370403", "370404", "370405"]),
        st.tuples(st.integers(0, 10**12), st.integers(0, 10**9)),
    ),
    st.integers(0, 10**10),
)
def test_all_of_it_arrives(counties: dict[str, tuple[int, int]], own: int) -> None:
    """What reaches the fiscal account is what counties and city took in, to the fen, what was brought forward included."""
    rows = {
        code: CountyIncome(collected=from_fen(collected), brought_forward=from_fen(before))
        for code, (collected, before) in counties.items()
    }
    outcome = applied("2020-03", CityIncome(collected=from_fen(own)), rows)
    total = sum(sum(pair) for pair in counties.values()) + own
    assert sum((t.amount for t in outcome.transfers if t.step == "city"), Decimal(0)) == from_fen(total)
    assert not outcome.unfunded


@pytest.mark.parametrize(
    ("city", "county", "says"),
    [
        (CityIncome(), CountyIncome(collected=Decimal(-1)), "370402 took in less than nothing"),
        (CityIncome(), CountyIncome(collected=Decimal(1), balance=Decimal(2)), "370402 is left with 2.00"),
        (CityIncome(), CountyIncome(collected=Decimal(1), balance=Decimal(-1)), "370402 is left with -1.00"),
        (CityIncome(balance=Decimal(2)), CountyIncome(collected=Decimal(1)), "the city is left with 2.00"),
    ],
)
def test_facts_that_contradict_themselves(city: CityIncome, county: CountyIncome, says: str) -> None:
    """An account that kept more than it took in, or is overdrawn, is an error that cites the clause."""
    with pytest.raises(InputError, match=says) as caught:
        applied("2020-03", city, {"370402": county})
    assert "枣医保发（2019）74号" in caught.value.where


def test_a_leftover_of_the_city_is_told_of() -> None:
    """The city's own income account must be nil too."""
    outcome = applied("2020-03", CityIncome(balance=Decimal("0.01")), {"370402": CountyIncome(collected=Decimal(1))})
    assert [(item.county, item.amount) for item in outcome.unfunded] == [("", Decimal("0.01"))]


@pytest.mark.parametrize(
    ("name", "period", "due"),
    [
        ("plan", "2020-01", "2020-01-23"),
        ("plan", "2020-10", "2020-10-23"),
        ("plan", "2020-03", "2020-03-25"),
        ("plan_review", "2020-03", "2020-04-05"),
        # Received on Sunday 5 April 2020, in the holidays until the 6th: the fifth working day behind is the 13th.
        ("allocation", "2020-03", "2020-04-13"),
        ("distribution", "2020-03", "2020-04-20"),
        ("statement_reconciled", "2020-03", "2020-04-05"),
        ("budget", "2020", "2020-12-31"),
        ("final_accounts", "2020", "2021-01-31"),
        ("legacy_upload", "2020", "2020-03-31"),
    ],
)
def test_the_days_of_the_notice(name: str, period: str, due: str) -> None:
    """Plans are handed in before the holidays, the other days as the notice has them."""
    assert due_of(RULEBOOK, name, Period.parse(period), CALENDAR).due == dt.date.fromisoformat(due)
