"""The days of a deadline, the calendar of a year, and what there is to remind of on a day (G5)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.periods import Month, Period
from medpool_etl.policy import Deadline, Rulebook, due_of
from medpool_etl.policy.deadline import Deadlines
from medpool_etl.policy.timetable import (
    Entry,
    deadlines_between,
    deadlines_of_year,
    reminders,
    reports_in_time_until,
)

CALENDAR = WorkingCalendar.load()
ONE_DAY = dt.timedelta(days=1)
TITLE = {"zh": "事项", "en": "a matter"}


def day(text: str) -> dt.date:
    """2022-02-05 as a date."""
    return dt.date.fromisoformat(text)


def deadline(**fields: Any) -> dict[str, Any]:
    """A deadline as a document writes it; by default a monthly filing of a county."""
    return {"clause": "A1", "title": TITLE, "who": "county", "kind": "filing", "every": "month", **fields}


def rulebook(in_force: str = "2022-01-01", readings: dict[str, str] | None = None, **named: dict[str, Any]) -> Rulebook:
    """A rulebook of one clause and these deadlines."""
    taken = {
        name: {"clause": "A1", "value": value, "alternatives": {"early": "", "late": ""}, "why": "why"}
        for name, value in (readings or {}).items()
    }
    Deadlines.model_validate({"city": "anywhere", "deadlines": named})
    return Rulebook.model_validate(
        {
            "city": "anywhere",
            "notice": {
                "number": "某政发〔2021〕1号",
                "title": "方案",
                "issuer": "某市",
                "issued_on": "2021-11-29",
                "in_force_from": in_force,
            },
            "clauses": {"A1": {"source": "第一条", "quote": "每月", "gloss": "Every month."}},
            "readings": taken,
            "deadlines": named,
            "pairs": {},
        }
    )


def dues(entries: tuple[Entry, ...], name: str) -> list[str]:
    """The days one deadline falls on."""
    return [str(entry.due) for entry in entries if entry.name == name]


# What is written, the period asked -> due, late after, remind on; worked by hand on the State Council's notices.
DAYS: dict[str, tuple[dict[str, Any], str, str, str, str]] = {
    "Zaozhuang's plan moves forward over Spring Festival": (
        deadline(day=25, shift="before"), "2020-01", "2020-01-23", "2020-01-23", "2020-01-23",
    ),
    "and over a weekend": (
        deadline(day=25, shift="before"), "2020-10", "2020-10-23", "2020-10-23", "2020-10-23",
    ),
    "the last working day but one": (
        deadline(working_day=-2, kind="payment"), "2020-01", "2020-01-22", "2020-01-22", "2020-01-22",
    ),
    "the last working day": (
        deadline(working_day=-1, kind="payment"), "2020-01", "2020-01-23", "2020-01-23", "2020-01-23",
    ),
    "the fifth working day of October, after National Day": (
        deadline(working_day=5, months=1, kind="payment"), "2021-09", "2021-10-13", "2021-10-13", "2021-10-13",
    ),
    "a payment in Spring Festival is in time until it is over": (
        deadline(day=5, months=1, kind="payment"), "2022-01", "2022-02-05", "2022-02-07", "2022-01-30",
    ),
    "a payment in National Day week": (
        deadline(day=5, months=1, kind="payment"), "2022-09", "2022-10-05", "2022-10-08", "2022-09-30",
    ),
    "a filing on a day off is late after it, and reminded of before": (
        deadline(day=5, months=1), "2022-01", "2022-02-05", "2022-02-05", "2022-01-30",
    ),
    "the end of a short month": (
        deadline(day=31), "2022-02", "2022-02-28", "2022-02-28", "2022-02-28",
    ),
    "the second quarter's by 30 April": (
        deadline(every="quarter", months=-2, day=31, kind="payment"), "2022-Q2", "2022-04-30", "2022-05-05", "2022-04-29",
    ),
    "a year's counts from its December, also when its opening is asked": (
        deadline(every="year", months=-11, day=31, kind="payment"), "2022-opening", "2022-01-31", "2022-02-07", "2022-01-30",
    ),
    "the clearing of a year comes in the next": (
        deadline(every="year", months=7, day=31, kind="payment"), "2022-clearing", "2023-07-31", "2023-07-31", "2023-07-31",
    ),
    "for the year to come": (
        deadline(every="year", months=-12, day=25), "2022", "2021-12-25", "2021-12-25", "2021-12-24",
    ),
    "once": (
        deadline(every="once", date="2020-03-31", kind="payment"), "2020", "2020-03-31", "2020-03-31", "2020-03-31",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("written", "period", "due", "late", "remind"), DAYS.values(), ids=DAYS)
def test_days(written: dict[str, Any], period: str, due: str, late: str, remind: str) -> None:
    """The days are those worked by hand."""
    found = due_of(rulebook(it=written), "it", Period.parse(period), CALENDAR)
    assert (str(found.due), str(found.late_after), str(found.remind_on)) == (due, late, remind)


def test_within_working_days_of_receipt() -> None:
    """Receipt is no earlier known than the day the payment is late after: from Monday 7 February 2022, two working days."""
    book = rulebook(
        allocation=deadline(kind="payment", months=1, day=5),
        distribution=deadline(kind="payment", after="allocation", working_days=2),
        third=deadline(kind="filing", after="distribution", working_days=1),
    )
    assert str(due_of(book, "distribution", Period.parse("2022-01"), CALENDAR).due) == "2022-02-09"
    assert str(due_of(book, "third", Period.parse("2022-01"), CALENDAR).due) == "2022-02-10"
    assert str(due_of(book, "distribution", Period.parse("2022-09"), CALENDAR).due) == "2022-10-10", "Sunday is worked"


def test_a_chain_that_bites_its_tail() -> None:
    """Deadlines that follow one another in a circle, as a supplement could write them, are an error, not an endless wait."""
    book = rulebook()
    ring = {
        "a": Deadline.model_validate(deadline(after="b", working_days=1)),
        "b": Deadline.model_validate(deadline(after="a", working_days=1)),
    }
    book = book.model_copy(update={"deadlines": ring})
    with pytest.raises(ConfigurationError, match=r"a follows itself.*a after b after a"):
        due_of(book, "a", Period.parse("2022-01"), CALENDAR)
    with pytest.raises(ConfigurationError, match="follows itself"):
        deadlines_of_year(book, 2022, CALENDAR)


@pytest.mark.parametrize(
    ("base", "moved", "due"),
    [
        ({"day": 25}, {"working_day": -1}, "2022-01-30"),
        ({"working_day": 1}, {"day": 20}, "2022-01-20"),
        ({"day": 25}, {"months": 1}, "2022-02-25"),
        ({"day": 25}, {"months": 1, "day": 5}, "2022-02-05"),
    ],
)
def test_a_reading_moves_it(base: dict[str, Any], moved: dict[str, Any], due: str) -> None:
    """A reading moves day, working day and month, in either direction; one that moves nothing leaves it where it is, and
    one the deadline does not name is an error."""
    written = deadline(**base, reading="when", by_reading={"late": moved, "early": {}})
    asked = ("it", Period.parse("2022-01"), CALENDAR)
    assert str(due_of(rulebook(readings={"when": "late"}, it=written), *asked).due) == due
    unmoved = due_of(rulebook(it=deadline(**base)), *asked)
    assert due_of(rulebook(readings={"when": "early"}, it=written), *asked) == unmoved
    silent = deadline(**base, reading="when", by_reading={"late": moved})
    with pytest.raises(ConfigurationError, match="when = early says nothing"):
        due_of(rulebook(readings={"when": "early"}, it=silent), *asked)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (deadline(), "exactly one of"),
        (deadline(day=1, working_day=1), "exactly one of"),
        (deadline(day=1, date="2022-01-01"), "exactly one of"),
        (deadline(after="x"), "go together"),
        (deadline(date="2022-01-01"), "due once"),
        (deadline(every="once", day=1), "due once"),
        (deadline(working_day=0), "number 0"),
        (deadline(after="x", working_days=1, months=1), "takes no months"),
        (deadline(working_day=1, shift="before"), "moves forward"),
        (deadline(day=1, first=2023, last=2022), "backwards"),
        (deadline(day=1, quarters=[1]), "quarters are for"),
        (deadline(every="quarter", day=1, quarters=[5]), "quarters"),
        (deadline(day=1, reading="when"), "go together"),
        (deadline(day=1, by_reading={"late": {"months": 1}}), "go together"),
        (deadline(every="once", date="2022-01-01", reading="w", by_reading={"late": {"day": 1}}), "nothing else"),
        (deadline(day=1, reading="w", by_reading={"late": {"day": 1, "working_day": 1}}), "either day"),
        (deadline(day=1, reading="w", by_reading={"late": {"working_day": 0}}), "number 0"),
        (deadline(day=32), "day"),
        (deadline(day=1, who="nobody"), "who"),
    ],
)
def test_refused(written: dict[str, Any], said: str) -> None:
    """What does not say one day is refused, with what is wrong."""
    with pytest.raises(ValidationError, match=said):
        Deadline.model_validate(written)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"b": deadline(after="a", working_days=1), "a": deadline(day=1)}, "no deadline a above"),
        ({"a": deadline(day=1), "b": deadline(every="year", after="a", working_days=1)}, "as often as a"),
    ],
)
def test_refused_together(named: dict[str, Any], said: str) -> None:
    """A deadline follows one that stands above it and is due as often."""
    with pytest.raises(ValidationError, match=said):
        Deadlines.model_validate({"city": "anywhere", "deadlines": named})


def test_the_year_is_that_of_the_day() -> None:
    """January holds what belongs to the December before, July the clearing of the year before, December next year's application."""
    book = rulebook(
        plan=deadline(day=25),
        allocation=deadline(kind="payment", months=1, day=5),
        distribution=deadline(kind="payment", after="allocation", working_days=2),
        application=deadline(every="year", months=-12, day=25),
        clearing=deadline(every="year", months=7, day=31),
    )
    entries = deadlines_of_year(book, 2023, CALENDAR)
    periods = {(entry.name, str(entry.due)): str(entry.period) for entry in entries}
    assert periods["allocation", "2023-01-05"] == "2022-12"
    assert periods["distribution", "2023-01-09"] == "2022-12"
    assert periods["plan", "2023-12-25"] == "2023-12"
    assert periods["application", "2023-12-25"] == "2024"
    assert periods["clearing", "2023-07-31"] == "2022"
    assert Counter(entry.name for entry in entries) == {
        "plan": 12, "allocation": 12, "distribution": 12, "application": 1, "clearing": 1,
    }  # fmt: skip


