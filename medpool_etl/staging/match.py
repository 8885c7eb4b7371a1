"""Keys of one kind of file that another kind of the same month must hold too."""

from __future__ import annotations

from pathlib import Path

import duckdb

from medpool_etl.contracts import Contract
from medpool_etl.staging.raw import quoted
from medpool_etl.store.session import staged_sql
from medpool_etl.store.warehouse import whole


def unmatched(
    connection: duckdb.DuckDBPyConnection,
    staged: Path,
    file: tuple[Contract, str],
    column: str,
    others: tuple[Contract, list[str]],
    other_column: str,
) -> int:
    """Return how many rows of a staged file have a key that no staged file of the other kind has.

    The rows are written beside it as ``<file_id>.<column>.unmatched.parquet`` (line_id, row_no, key). Rows set aside count
    on both sides. Keys are compared by a 64-bit hash, so that ten million fit into memory; what differs by amount or
    truly lacks a counterpart is found again, exactly, in reconciliation.
    """
    contract, file_id = file
    rows = " UNION ALL ".join(staged_sql(staged / contract.contract, file_id, contract))
    other, ids = others
    there = " UNION ALL ".join(part for i in ids for part in staged_sql(staged / other.contract, i, other))
    with whole(staged / contract.contract / f"{file_id}.{column}.unmatched.parquet") as target:
        connection.execute(
            f"""
            COPY (
              SELECT line_id, row_no, {column} AS key FROM ({rows})
              WHERE {column} IS NOT NULL AND hash({column}) NOT IN (
                SELECT hash({other_column}) FROM ({there}) WHERE {other_column} IS NOT NULL
              )
              ORDER BY line_id
            ) TO {quoted(str(target))} (FORMAT parquet, COMPRESSION zstd)
            """
        )
        found = connection.execute(f"SELECT count(*) FROM read_parquet({quoted(str(target))})").fetchall()
    return int(found[0][0])
