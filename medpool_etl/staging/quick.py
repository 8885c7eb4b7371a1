"""The quick look: rows written in the plainest form are typed while the file streams by.

It decides only between *certainly good* and *look closely*. A row is certainly good when it has just the header's fields,
each in a form that needs no cleaning, and every check of the row holds; its values are then those the close look would
give. Every other line is kept as it stands (``original``) for the close look. So the quick look may be as narrow as is
fast, and can never be wrong.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.contracts import Check, Column, Contract, checks_of
from medpool_etl.contracts.model import SQL_TYPES
from medpool_etl.intake.peek import TOTALS
from medpool_etl.intake.shape import Shape
from medpool_etl.staging.expressions import across
from medpool_etl.staging.plaintext import PlainText
from medpool_etl.staging.raw import cells_sql, quoted

_PLAIN_PATTERN = re.compile(r"\^?(?:\\[dw]|[0-9A-Za-z{},()|?\[\]+*-])*\$?")
_MOST_CODES = 500
# Letters, digits and Chinese characters: a text of nothing else needs no cleaning.
_TIDY = r"[0-9A-Za-z\x{4E00}-\x{9FA5}]+"
_QUOTED_AMOUNT = r'"(-?\d{1,3}),(\d{3})(?:,(\d{3}))?(?:,(\d{3}))?(\.\d{1,2})?"'
_LABEL = "rtrim(replace(tidy(cells[1]), ' ', ''), ':')"
_SAMPLE_LINES = 4_000
_FEW = 24
_SUBQUERY = re.compile(r"\bSELECT\b", re.IGNORECASE)
_CONTEXT = re.compile(r"\bcontext\.([a-z_]+)")


@dataclass(frozen=True)
class Known:
    """What is known before the rows come: reference lists, the values of ``context``, and tidy texts that stand often."""

    codes: Mapping[str, tuple[str, ...]]
    context: Mapping[str, str]
    often: Mapping[str, tuple[str, ...]]


def quick_sql(shape: Shape, contract: Contract, checks: tuple[Check, ...], known: Known) -> str:
    """Return the SELECT over ``text_lines`` of the contract's columns, typed, and ``original`` where a line needs a close look.

    Every line gives one row, in order: there is no join in it, which would let DuckDB mix them.
    """
    block = shape.first
    cells = {name: f"cells[{i}]" for i, name in enumerate(block.columns, 1) if name}
    columns = [column for column in contract.columns if column.name in cells]
    values = ",\n".join(
        f"CAST({_value(column, cells[column.name])} AS {SQL_TYPES[column.type]}) AS {column.name}" for column in columns
    )
    sure = [f"len(cells) = {len(block.columns)}"]
    sure += [_sure(column, cells[column.name], known) for column in columns]
    sure += [f"NOT contains(cells[{i}], chr(65533))" for i, name in enumerate(block.columns, 1) if not name]
    first = next((column for column in columns if column.name == block.columns[0]), None)
    if first is None or (first.type in ("text", "code") and not first.known and not first.pattern):
        sure.append(f"cells[1] <> '' AND NOT {one_of(_LABEL, TOTALS)}")
    sure += [
        f"coalesce({_CONTEXT.sub(lambda match: known.context[match[1]], check.sql)}, true)"
        for check in checks
        if check.kind == "own" and not across(check)
    ]
    condition = "\n AND ".join(f"({condition})" for condition in sure)
    names = ", ".join(column.name for column in columns)
    return f"""
    SELECT line_id, {names}, CASE WHEN coalesce({condition}, false) THEN NULL ELSE line[:-2] END AS original
    FROM (
      SELECT {values}, line_id, line, cells
      FROM (SELECT line_id, line, {_cells(shape)} AS cells FROM text_lines)
    ) AS rows
    """


def _cells(shape: Shape) -> str:
    """Return the SQL that splits a line into cells; what most often stands in quotation marks are amounts with separators,
    which lose both and are marked, so that a text of the same look is not taken for plain."""
    if shape.delimiter != ",":
        return cells_sql(shape, "line")
    bare = f"regexp_replace(line, {quoted(_QUOTED_AMOUNT)}, chr(3) || '\\1\\2\\3\\4\\5', 'g')"
    return f"""CASE WHEN NOT contains(line, '"') THEN string_split(line, ',')[:-2]
        WHEN NOT contains({bare}, '"') THEN string_split({bare}, ',')[:-2] ELSE {cells_sql(shape, "line")} END"""


def _sure(column: Column, cell: str, known: Known) -> str:
    """Return the SQL condition under which a cell needs no cleaning and passes every check of its column."""
    condition = _plain(column, cell, known)
    return condition if column.required else f"CASE WHEN {cell} = '' THEN true ELSE {condition} END"


def _plain(column: Column, cell: str, known: Known) -> str:
    name = column.name
    if column.values is not None:
        return f"{name} IS NOT NULL"
    forms = {
        "money": f"is_plain_money({cell}, {name})",
        "integer": f"CAST({name} AS VARCHAR) = {cell} AND length({cell}) <= 18",
        "rate": f"regexp_full_match({cell}, '\\d(\\.\\d{{1,6}})?')",
        "date": f"is_plain_date({cell}, {name})",
        "month": f"length({cell}) = 6 AND is_plain_date({cell} || '01', {name})",
    }
    if column.known:
        condition = one_of(cell, known.codes[column.known])
    elif column.type in forms:
        condition = forms[column.type]
    else:
        condition = _tidy(column, cell)
    if often := known.often.get(name):
        return f"CASE WHEN {one_of(cell, often)} THEN true ELSE {condition} END"
    return condition


def one_of(cell: str, texts: Iterable[str]) -> str:
    """Return the SQL condition that a cell is one of some texts, in a way DuckDB does not make a join of."""
    items = list(texts)
    if len(items) > _FEW:
        return f"MAP {{{', '.join(f'{quoted(text)}: 1' for text in items)}}}[{cell}] IS NOT NULL"
    return f"(CASE {cell} {' '.join(f'WHEN {quoted(text)} THEN true' for text in items)} ELSE false END)"


def _tidy(column: Column, cell: str) -> str:
    conditions = []
    if column.pattern:
        conditions.append(f"regexp_full_match({cell}, {quoted(column.pattern)})")
    if not column.pattern or not _PLAIN_PATTERN.fullmatch(column.pattern):
        # A pattern of plain characters matches nothing else.
        conditions.append(f"regexp_full_match({cell}, '{_TIDY}')")
    if column.width:
        conditions.append(f"length({cell}) >= {column.width}")
    return " AND ".join(conditions)


def _value(column: Column, cell: str) -> str:
    """Return the SQL of a cell's value, right wherever the line matches; elsewhere it must only not fail."""
    if column.values is not None:
        cases = " ".join(f"WHEN {quoted(text)} THEN {quoted(code)}" for text, code in column.values.items())
        return f"CASE {cell} {cases} END"
    readers = {
        "money": "plain_money({0})",
        "integer": "TRY_CAST({0} AS BIGINT)",
        "rate": "TRY_CAST({0} AS DECIMAL(9,6))",
        "date": "plain_date({0})",
        "month": "plain_date({0} || '01')",
    }
    return readers.get(column.type, "nullif({0}, '')").format(cell)