def test_order() -> None:
    """By day, and on one day in the order of the notice."""
    book = rulebook(late=deadline(day=20), b=deadline(day=10), a=deadline(day=10))
    entries = deadlines_of_year(book, 2022, CALENDAR)
    assert [entry.name for entry in entries] == ["b", "a", "late"] * 12
    assert [entry.due for entry in entries] == sorted(entry.due for entry in entries)


def test_an_entry_says_everything() -> None:
    """Who, what, whose money, and the clause with its words."""
    book = rulebook(it=deadline(day=25, funds=["resident"]))
    entry = deadlines_of_year(book, 2022, CALENDAR)[8]
    assert (entry.city, entry.name, entry.who, entry.kind, entry.funds) == (
        "anywhere",
        "it",
        "county",
        "filing",
        ("resident",),
    )
    assert (entry.clause, entry.quote, entry.gloss) == ("某政发〔2021〕1号 第一条", "每月", "Every month.")
    assert (entry.period, entry.title.zh) == (Period.parse("2022-09"), "事项")
    assert (entry.due, entry.late_after, entry.remind_on) == (day("2022-09-25"), day("2022-09-25"), day("2022-09-23"))


def test_from_the_day_the_notice_takes_force() -> None:
    """The first period is January 2022; what it needs before counts, what the December before would need does not."""
    book = rulebook(
        plan=deadline(day=25),
        remittance=deadline(kind="payment", months=1, day=31),
        application=deadline(every="year", months=-12, day=25),
        clearing=deadline(every="year", months=7, day=31),
        old=deadline(every="once", date="2021-11-30"),
        allocation=deadline(kind="payment", months=1, day=5, starts="2022-01-05"),
    )
    before = deadlines_of_year(book, 2021, CALENDAR)
    assert [(entry.name, str(entry.due)) for entry in before] == [("old", "2021-11-30"), ("application", "2021-12-25")]
    entries = deadlines_of_year(book, 2022, CALENDAR)
    assert dues(entries, "plan")[0] == "2022-01-25"
    assert dues(entries, "remittance")[0] == "2022-02-28"
    assert dues(entries, "allocation")[0] == "2022-01-05"
    assert len(dues(entries, "allocation")) == 12
    assert dues(entries, "clearing") == []


