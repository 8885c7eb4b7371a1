"""The DuckDB mart: the published tables of every month in one database, rebuilt as a new generation beside the old."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from pathlib import Path

import duckdb
import pyarrow as pa

from medpool_etl.errors import StoreError
from medpool_etl.marts.build import table_path
from medpool_etl.marts.lives import lives_table
from medpool_etl.marts.punctuality import punctuality_table
from medpool_etl.marts.registry import Registry
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.breaks import Breaks
from medpool_etl.store.control import Published
from medpool_etl.store.models import model_sql
from medpool_etl.store.tables import Break
from medpool_etl.store.warehouse import read_json


def build_mart(control: Control, warehouse: Warehouse, registry: Registry) -> bool:
    """Build the mart over all published months and switch to it; return whether there was anything to do.

    A generation is named by the months and runs in it, by the state of the breaks and by when files came, so the same publications, lives
    and moments are the same generation. Readers of the generation before keep theirs. If another process publishes meanwhile, the mart is built again.
    """
    changed = False
    while True:
        published, lives = control.published(), Breaks(control).listing()
        punctuality = punctuality_table(control, warehouse, published)
        generation = _name(published, lives, punctuality, registry)
        if warehouse.generation() == generation and warehouse.current_mart.is_file():
            return changed
        target = warehouse.marts / generation
        if not (target / "medpool.duckdb").is_file():
            fresh = warehouse.marts / f".{generation}-{uuid.uuid4().hex}"
            fresh.mkdir(parents=True)
            try:
                _write(
                    fresh / "medpool.duckdb",
                    [warehouse.run(p.city, p.month, p.run_id) for p in published],
                    {"lives": lives_table(lives), "punctuality": punctuality},
                    registry,
                )
                fresh.rename(target)
            except OSError:
                if not (target / "medpool.duckdb").is_file():
                    raise
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
        warehouse.switch(generation)
        changed = True


def _name(published: tuple[Published, ...], lives: tuple[Break, ...], punctuality: pa.Table, registry: Registry) -> str:
    digest = hashlib.sha256(registry.model_dump_json().encode())
    for item in published:
        digest.update(f"\n{item.city} {item.month} {item.run_id}".encode())
    for row in lives:
        digest.update(f"\n{row.break_id} {row.changed_at.isoformat()} {row.seen_in} {row.assigned_to}".encode())
    digest.update(repr(punctuality.to_pylist()).encode())
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
