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
from medpool_etl.intake.peek import TOTALS, clean
from medpool_etl.intake.shape import Shape
from medpool_etl.staging.expressions import across
from medpool_etl.staging.macros import EMPTY, MARK
from medpool_etl.staging.plaintext import PlainText
from medpool_etl.staging.raw import cells_sql, quoted

_PLAIN_PATTERN = re.compile(r"\^?(?:\\[dw]|[0-9A-Za-z{},()|?\[\]+*-])*\$?")
# The close look reads counts of up to 18 digits.
_MOST = 10**18 - 1
_MOST_CODES = 500
# Letters, digits and Chinese characters: a text of nothing else needs no cleaning.
_TIDY = r"[0-9A-Za-z\x{4E00}-\x{9FA5}]+"
_QUOTED_AMOUNT = r'"(-?\d{1,3}),(\d{3})(?:,(\d{3}))?(?:,(\d{3}))?(\.\d{1,2})?",'
_LABEL = "rtrim(replace(tidy(cell__1), ' ', ''), ':')"
_SAMPLE_LINES = 4_000
_FEW = 24
# What only the close look has: other tables, texts, and where a row stands.
_BEYOND = re.compile(r"\b(SELECT|raw_\w+|line_id|row_no|block|kind|original|unit|width|wanted)\b", re.IGNORECASE)
_CONTEXT = re.compile(r"\bcontext\.([a-z_]+)")


@dataclass(frozen=True)
class Known:
    """What is known before the rows come: reference lists, the values of ``context``, and tidy texts that stand often."""

    codes: Mapping[str, tuple[str, ...]]
    context: Mapping[str, str]
    often: Mapping[str, tuple[str, ...]]


def quick_sql(shape: Shape, contract: Contract, checks: tuple[Check, ...], known: Known) -> str:
    """Return the SELECT over ``text_lines`` of the contract's columns, typed, and ``original`` where a line needs a close look.

    Every line gives one row, in order: there is no join in it, which would let DuckDB mix them. What has a list of texts is
    written as ENUM, which Parquet keeps as text: it is looked up once and not sorted into a dictionary again.
    """
    block = shape.first
    cells = {name: f"cell__{i}" for i, name in enumerate(block.columns, 1) if name}
    columns = [column for column in contract.columns if column.name in cells]
    listed = [column for column in columns if _listed(column)]
    found = "".join(f", {_found(column, cells[column.name], known)}" for column in columns if _has_list(column))
    values = ", ".join(f"{_value(column, cells[column.name])} AS {column.name}" for column in columns)
    sure = [f"fields = {len(block.columns)}"]
    sure += [_sure(column, cells[column.name], known) for column in columns]
    sure += [_unused(f"cell__{i}") for i, name in enumerate(block.columns, 1) if not name]
    sure += _no_other_line(shape, contract)
    condition = "\n AND ".join(f"({condition})" for condition in sure)
    made = [
        f"coalesce({_CONTEXT.sub(lambda match: known.context[match[1]], check.sql)}, true)"
        for check in checks
        if check.kind == "own" and not across(check)
    ]
    if made:
        # Of values that are proven: others may be such that a check cannot be worked out.
        condition = f"CASE WHEN {condition} THEN {' AND '.join(f'({check})' for check in made)} ELSE false END"
    absent = {c.name: f"CAST(NULL AS {SQL_TYPES[c.type]}) AS {c.name}" for c in contract.columns if c.name not in cells}
    names = ", ".join(
        absent.get(c.name) or (f"listed__{c.name} AS {c.name}" if c in listed else c.name) for c in contract.columns
    )
    named = ", ".join(f"cells[{i}] AS cell__{i}" for i in range(1, len(block.columns) + 1))
    return f"""
    SELECT line_id, {names}, CASE WHEN coalesce({condition}, false) THEN NULL ELSE line END AS original
    FROM (
      SELECT *, {values}
      FROM (SELECT *{found} FROM (SELECT line_id, line, inside, len(cells) AS fields, {named} FROM ({_cells(shape)})))
    ) AS rows
    """


