"""The breaks of all months as people meet them: listed, looked at, explained, assigned, resolved, reopened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from medpool_etl.errors import InputError
from medpool_etl.periods import Month
from medpool_etl.pipeline.inbox import ZONE
from medpool_etl.policy import cities
from medpool_etl.policy.model import OWNERS
from medpool_etl.store import Control, Settings
from medpool_etl.store.breaks import LIVING, Breaks
from medpool_etl.store.tables import Break, BreakEvent


def today() -> dt.date:
    """Return the day it is in China, to which the age of a break counts."""
    return dt.datetime.now(ZONE).date()


def list_breaks(
    settings: Settings,
    city: str | None = None,
    *,
    state: str | None = None,
    owner: str | None = None,
    month: Month | None = None,
    ended_too: bool = False,
) -> tuple[Break, ...]:
    """Return the breaks of a city (None: of all), by owner and day: those in ``state``, or those that have not ended.

    ``month`` is the month they arose in; ``ended_too`` adds the ended ones. Raises InputError for a city, a state or an
    owner there is not.
    """
    for what, given, known in (("city", city, cities()), ("owner", owner, tuple(OWNERS))):
        if given is not None and given not in known:
            raise InputError(f"there is no {what} {given!r}", expected=f"one of {', '.join(known)}")
    with breaks_of(settings) as breaks:
        rows = breaks.listing(city, state=state, owner=owner, month=str(month) if month else None)
    return tuple(row for row in rows if state or ended_too or row.state in LIVING)


def show_break(settings: Settings, break_id: str) -> tuple[Break, tuple[BreakEvent, ...]]:
    """Return a break, named by its id or how that begins, and its history; raises InputError where it names none."""
    with breaks_of(settings) as breaks:
        row = breaks.one(break_id)
        return row, breaks.history(row.break_id)


def explain_break(settings: Settings, break_id: str, by: str, note: str) -> Break:
    """Say why an open break is there, and return it; raises InputError for one that cannot be explained."""
    with breaks_of(settings) as breaks:
        return breaks.explain(break_id, by, note)


def resolve_break(settings: Settings, break_id: str, by: str, note: str, as_: Literal["corrected", "cleared"]) -> Break:
    """End a break in somebody's name, and return it; raises InputError for one that has ended."""
    with breaks_of(settings) as breaks:
        return breaks.resolve(break_id, by, note, as_)


def reopen_break(settings: Settings, break_id: str, by: str, note: str) -> Break:
    """Take back what a person said of a break, and return it; raises InputError where no person said anything."""
    with breaks_of(settings) as breaks:
        return breaks.reopen(break_id, by, note)


def assign_break(settings: Settings, break_id: str, to: str, by: str, note: str = "") -> Break:
    """Give a break to somebody, and return it; raises InputError for one that has ended."""
    with breaks_of(settings) as breaks:
        return breaks.assign(break_id, to, by, note)


@contextmanager
def breaks_of(settings: Settings) -> Iterator[Breaks]:
    """Yield the breaks of the control database, which is closed when the block ends."""
    control = Control(settings.control_url)
    try:
        yield Breaks(control)
    finally:
        control.close()
