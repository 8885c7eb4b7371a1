"""The day a deadline falls on for a period, when it is late, and when to remind of it (G5)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.periods import Period
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
    working day on or before it (G5). Raises ConfigurationError for a deadline the city does not have, and for a year whose
    holiday notice is not loaded.
    """
    deadline = rulebook.deadline(name)
    due = _day(rulebook, deadline, period, calendar)
    late = calendar.late_after(due) if deadline.kind == "payment" else due
    return Due(due, late, calendar.remind_on(due))


def _day(rulebook: Rulebook, deadline: Deadline, period: Period, calendar: WorkingCalendar) -> dt.date:
    if deadline.date is not None:
        return deadline.date
    if deadline.after is not None and deadline.working_days is not None:
        return calendar.plus(due_of(rulebook, deadline.after, period, calendar).late_after, deadline.working_days)
    month = _base(deadline, period).last_month.plus(deadline.months)
    if deadline.working_day is not None:
        return calendar.nth_working_day(month, deadline.working_day)
    day = month.day(deadline.day or 1)
    return calendar.on_or_before(day) if deadline.shift == "before" else day


def _base(deadline: Deadline, period: Period) -> Period:
    """Return the period a deadline counts from: one of a year counts from that year's December, whatever is asked."""
    return Period(period.year, "year") if deadline.every == "year" else period