def _cells(shape: Shape) -> str:
    """Return the SELECT that splits every line into ``cells``. What most often stands in quotation marks are amounts with separators: one of
    them in a line becomes the mark, and ``inside`` what it stands for; several lose their separators behind the mark."""
    if shape.delimiter != ",":
        return f"SELECT line_id, line, NULL AS inside, {cells_sql(shape, 'line')} AS cells FROM text_lines"
    # With the delimiter behind it: what follows a closing quotation mark otherwise is no amount.
    bare = f"regexp_replace(line || ',', {quoted(_QUOTED_AMOUNT)}, {MARK} || '\\1\\2\\3\\4\\5,', 'g')"
    return f"""
      SELECT line_id, line, inside,
        CASE WHEN quotes = 'none' THEN string_split(line, ',')
          WHEN quotes = 'one' THEN string_split(parts[1] || {MARK} || parts[3], ',')
          WHEN NOT contains(bare, '"') THEN string_split(bare, ',')[:-2]
          ELSE {cells_sql(shape, "line")} END AS cells
      FROM (
        SELECT line_id, line, parts, parts[2] AS inside, quotes, CASE WHEN quotes = 'more' THEN {bare} END AS bare
        FROM (
          SELECT line_id, line, parts,
            CASE WHEN parts IS NULL THEN 'none'
              WHEN len(parts) = 3 AND parts[2] < ':' AND (parts[3] = '' OR starts_with(parts[3], ',')) THEN 'one'
              ELSE 'more' END AS quotes
          FROM (
            SELECT line_id, line, CASE WHEN contains(line, '"') THEN string_split(line, '"') END AS parts FROM text_lines
          )
        )
      )"""


def _unused(cell: str) -> str:
    """Return the SQL condition under which a cell no column of the contract is read from says nothing of its row."""
    plain = " AND ".join(f"NOT contains({cell}, {text})" for text in ("chr(65533)", "'\"'", MARK))
    return f"CASE WHEN {cell} = {MARK} THEN NOT contains(inside, chr(65533)) WHEN starts_with({cell}, {MARK}) THEN true ELSE {plain} END"


def _no_other_line(shape: Shape, contract: Contract) -> list[str]:
    """Return the SQL conditions under which a line of proven cells is neither a total nor a repeated header."""
    names, conditions = shape.first.columns, []
    first = contract.by_name.get(names[0]) if names[0] else None
    if first is None:
        # The label of a line is what stands first in it. Tidying is slow, and a tidy text is its own label.
        conditions.append(
            f"""CASE WHEN cell__1 = '' OR starts_with(cell__1, {MARK}) THEN false WHEN regexp_full_match(cell__1, '{_TIDY}') THEN NOT {one_of("cell__1", TOTALS)}
              ELSE tidy(cell__1) <> '' AND NOT {one_of(_LABEL, TOTALS)} END"""
        )
    elif _free(first):
        conditions.append(f"cell__1 <> '' AND NOT {one_of('cell__1', TOTALS)}")
    elif not first.required:
        conditions.append("cell__1 <> ''")
    repeated = [(f"cell__{i}", contract.by_name[name]) for i, name in enumerate(names, 1) if name][:2]
    if all(_free(column) for _, column in repeated):
        both = " AND ".join(one_of(cell, map(clean, column.headers)) for cell, column in repeated)
        conditions.append(f"NOT ({both})")
    return conditions


def _free(column: Column) -> bool:
    """Whether any tidy text may stand in a column."""
    return column.type in ("text", "code") and not _listed(column)


def _listed(column: Column) -> bool:
    """Whether all texts of a column are known before."""
    return column.values is not None or bool(column.known)


def _has_list(column: Column) -> bool:
    return _listed(column) or column.type in ("date", "month")


def _found(column: Column, cell: str, known: Known) -> str:
    """Return the SQL that looks a cell up in what is known: ``listed__<name>``, or the day or month as ``day__<name>``."""
    name = column.name
    if column.values is not None:
        codes = f"ENUM ({', '.join(quoted(code) for code in dict.fromkeys(column.values.values()))})"
        cases = " ".join(f"WHEN {quoted(text)} THEN {quoted(code)}::{codes}" for text, code in column.values.items())
        return f"CASE {cell} {cases} END AS listed__{name}"
    if column.known:
        codes = ", ".join(quoted(code) for code in known.codes[column.known])
        return f"TRY_CAST(nullif({cell}, '') AS ENUM ({codes})) AS listed__{name}"
    day = f"nullif({cell}, '')" if column.type == "date" else f"{cell} || '01'"
    return f"TRY_CAST({day} AS plain_day) AS day__{name}"


