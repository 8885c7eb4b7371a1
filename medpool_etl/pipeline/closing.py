"""Closed periods: they keep their run for good, and what comes late for them waits for the next settlement."""

from __future__ import annotations

from medpool_etl.errors import InputError
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.done import is_ahead
from medpool_etl.pipeline.inputs import inputs_of, made_from, newest_opened
from medpool_etl.pipeline.looking import Inbox, open_inbox
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.tables import ClosedMonth


def close_period(settings: Settings, city: str, period: Period, by: str, note: str = "") -> tuple[ClosedMonth, ...]:
    """Close a published period in somebody's name and return what is kept of that; a period is closed once.

    A year (``2022``) closes its opening, months, quarters and clearing together, those that are open still. Raises InputError for a
    period that is not published (of a year, its twelve months and its clearing must be), and, when no note says why it is closed all the
    same, for one whose figures are provisional, of which a newer run is not published, or for which files lie in the inbox that its
    published run was not made from: once it is closed nobody looks at these any more.
    """
    if not by.strip():
        raise InputError("who closes it?", do="name yourself with --by")
    control, warehouse = Control(settings.control_url), Warehouse(settings.warehouse)
    try:
        published = {p.month: p.run_id for p in control.published() if p.city == city}
        wanted = [str(period)] if period.kind != "year" else _of_year(period.year, published)
        open_ = [name for name in wanted if control.closed_month(city, name) is None]
        for name in open_:
            if name not in published:
                raise InputError(f"nothing of {city} {name} is published", do=f"run `medpool run {city} {name}` first")
            if is_ahead(warehouse, city, Period.parse(name), published[name]):
                raise InputError(
                    f"of {city} {name} only what is due before it is over is published", do="settle it whole first"
                )
            if control.figures(published[name]) != "final" and not note.strip():
                raise InputError(
                    f"the figures of {city} {name} are provisional",
                    do="clear what makes them so, or say with --note why it is closed all the same",
                )
        if open_ and not note.strip():
            with open_inbox(settings, city) as inbox:
                for name in open_:
                    if waiting := _waiting(inbox, Period.parse(name), published[name]):
                        raise InputError(
                            f"of {city} {name} there is what its published run {published[name]} does not know: {waiting}",
                            do=f"run `medpool run {city} {name}` first, or say with --note why it is closed without that",
                        )
        for name in open_:
            control.close_month(city, name, published[name], by.strip(), note.strip())
        closed = [control.closed_month(city, name) for name in wanted]
        return tuple(item for item in closed if item is not None)
    finally:
        control.close()


def _waiting(inbox: Inbox, period: Period, run_id: str) -> str:
    """Return what lies in the inbox for a period, or was begun, and is not in the run it publishes; "" where there is nothing."""
    own = inbox.own_contents(period)
    was = made_from(inbox.warehouse, inbox.city, period, run_id, own)
    if was is None:
        return ""
    now = inputs_of(inbox.deliveries(period), {}, own)
    names = [name for counted, name in sorted(now.files.items()) if counted not in was.files]
    newest = newest_opened(inbox.control, inbox.city, period)
    return "、".join([*names, *([f"run {newest}"] if newest not in (None, run_id) else [])])


def close_month(settings: Settings, city: str, month: Month, by: str, note: str = "") -> ClosedMonth:
    """Close a published month as :func:`close_period` does, and return what is kept of that."""
    return close_period(settings, city, Period.of(month), by, note)[0]


def _of_year(year: int, published: dict[str, str]) -> list[str]:
    """Return what a year consists of: its twelve months and its clearing, and those of its opening and quarters that are published
    (a city without such rules has none)."""
    own = [name for name in published if Period.parse(name).year == year]
    must = [str(Month(year, number)) for number in range(1, 13)] + [f"{year}-clearing"]
    return sorted({*own, *must}, key=lambda name: Period.parse(name).order)
