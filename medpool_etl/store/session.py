"""A DuckDB session over one run: reference tables, and every contract's accepted rows under the contract's name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from medpool_etl.contracts import Contract
from medpool_etl.contracts.model import SQL_TYPES


def connect() -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB that installs nothing and spills into a temporary folder of this process."""
    return duckdb.connect(
        config={
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
    connection: duckdb.DuckDBPyConnection, folder: Path, contracts: Iterable[Contract], files: Mapping[str, list[str]]
) -> None:
    """Make a view of the rows of each contract, from the staged Parquet of the files that are accepted.

    ``<contract>`` has the rows that count; ``<contract>__all`` those set aside too, with ``failed`` and ``original``.
    ``files`` lists the accepted file ids by contract. A contract without files gives empty views of the same columns.
    """
    for contract in contracts:
        name = contract.contract
        paths = [str(folder / "staged" / name / f"{file_id}.parquet") for file_id in files.get(name, [])]
        if paths:
            listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
            source = f"SELECT * FROM read_parquet([{listed}])"
        else:
            source = f"SELECT {_empty(contract)} WHERE false"
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name}__all AS {source}")
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS "
            f"SELECT * EXCLUDE (failed, set_aside, original) FROM {name}__all WHERE NOT set_aside"
        )


def _empty(contract: Contract) -> str:
    columns = {"file_id": "VARCHAR", "line_id": "BIGINT", "row_no": "BIGINT"}
    columns |= {item.name: SQL_TYPES[item.type] for item in contract.metadata}
    columns |= {column.name: SQL_TYPES[column.type] for column in contract.columns}
    columns |= {"failed": "STRUCT(check_id VARCHAR, found VARCHAR)[]", "set_aside": "BOOLEAN", "original": "VARCHAR"}
    return ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
