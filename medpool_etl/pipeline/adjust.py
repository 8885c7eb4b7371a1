"""What files that came after a month was closed would have changed in it: adjustments of the month settled now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.errors import StoreError
from medpool_etl.intake import Arrival, identify
from medpool_etl.marts import Registry, table_path
from medpool_etl.money import ZERO
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.basis import Basis
from medpool_etl.pipeline.books.corrections import corrections
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.warehouse import read_json

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("of_month", "fund", "county", "item", "item_name")),
        *(
            (name, pa.decimal128(18, 2))
            for name in ("closed_amount", "adjusted_before", "corrected_amount", "adjustment")
        ),
        *((name, pa.string()) for name in ("late_files", "closed_run_id", "corrected_run_id")),
    ]
)
_TABLE = "monthly_settlement"
# Settles a month from other inputs than its own run and returns the folder, which nothing publishes.
Resettle = Callable[[Month, tuple[Arrival, ...], Basis], tuple[str, Path]]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Adjustments:
    """``rows``: what late files change in closed months, with the columns of ``SCHEMA``. ``entries``: the same in the books, entries
    of the open month that name what they correct."""

    rows: pa.Table
    entries: list[dict[str, Any]]


def adjustments(
    settings: Settings,
    agreed: Agreed,
    month: Month,
    late: list[dict[str, str]],
    done: list[dict[str, str]],
    settle: Resettle,
) -> Adjustments:
    """Return what late files change in closed months (amounts in yuan).

    A closed month is settled once more, aside, with the files that came late; each cell of its monthly settlement that
    differs from what the month was closed with, and from what the months between adjusted already, is a row. Those are the months closed since, and
    the published ones this run rests on (``done``), open or not: of several open months the first adjusts.
    """
    control, warehouse = Control(settings.control_url), Warehouse(settings.warehouse)
    try:
        rows: list[dict[str, Any]] = []
        entries: list[dict[str, Any]] = []
        for of in sorted({item["month"] for item in late}):
            names = {item["sha256"]: item["name"] for item in late if item["month"] == of}
            closed = control.closed_month(agreed.city.city, of)
            if closed is None:
                raise StoreError(f"{of} is no longer closed", do="run the month again")
            folder = warehouse.run(agreed.city.city, of, closed.run_id)
            manifest = read_json(folder / "manifest.json")
            arrivals = _with_late(manifest["arrivals"], names, agreed, Month.parse(of), warehouse)
            corrected_run, corrected = settle(Month.parse(of), arrivals, Basis.of(manifest))
            since = _between(control, warehouse, agreed.city.city, of, month, done)
            entries += corrections(folder, corrected, since, month, f"{of} 迟到文件：{'、'.join(names.values())}")
            before = _adjusted_before(since, of)
            for key, (was, now) in _differences(folder, corrected, agreed.registry).items():
                adjusted = before.get(key, ZERO)
                if now - was - adjusted != ZERO:
                    rows.append(
                        {
                            "of_month": of,
                            **dict(zip(("fund", "county", "item"), key, strict=True)),
                            "item_name": agreed.registry.terms[key[2]].zh,
                            "closed_amount": was,
                            "adjusted_before": adjusted,
                            "corrected_amount": now,
                            "adjustment": now - was - adjusted,
                            "late_files": "、".join(names.values()),
                            "closed_run_id": closed.run_id,
                            "corrected_run_id": corrected_run,
                        }
                    )
        return Adjustments(pa.Table.from_pylist(rows, schema=SCHEMA), entries)
    finally:
        control.close()


def _with_late(
    known: list[dict[str, Any]], late: dict[str, str], agreed: Agreed, month: Month, warehouse: Warehouse
) -> tuple[Arrival, ...]:
    """Return the deliveries a month was closed with, and behind them as newer versions those that came late."""
    arrivals = [replace(arrival, scan=arrival.version) for arrival in map(Arrival.from_dict, known)]
    newest = max((arrival.scan for arrival in arrivals), default=0) + 1
    files = [
        Arrival(name, sha256, warehouse.received(sha256).stat().st_size, newest + number, "active")
        for number, (sha256, name) in enumerate(late.items())
    ]
    return identify(files, arrivals, agreed.city, month, agreed.accounts, agreed.contracts, warehouse)


def _differences(closed: Path, corrected: Path, registry: Registry) -> dict[Key, tuple[Any, Any]]:
    """Return every amount of the monthly settlement with what it was and what it would be."""
    found: dict[Key, list[Any]] = {}
    for position, folder in enumerate((closed, corrected)):
        for column in registry.money_columns(_TABLE):
            rows = duckdb.execute(
                f"SELECT fund, county, {column} FROM read_parquet(?)", [str(table_path(folder, _TABLE))]
            ).fetchall()
            for fund, county, amount in rows:
                found.setdefault((fund, county, column), [ZERO, ZERO])[position] = amount
    return {key: (was, now) for key, (was, now) in sorted(found.items())}


def _between(
    control: Control, warehouse: Warehouse, city: str, of: str, month: Month, done: list[dict[str, str]]
) -> list[Path]:
    """Return the folders of what the months between a closed month and the one settled now have published, in their order."""
    runs = {closed.month: closed.run_id for closed in control.closed_months(city)}
    runs |= {item["period"]: item["run_id"] for item in done}
    months = {Period.parse(name): run for name, run in runs.items() if Period.parse(name).kind == "month"}
    first, last = Period.of(Month.parse(of)).order, Period.of(month).order
    between = sorted((p for p in months if first < p.order < last), key=lambda period: period.order)
    return [warehouse.run(city, str(period), months[period]) for period in between]


def _adjusted_before(since: list[Path], of: str) -> dict[Key, Any]:
    """Return what the months since have adjusted of a month already."""
    done: dict[Key, Any] = {}
    for folder in since:
        path = table_path(folder, "adjustments")
        if path.is_file():
            rows = duckdb.execute(
                "SELECT fund, county, item, adjustment FROM read_parquet(?) WHERE of_month = ?", [str(path), of]
            ).fetchall()
            for fund, county, item, amount in rows:
                done[(fund, county, item)] = done.get((fund, county, item), ZERO) + amount
    return done
