"""Closed months: they keep their run for good, and what comes late for them waits for the next settlement."""

from __future__ import annotations

from medpool_etl.errors import InputError
from medpool_etl.periods import Month
from medpool_etl.store import Control, Settings
from medpool_etl.store.tables import ClosedMonth, ReceivedFile


def close_month(settings: Settings, city: str, month: Month, by: str, note: str = "") -> ClosedMonth:
    """Close a published month in somebody's name and return what is kept of that; a month is closed once.

    Raises InputError for a month that is not published, and for one whose figures are provisional when no note says why
    it is closed all the same.
    """
    if not by.strip():
        raise InputError("who closes the month?", do="name yourself with --by")
    control = Control(settings.control_url)
    try:
        if closed := control.closed_month(city, str(month)):
            return closed
        run = control.published_run(city, str(month))
        if run is None:
            raise InputError(f"nothing of {city} {month} is published", do=f"run `medpool run {city} {month}` first")
        if control.figures(run) != "final" and not note.strip():
            raise InputError(
                f"the figures of {city} {month} are provisional",
                do="clear what makes them so, or say with --note why the month is closed all the same",
            )
        return control.close_month(city, str(month), run, by.strip(), note.strip())
    finally:
        control.close()


def late_files(control: Control, city: str, before: Month) -> dict[str, list[ReceivedFile]]:
    """Return the files that came after their month was closed, by month, for months earlier than ``before``."""
    return {
        closed.month: late
        for closed in control.closed_months(city)
        if closed.month < str(before) and (late := control.late_files(closed))
    }
