"""What a run rests on: what the city has published that comes before it in time.

A period of which only what is due before it is over was settled (its funding plans, its subsidies) is published *ahead*: what it ordered
stands, and it is no settled period yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.contracts import Contract
from medpool_etl.errors import StoreError
from medpool_etl.marts import Registry, table_path
from medpool_etl.periods import Period
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.session import staged_sql
from medpool_etl.store.warehouse import read_json

# What later periods read of earlier runs: published tables, and rows of files.
TABLES = (
    "monthly_settlement",
    "county_expenditure",
    "transfers",
    "rule_facts",
    "ledger_posted",
    "ledger_instructed",
)
# What of these a period published ahead has to say.
ORDERS = ("transfers", "rule_facts", "ledger_instructed")


@dataclass(frozen=True)
class Done:
    """A published run another one rests on."""

    period: Period
    run_id: str

    def as_dict(self) -> dict[str, str]:
        """Return it as the manifest has it."""
        return {"period": str(self.period), "run_id": self.run_id}


def done_before(control: Control, city: str, period: Period) -> list[dict[str, str]]:
    """Return what the city has published for periods that come before, in the order of time, as a manifest has it. A month rests on
    the months of its year and the year before, which collected premiums of its year, and on every quarter, opening and clearing."""
    done = [Done(Period.parse(p.month), p.run_id) for p in control.published() if p.city == city]
    first = (period.year - 1, 0) if period.kind == "month" else (0, 0)
    kept = [d for d in done if d.period.order < period.order and (d.period.kind != "month" or d.period.order >= first)]
    return [item.as_dict() for item in sorted(kept, key=lambda d: d.period.order)]


def add_done(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    city: str,
    done: list[dict[str, str]],
    contracts: dict[str, Contract],
    registry: Registry,
    this: tuple[Period, Path] | None = None,
) -> None:
    """Give a session what earlier runs published and the rows they were made of: a view ``done_<table>`` for each of ``TABLES``,
    ``<contract>__done`` with the columns ``done_in`` and ``of_year`` besides, and the table ``done_periods`` (period, kind, year, number,
    run_id), in which a period that is published ahead has the kind ``ahead``: only what it ordered is there. ``this``: a period whose own run, in that folder, is under way: its rows and the period count too, its tables are not there
    yet. Raises StoreError for a run that is gone."""
    runs = [(Period.parse(d["period"]), warehouse.run(city, d["period"], d["run_id"])) for d in done]
    for period, folder in runs:
        if not folder.is_dir():
            raise StoreError(f"the run of {city} {period} is gone", where=str(folder), do="restore it from the backup")
    accepted = [(period, folder, _accepted(folder)) for period, folder in (*runs, *([this] if this else []))]
    ahead = {folder for _, folder, _ in accepted if _is_ahead(folder)}
    rows = [
        {
            "period": str(p),
            "kind": "ahead" if folder in ahead else p.kind,
            "year": p.year,
            "number": p.number,
            "run_id": folder.name,
        }
        for p, folder in (*runs, *([this] if this else []))
    ]
    schema = pa.schema(
        [
            ("period", pa.string()),
            ("kind", pa.string()),
            ("year", pa.int64()),
            ("number", pa.int64()),
            ("run_id", pa.string()),
        ]
    )
    connection.register("rows_done", pa.Table.from_pylist(rows, schema=schema))
    connection.execute("CREATE OR REPLACE TEMP TABLE done_periods AS FROM rows_done")
    connection.unregister("rows_done")
    summaries = {folder: read_json(folder / "summary.json")["tables"] for _, folder in runs}
    for table in TABLES:
        columns = ", ".join(f"CAST(NULL AS {registry.terms[c].type}) AS {c}" for c in registry.tables[table].columns)
        parts = [f"SELECT {columns} WHERE false"]
        parts += [
            f"FROM read_parquet({_quoted(table_path(folder, table))})"
            for _, folder in runs
            if table in summaries[folder] and (table in ORDERS or folder not in ahead)
        ]
        connection.execute(f"CREATE OR REPLACE TEMP VIEW done_{table} AS {' UNION ALL BY NAME '.join(parts)}")
    for name, contract in contracts.items():
        parts = [f"SELECT ''::VARCHAR AS done_in, 0 AS of_year, * FROM {name}__all WHERE false"]
        for period, folder, files in accepted:
            for file_id in files.get(name, []) if folder not in ahead else ():
                # By place within a file, whose parts name their columns in the first only; by name between versions.
                parted = " UNION ALL ".join(staged_sql(folder / "staged" / name, file_id, contract))
                parts.append(f"SELECT '{period}' AS done_in, {period.year} AS of_year, * FROM ({parted})")
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name}__done AS SELECT * EXCLUDE (failed, set_aside, original) "
            f"FROM ({' UNION ALL BY NAME '.join(parts)}) WHERE NOT set_aside"
        )


def is_ahead(warehouse: Warehouse, city: str, period: Period, run_id: str) -> bool:
    """Whether a run only orders what its period owes before it is over. Not so of a run whose folder is gone."""
    return _is_ahead(warehouse.run(city, str(period), run_id))


def _is_ahead(folder: Path) -> bool:
    manifest = folder / "manifest.json"
    return manifest.is_file() and bool(read_json(manifest).get("ahead"))


def _accepted(folder: Path) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    verdicts: dict[str, dict[str, Any]] = read_json(folder / "quality" / "verdicts.json")
    for file_id, verdict in verdicts.items():
        if verdict["outcome"].startswith("accepted"):
            files.setdefault(verdict["of"].split("/")[0], []).append(file_id)
    return files


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
