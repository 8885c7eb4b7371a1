"""Which period computes what a deadline asks for, and by when a period must be published for it."""

from __future__ import annotations

import datetime as dt

import pytest

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ConfigurationError
from medpool_etl.periods import Period
from medpool_etl.policy import load_rulebook, rulebooks
from medpool_etl.policy.timetable import deadlines_of_year
from medpool_etl.settlement.ordering import ordered_by, publish_by, rests_on
from medpool_etl.settlement.schedule import settled_from

CALENDAR = WorkingCalendar.load()


def day(text: str) -> dt.date:
    """A day written 2022-04-29."""
    return dt.date.fromisoformat(text)


# What rests on the period first, as far as it can be reached, and the working day before.
PUBLISH_BY = [
    # Remittance (31 March), allocation (5 April) lie before the reports of 15 April; the compiled report is due on 30 April, a Saturday.
    ("taizhou", "2022-03", "2022-04-29"),
    # Income of the quarter goes up by 30 April.
    ("taizhou", "2022-Q1", "2022-04-29"),
    # The revolving fund is paid by Monday 10 January.
    ("taizhou", "2022-opening", "2022-01-07"),
    # The list of the clearing is due on 30 June, before its money.
    ("taizhou", "2022-clearing", "2023-06-29"),
    # Institutions are paid by the 25th, a Sunday that is worked; Saturday the 24th is off.
    ("zhoushan", "2021-03", "2021-04-23"),
    # Nothing of Nantong's month can be reached: at once, when it is settled.
    ("nantong", "2020-03", "2020-04-16"),
    # City finance pays five working days after the plan of the 5th (Qingming: the 7th), the 13th at the latest.
    ("zaozhuang", "2020-03", "2020-04-10"),
]


@pytest.mark.parametrize(("city", "period", "by"), PUBLISH_BY)
def test_published_in_time_for_what_rests_on_it(city: str, period: str, by: str) -> None:
    """The working day before the first deadline that can still be met, by hand from notice and calendar."""
    assert publish_by(load_rulebook(city, ()), Period.parse(period), CALENDAR) == day(by)


def test_what_settles_nothing_is_not_to_be_published() -> None:
    """A quarter of a city without quarterly rules has no such day; nor has a year before the notice."""
    assert publish_by(load_rulebook("nantong", ()), Period.parse("2020-Q1"), CALENDAR) is None
    assert publish_by(load_rulebook("taizhou", ()), Period.parse("2021-12"), CALENDAR) is None
    with pytest.raises(ConfigurationError, match="notice of 2027 is not loaded"):
        publish_by(load_rulebook("taizhou", ()), Period.parse("2026-12"), CALENDAR)


# Of one entry each of a year: the periods and rules that compute it.
ORDERED = {
    "taizhou": {
        "remittance": ("2022-01 T8.1",),
        "subsidy_q2": ("2022-Q2 T8.2",),
        "prepaid": ("2022-opening T8.3",),
        "income_city": ("2022-Q1 T9",),
        "plan_review": ("2022-01 T10",),
        "distribution": ("2022-01 T10",),
        "revolving_distribution": ("2022-opening T11",),
        "reserve_upload": ("2022-opening T15.1", "2022-opening T15.2.first"),
        "legacy_debts": ("2022-opening T-IV.7",),
        "county_report": (),
    },
    "zaozhuang": {"income_upload": ("2020-01 Zz-4.2.1",), "legacy_upload": ("2020-opening Zz-4.2.0",), "budget": ()},
}


@pytest.mark.parametrize("city", ORDERED)
def test_each_deadline_finds_the_period_that_orders_it(city: str) -> None:
    """By rule and day; none where no rule computes it."""
    rulebook = load_rulebook(city, ())
    first = rulebook.notice.in_force_from.year
    entries = [
        e for e in deadlines_of_year(rulebook, first, CALENDAR) if e.period is None or e.period.first_day.year == first
    ]
    for name, expected in ORDERED[city].items():
        entry = next(e for e in entries if e.name == name)
        assert tuple(f"{period} {rule}" for period, rule in ordered_by(rulebook, entry, CALENDAR)) == expected, name


def test_what_falls_due_before_pooling_is_ordered_by_nobody() -> None:
    """Money for January 2022 is paid by the city, but no settlement of December 2021 orders it."""
    rulebook = load_rulebook("taizhou", ())
    entry = next(e for e in deadlines_of_year(rulebook, 2022, CALENDAR) if e.name == "allocation")
    assert str(entry.period) == "2021-12" and ordered_by(rulebook, entry, CALENDAR) == ()


def test_filings_that_rest_on_a_settlement() -> None:
    """The compiled report on its month, the list of the clearing on the clearing, the county's report on none."""
    rulebook = load_rulebook("taizhou", ())
    entries = {e.name: e for e in deadlines_of_year(rulebook, 2023, CALENDAR)}
    assert rests_on(rulebook, entries["compiled_report"]) == entries["compiled_report"].period
    assert rests_on(rulebook, entries["clearing_list"]) == Period.parse("2022-clearing")
    assert rests_on(rulebook, entries["county_report"]) is None


@pytest.mark.parametrize("city", rulebooks())
def test_no_period_is_to_be_published_before_it_is_settled(city: str) -> None:
    """In every period of every year with a calendar behind it, the day is a working day not before the one from which it is settled."""
    rulebook = load_rulebook(city, ())
    first = rulebook.notice.in_force_from.year
    for year in range(first, 2025):
        for name in (f"{year}-opening", *(f"{year}-{n:02d}" for n in range(1, 13)), f"{year}-Q2", f"{year}-clearing"):
            period = Period.parse(name)
            by = publish_by(rulebook, period, CALENDAR)
            if by is not None:
                assert CALENDAR.is_working_day(by), name
                assert by >= settled_from(rulebook, period, CALENDAR), name
