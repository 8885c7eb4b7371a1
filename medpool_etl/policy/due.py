"""The day a deadline falls on for a period, when it is late, and when to remind of it (G5)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ConfigurationError
from medpool_etl.periods import Month, Period
from medpool_etl.policy.deadline import Deadline
from medpool_etl.policy.model import Rulebook


@dataclass(frozen=True)
class Due:
    """``due``: the calendar day of the deadline, included in it. ``late_after``: the last day that is not late. ``remind_on``: the
    last working day on or before it."""

    due: dt.date
    late_after: dt.date
    remind_on: dt.date


def due_of(rulebook: Rulebook, name: str, period: Period, calendar: WorkingCalendar) -> Due:
    """Return when a deadline falls for a period.

    A payment is late after the next working day when its day is none, a filing after its day; both are reminded of on the last
    working day on or before it (G5). Raises ConfigurationError for a deadline the city does not have, for one that follows
    itself, and for a year whose holiday notice is not loaded.
    """
    first, *following = reversed(chain(rulebook, name))
    due = _day(first, period, calendar)
    late_after = _late_after(first, due, calendar)
    for deadline in following:
        due = calendar.plus(late_after, deadline.working_days or 1)
        late_after = _late_after(deadline, due, calendar)
    return Due(due, late_after, calendar.remind_on(due))


def chain(rulebook: Rulebook, name: str) -> tuple[Deadline, ...]:
    """Return a deadline under the readings taken, the one it is counted from, and so on to the one with a day of its own.

    Raises ConfigurationError for a deadline the city does not have and for one that follows itself.
    """
    found: dict[str, Deadline] = {}
    wanted: str | None = name
    while wanted is not None:
        if wanted in found:
            raise ConfigurationError(
                f"the deadline {name} follows itself ({' after '.join([*found, wanted])})",
                where=f"the deadlines of {rulebook.city} and its supplements",
                do="give one of them a day of its own",
            )
        found[wanted] = rulebook.deadline(wanted)
        wanted = found[wanted].after
    return tuple(found.values())


def month_of(deadline: Deadline, period: Period) -> Month:
    """Return the month a deadline that has a day or a working day of a month falls in for a period, holidays left aside.

    One of a year counts from that year's December, whatever period of it is asked.
    """
    base = Period(period.year, "year") if deadline.every == "year" else period
    return base.last_month.plus(deadline.months)


def _day(deadline: Deadline, period: Period, calendar: WorkingCalendar) -> dt.date:
    if deadline.date is not None:
        return deadline.date
    month = month_of(deadline, period)
    if deadline.working_day is not None:
        return calendar.nth_working_day(month, deadline.working_day)
    day = month.day(deadline.day or 1)
    return calendar.on_or_before(day) if deadline.shift == "before" else day


def _late_after(deadline: Deadline, due: dt.date, calendar: WorkingCalendar) -> dt.date:
    return calendar.late_after(due) if deadline.kind == "payment" else due