def test_a_notice_of_mid_year() -> None:
    """Of a period that is under way when the notice takes force, only what is still to come counts."""
    book = rulebook(
        "2022-06-10",
        march=deadline(every="year", months=-9, day=31),
        september=deadline(every="year", months=-3, day=30),
        early=deadline(day=5),
        late=deadline(day=20),
    )
    entries = deadlines_of_year(book, 2022, CALENDAR)
    assert dues(entries, "march") == [] and dues(entries, "september") == ["2022-09-30"]
    assert (dues(entries, "early")[0], dues(entries, "late")[0]) == ("2022-07-05", "2022-06-20")


def test_years_and_quarters() -> None:
    """A deadline of some years or quarters is in no other."""
    book = rulebook(
        "2020-01-01",
        paid=deadline(every="year", day=31, kind="payment", first=2020, last=2021),
        quarter=deadline(every="quarter", months=-1, day=31, quarters=[1]),
    )
    found = [dues(deadlines_of_year(book, year, CALENDAR), "paid") for year in (2020, 2021, 2022)]
    assert found == [["2020-12-31"], ["2021-12-31"], []]
    assert dues(deadlines_of_year(book, 2024, CALENDAR), "quarter") == ["2024-02-29"]


def test_a_supplement_counts_from_its_own_day() -> None:
    """Deadlines of a supplement are cited from it and begin when it takes force."""
    book = rulebook(it=deadline(day=25))
    clause = book.clauses["A1"].model_copy(update={"document": "补充〔2022〕2号（示例，虚构）"})
    notice = book.notice.model_copy(update={"number": "补充〔2022〕2号", "in_force_from": day("2022-07-01")})
    book = book.model_copy(update={"clauses": {"A1": clause}, "supplements": (notice,)})
    entries = deadlines_of_year(book, 2022, CALENDAR)
    assert str(entries[0].due) == "2022-07-25" and len(entries) == 6
    assert entries[0].clause == "补充〔2022〕2号（示例，虚构） 第一条"


