"""The lines of a file that are looked at closely, as text: the DuckDB relation ``raw``, whatever the file's shape.

``raw`` has line_id, row_no, block, cells VARCHAR[], original, unit, width and wanted (how many fields a line has, and how
many its header). ``line_id`` counts the lines of the delivery from 1, ``row_no`` the line or sheet row as the sender's own
program counts it. Every line below the header is there, also blank ones, totals and notes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.contracts import Contract
from medpool_etl.intake.peek import fixed_cells, workbook_rows
from medpool_etl.intake.shape import Block, Shape
from medpool_etl.staging.plaintext import PlainText

# One field and the delimiter behind it.
_FIELDS = r"""("(?:[^"]|"")*"|[^{0}]*){0}"""
# A quoted field may have line ends in it, but not pages of them: then a quotation mark was left open.
_LONGEST_ROW = 40
_WIDEST_ROW = 500
_BATCH = 20_000
_SCHEMA = pa.schema(
    [
        ("line_id", pa.int64()),
        ("row_no", pa.int64()),
        ("block", pa.int64()),
        ("cells", pa.list_(pa.string())),
        ("original", pa.string()),
        ("unit", pa.int64()),
        ("width", pa.int64()),
        ("wanted", pa.int64()),
    ]
)
Line = tuple[int, int, list[str], str, int, int, int]


def contract_order(contract: Contract) -> tuple[str, ...]:
    """Return the names of the contract's columns, the order in which the cells of workbooks and forms are put."""
    return tuple(column.name for column in contract.columns)


