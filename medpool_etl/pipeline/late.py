"""What comes for a period after it was closed."""

from __future__ import annotations

from medpool_etl.periods import Month, Period
from medpool_etl.store import Control
from medpool_etl.store.tables import ReceivedFile


def late_files(control: Control, city: str, before: Month) -> dict[str, list[ReceivedFile]]:
    """Return the files that came after their month was closed, by month, for months earlier than ``before``."""
    return {
        closed.month: late
        for closed in control.closed_months(city)
        if Period.parse(closed.month).kind == "month"
        and closed.month < str(before)
        and (late := control.late_files(closed))
    }