def test_a_year_without_notice() -> None:
    """2027 is an error that names the notice, whatever falls into it; so is a day of 2026 that only 2027 can tell."""
    quiet = rulebook(it=deadline(every="once", date="2022-01-31"))
    with pytest.raises(ConfigurationError, match="notice of 2027 is not loaded"):
        deadlines_of_year(quiet, 2027, CALENDAR)
    assert deadlines_of_year(quiet, 2026, CALENDAR) == ()
    across = rulebook(it=deadline(day=3, shift="before"))
    with pytest.raises(ConfigurationError, match="notice of 2027 is not loaded"):
        deadlines_of_year(across, 2026, CALENDAR)


def test_the_last_year_with_a_notice_needs_no_later_one() -> None:
    """The calendar of 2026 asks nothing of 2027, though periods of 2026 fall due there."""
    book = rulebook(
        plan=deadline(day=25, shift="before"),
        allocation=deadline(kind="payment", months=1, working_day=5),
        distribution=deadline(kind="payment", after="allocation", working_days=5),
        clearing=deadline(every="year", months=7, day=31, kind="payment"),
        ahead=deadline(every="year", months=-12, day=25),
    )
    entries = deadlines_of_year(book, 2026, CALENDAR)
    assert Counter(entry.name for entry in entries) == {
        "plan": 12, "allocation": 12, "distribution": 12, "clearing": 1, "ahead": 1,
    }  # fmt: skip


