"""Months of any city, simulated and reconciled by the steps of the pipeline, without settlement."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.intake import Arrival, receive
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.basis import Basis
from medpool_etl.pipeline.opening import begin
from medpool_etl.pipeline.steps import judge, reconcile, stage
from medpool_etl.simulator import Order, simulate
from medpool_etl.store import Control, Settings, Warehouse

# Of these every month has some: what moved on the expenditure accounts is expected.
HARMLESS = ("account_movement", "other_pair")


class Rehearsed:
    """A month of a year, simulated and reconciled; ``before`` is the one it carries on from."""

    def __init__(
        self,
        settings: Settings,
        city: str,
        month: Month,
        before: Rehearsed | None = None,
        orders: Sequence[Order] = (),
        faults: Sequence[str] = (),
    ) -> None:
        self.simulation = simulate(city, month, settings.inbox, seed=3, faults=faults, year=True, orders=orders)
        agreed, warehouse = Agreed.load(city), Warehouse(settings.warehouse)
        control = Control(settings.control_url)
        try:
            self.arrivals: tuple[Arrival, ...] = receive(
                settings.month_inbox(city, month),
                agreed.city,
                month,
                agreed.accounts,
                agreed.contracts,
                control,
                warehouse,
            )
        finally:
            control.close()
        carries = {"month": before.run.month, "run_id": before.run.run_id} if before else None
        self.run = begin(settings, agreed, month, self.arrivals, Basis([], carries, [], None))
        for step in (stage, judge, reconcile):
            step(settings, self.run)
        self.folder = warehouse.complete(city, str(month), self.run.run_id)

    def rows(self, path: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Return rows of a table the run wrote."""
        return duckdb.sql(f"SELECT {columns} FROM '{self.folder}/{path}.parquet' WHERE {where} ORDER BY ALL").fetchall()

    def breaks(self) -> list[tuple[str, str, str, str, Decimal, str]]:
        """Return pair, fund, county, class, difference and item of every break but those every month has."""
        harmless = ", ".join(f"'{name}'" for name in HARMLESS)
        return self.rows(
            "reconciliation/classified_breaks",
            "pair, fund, county, class, difference, item_key",
            f"class NOT IN ({harmless})",
        )

    def compared(self) -> set[str]:
        """Return the pairs in which anything was compared."""
        return {pair for (pair,) in self.rows("reconciliation/pair_totals", "pair", "left_total <> 0")}

    def file(self, key: str) -> Path:
        """Return one of the month's files."""
        return self.simulation.folder / self.simulation.names[key]
