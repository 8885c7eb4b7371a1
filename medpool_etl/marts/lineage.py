"""The file rows behind a published amount."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import duckdb

from medpool_etl.store.models import model_sql


@dataclass(frozen=True)
class SourceRow:
    """A row of a file, and what it adds to the amount, in yuan (negative where it is subtracted)."""

    file_name: str
    sheet: str
    row_no: int
    amount: Decimal


def source_rows(connection: duckdb.DuckDBPyConnection, table: str, row_id: str, column: str) -> list[SourceRow]:
    """Return the file rows whose amounts add up to a column of a published row, by file and row.

    ``connection`` is a session over the run that published it, with the views of ``sql/staging`` and ``sides``.
    """
    rows = connection.execute(
        f"""
        SELECT files.file_name, blocks.sheet, lineage.row_no, lineage.amount
        FROM ({model_sql("lineage", table)}) AS lineage
        JOIN files ON files.file_id = lineage.file_id
        JOIN file_blocks AS blocks
          ON blocks.file_id = lineage.file_id AND lineage.line_id >= blocks.first_line AND lineage.line_id < blocks.behind
        WHERE lineage.row_id = ? AND lineage.column_name = ?
        ORDER BY files.file_name, lineage.line_id
        """,
        [row_id, column],
    ).fetchall()
    return [SourceRow(*row) for row in rows]