def test_what_is_over_before_the_notice_asks_for_no_calendar() -> None:
    """A chain in the first year with a calendar needs nothing of the year before, which has none."""
    book = rulebook(
        "2019-01-01",
        review=deadline(months=1, day=5),
        allocation=deadline(kind="payment", after="review", working_days=20),
        distribution=deadline(kind="payment", after="allocation", working_days=5),
    )
    assert dues(deadlines_of_year(book, 2019, CALENDAR), "distribution")[0] == "2019-03-15", (
        "25 days after Tuesday 5 February"
    )


def test_a_stretch_of_days() -> None:
    """Both days are included; the wrong way round is an error."""
    book = rulebook(it=deadline(day=25))
    between = deadlines_between(book, day("2022-03-25"), day("2022-05-25"), CALENDAR)
    assert dues(between, "it") == ["2022-03-25", "2022-04-25", "2022-05-25"]
    assert deadlines_between(book, day("2022-03-26"), day("2022-04-24"), CALENDAR) == ()
    with pytest.raises(InputError, match="before"):
        deadlines_between(book, day("2022-03-02"), day("2022-03-01"), CALENDAR)


PAYMENT_AND_FILING = rulebook(
    pay=deadline(kind="payment", months=1, day=5), file=deadline(months=1, day=5), other=deadline(day=20)
)


@pytest.mark.parametrize(
    ("on", "remind", "last_day", "overdue"),
    [
        ("2022-01-29", [], [], []),
        ("2022-01-30", ["pay", "file"], [], []),  # the last working day before Spring Festival
        ("2022-02-05", [], [], []),  # a day off
        ("2022-02-07", [], ["pay"], ["file"]),
        ("2022-02-08", [], [], ["pay"]),
        ("2022-02-09", [], [], []),
        ("2022-04-02", ["pay", "file"], [], []),  # a Saturday that is worked, before three days off
        ("2022-04-06", [], ["pay"], ["file"]),
        ("2022-05-05", ["pay", "file"], [], []),  # the day itself is worked
        ("2022-05-06", [], [], ["pay", "file"]),
        ("2022-09-30", ["pay", "file"], [], []),
        ("2022-10-08", [], ["pay"], ["file"]),
        ("2022-10-09", [], [], ["pay"]),
        ("2022-03-18", ["other"], [], []),  # the 20th is a Sunday
        ("2022-03-21", [], [], ["other"]),
    ],
)
def test_reminders(on: str, remind: list[str], last_day: list[str], overdue: list[str]) -> None:
    """Filings and payments are reminded of on the last working day before, and told of on the first on which they are late."""
    found = reminders(PAYMENT_AND_FILING, CALENDAR, day(on))
    names = [[entry.name for entry in group] for group in (found.remind, found.last_day, found.overdue)]
    assert names == [remind, last_day, overdue]


def test_each_deadline_is_told_of_once() -> None:
    """Going through a year day by day, every entry is reminded of once and, once its time is over, told of as overdue once."""
    told: Counter[tuple[str, str, str]] = Counter()
    on = day("2023-01-01")
    while on.year == 2023:
        found = reminders(PAYMENT_AND_FILING, CALENDAR, on)
        told.update(("remind", entry.name, str(entry.period)) for entry in found.remind)
        told.update(("overdue", entry.name, str(entry.period)) for entry in found.overdue)
        on += ONE_DAY
    assert set(told.values()) == {1}
    assert Counter(kind for kind, *_ in told) == {"remind": 36, "overdue": 36}


def test_reminders_ask_only_for_the_days_around() -> None:
    """In December 2026 they work without the notice of 2027 until a day's answer hangs on it."""
    book = rulebook(pay=deadline(kind="payment", months=1, day=5), ahead=deadline(every="year", months=-12, day=25))
    assert [entry.name for entry in reminders(book, CALENDAR, day("2026-12-25")).remind] == ["ahead"]
    assert reminders(book, CALENDAR, day("2026-12-30")).remind == ()
    with pytest.raises(ConfigurationError, match="2027"):
        reminders(book, CALENDAR, day("2026-12-31"))


