"""Every deadline of a city over a stretch of days, and what there is to remind of on a day (G5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.documents import Text
from medpool_etl.errors import InputError
from medpool_etl.periods import Month, Period, PeriodKind
from medpool_etl.policy.deadline import Actor, Deadline
from medpool_etl.policy.due import Due, chain, due_of, month_of
from medpool_etl.policy.model import Rulebook

ONE_DAY = dt.timedelta(days=1)
# No run of days off is longer (ten in 2020), so no day moves further than that over holidays.
LONGEST_HOLIDAYS = dt.timedelta(days=14)
# The deadlines by which what a month's accounts are made of has come: county reports, or statements and tables.
REPORTS = ("county_report", "statement_reconciled")
_NUMBERS: dict[str, tuple[PeriodKind, range]] = {
    "month": ("month", range(1, 13)),
    "quarter": ("quarter", range(1, 5)),
    "year": ("year", range(1)),
}


@dataclass(frozen=True)
class Entry:
    """One deadline of one period: who must have done what by ``due``, the clause and its words.

    ``period`` is what it is of (a plan handed in in January is of January, the report of December too), None for what is due once.
    ``clause`` cites document and place. ``late_after`` is the last day that is not late, ``remind_on`` the last working day on
    or before ``due``.
    """

    city: str
    name: str
    title: Text
    who: Actor
    kind: Literal["payment", "filing"]
    funds: tuple[str, ...]
    clause: str
    quote: str
    gloss: str
    period: Period | None
    due: dt.date
    late_after: dt.date
    remind_on: dt.date


@dataclass(frozen=True)
class Reminders:
    """What to tell people on a day: ``remind`` of what falls due before the next working day, the day itself included;
    ``last_day`` of payments whose day was none on which banks work, and that are in time today for the last time; ``overdue``
    of what was in time until the working day before, or the days off since."""

    remind: tuple[Entry, ...]
    last_day: tuple[Entry, ...]
    overdue: tuple[Entry, ...]


def deadlines_of_year(rulebook: Rulebook, year: int, calendar: WorkingCalendar) -> tuple[Entry, ...]:
    """Return every deadline that falls due in a calendar year, whatever period it is of, by day and then in the notice's order.

    A period counts from the day its notice takes force: of one that begins before, only what falls due after; of one that
    begins later, also what falls due before, as the application for the first year's revolving fund does. A deadline with
    ``starts`` counts from that day, and what is due once always counts. Raises ConfigurationError for a year whose holiday
    notice is not loaded, and where a day of it can only be told from the notice of a year that is not.
    """
    first = dt.date(year, 1, 1)
    calendar.is_working_day(first)
    return deadlines_between(rulebook, first, dt.date(year, 12, 31), calendar)


def deadlines_between(
    rulebook: Rulebook, first: dt.date, last: dt.date, calendar: WorkingCalendar
) -> tuple[Entry, ...]:
    """Return every deadline that falls due from ``first`` to ``last``, both included, as ``deadlines_of_year`` does.

    Raises InputError when ``last`` is before ``first``.
    """
    if last < first:
        raise InputError(f"{last} is before {first}", expected="a stretch of days, first to last")
    found: list[tuple[dt.date, int, Entry]] = []
    for place, name in enumerate(rulebook.deadlines):
        deadline = rulebook.deadline(name)
        from_day = max(first, deadline.starts or first)
        found += (
            (days.due, place, _entry(rulebook, name, deadline, period, days))
            for period in _periods(rulebook, deadline, first, last)
            if (days := _within(rulebook, name, period, from_day, last, calendar))
            and _counts(rulebook, deadline, period, days.due)
        )
    return tuple(entry for *_, entry in sorted(found, key=lambda item: item[:2]))


def reminders(rulebook: Rulebook, calendar: WorkingCalendar, day: dt.date) -> Reminders:
    """Return what to tell people on ``day``: each entry once a list, and nothing on a day off.

    Raises ConfigurationError when the days around it lie in a year whose holiday notice is not loaded.
    """
    if not calendar.is_working_day(day):
        return Reminders((), (), ())
    before, after = calendar.plus(day, -1), calendar.plus(day, 1)
    # What was in time until the working day before fell due behind the one before that.
    near = deadlines_between(rulebook, calendar.plus(before, -1) + ONE_DAY, after - ONE_DAY, calendar)
    return Reminders(
        remind=tuple(entry for entry in near if entry.remind_on == day),
        last_day=tuple(entry for entry in near if entry.due < entry.late_after == day),
        overdue=tuple(entry for entry in near if before <= entry.late_after < day),
    )


def standing(rulebook: Rulebook, calendar: WorkingCalendar, day: dt.date, since: dt.date) -> Reminders:
    """Return where every deadline stands on ``day`` that is to be reminded of by then and was not late before ``since``: to ``remind``
    of, as long as it is in time, on its ``last_day``, or ``overdue``.

    Unlike ``reminders`` it depends on no day before having been asked: what a day without an answer would have said is in it still.
    Raises ConfigurationError when the days around it lie in a year whose holiday notice is not loaded, InputError when ``day`` is
    before ``since``.
    """
    # What is reminded of today falls due before the next working day; what was late behind ``since`` was due no longer before it than
    # banks are shut.
    last = calendar.plus(day, 1) - ONE_DAY
    near = deadlines_between(rulebook, calendar.plus(since, -1), last, calendar)
    asked = [entry for entry in near if entry.remind_on <= day and entry.late_after >= since]
    return Reminders(
        remind=tuple(e for e in asked if day <= e.late_after and not e.due < e.late_after == day),
        last_day=tuple(e for e in asked if e.due < e.late_after == day),
        overdue=tuple(e for e in asked if e.late_after < day),
    )


def reports_in_time_until(rulebook: Rulebook, month: Month, calendar: WorkingCalendar) -> dt.date | None:
    """Return the last day on which the reports a month is settled from are taken as being in time, None where the notice
    names no day for them.

    That is the day the notice wants them by, the latest where it names several; a file that comes on the next working day
    after a day off is not late. Raises ConfigurationError for a year whose holiday notice is not loaded.
    """
    due = [due_of(rulebook, name, Period.of(month), calendar).due for name in REPORTS if name in rulebook.deadlines]
    return calendar.late_after(max(due)) if due else None


def _periods(rulebook: Rulebook, deadline: Deadline, first: dt.date, last: dt.date) -> Iterator[Period | None]:
    """Return the periods whose deadline may fall between two days: months go from -12 to 24, and chains a few months on.

    What is over before the notice takes force is none of them, unless the deadline has a start of its own.
    """
    if deadline.every == "once":
        yield None
        return
    kind, numbers = _NUMBERS[deadline.every]
    for year in range(first.year - 4, last.year + 2):
        if (deadline.first is None or deadline.first <= year) and (deadline.last is None or year <= deadline.last):
            periods = (Period(year, kind, n) for n in numbers if kind != "quarter" or n in deadline.quarters)
            yield from (
                period for period in periods if deadline.starts or period.last_day >= _in_force_from(rulebook, deadline)
            )


def _within(
    rulebook: Rulebook, name: str, period: Period | None, first: dt.date, last: dt.date, calendar: WorkingCalendar
) -> Due | None:
    """Return the days of a deadline when it falls between two days.

    What cannot fall there is left out before the calendar is asked, so that no holiday notice is needed for it.
    """
    earliest, latest = _roughly(chain(rulebook, name), period)
    if latest < first or last < earliest:
        return None
    days = due_of(rulebook, name, period or Period(earliest.year, "year"), calendar)
    return days if first <= days.due <= last else None


def _roughly(deadlines: tuple[Deadline, ...], period: Period | None) -> tuple[dt.date, dt.date]:
    """Return two days between which a deadline surely falls, found without a calendar."""
    *following, base = deadlines
    if base.date is not None or period is None:
        day = base.date or dt.date.max
        return day, day
    month = month_of(base, period)
    earliest, latest = month.first_day, month.last_day
    if base.day is not None:
        latest = month.day(base.day)
        earliest = latest - LONGEST_HOLIDAYS if base.shift == "before" else latest
    for deadline in following:
        number = deadline.working_days or 1
        earliest += dt.timedelta(days=number)
        # Until the one before is late; then five working days a week, with holidays no more than once in twenty of them.
        latest += LONGEST_HOLIDAYS + dt.timedelta(days=number * 7 // 5) + LONGEST_HOLIDAYS * (1 + number // 20)
    return earliest, latest


def _counts(rulebook: Rulebook, deadline: Deadline, period: Period | None, due: dt.date) -> bool:
    """Whether the notice is in force for the deadline of a period that is not over before: of one that is under way when it
    takes force, only what is due from then on."""
    if period is None or deadline.starts is not None:
        return True
    from_day = _in_force_from(rulebook, deadline)
    return period.first_day >= from_day or due >= from_day


def _in_force_from(rulebook: Rulebook, deadline: Deadline) -> dt.date:
    """Return the day from which the document a deadline stands in is in force: the city's notice, or a supplement."""
    document = rulebook.clauses[deadline.clause].document or ""
    notice = next((notice for notice in rulebook.supplements if document.startswith(notice.number)), rulebook.notice)
    return notice.in_force_from


def _entry(rulebook: Rulebook, name: str, deadline: Deadline, period: Period | None, days: Due) -> Entry:
    clause = rulebook.clauses[deadline.clause]
    return Entry(
        city=rulebook.city,
        name=name,
        title=deadline.title,
        who=deadline.who,
        kind=deadline.kind,
        funds=deadline.funds,
        clause=rulebook.cite(deadline.clause),
        quote=clause.quote,
        gloss=clause.gloss,
        period=period,
        due=days.due,
        late_after=days.late_after,
        remind_on=days.remind_on,
    )