def _sure(column: Column, cell: str, known: Known) -> str:
    """Return the SQL condition under which a cell needs no cleaning and passes every check of its column."""
    condition = _plain(column, cell, known)
    if column.pattern and not _free(column):
        condition = f"{condition} AND regexp_full_match({cell}, {quoted(column.pattern)})"
    if column.required:
        return f"{cell} <> '' AND {condition}" if _free(column) else condition
    return f"CASE WHEN {cell} = '' THEN true ELSE {condition} END"


def _plain(column: Column, cell: str, known: Known) -> str:
    name = column.name
    if _listed(column):
        return f"listed__{name} IS NOT NULL"
    forms = {
        "money": f"is_plain_money({cell}, inside, {name})",
        "integer": f"CAST({name} AS VARCHAR) = {cell} AND {name} BETWEEN -{_MOST} AND {_MOST}",
        "rate": f"regexp_full_match({cell}, '\\d(\\.\\d{{1,6}})?')",
        "date": f"CASE WHEN day__{name} IS NOT NULL THEN true ELSE is_plain_date({cell}, {name}) END",
        "month": f"length({cell}) = 6 AND CASE WHEN day__{name} IS NOT NULL THEN true ELSE is_plain_date({cell} || '01', {name}) END",
    }
    condition = forms[column.type] if column.type in forms else _tidy(column, cell)
    if often := known.often.get(name):
        return f"CASE WHEN {one_of(cell, often)} THEN true ELSE {condition} END"
    return condition


def one_of(cell: str, texts: Iterable[str]) -> str:
    """Return the SQL condition that a cell is one of a few texts, in a way DuckDB does not make a join of."""
    return f"(CASE {cell} {' '.join(f'WHEN {quoted(text)} THEN true' for text in texts)} ELSE false END)"


def _tidy(column: Column, cell: str) -> str:
    conditions = []
    if column.pattern:
        conditions.append(f"regexp_full_match({cell}, {quoted(column.pattern)})")
    pattern = column.pattern or ""
    if not _PLAIN_PATTERN.fullmatch(pattern) or any(re.fullmatch(pattern, empty) for empty in EMPTY):
        # A pattern of plain characters matches nothing else; but some of them alone mean that nothing is there.
        conditions.append(f"regexp_full_match({cell}, '{_TIDY}')")
    if column.width:
        conditions.append(f"length({cell}) >= {column.width}")
    return " AND ".join(conditions)


def _value(column: Column, cell: str) -> str:
    """Return the SQL of a cell's value, right wherever the line matches; elsewhere it must only not fail."""
    name = column.name
    if _listed(column):
        return f"CAST(listed__{name} AS VARCHAR)"
    readers = {
        "money": f"plain_money({cell}, inside)",
        "integer": f"TRY_CAST({cell} AS BIGINT)",
        "rate": f"TRY_CAST(nullif({cell}, '') AS DECIMAL(9,6))",
        "date": f"plain_date({cell}, day__{name})",
        "month": f"plain_date({cell} || '01', day__{name})",
    }
    value = readers.get(column.type, f"nullif({cell}, '')")
    return f"CAST({value} AS {SQL_TYPES[column.type]})"


def known_before(
    connection: duckdb.DuckDBPyConnection, text: PlainText, shape: Shape, contract: Contract
) -> Known | None:
    """Return what is known of a text before its rows come; None where the quick look is not worth it or cannot be had.

    It is for one table of text in yuan, as all large files are, whose reference lists are short enough to stand in SQL and
    whose checks read no other table.
    """
    if shape.kind != "text" or contract.form is not None or contract.metadata or shape.first.unit != 1:
        return None
    if any(_BEYOND.search(check.sql) and not across(check) for check in checks_of(contract) if check.kind == "own"):
        return None
    codes: dict[str, tuple[str, ...]] = {}
    for name in {column.known for column in contract.columns if column.known}:
        codes[name] = tuple(
            row[0] for row in connection.execute(f"SELECT DISTINCT code FROM {name} ORDER BY code").fetchall()
        )
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
    row = connection.execute(f"SELECT {lists} FROM ({_cells(shape)} LIMIT {_SAMPLE_LINES})").fetchall()[0]
    connection.unregister("text_lines")
    return {
        name: tuple(sorted(values)) for name, values in zip(columns, row, strict=True) if values and len(values) <= _FEW
    }


def quick_path(folder: Path, file_id: str) -> Path:
    """Return where the rows of a file that were certainly good are staged."""
    return folder / f"{file_id}.plain.parquet"
