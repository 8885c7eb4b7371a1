"""What a run was made of and what it made, as datasets of data lineage: plain names, for whoever passes them on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medpool_etl.alerts.message import without_persons
from medpool_etl.contracts import load_all
from medpool_etl.marts import Registry, load_registry, table_path
from medpool_etl.periods import Period
from medpool_etl.pipeline.basis import Basis, carried_path, manifest_of
from medpool_etl.pipeline.done import TABLES
from medpool_etl.pipeline.opening import MonthRun
from medpool_etl.store import Settings, Warehouse
from medpool_etl.store.warehouse import read_json

FILES = "file"


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, SQL type and meaning."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Dataset:
    """A file (``namespace`` file, ``name`` its path) or a table of the mart (``namespace`` the database, ``name`` schema and table).

    ``version`` is the SHA-256 of a received file, the run of what a run made; ``rows`` is None where nobody counted.
    """

    namespace: str
    name: str
    description: str
    version: str
    columns: tuple[Column, ...] = ()
    rows: int | None = None


@dataclass(frozen=True)
class Lineage:
    """What a run was made of, and what it made."""

    inputs: tuple[Dataset, ...]
    outputs: tuple[Dataset, ...]


def lineage_of(settings: Settings, run: MonthRun) -> Lineage:
    """Return the datasets of a settled run, by their paths on this machine, which name neither host nor user.

    Made of: every file received for it and every late file it adjusts for, as the bytes kept in the warehouse; the open items it carries on;
    the tables of earlier runs it rests on. Made: its Parquet tables, and the tables of the mart they are shown in. Raises StoreError
    when the run, or an earlier one, is not there.
    """
    warehouse, registry, folder = Warehouse(settings.warehouse), load_registry(), run.folder(settings)
    manifest = manifest_of(folder)
    inputs = [*_received(warehouse, manifest), *_earlier(warehouse, run.city, Basis.of(manifest), registry)]
    return Lineage(tuple(inputs), tuple(_made(warehouse, run, folder, registry)))


def _received(warehouse: Warehouse, manifest: dict[str, Any]) -> list[Dataset]:
    """Return the files of a manifest, each content once, whatever number of deliveries it holds."""
    titles = {name: contract.title.zh for name, contract in load_all().items()}
    said: dict[str, list[str]] = {}
    for arrival in manifest["arrivals"]:
        lines = said.setdefault(arrival["sha256"], [])
        contract = (arrival["shape"] or {}).get("contract", "")
        line = f"{arrival['name']}（{titles[contract]}）" if contract in titles else arrival["name"]
        if line not in lines:
            lines.append(line)
    for late in manifest["adjusts"]:
        said.setdefault(late["sha256"], []).append(f"{late['name']}（{late['month']} 迟到 late）")
    return [
        # What an office calls its file may hold anything.
        Dataset(FILES, str(warehouse.received(sha256)), without_persons("；".join(lines)), sha256)
        for sha256, lines in said.items()
    ]


def _earlier(warehouse: Warehouse, city: str, basis: Basis, registry: Registry) -> list[Dataset]:
    """Return what is read of earlier runs: their tables, and the open items of the month before."""
    found = []
    for done in basis.done:
        folder = warehouse.run(city, done["period"], done["run_id"])
        there = read_json(folder / "summary.json")["tables"]
        found += [_table(folder, name, registry, done["run_id"]) for name in TABLES if name in there]
    if basis.carries:
        path = carried_path(warehouse.run(city, basis.carries["month"], basis.carries["run_id"]))
        found.append(Dataset(FILES, str(path), "未了结项目 Items left open", basis.carries["run_id"]))
    return found


def _made(warehouse: Warehouse, run: MonthRun, folder: Path, registry: Registry) -> list[Dataset]:
    counts: dict[str, int] = read_json(folder / "summary.json")["tables"]
    published = registry.of_runs(Period.parse(run.month).kind)
    tables = [_table(folder, name, registry, run.run_id, rows) for name, rows in counts.items() if name in published]
    mart = f"duckdb://{warehouse.current_mart}"
    shown = [
        Dataset(mart, f"main.{name}", f"{table.zh} {table.en}", run.run_id, _columns(registry, name))
        for name, table in registry.tables.items()
        if name in counts or table.made_from == "control"
    ]
    return tables + shown


def _table(folder: Path, name: str, registry: Registry, run_id: str, rows: int | None = None) -> Dataset:
    table = registry.tables[name]
    path = str(table_path(folder, name))
    return Dataset(FILES, path, f"{table.zh} {table.en}", run_id, _columns(registry, name), rows)


def _columns(registry: Registry, table: str) -> tuple[Column, ...]:
    terms = ((name, registry.terms[name]) for name in registry.tables[table].columns)
    return tuple(Column(name, term.type, f"{term.zh} {term.en}") for name, term in terms)