def quoted(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def cells_sql(shape: Shape, line: str) -> str:
    """Return the SQL that splits a line into cells."""
    mark = quoted(shape.delimiter)
    fields = quoted(_FIELDS.format("\\|" if shape.delimiter == "|" else shape.delimiter))
    return f"""CASE WHEN contains({line}, '"')
        THEN list_transform(regexp_extract_all({line} || {mark}, {fields}, 1), lambda c:
          CASE WHEN starts_with(c, '"') AND ends_with(c, '"') AND length(c) > 1
            THEN replace(c[2:-2], '""', '"') ELSE c END)
        ELSE string_split({line}, {mark}) END"""


def leftover(connection: duckdb.DuckDBPyConnection, plain: Path, shape: Shape) -> None:
    """Make ``raw`` from the lines the quick look (``plain``) kept because it could not be sure of them."""
    kept = f"SELECT line_id, original AS line FROM read_parquet({quoted(str(plain))}) WHERE original IS NOT NULL"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW raw AS {_lines_sql(shape, kept)}")


def named_lines(connection: duckdb.DuckDBPyConnection, shape: Shape) -> None:
    """Make ``raw`` from the few lines in ``text_lines``."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW raw AS {_lines_sql(shape, 'FROM text_lines')}")


def whole_text(connection: duckdb.DuckDBPyConnection, text: PlainText, shape: Shape) -> None:
    """Make ``raw`` from all lines of a text."""
    connection.register("text_lines", text.stream())
    connection.execute("DROP VIEW IF EXISTS raw")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE raw_lines AS {_lines_sql(shape, 'FROM text_lines')}")
    connection.execute("CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM raw_lines")
    connection.unregister("text_lines")


def _lines_sql(shape: Shape, lines: str) -> str:
    block = shape.first
    return f"""
      SELECT line_id, line_id + {block.first_row - 1} AS row_no, 1 AS block, {cells_sql(shape, "line")} AS cells,
        line AS original, {block.unit} AS unit, len(cells) AS width, {len(block.columns)} AS wanted
      FROM ({lines})"""


def broken_rows(connection: duckdb.DuckDBPyConnection, text: PlainText, shape: Shape) -> bool:
    """Make ``raw`` anew where quoted fields run over several lines, as ``raw`` shows; return whether they do."""
    odd = connection.execute(
        """SELECT count(*) FROM raw
           WHERE contains(original, '"') AND (length(original) - length(replace(original, '"', ''))) % 2 = 1"""
    ).fetchall()
    # An open quotation mark swallows what follows: such a file is read line by line, and the line is set aside.
    if not odd[0][0] or _too_long(text, shape):
        return False
    _load(connection, _quoted_rows(text, shape))
    return True


def _too_long(text: PlainText, shape: Shape) -> bool:
    """Whether a quoted field runs over more lines than any real one, or has whole rows in it."""
    reader, before = csv.reader(_with_ends(text), delimiter=shape.delimiter, strict=True), 0
    fields = len(shape.first.columns)
    try:
        for cells in reader:
            if reader.line_num - before > _LONGEST_ROW:
                return True
            if any("\n" in cell and cell.count(shape.delimiter) >= fields - 1 for cell in cells):
                # A whole row inside a field, or the end of one row and the beginning of another: it is not one.
                return True
            before = reader.line_num
    except csv.Error:
        return True
    return False


def _with_ends(text: PlainText) -> Iterator[str]:
    return (line + "\n" for line in text.lines())


def _quoted_rows(text: PlainText, shape: Shape) -> Iterator[Line]:
    block, before = shape.first, 0
    reader = csv.reader(_with_ends(text), delimiter=shape.delimiter, strict=True)
    for cells in reader:
        yield (
            before + block.first_row,
            1,
            cells,
            shape.delimiter.join(cells),
            block.unit,
            len(cells),
            len(block.columns),
        )
        before = reader.line_num


def fixed_text(connection: duckdb.DuckDBPyConnection, text: PlainText, shape: Shape) -> None:
    """Make ``raw`` from a text whose columns stand below one another; a line that crosses them has one cell."""
    block = shape.first

    def rows() -> Iterator[Line]:
        for number, line in enumerate(text.lines(), block.first_row):
            cells = fixed_cells(line, block.spans)
            found = list(cells) if cells else line.split()
            wanted = len(block.columns)
            # A line that crosses the columns has, of all widths, not the header's.
            width = wanted if cells else len(found) if len(found) != wanted else wanted + 1
            yield number, 1, found, line, block.unit, width, wanted

    _load(connection, rows())


def workbook(connection: duckdb.DuckDBPyConnection, path: Path, shape: Shape, contract: Contract) -> None:
    """Make ``raw`` from the blocks of a workbook, their cells in the contract's order."""
    _load(connection, _workbook_lines(path, shape, contract))


def _workbook_lines(path: Path, shape: Shape, contract: Contract) -> Iterator[Line]:
    for sheet, rows in workbook_rows(path):
        blocks = [(number, block) for number, block in enumerate(shape.blocks, 1) if block.sheet == sheet]
        for row_no, cells in rows:
            for number, block in blocks:
                if block.first_row <= row_no and (block.last_row is None or row_no <= block.last_row):
                    # A cell far off is shown without the thousands of empty ones before it.
                    original = "\t".join(cells if len(cells) <= _WIDEST_ROW else filter(None, cells))
                    for arranged, width in _arranged(cells, block, contract):
                        yield row_no, number, arranged, original, block.unit, width, len(block.columns)


def _arranged(cells: list[str], block: Block, contract: Contract) -> Iterator[tuple[list[str], int]]:
    """Yield a row's cells in the contract's order, and its width; a row of a form gives one for each group."""
    if block.groups:
        form = contract.form
        assert form is not None
        labels = {value: label for label, value in form.groups.items()}
        for group in dict.fromkeys(name for name in block.groups if name):
            values = {form.group_column: labels[group]}
            for position, name in enumerate(block.columns):
                if name == form.label_column or (name and block.groups[position] == group):
                    values[name] = cells[position] if position < len(cells) else ""
            yield [values.get(name, "") for name in contract_order(contract)], len(block.columns)
        return
    values = {name: cells[i] for i, name in enumerate(block.columns) if name and i < len(cells)}
    others = [c for i, c in enumerate(cells) if c and (i >= len(block.columns) or not block.columns[i])]
    yield [*(values.get(name, "") for name in contract_order(contract)), *others], max(len(block.columns), len(cells))


def _load(connection: duckdb.DuckDBPyConnection, rows: Iterable[Line]) -> None:
    connection.register("raw_rows", pa.RecordBatchReader.from_batches(_SCHEMA, _batches(rows)))
    connection.execute("DROP VIEW IF EXISTS raw")
    connection.execute("CREATE OR REPLACE TEMP TABLE raw_lines AS SELECT * FROM raw_rows")
    connection.execute("CREATE OR REPLACE TEMP VIEW raw AS SELECT * FROM raw_lines")
    connection.unregister("raw_rows")


def _batches(rows: Iterable[Line]) -> Iterator[pa.RecordBatch]:
    remaining, line_id = iter(rows), 0
    while batch := list(islice(remaining, _BATCH)):
        columns: list[Any] = [range(line_id + 1, line_id + len(batch) + 1), *([] for _ in range(7))]
        for row_no, block, cells, original, unit, width, wanted in batch:
            for column, value in zip(columns[1:], (row_no, block, cells, original, unit, width, wanted), strict=True):
                column.append(value)
        line_id += len(batch)
        arrays = [pa.array(list(column), field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)
