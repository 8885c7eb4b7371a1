"""From which day a period is settled, whether or not everything has come: by the deadlines of what it orders."""

from __future__ import annotations

import datetime as dt

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.contracts import load_all
from medpool_etl.periods import Month, Period
from medpool_etl.policy import Rulebook
from medpool_etl.policy.due import due_of
from medpool_etl.policy.timetable import reports_in_time_until
from medpool_etl.settlement.kinds import RULE_KINDS

# Working days before its first deadline that a period is settled: for the review, and for the bank. No notice says how many.
LEAD = {"opening": 3, "clearing": 10}
# The same for what a quarter orders before it is over.
AHEAD = 3
# The list of a clearing is due before its money is.
CLEARING_LIST = "clearing_list"


def settled_from(rulebook: Rulebook, period: Period, calendar: WorkingCalendar) -> dt.date:
    """Return the working day on which a period is settled with what is there.

    A month: the first working day after its reports can still be in time (G5); where the notice names no day for them, the
    first after the day on which the contracts expect the last of its files. A quarter: with its last month. An opening and a clearing:
    ``LEAD`` working days before the first day something they order is due; one that orders nothing by a day, with January of the year,
    and with December. Raises ConfigurationError for a year whose holiday notice is not loaded.
    """
    if period.kind in LEAD and (due := first_due(rulebook, period, calendar)):
        return calendar.plus(calendar.on_or_after(due), -LEAD[period.kind])
    in_time = reports_in_time_until(rulebook, period.last_month, calendar)
    return calendar.plus(in_time or calendar.late_after(_latest_file(period.last_month)), 1)


def first_due(rulebook: Rulebook, period: Period, calendar: WorkingCalendar) -> dt.date | None:
    """Return the first day on which something is due that a period orders, or None where no day is named.

    Of a clearing that is the day of its list, or of the clearing itself: what else goes with it waits for it.
    """
    names = {name for rule_id in rules_of(rulebook, period) for name in _days(rulebook, rule_id, period)}
    days = [due_of(rulebook, name, period, calendar).due for name in sorted(names) if name in rulebook.deadlines]
    return min(days, default=None)


def ahead_from(rulebook: Rulebook, period: Period, calendar: WorkingCalendar) -> tuple[dt.date, tuple[str, ...]] | None:
    """Return the working day from which what a month or quarter orders before it is over is settled, and the contracts of the files that must
    be in for it: funding plans (Taizhou T10), subsidies by the quarter (T8.2). None where everything is due behind ``settled_from``.

    Plans of a month are settled as soon as they are in. Money of a quarter is not called for sooner than need be: ``AHEAD`` working days
    before it is due. Raises ConfigurationError as :func:`settled_from` does.
    """
    days: dict[dt.date, set[str]] = {}
    for rule_id in rules_of(rulebook, period) if period.kind in ("month", "quarter") else ():
        for name, files in RULE_KINDS[rulebook.rules[rule_id].kind].ahead.items():
            deadline = rulebook.deadlines.get(name)
            if deadline and (period.kind == "month" or period.number in deadline.quarters):
                days.setdefault(due_of(rulebook, name, period, calendar).due, set()).update(files)
    if not days or min(days) >= settled_from(rulebook, period, calendar):
        return None
    first = min(days)
    day = period.first_day if period.kind == "month" else calendar.plus(calendar.on_or_after(first), -AHEAD)
    return calendar.on_or_after(day), tuple(sorted(days[first]))


def ahead_rules(rulebook: Rulebook, period: Period) -> tuple[str, ...]:
    """Return the ids of the rules of a period whose payments can be ordered before it is over."""
    return tuple(rule_id for rule_id in rules_of(rulebook, period) if RULE_KINDS[rulebook.rules[rule_id].kind].ahead)


def rules_of(rulebook: Rulebook, period: Period) -> tuple[str, ...]:
    """Return the ids of the rules a period is settled by, in the notice's order; none before the notice is in force."""
    first = rulebook.notice.in_force_from
    if period.last_day < first:
        return ()
    return tuple(name for name, rule in rulebook.rules.items() if rule.applies(period, first))


def _latest_file(month: Month) -> dt.date:
    """Return the latest day at which the contracts expect a file that every month needs."""
    expected = [contract.expected for contract in load_all().values()]
    return max(it.deadline.on(month) for it in expected if it.every_month)


def _days(rulebook: Rulebook, rule_id: str, period: Period) -> set[str]:
    kind = RULE_KINDS[rulebook.rules[rule_id].kind]
    if period.kind != "clearing":
        return {*kind.deadlines, *kind.days}
    return {*kind.deadlines, CLEARING_LIST} if kind.name == "clearing" else set()
