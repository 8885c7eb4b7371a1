"""Bases, rates and shares of contributions: exact at their bounds, and never below what a clause calls the least."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.documents import Text
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.money import from_fen
from medpool_etl.periods import Period
from medpool_etl.policy import Rulebook, RuleEntry, load_rulebook
from medpool_etl.policy.model import DatedValue, Value
from medpool_etl.settlement import CountyFacts, Facts, Named, Outcome, apply_rule
from medpool_etl.settlement.rules.bases import Financing, Wage, WageFacts
from medpool_etl.settlement.rules.entitlement import Waiting
from medpool_etl.settlement.rules.rates import Payers, Retiring

ZAOZHUANG, HANGZHOU = load_rulebook("zaozhuang", ()), load_rulebook("hangzhou", ())
CALENDAR = WorkingCalendar.load()
ROW = "row"


def applied(
    rulebook: Rulebook, rule: str, fund: str, facts: Facts, rows: Mapping[str, CountyFacts], period: str = "2022-03"
) -> Outcome:
    return apply_rule(rule, rulebook, CALENDAR, Named({}), fund, Period.parse(period), facts, rows)


def figures(outcome: Outcome) -> dict[tuple[str, str], str]:
    """The figures by step and row."""
    assert not outcome.transfers
    return {(line.step, line.county): line.value for line in outcome.figures}


def with_rule(kind: str, unit: str, name: str, text: str, fund: str = "resident") -> Rulebook:
    """Hangzhou with one more rule and value, as another city would write them."""
    dated = DatedValue.model_validate(
        {"from": "2022-01-01", "value": text, "source": "for the test", "last_checked_on": "2026-11-25"}
    )
    entry = RuleEntry(kind=kind, clause="H-2", title=Text(zh="试", en="test"), when="case", funds=(fund,))  # type: ignore[arg-type]
    return HANGZHOU.model_copy(
        update={
            "rules": {**HANGZHOU.rules, "X": entry},
            "values": {**HANGZHOU.values, name: Value(unit=unit, clause="H-2", dated=(dated,))},
        }
    )


@given(st.integers(0, 10**8), st.integers(1, 10**7))
def test_a_base_never_leaves_its_bounds(wage: int, average: int) -> None:
    """The base is the wage where it lies within 60% and 300%, else the nearer bound, half up to the fen."""
    facts = WageFacts(average_wage=from_fen(average))
    outcome = applied(HANGZHOU, "H-1.1.2", "worker", facts, {ROW: Wage(wage=from_fen(wage))})
    floor, cap = (int(Fraction(average * percent, 100) + Fraction(1, 2)) for percent in (60, 300))
    assert figures(outcome)["base", ROW] == str(from_fen(sorted((floor, wage, cap))[1]))


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_the_least_own_share_is_the_least(own: int, subsidy: int) -> None:
    """``least_beside`` meets a third, a fen less does not; ``met`` says whether the own contribution reaches it."""
    rulebook = with_rule("own_share", "fraction", "own_share_least", "1/3")
    outcome = applied(
        rulebook, "X", "resident", Facts(), {ROW: Financing(own=from_fen(own), subsidy=from_fen(subsidy))}
    )
    shown = figures(outcome)
    least = int(Decimal(shown["least_beside", ROW]) * 100)
    assert 3 * least >= least + subsidy
    assert least == 0 or 3 * (least - 1) < least - 1 + subsidy
    assert shown["met", ROW] == ("yes" if own >= least else "no")
    assert Decimal(shown["short", ROW]) == from_fen(max(least - own, 0))
    # Rounded up: a third of the financing, to the fen, is never less than a third.
    assert 300 * Decimal(shown["least", ROW]) >= own + subsidy > 300 * Decimal(shown["least", ROW]) - 3


@pytest.mark.parametrize("text", ["4/3", "0", "1", "1/0", "a third"])
def test_a_fraction_lies_between_nothing_and_all(text: str) -> None:
    """What is no fraction between 0 and 1 is refused."""
    with pytest.raises(ValueError, match="is no fraction"):
        with_rule("own_share", "fraction", "own_share_least", text)


def test_a_date_exists() -> None:
    """A value that is a day must be one of the calendar; only fractions are read as such."""
    with pytest.raises(ValueError, match="is no date"):
        with_rule("personal_account", "date", "x", "2021-02-29")
    with pytest.raises(ConfigurationError, match="is no fraction"):
        HANGZHOU.fraction("base_floor_percent", dt.date(2022, 1, 1))


@given(st.integers(1, 10**8), st.integers(0, 50), st.integers(0, 12), st.integers(1, 10**7))
def test_rates_are_of_a_head_and_a_month(wage: int, heads: int, months: int, average: int) -> None:
    """Every head and month costs the same; employer and employee pay 8% and 2% of the same base, to the fen."""
    facts = WageFacts(average_wage=from_fen(average))
    row = Payers(category="employer", wage=from_fen(wage), heads=heads, months=months)
    one = figures(
        applied(ZAOZHUANG, "Zz-2.1", "worker", facts, {ROW: row.model_copy(update={"heads": 1, "months": 1})})
    )
    shown = figures(applied(ZAOZHUANG, "Zz-2.1", "worker", facts, {ROW: row}))
    for step in ("employer", "employee", "total"):
        assert Decimal(shown[step, ROW]) == Decimal(one[step, ROW]) * heads * months
    base = Decimal(one["base", ROW])
    assert abs(Decimal(one["employer", ROW]) - base * 8 / 100) <= Decimal("0.005")
    assert abs(Decimal(one["employee", ROW]) - base * 2 / 100) <= Decimal("0.005")


def test_an_employed_person_has_a_wage() -> None:
    """A wage left out is not taken for the lowest base."""
    rows = {ROW: Payers(category="public_body")}
    with pytest.raises(InputError, match="row has no wage"):
        applied(ZAOZHUANG, "Zz-2.1", "worker", WageFacts(average_wage=Decimal(6000)), rows)


def test_more_months_paid_than_counted() -> None:
    """Months paid are months counted too."""
    rows = {ROW: Retiring(sex="male", counted_months=100, paid_months=101)}
    with pytest.raises(InputError, match="row paid more months than are counted"):
        applied(ZAOZHUANG, "Zz-2.3", "worker", WageFacts(average_wage=Decimal(6000)), rows)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"situation": "rejoining_employee"}, "row has no month"),
        ({"situation": "employer_in_arrears"}, "row has no month of arrears"),
    ],
)
def test_a_month_that_is_missing(row: dict[str, str], says: str) -> None:
    """A case without the month it is counted from is an error, not a guess."""
    with pytest.raises(InputError, match=says):
        applied(HANGZHOU, "H-1.2", "worker", Facts(), {ROW: Waiting.model_validate(row)})


def test_each_waiting_period_cites_its_own_clause() -> None:
    """A flexible worker's figure rests on the paragraph on flexible workers."""
    rows = {ROW: Waiting(situation="first_flexible", month="2022-03")}
    outcome = applied(HANGZHOU, "H-1.2", "worker", Facts(), rows)
    assert [line.clause for line in outcome.figures] == [HANGZHOU.cite("H-1.2.2")]


def test_paid_before_anybody_ordered_it() -> None:
    """An employer that pays before a limit was set paid in time; one that has not paid yet leaves it open."""
    paid = Waiting(situation="employer_in_arrears", arrears="2022-03", paid_on=dt.date(2022, 4, 2))
    unpaid = Waiting(situation="employer_in_arrears", arrears="2022-03")
    shown = figures(applied(HANGZHOU, "H-1.2", "worker", Facts(), {"paid": paid, "unpaid": unpaid}, "2022-04"))
    assert (shown["restored", "paid"], shown["borne_by", "paid"]) == ("2022-05", "fund")
    assert (shown["restored", "unpaid"], shown["borne_by", "unpaid"]) == ("none", "open")
