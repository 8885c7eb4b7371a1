"""What published periods have instructed: every transfer, with the run that ordered it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from medpool_etl.marts import table_path
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.done import done_before
from medpool_etl.store import Control, Settings, Warehouse


@dataclass(frozen=True)
class Instruction:
    """A transfer a published period ordered: ``amount`` yuan from one account to another, due by ``due``."""

    transfer_id: str
    fund: str
    county: str
    payer_account: str
    receiver_account: str
    amount: Decimal
    due: dt.date


def instructed_for(settings: Settings, city: str, month: Month) -> tuple[Instruction, ...]:
    """Return the transfers earlier periods of the city ordered that fall due in the month, by period and id.

    One without a day falls due in the month behind its period; one due before its period was over is left to be paid when it can
    be, and is not among them.
    """
    control, warehouse = Control(settings.control_url), Warehouse(settings.warehouse)
    try:
        done = [
            (Period.parse(item["period"]), warehouse.run(city, item["period"], item["run_id"]))
            for item in done_before(control, city, Period(month.year, "clearing"))
            if Period.parse(item["period"]).order < Period.of(month).order
        ]
    finally:
        control.close()
    found = []
    for period, folder in done:
        behind = period.last_month.plus(1).last_day
        rows = duckdb.execute(
            "SELECT row_id, fund, county, payer_account, receiver_account, amount, coalesce(due_date, ?) FROM read_parquet(?) "
            "ORDER BY row_id",
            [behind, str(table_path(folder, "transfers"))],
        ).fetchall()
        found += [Instruction(*row) for row in rows if Month.of(row[-1]) == month]
    return tuple(found)
