"""Settle a city's past, one period after another, from what lies in its inbox.

Periods are settled in the order in which they rest on each other (:attr:`Period.order`), by the very steps that settle them in time, so
that a backfill publishes the runs that settling in time would have published. What is published from the same inputs is passed over, which
is also how a backfill that was killed goes on: it is run again. Nothing is kept of a backfill itself.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from medpool_etl.documents import Text
from medpool_etl.errors import InputError, MedpoolError
from medpool_etl.periods import Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.annual import Item, agenda, open_period
from medpool_etl.pipeline.basis import manifest_of
from medpool_etl.pipeline.closing import close_period
from medpool_etl.pipeline.done import is_ahead
from medpool_etl.pipeline.inbox import ZONE
from medpool_etl.pipeline.needs import begun, due_on, missing_of
from medpool_etl.pipeline.opening import Progress, silent
from medpool_etl.pipeline.running import run_period
from medpool_etl.policy import rulebooks
from medpool_etl.store import Control, Settings, Warehouse

Outcome = Literal["settled", "unchanged", "closed", "unspecified", "left", "stopped"]
OUTCOMES: dict[Outcome, Text] = {
    "settled": Text(zh="已办理", en="settled"),
    "unchanged": Text(zh="未变", en="unchanged"),
    "closed": Text(zh="已结账", en="closed, left alone"),
    "unspecified": Text(zh="办法未规定", en="left to a later rule"),
    "left": Text(zh="未办，缺依据", en="passed over, lacks what it rests on"),
    "stopped": Text(zh="停在此处", en="stopped here"),
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Filled:
    """What became of a period, by the keys of ``OUTCOMES``. A city goes no further than the period at which it ``stopped``.

    ``figures``: final or provisional, "" where nothing of it is published. ``seconds`` it took. ``why`` it was passed over, not closed
    or stopped, and what to do; ``error`` is what stopped it. ``code``: what the command line ends with because of it.
    """

    city: str
    period: Period
    outcome: Outcome
    run_id: str = ""
    figures: str = ""
    seconds: float = 0.0
    why: str = ""
    code: int = 0
    error: MedpoolError | None = None


def periods_between(settings: Settings, city: str, first: Period, last: Period) -> tuple[Item, ...]:
    """Return what a city settles from ``first`` to ``last`` in the order in which it is settled, nothing from before its notice is in force.

    The order is :attr:`Period.order`: an opening before its January, a quarter behind its last month, a clearing behind July of the next year.
    Only then is there what it is paid from: the reserve has what the next opening adds to it; and a run names everything published before
    it, so that one settled behind its December would be another run when it is settled in time. A range that ends with a
    year, or with a clearing, ends with that clearing, resting on what there is.

    ``first`` 2022 or 2022-01 begins with the opening of 2022. Raises InputError where ``first`` comes behind ``last``.
    """
    whole, clearing = last.kind in ("year", "clearing"), Period(last.year, "clearing")
    begins = first.order
    if first.kind == "year" or (first.kind == "month" and first.number == 1):
        begins = Period(first.year, "opening").order
    ends = Period(last.year, "year").order if whole else last.order
    if begins > (clearing.order if whole else ends):
        raise InputError(f"{first} comes behind {last}", expected="the earlier one first, such as 2022-01 2023-12")
    since = Agreed.load(city).rulebook.notice.in_force_from
    # The clearing of the year before falls into a range, too.
    years = range(max(first.year - 1, since.year), last.year + 1)
    items = [item for year in years for item in agenda(settings, city, year) if item.period.last_day >= since]
    found = [i for i in items if begins <= i.period.order <= ends or (whole and i.period == clearing)]
    return tuple(sorted(found, key=lambda item: item.period.order))


def cities_with_inbox(settings: Settings) -> tuple[str, ...]:
    """Return the cities that have a rulebook and a folder in the inbox."""
    return tuple(city for city in rulebooks() if (settings.inbox / city).is_dir())


def backfill(
    settings: Settings,
    cities: Iterable[str],
    first: Period,
    last: Period,
    *,
    by: str | None = None,
    close: str | None = None,
    told: Callable[[Filled], None] = lambda _: None,
    progress: Progress[Any] = silent,
) -> tuple[Filled, ...]:
    """Settle every period of these cities from ``first`` to ``last``, in order, and return what became of each; ``told`` hears it at once.

    Closed periods are left alone. A period that cannot be settled (no folder, blocked by breaks, not approved, rejected, left to a later
    rule) stops its city, because later periods rest on it; the others go on. What is reviewed is approved by the policy
    ``settings.unattended``, and without one the city stops at what waits for somebody's word. ``by``: who has the runs made, and so may
    not approve them. ``close``: in whose name each period is closed once it is settled with final figures.

    Two at once do not harm each other: they take turns, period by period. Raises InputError for a range that is none or a city without a rulebook,
    OSError when the disk fails.
    """
    plans = {city: periods_between(settings, city, first, last) for city in dict.fromkeys(cities)}
    rows: list[Filled] = []
    for city, items in plans.items():
        for item in items:
            begins = time.perf_counter()
            try:
                with Warehouse(settings.warehouse).exclusive(f"backfill-{city}"):
                    row = _fill(settings, city, item, by, close, progress)
            except MedpoolError as error:
                row = Filled(city, item.period, "stopped", why=str(error), code=error.exit_code, error=error)
            row = replace(row, seconds=time.perf_counter() - begins)
            log.info("%s %s: %s %s %.1f s", city, row.period, row.outcome, row.figures, row.seconds)
            rows.append(row)
            told(row)
            if row.outcome == "stopped":
                break
    return tuple(rows)


def _fill(
    settings: Settings, city: str, item: Item, by: str | None, close: str | None, progress: Progress[Any]
) -> Filled:
    period = item.period
    control = Control(settings.control_url)
    try:
        # Asked now, not when the range was drawn up: somebody may have closed it meanwhile.
        if closed := control.closed_month(city, str(period)):
            return Filled(city, period, "closed", closed.run_id, control.figures(closed.run_id) or "")
        if item.state == "unspecified" and period.kind != "month":
            # No rule orders anything for it, so that nothing can rest on it. Months are asked, and say by which clause.
            return Filled(
                city, period, "unspecified", why="no rule orders anything for it; `medpool rules` has the clause"
            )
        if lacking := _lacking(settings, control, city, period):
            what = "; ".join(text.en for text in lacking)
            do = f"have it come, then run `medpool backfill {period} {period} --city {city}`"
            return Filled(city, period, "left", why=f"{what}\n  do: {do}", code=1)
        run = run_period(settings, city, period, progress, by)
        figures, why = control.figures(run.run_id) or "", ""
        if close and figures == "final":
            try:
                close_period(settings, city, period, close)
            except InputError as error:
                why = f"not closed: {error}"
        elif close:
            why = f"not closed: its figures are provisional\n  do: `medpool close {city} {period} --by NAME --note WHY`"
        outcome: Outcome = "unchanged" if run.unchanged else "settled"
        return Filled(city, period, outcome, run.run_id, figures, why=why, code=int(figures != "final"))
    finally:
        control.close()


def _lacking(settings: Settings, control: Control, city: str, period: Period) -> tuple[Text, ...]:
    """Return what a quarter, an opening or a clearing lacks without which it is passed over, as it would be in time: months of a quarter
    or a year; everything an opening is settled from; the assessment, as long as the day has not come from which a year is cleared without."""
    if period.kind == "month":
        return ()
    agreed = Agreed.load(city)
    warehouse = Warehouse(settings.warehouse)
    runs = {Period.parse(p.month): p.run_id for p in control.published() if p.city == city}
    published = {of for of, run in runs.items() if not is_ahead(warehouse, city, of, run)}
    settled = {item.period for item in agenda(settings, city, period.year) if item.state != "unspecified"}
    if period.kind == "quarter":
        return missing_of(agreed, period, (), published, settled)
    run = open_period(settings, city, period)
    arrivals = manifest_of(run.folder(settings))["arrivals"]
    active = {(item["shape"]["contract"], item["part"]) for item in arrivals if item["state"] == "active"}
    missing = missing_of(agreed, period, active, published, settled)
    if period.kind == "opening":
        before = any(item.kind == "month" and item.year == period.year - 1 for item in published)
        return () if before or begun(agreed, period, active, published) else missing
    months = missing_of(agreed, period, {("assessment", str(period.year))}, published, settled)
    due = due_on(agreed, period)
    return () if not months and due is not None and due <= dt.datetime.now(ZONE).date() else missing
