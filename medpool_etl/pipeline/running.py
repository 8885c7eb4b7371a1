"""Run every step of a period, in order."""

from __future__ import annotations

from typing import Any

from medpool_etl.errors import InputError
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.annual import open_period
from medpool_etl.pipeline.opening import MonthRun, Progress, open_month, silent
from medpool_etl.pipeline.reviews import made_by
from medpool_etl.pipeline.steps import PERIOD_STEPS, STEPS
from medpool_etl.store import Settings


def run_month(
    settings: Settings,
    city: str,
    month: Month,
    progress: Progress[Any] = silent,
    by: str | None = None,
    ahead: bool = False,
) -> MonthRun:
    """Run every step of a month, in order; what is there already is not made again. ``by``: who has it run, and so may not approve it;
    ``ahead``: only what is due before the month is over, as :func:`open_month` says."""
    run = open_month(settings, city, month, progress, ahead)
    made_by(settings, run, by)
    for step in STEPS.values():
        step(settings, run, progress)
    return run


def run_period(
    settings: Settings,
    city: str,
    period: Period,
    progress: Progress[Any] = silent,
    by: str | None = None,
    ahead: bool = False,
) -> MonthRun:
    """Run every step of a period, in order: of a month as :func:`run_month` does, of a quarter, an opening or a clearing likewise.

    Raises InputError for a whole year, which is settled by its months, quarters, opening and clearing.
    """
    if period.kind == "month":
        return run_month(settings, city, period.first_month, progress, by, ahead)
    if period.kind == "year":
        raise InputError(
            f"{period} is a whole year",
            expected=f"{period}-opening, {period}-01 … {period}-12, {period}-Q1 … {period}-Q4, {period}-clearing",
        )
    run = open_period(settings, city, period, progress, ahead)
    made_by(settings, run, by)
    for step in PERIOD_STEPS.values():
        step(settings, run, progress)
    return run
