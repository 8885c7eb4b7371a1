"""The DuckDB mart: the published tables of every month in one database, rebuilt as a new generation beside the old."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa

from medpool_etl.errors import StoreError
from medpool_etl.marts.approvals import approvals_table
from medpool_etl.marts.build import table_path
from medpool_etl.marts.lives import lives_table
from medpool_etl.marts.punctuality import punctuality_table
from medpool_etl.marts.registry import Registry
from medpool_etl.marts.run_steps import steps_table
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.approvals import Approvals
from medpool_etl.store.breaks import Breaks
from medpool_etl.store.control import Published
from medpool_etl.store.models import model_sql
from medpool_etl.store.steps import Steps
from medpool_etl.store.tables import Break
from medpool_etl.store.warehouse import read_json


def build_mart(control: Control, warehouse: Warehouse, registry: Registry) -> bool:
    """Build the mart over all published months and switch to it; return whether there was anything to do.

    A generation is named by the months and runs in it, by the state of the breaks, by when files came and by what was approved, so the same
    publications, lives, moments and decisions are the same generation. Readers of the generation before keep theirs. If another process publishes meanwhile, the mart is built again.

    How long steps took does not name it: otherwise every run would make a new generation, also one that changes nothing. ``run_steps`` thus has
    what was known when the generation was built: of the run published last its ``publish`` still running and no ``notify``, and
    nothing of runs that changed nothing since. The next generation has them; the control database has them at once.
    """
    changed = False
    with warehouse.marts_exclusive():
        while True:
            published, lives = control.published(), Breaks(control).listing()
            punctuality = punctuality_table(control, warehouse, published)
            decided = approvals_table(Approvals(control).listing(), published)
            generation = _name(published, lives, (punctuality, decided), registry)
            if warehouse.generation() == generation and warehouse.current_mart.is_file():
                return changed
            if not (warehouse.marts / generation / "medpool.duckdb").is_file():
                controlled = {
                    "lives": lives_table(lives),
                    "punctuality": punctuality,
                    "decided": decided,
                    "steps": steps_table(Steps(control).listing()),
                }
                runs = [warehouse.run(p.city, p.month, p.run_id) for p in published]
                _make(warehouse.marts / generation, runs, controlled, registry)
            warehouse.switch(generation)
            changed = True


def _make(target: Path, runs: list[Path], controlled: dict[str, pa.Table], registry: Registry) -> None:
    """Make a generation, which has its name when it is whole."""
    fresh = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    fresh.mkdir(parents=True)
    try:
        _write(fresh / "medpool.duckdb", runs, controlled, registry)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _name(
    published: tuple[Published, ...], lives: tuple[Break, ...], controlled: Iterable[pa.Table], registry: Registry
) -> str:
    digest = hashlib.sha256(registry.model_dump_json().encode())
    for item in published:
        digest.update(f"\n{item.city} {item.month} {item.run_id}".encode())
    for row in lives:
        digest.update(f"\n{row.break_id} {row.changed_at.isoformat()} {row.seen_in} {row.assigned_to}".encode())
    for table in controlled:
        digest.update(repr(table.to_pylist()).encode())
    return digest.hexdigest()[:16]


def _write(path: Path, runs: list[Path], controlled: dict[str, pa.Table], registry: Registry) -> None:
    with duckdb.connect(str(path)) as connection:
        for name, rows in controlled.items():
            connection.register(name, rows)
        for name, table in registry.tables.items():
            columns = ", ".join(f"{column} {registry.terms[column].type}" for column in table.columns)
            connection.execute(f"CREATE TABLE {name} ({columns})")
            if table.made_from == "control":
                connection.execute(f"INSERT INTO {name} BY NAME {model_sql('control', name)}")
            for run in runs if table.made_from == "runs" else ():
                _insert(connection, name, table_path(run, name), run, table.columns)
            connection.execute(f"COMMENT ON TABLE {name} IS {_quoted(f'{table.zh} | {table.en}')}")
            for column in table.columns:
                term = registry.terms[column]
                unit = f" [{term.unit}]" if term.unit else ""
                connection.execute(f"COMMENT ON COLUMN {name}.{column} IS {_quoted(f'{term.zh} | {term.en}{unit}')}")


def _insert(
    connection: duckdb.DuckDBPyConnection, name: str, source: Path, run: Path, columns: tuple[str, ...]
) -> None:
    """Add a run's rows; a table or column that its version of medpool did not have yet stays empty."""
    if name not in read_json(run / "summary.json")["tables"]:
        return
    if not source.is_file():
        raise StoreError("a published table is missing", where=str(source), do="restore it from the backup")
    there = {row[0] for row in connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(source)]).fetchall()}
    kept = ", ".join(column for column in columns if column in there)
    connection.execute(f"INSERT INTO {name} BY NAME SELECT {kept} FROM read_parquet(?)", [str(source)])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
