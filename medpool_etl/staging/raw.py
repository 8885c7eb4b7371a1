"""The rows of a file as text: a DuckDB table ``raw`` (line_id, row_no, cells, original), whatever the file's shape.

``row_no`` is the line or the sheet's row, counted from 1 as the sender's own program counts it. Every line of the
file below the header is there, also blank ones, totals and notes: ``kind`` tells them apart.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa

from medpool_etl.contracts import Contract
from medpool_etl.intake.peek import NotReadable, workbook_grids
from medpool_etl.intake.recognise import Shape

# A byte that no office writes, so that DuckDB hands over whole lines.
_NO_DELIMITER = "\x01"
_TABLE_KINDS = """
            WHEN label IN ('合计', '总计') THEN 'total'
            WHEN label = '小计' THEN 'subtotal'
            WHEN len(full_cells) <= 2 AND line_id > first_total THEN 'note'"""
# One field and the delimiter behind it, in a line with a delimiter added at its end.
_FIELDS = r"""("(?:[^"]|"")*"|[^{0}]*){0}"""


def load_raw(connection: duckdb.DuckDBPyConnection, path: Path, shape: Shape, contract: Contract) -> None:
    """Make the table ``raw`` in ``connection``: line_id BIGINT, row_no BIGINT, cells VARCHAR[], original, kind VARCHAR.

    ``kind`` is data, total (a 合计 or 总计 line), subtotal (小计), note (what stands below the data) or blank.
    """
    if shape.kind == "xlsx":
        _load_workbook(connection, path, shape, contract)
    else:
        _load_text(connection, path, shape)
    # In a form 合计 is a line like others; an unfolded line always has its two labels.
    kinds = _form_kinds(contract) if shape.groups else _TABLE_KINDS
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE raw AS
        WITH filled AS (
          SELECT *, list_filter(list_transform(cells, lambda c: tidy(c)), lambda c: c <> '') AS full_cells
          FROM raw_lines
        ),
        labelled AS (SELECT *, rtrim(replace(coalesce(full_cells[1], ''), ' ', ''), ':') AS label FROM filled),
        placed AS (
          SELECT *, min(line_id) FILTER (label IN ('合计', '总计')) OVER () AS first_total FROM labelled
        )
        SELECT line_id, row_no, cells, original,
          CASE WHEN len(full_cells) = 0 THEN 'blank' {kinds} ELSE 'data' END AS kind
        FROM placed
        """
    )


def _form_kinds(contract: Contract) -> str:
    """A line of the form that has its label is data even where all its cells are empty; other texts are notes."""
    form = contract.form
    assert form is not None
    column = contract.by_name[form.label_column]
    position = contract_order(contract).index(form.label_column) + 1
    labels = ", ".join(f"'{label}'" for label in column.values or {})
    return f"WHEN len(full_cells) <= 2 AND replace(tidy(cells[{position}]), ' ', '') NOT IN ({labels}) THEN 'note'"


def contract_order(contract: Contract) -> tuple[str, ...]:
    """Return the names of the contract's columns, the order in which an unfolded form's cells stand."""
    return tuple(column.name for column in contract.columns)


def _load_text(connection: duckdb.DuckDBPyConnection, path: Path, shape: Shape) -> None:
    with tempfile.TemporaryDirectory(prefix="medpool-") as folder:
        # Whatever the encoding and the line ends (CR, LF, CRLF), the copy is valid UTF-8 with LF.
        source = Path(folder) / "utf8.txt"
        with (
            path.open("r", encoding=shape.encoding, errors="replace", newline=None) as original,
            source.open("w", encoding="utf-8", newline="\n") as copy,
        ):
            shutil.copyfileobj(original, copy, 1 << 20)
        delimiter = "\\|" if shape.delimiter == "|" else shape.delimiter
        connection.execute(
            r"""
            CREATE OR REPLACE TEMP TABLE raw_lines AS
            WITH lines AS (
              SELECT row_number() OVER () AS row_no, coalesce(line, '') AS line
              FROM read_csv(?, columns = {'line': 'VARCHAR'}, delim = ?, quote = '', escape = '', header = false,
                            auto_detect = false, null_padding = true, strict_mode = false, max_line_size = 10000000,
                            parallel = false)
            )
            SELECT row_no AS line_id, row_no, line AS original,
              CASE WHEN contains(line, '"')
                THEN list_transform(regexp_extract_all(line || ?, ?, 1), lambda c:
                  CASE WHEN starts_with(c, '"') AND ends_with(c, '"') AND length(c) > 1
                    THEN replace(c[2:-2], '""', '"') ELSE c END)
                ELSE string_split(line, ?)
              END AS cells
            FROM lines WHERE row_no >= ?
            """,
            [str(source), _NO_DELIMITER, shape.delimiter, _FIELDS.format(delimiter), shape.delimiter, shape.first_row],
        )
        _nothing_lost(connection, source, shape)


def _nothing_lost(connection: duckdb.DuckDBPyConnection, source: Path, shape: Shape) -> None:
    """Compare the lines DuckDB handed over with the line ends in the file's bytes."""
    ends, last = 0, b""
    with source.open("rb") as file:
        while block := file.read(1 << 20):
            ends, last = ends + block.count(b"\n"), block[-1:]
    lines = ends + (last not in (b"", b"\n"))
    read = connection.execute("SELECT coalesce(max(row_no), ?) FROM raw_lines", [shape.first_row - 1]).fetchone()
    if read is None or read[0] != lines:
        raise NotReadable(
            f"文件有 {lines} 行，只能读出 {read[0] if read else 0} 行，请重新导出",
            f"the file has {lines} lines but only {read[0] if read else 0} could be read: export it again",
        )


def _load_workbook(connection: duckdb.DuckDBPyConnection, path: Path, shape: Shape, contract: Contract) -> None:
    grid = workbook_grids(path)[shape.sheet]
    rows: list[tuple[int, list[str], str]] = []
    for row_no, cells in enumerate(grid[shape.first_row - 1 :], start=shape.first_row):
        original = "\t".join(cells).rstrip("\t")
        if shape.groups:
            rows.extend((row_no, unfolded, original) for unfolded in _unfold(cells, shape, contract))
        else:
            rows.append((row_no, cells + [""] * (len(shape.columns) - len(cells)), original))
    connection.register(
        "workbook_lines",
        pa.table(
            {
                "line_id": pa.array(range(1, len(rows) + 1), pa.int64()),
                "row_no": pa.array([row[0] for row in rows], pa.int64()),
                "original": pa.array([row[2] for row in rows], pa.string()),
                "cells": pa.array([row[1] for row in rows], pa.list_(pa.string())),
            }
        ),
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE raw_lines AS SELECT * FROM workbook_lines")
    connection.unregister("workbook_lines")


def _unfold(cells: list[str], shape: Shape, contract: Contract) -> list[list[str]]:
    """Return one row of cells, in the contract's order, for each group of the form."""
    form = contract.form
    assert form is not None
    labels = {value: label for label, value in form.groups.items()}
    unfolded = []
    for group in dict.fromkeys(name for name in shape.groups if name):
        values = {form.group_column: labels[group]}
        for position, name in enumerate(shape.columns):
            if name == form.label_column or (name and shape.groups[position] == group):
                values[name] = cells[position] if position < len(cells) else ""
        unfolded.append([values.get(column.name, "") for column in contract.columns])
    return unfolded