def test_reports_in_time_until() -> None:
    """The day the notice names, moved to the next working day; the latest of several; none where it names none."""
    reports, april = deadline(months=1, day=15), Month(2022, 4)
    book = rulebook(county_report=reports)
    assert reports_in_time_until(book, april, CALENDAR) == day("2022-05-16"), "the 15th is a Sunday"
    both = rulebook(county_report=reports, statement_reconciled=deadline(months=1, day=18))
    assert reports_in_time_until(both, april, CALENDAR) == day("2022-05-18")
    assert reports_in_time_until(rulebook(plan=deadline(day=25)), april, CALENDAR) is None


EVERY = st.sampled_from(["month", "quarter", "year"])
WRITTEN = st.builds(
    lambda way, **fields: deadline(**way, **fields),
    way=st.one_of(
        st.builds(lambda n: {"day": n}, st.integers(1, 31)),
        st.builds(lambda n: {"day": n, "shift": "before"}, st.integers(15, 31)),
        st.builds(lambda n: {"working_day": n}, st.integers(-15, 15).filter(bool)),
    ),
    kind=st.sampled_from(["payment", "filing"]),
    every=EVERY,
    months=st.integers(-12, 24),
)


@st.composite
def books(draw: st.DrawFn) -> Rulebook:
    """A rulebook of a few deadlines, some of them after others."""
    named: dict[str, dict[str, Any]] = {}
    for number in range(draw(st.integers(1, 4))):
        written = draw(WRITTEN)
        named[f"d{number}"] = written
        if draw(st.booleans()):
            named[f"d{number}_after"] = deadline(
                every=written["every"], after=f"d{number}", working_days=draw(st.integers(1, 60)), kind="payment"
            )
    return rulebook("2020-03-15", **named)


@settings(max_examples=60, deadline=None)
@given(books(), st.integers(2020, 2025))
def test_what_holds_of_every_calendar(book: Rulebook, year: int) -> None:
    """Every day lies in the year and its period is in force; money is never late before its day; nobody is reminded too late,
    or on a day off; nothing stands twice; the years together are the whole stretch."""
    entries = deadlines_of_year(book, year, CALENDAR)
    for entry in entries:
        assert entry.due.year == year
        assert entry.period is not None and entry.period.last_day >= book.notice.in_force_from
        assert entry.late_after >= entry.due >= entry.remind_on
        assert CALENDAR.is_working_day(entry.remind_on)
        if entry.kind == "payment":
            assert CALENDAR.is_working_day(entry.late_after)
        expected = due_of(book, entry.name, entry.period, CALENDAR)
        assert (entry.due, entry.late_after, entry.remind_on) == (expected.due, expected.late_after, expected.remind_on)
    names = list(book.deadlines)
    order = [(entry.due, names.index(entry.name)) for entry in entries]
    assert order == sorted(order)
    keys = [(entry.name, entry.period, fund) for entry in entries for fund in entry.funds]
    assert len(keys) == len(set(keys))
    halves = deadlines_between(book, dt.date(year, 1, 1), dt.date(year, 6, 30), CALENDAR) + deadlines_between(
        book, dt.date(year, 7, 1), dt.date(year, 12, 31), CALENDAR
    )
    assert halves == entries


@settings(max_examples=40, deadline=None)
@given(books())
def test_no_period_is_lost(book: Rulebook) -> None:
    """Each period of 2022 has its entry in the year its day lies in, found by asking for the day alone."""
    for name, written in book.deadlines.items():
        numbers = {"month": range(1, 13), "quarter": range(1, 5), "year": range(1)}[written.every]
        for number in numbers:
            period = Period(2022, written.every, number)
            due = due_of(book, name, period, CALENDAR).due
            entries = deadlines_between(book, due, due, CALENDAR)
            assert (name, period) in {(entry.name, entry.period) for entry in entries}
