"""A DuckDB session over one run: reference tables, and every contract's accepted rows under the contract's name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from medpool_etl.contracts import Contract
from medpool_etl.contracts.model import SQL_TYPES
from medpool_etl.store.warehouse import read_json


def connect() -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB that installs nothing and spills into a temporary folder of this process.

    It takes at most ``MEDPOOL_MEMORY`` (default 1GB), so that the size of a month does not decide how much it needs.
    """
    return duckdb.connect(
        config={
            "memory_limit": os.environ.get("MEDPOOL_MEMORY", "1GB"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(Path(tempfile.gettempdir()) / f"medpool-{os.getpid()}"),
        }
    )


def add_references(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> None:
    """Make a table of each reference table, under its name."""
    for name, table in tables.items():
        connection.register("reference_rows", table)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM reference_rows")
        connection.unregister("reference_rows")


def add_rows(
    connection: duckdb.DuckDBPyConnection,
    runs: Iterable[tuple[Path, Mapping[str, list[str]]]],
    contracts: Iterable[Contract],
    behind: str = "",
) -> None:
    """Make views of the rows of each contract, from the staged Parquet of the files that are accepted.

    ``<contract>`` has the rows that count; ``<contract>__all`` those set aside too, with ``failed`` and ``original``.
    ``runs`` gives the folder of each run, and its accepted file ids by contract. A contract without files gives empty views
    of the same columns. ``behind`` is put behind the names, where they are other runs'.
    """
    runs = list(runs)
    for contract in contracts:
        name = contract.contract
        parts = [
            part
            for folder, files in runs
            for file_id in files.get(name, [])
            for part in staged_sql(folder / "staged" / name, file_id, contract)
        ]
        source = " UNION ALL ".join(parts or [f"SELECT {_empty(contract)} WHERE false"])
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name}__all{behind} AS {source}")
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name}{behind} AS "
            f"SELECT * EXCLUDE (failed, set_aside, original) FROM {name}__all{behind} WHERE NOT set_aside"
        )


def add_past(
    connection: duckdb.DuckDBPyConnection,
    runs: Iterable[tuple[Path, Mapping[str, list[str]]]],
    contract: Contract,
    columns: Sequence[str],
) -> None:
    """Make the view ``<contract>__past`` of a few columns of the rows that count in earlier runs, given as in ``add_rows``.

    Other columns may have come or gone since those runs were made.
    """
    name, chosen = contract.contract, ", ".join(columns)
    parts = [
        part
        for folder, files in runs
        for file_id in files.get(name, [])
        for part in staged_sql(folder / "staged" / name, file_id, contract, columns)
    ]
    source = " UNION ALL ".join(parts) or f"FROM {name}__all WHERE false"
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {name}__past AS SELECT {chosen} FROM ({source}) WHERE NOT set_aside"
    )


def staged_sql(folder: Path, file_id: str, contract: Contract, columns: Sequence[str] = ()) -> list[str]:
    """Return the SELECTs whose rows together are a staged file's: those looked at closely, and the plain ones.

    They have the contract's title values and columns, or ``columns``, between file_id, line_id, row_no and failed,
    set_aside, original.
    """
    everything = [*(item.name for item in contract.metadata), *(column.name for column in contract.columns)]
    names = ", ".join(columns or everything)
    close, plain = folder / f"{file_id}.parquet", folder / f"{file_id}.plain.parquet"
    sql = [
        f"SELECT '{file_id}' AS file_id, line_id, row_no, {names}, failed, set_aside, original "
        f"FROM read_parquet({_quoted(close)}) WHERE kind = 'data'"
    ]
    if known := read_json(folder / f"{file_id}.json")["plain"]:
        # A row of the plain ones with which a check across rows found fault is among those looked at closely.
        sql.append(
            f"SELECT '{file_id}', line_id, line_id + {known['first_row'] - 1}, {names}, "
            f"[]::STRUCT(check_id VARCHAR, found VARCHAR)[], false, NULL "
            f"FROM read_parquet({_quoted(plain)}) WHERE original IS NULL "
            f"AND line_id NOT IN (SELECT line_id FROM read_parquet({_quoted(close)}))"
        )
    return sql


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _empty(contract: Contract) -> str:
    columns = {"file_id": "VARCHAR", "line_id": "BIGINT", "row_no": "BIGINT"}
    columns |= {item.name: SQL_TYPES[item.type] for item in contract.metadata}
    columns |= {column.name: SQL_TYPES[column.type] for column in contract.columns}
    columns |= {"failed": "STRUCT(check_id VARCHAR, found VARCHAR)[]", "set_aside": "BOOLEAN", "original": "VARCHAR"}
    return ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
