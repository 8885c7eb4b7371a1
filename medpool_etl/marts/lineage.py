"""The file rows behind a published amount."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import duckdb

from medpool_etl.store.models import model_sql


@dataclass(frozen=True)
class SourceRow:
    """A row of a file, and what it adds to the amount, in yuan (negative where it is subtracted).

    What an earlier month left open stands in no file of this one: ``file_name`` then names where it comes from (the row_id of
    that month's break, say), and ``row_no`` is 0.
    """

    file_name: str
    sheet: str
    row_no: int
    amount: Decimal


def source_rows(connection: duckdb.DuckDBPyConnection, table: str, row_id: str, column: str) -> list[SourceRow]:
    """Return the file rows whose amounts add up to a column of a published row, by file and row.

    ``connection`` is a session over the run that published it, with the views of ``sql/staging``; for breaks and
    reconciliations with both sides of the pair drawn up.
    """
    rows = connection.execute(
        f"""
        WITH lineage AS (
          SELECT NULL::VARCHAR AS brought_from WHERE false
          UNION ALL BY NAME
          ({model_sql("lineage", table)})
        )
        SELECT
          coalesce(files.file_name, lineage.brought_from), coalesce(blocks.sheet, ''), coalesce(lineage.row_no, 0),
          lineage.amount
        FROM lineage
        LEFT JOIN files ON files.file_id = lineage.file_id
        LEFT JOIN file_blocks AS blocks
          ON blocks.file_id = lineage.file_id AND lineage.line_id >= blocks.first_line AND lineage.line_id < blocks.behind
        WHERE lineage.row_id = ? AND lineage.column_name = ?
        ORDER BY files.file_name NULLS FIRST, lineage.line_id, lineage.brought_from
        """,
        [row_id, column],
    ).fetchall()
    return [SourceRow(*row) for row in rows]
