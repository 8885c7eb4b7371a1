"""A rehearsed year, settled one period after another as an operator does."""

from __future__ import annotations

from collections.abc import Iterator

from medpool_etl import pipeline
from medpool_etl.money import to_fen
from medpool_etl.periods import Period
from medpool_etl.simulator import Order, simulate, simulate_year_files
from medpool_etl.store import Settings

# The first year of each city's notice.
FIRST = {"taizhou": 2022, "zhoushan": 2021, "nantong": 2020, "zaozhuang": 2020, "hangzhou": 2022}


def rehearse(settings: Settings, city: str, period: Period) -> None:
    """Write what comes for a period; a month pays what earlier periods ordered for it."""
    if period.kind in ("opening", "clearing"):
        simulate_year_files(city, period.year, settings.inbox, period.kind)  # type: ignore[arg-type]
    if period.kind == "month":
        month = period.first_month
        orders = [
            Order(i.transfer_id, i.fund, i.county, i.payer_account, i.receiver_account, to_fen(i.amount), i.due)
            for i in pipeline.instructed_for(settings, city, month)
        ]
        simulate(city, month, settings.inbox, year=True, orders=orders)


def settle_year(settings: Settings, city: str, year: int) -> Iterator[tuple[Period, pipeline.MonthRun]]:
    """Rehearse and settle every period of a year in its order, and yield each with its run."""
    for item in pipeline.agenda(settings, city, year):
        if item.state != "unspecified":
            rehearse(settings, city, item.period)
            yield item.period, pipeline.run_period(settings, city, item.period)