def known_before(
    connection: duckdb.DuckDBPyConnection, text: PlainText, shape: Shape, contract: Contract
) -> Known | None:
    """Return what is known of a text before its rows come; None where the quick look is not worth it or cannot be had.

    It is for one table of text in yuan, as all large files are, whose reference lists are short enough to stand in SQL and
    whose checks read no other table.
    """
    if shape.kind != "text" or contract.form is not None or contract.metadata or shape.first.unit != 1:
        return None
    if any(_SUBQUERY.search(check.sql) and not across(check) for check in checks_of(contract)):
        return None
    codes: dict[str, tuple[str, ...]] = {}
    for name in {column.known for column in contract.columns if column.known}:
        codes[name] = tuple(row[0] for row in connection.execute(f"SELECT code FROM {name} ORDER BY code").fetchall())
        if not 0 < len(codes[name]) <= _MOST_CODES:
            return None
    found = connection.execute("FROM context")
    names = [item[0] for item in found.description or []]
    context = {name: _literal(value) for name, value in zip(names, found.fetchall()[0], strict=True)}
    return Known(codes, context, _often(connection, text, shape, contract))


def _literal(value: Any) -> str:
    if value is None:
        return "CAST(NULL AS DECIMAL(18,2))"
    if isinstance(value, dt.date):
        return f"DATE '{value}'"
    return str(value) if isinstance(value, Decimal) else quoted(str(value))


def _often(
    connection: duckdb.DuckDBPyConnection, text: PlainText, shape: Shape, contract: Contract
) -> dict[str, tuple[str, ...]]:
    """Return the tidy texts of columns that have but a few at the beginning: most later ones will be the same."""
    columns = {
        name: f"cells[{i}]"
        for i, name in enumerate(shape.first.columns, 1)
        if name and contract.by_name[name].type in ("text", "code", "rate") and not contract.by_name[name].known
    }
    if not columns:
        return {}
    connection.register("text_lines", text.stream())
    lists = ", ".join(
        f"list(DISTINCT {cell}) FILTER ({_plain(contract.by_name[name], cell, Known({}, {}, {}))})"
        for name, cell in columns.items()
    )
    row = connection.execute(
        f"SELECT {lists} FROM (SELECT {_cells(shape)} AS cells FROM (FROM text_lines LIMIT {_SAMPLE_LINES}))"
    ).fetchall()[0]
    connection.unregister("text_lines")
    return {
        name: tuple(sorted(values)) for name, values in zip(columns, row, strict=True) if values and len(values) <= _FEW
    }


def quick_path(folder: Path, file_id: str) -> Path:
    """Return where the rows of a file that were certainly good are staged."""
    return folder / f"{file_id}.plain.parquet"
