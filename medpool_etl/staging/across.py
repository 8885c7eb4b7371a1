"""Checks that look across the rows of a file: keys that stand twice, chains and sums over lines."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from medpool_etl.contracts import Check, Contract
from medpool_etl.staging.expressions import across, found

_BATCH = 1_000_000


def found_across(connection: duckdb.DuckDBPyConnection, contract: Contract, checks: tuple[Check, ...]) -> int:
    """Make the table ``across`` (line_id, check_id, found) of the rows that fail a check across rows; return how many.

    ``connection`` has ``staged`` (line_id, the contract's metadata and columns, ``found__<check>`` where the row had a
    close look) over the data rows of the file.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE across (line_id BIGINT, check_id VARCHAR, found VARCHAR)")
    for check in checks:
        if not across(check):
            continue
        said = f"coalesce(found__{check.id}, {found(check, contract, 'CAST({0} AS VARCHAR)')})"
        if check.kind == "duplicate":
            _duplicates(connection, check, said)
        else:
            connection.execute(
                f"INSERT INTO across SELECT line_id, '{check.id}', said FROM (SELECT line_id, {said} AS said, "
                f"NOT coalesce({check.sql}, true) AS failed FROM staged AS rows, context) WHERE failed"
            )
    return int(connection.execute("SELECT count(*) FROM across").fetchall()[0][0])


def _duplicates(connection: duckdb.DuckDBPyConnection, check: Check, said: str) -> None:
    """Find every row whose key stood before it. Only rows whose keys share a hash with others are compared."""
    there = " AND ".join(f"{column} IS NOT NULL" for column in check.columns)
    key = ", ".join(check.columns)
    suspects = _more_than_once(connection, f"hash({key})", f"staged WHERE {there}")
    if not len(suspects):
        return
    connection.register("suspects", pa.table({"h": suspects}))
    connection.execute(
        f"""
        INSERT INTO across
        SELECT line_id, '{check.id}', said FROM (
          SELECT line_id, {said} AS said, row_number() OVER (PARTITION BY {key} ORDER BY line_id) AS occurrence
          FROM staged WHERE {there} AND hash({key}) IN (SELECT h FROM suspects)
        ) WHERE occurrence > 1
        """
    )
    connection.unregister("suspects")


def _more_than_once(connection: duckdb.DuckDBPyConnection, value: str, rows: str) -> np.ndarray:
    """Return the values (of type UBIGINT) that stand more than once, sorted: sorting eight bytes a row takes a third of the
    time and of the memory of a GROUP BY."""
    count = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()[0][0]
    values, at = np.empty(count, np.uint64), 0
    for batch in connection.sql(f"SELECT {value} AS value FROM {rows}").to_arrow_reader(_BATCH):
        values[at : at + batch.num_rows] = batch.column(0)
        at += batch.num_rows
    values.sort()
    return np.unique(values[1:][values[1:] == values[:-1]])
