"""Checks that look across the rows of a file: keys that stand twice, chains and sums over lines."""

from __future__ import annotations

import duckdb

from medpool_etl.contracts import Check, Contract
from medpool_etl.staging.expressions import across, found


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
    """Find every row whose key stood before it. Hashes of keys are compared first, so that memory stays small."""
    there = " AND ".join(f"{column} IS NOT NULL" for column in check.columns)
    key = ", ".join(check.columns)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE suspects AS
        SELECT h FROM (SELECT hash({key}) AS h FROM staged WHERE {there}) GROUP BY h HAVING count(*) > 1
        """
    )
    if connection.execute("FROM suspects LIMIT 1").fetchall():
        connection.execute(
            f"""
            INSERT INTO across
            SELECT line_id, '{check.id}', said FROM (
              SELECT line_id, {said} AS said, row_number() OVER (PARTITION BY {key} ORDER BY line_id) AS occurrence
              FROM staged WHERE {there} AND hash({key}) IN (SELECT h FROM suspects)
            ) WHERE occurrence > 1
            """
        )
