"""Which settled period computes what a deadline asks for, and by when a period must be published for it to be in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.periods import Period
from medpool_etl.policy import Rulebook
from medpool_etl.policy.due import due_of
from medpool_etl.policy.timetable import Entry
from medpool_etl.settlement.kinds import RULE_KINDS
from medpool_etl.settlement.schedule import rules_of, settled_from


def deadline_names(kind: str) -> tuple[str, ...]:
    """Return the names of the deadlines a kind of rule takes days from; none of a kind medpool does not know."""
    known = RULE_KINDS.get(kind)
    return (*known.deadlines, *known.days) if known else ()


def ordering_rules(rulebook: Rulebook, name: str) -> tuple[str, ...]:
    """Return the ids of the rules by which what a deadline asks for is computed; none where no rule does."""
    return tuple(rule_id for rule_id, entry in rulebook.rules.items() if name in deadline_names(entry.kind))


def ordered_by(rulebook: Rulebook, entry: Entry, calendar: WorkingCalendar) -> tuple[tuple[Period, str], ...]:
    """Return the periods whose settlement orders a payment, or decides what is filed, each with the rule that does, in the order of time.

    None where no rule of the city computes it, and for what fell due for a period before the notice was in force.
    """
    rules = ordering_rules(rulebook, entry.name)
    deadline = rulebook.deadline(entry.name)
    found = []
    for year in (entry.period.year,) if entry.period else (entry.due.year, entry.due.year - 1):
        for period in _periods(year):
            if period.kind in ("month", "quarter") and deadline.every == period.kind and period != entry.period:
                continue
            found += [
                (period, rule_id)
                for rule_id in rules_of(rulebook, period)
                if rule_id in rules and due_of(rulebook, entry.name, period, calendar).due == entry.due
            ]
    return tuple(sorted(found, key=lambda item: item[0].order))


def rests_on(rulebook: Rulebook, entry: Entry) -> Period | None:
    """Return the period that must be published before a filing can be made, None where it rests on none."""
    kind = rulebook.deadlines[entry.name].rests_on
    if kind is None or entry.period is None:
        return None
    return entry.period if kind in ("month", "quarter") else Period(entry.period.year, kind)


def publish_by(rulebook: Rulebook, period: Period, calendar: WorkingCalendar) -> dt.date | None:
    """Return the working day at whose end a period must be published, so that the first thing that rests on it can be in time.

    That is the working day before the earliest day on which a payment it orders or a filing made from it is due. What is due before the
    period can be settled at all (a remittance due in the month itself) cannot be waited for; where nothing else is due, the period is to be
    published on the very day from which it is settled. None for a period by which the city settles nothing. Raises ConfigurationError for
    a year whose holiday notice is not loaded.
    """
    if not rules_of(rulebook, period):
        return None
    from_day = settled_from(rulebook, period, calendar)
    days = {due_of(rulebook, name, period, calendar).due for name in _due_with(rulebook, period)}
    reachable = [before for day in days if (before := calendar.plus(day, -1)) >= from_day]
    return min(reachable, default=from_day)


def _due_with(rulebook: Rulebook, period: Period) -> Iterator[str]:
    """Yield the deadlines of what a period orders, and of the filings that rest on it."""
    kinds = [rulebook.rules[rule_id].kind for rule_id in rules_of(rulebook, period)]
    named = {name for kind in kinds for name in deadline_names(kind)}
    for name in rulebook.deadlines:
        deadline = rulebook.deadline(name)
        of_period = deadline.every != "quarter" or (period.kind == "quarter" and period.number in deadline.quarters)
        if of_period and ((name in named and deadline.kind == "payment") or deadline.rests_on == period.kind):
            yield name


def _periods(year: int) -> Iterator[Period]:
    yield Period(year, "opening")
    yield from (Period(year, "month", number) for number in range(1, 13))
    yield from (Period(year, "quarter", number) for number in range(1, 5))
    yield Period(year, "clearing")
