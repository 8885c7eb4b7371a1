"""What holds of every file that was staged, however damaged: nothing is lost, and no number is another."""

from __future__ import annotations

import csv
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.contracts import Contract, checks_of
from medpool_etl.intake import Shape
from medpool_etl.store.session import staged_sql
from tests.shapes import independent
from tests.shapes.independent import CannotTell, cells_of, differs, narrow, text_lines, unit_of


@dataclass(frozen=True)
class Staged:
    """A delivery as it was staged: its lines by line id (row_no and kind), and its rows of data."""

    shape: Shape
    contract: Contract
    summary: dict[str, Any]
    lines: list[tuple[int, int, str]]
    rows: list[dict[str, Any]]


def read_staged(connection: duckdb.DuckDBPyConnection, folder: Path, file_id: str, shape: Shape, contract: Contract, summary: dict[str, Any]) -> Staged:  # fmt: skip
    """Read a staged delivery back."""
    union = " UNION ALL ".join(staged_sql(folder, file_id, contract))
    rows = connection.sql(f"FROM ({union}) ORDER BY line_id, row_no").to_arrow_table().to_pylist()
    close = connection.execute(
        "SELECT line_id, row_no, kind FROM read_parquet(?)", [str(folder / f"{file_id}.parquet")]
    ).fetchall()
    seen = {line_id for line_id, _, _ in close}
    plain = [(row["line_id"], row["row_no"], "data") for row in rows if row["line_id"] not in seen]
    return Staged(shape, contract, summary, sorted(close + plain), rows)


def faults(data: bytes, staged: Staged) -> list[str]:
    """Return what does not hold of a staged delivery."""
    summary, found = staged.summary, []
    if sum(summary["lines"].values()) != len(staged.lines):
        found.append(f"{summary['lines']} are counted, {len(staged.lines)} lines are kept")
    if not len(staged.rows) == summary["staged"] == summary["lines"].get("data", 0):
        found.append(f"{summary['staged']} rows are counted, {len(staged.rows)} are kept")
    if summary["set_aside"] != sum(row["set_aside"] for row in staged.rows):
        found.append("rows set aside are miscounted")
    if any(row["original"] is None for row in staged.rows if row["failed"]):
        found.append("a row that fails has no original")
    return found + (_workbook_faults if staged.shape.kind == "xlsx" else _text_faults)(data, staged)


def _good(staged: Staged) -> list[dict[str, Any]]:
    severe = {check.id for check in checks_of(staged.contract) if check.severity != "warn"}
    return [row for row in staged.rows if not severe & {failed["check_id"] for failed in row["failed"]}]


def _text_faults(data: bytes, staged: Staged) -> list[str]:
    block, found = staged.shape.first, []
    lines = text_lines(data, staged.shape.encoding)
    below = len(lines) - block.first_row + 1
    starts = [row_no for _, row_no, _ in staged.lines]
    if staged.shape.kind == "text" and len(starts) < below:
        if starts != sorted(set(starts)) or (starts and starts[0] != block.first_row):
            found.append(f"{below} lines stand below the header, {len(starts)} are kept, not in order")
    elif len(starts) != below or starts != list(range(block.first_row, block.first_row + below)):
        found.append(f"{below} lines stand below the header, {len(starts)} are kept, from {starts[:1]}")
    if found:
        return found
    header = lines[block.header_row - 1]
    known = {name for column in staged.contract.columns for name in column.headers}
    if (
        sum(narrow(cell).strip('"') in known for cell in header.replace('"', "").split(staged.shape.delimiter or None))
        < 2
    ):
        found.append(f"row {block.header_row} is no header: {header[:80]!r}")
    unit = unit_of(lines[: block.header_row - 1])
    for row in _good(staged):
        following = bisect_right(starts, row["row_no"])
        end = starts[following] if following < len(starts) else len(lines) + 1
        record = lines[row["row_no"] - 1 : end - 1]
        found += _row_faults(record, row, staged, unit)
    return found


def _row_faults(record: list[str], row: dict[str, Any], staged: Staged, unit: int) -> list[str]:
    columns, place = staged.shape.first.columns, f"row {row['row_no']}"
    if len(record) > 1:
        fields = sum(1 for name in columns if name)
        within = csv.reader([f"{line}\n" for line in record], delimiter=staged.shape.delimiter)
        pieces = [piece for cells in within for cell in cells for piece in cell.split("\n")]
        swallowed = [piece for piece in pieces if piece.count(staged.shape.delimiter) + 1 >= fields]
        if swallowed:
            return [f"{place} has swallowed {len(swallowed)} rows: {swallowed[0][:80]!r}"]
    if "\ufffd" in "".join(record) or any(_unseen(row[name]) for name in staged.contract.by_name):
        return [f"{place} has characters that cannot be read, and counts"]
    try:
        cells = cells_of(record, staged.shape)
    except CannotTell:
        return []
    if len(cells) < len(columns) or any(narrow(cell) for cell in cells[len(columns) :]):
        return [f"{place} has {len(cells)} fields for {len(columns)} columns, and counts"]
    return _value_faults(dict(zip(columns, cells, strict=False)), row, staged, unit)


def _unseen(value: Any) -> bool:
    """Whether a value has a control or format character in it."""
    return isinstance(value, str) and any(
        unicodedata.category(c) in ("Cc", "Cf") and c not in "\t\n\r\x1a" for c in value
    )


def _value_faults(texts: dict[str, str], row: dict[str, Any], staged: Staged, unit: int) -> list[str]:
    return [
        f"row {row['row_no']}: {name} is {row[name]!r} for {texts[name]!r} (unit {unit})"
        for name, column in staged.contract.by_name.items()
        if name in texts and differs(column, texts[name], unit, row[name])
    ]


def _workbook_faults(data: bytes, staged: Staged) -> list[str]:
    try:
        sheets = independent.workbook(data)
    except CannotTell:
        return []
    found = []
    groups = len(staged.contract.form.groups) if staged.contract.form else 1
    good = _good(staged)
    sections = staged.summary["blocks"]
    for number, block in enumerate(staged.shape.blocks):
        sheet = next((sheet for sheet in sheets if sheet.name == block.sheet), None)
        if sheet is None:
            continue
        last = block.last_row or 1 << 62
        inside = [(row, cells) for row, cells in sheet.rows if block.first_row <= row <= last]
        first = sections[number]["first_line"] if number < len(sections) else 1
        behind = sections[number + 1]["first_line"] if number + 1 < len(sections) else 1 << 62
        kept = [row_no for line_id, row_no, kind in staged.lines if first <= line_id < behind and kind != "blank"]
        full = [row for row, cells in inside if any(narrow(text) for text in cells.values()) for _ in range(groups)]
        kept = [row_no for row_no in kept if row_no in set(full)]
        if len(sections) == len(staged.shape.blocks) and sorted(full) != sorted(kept):
            lost = sorted(set(full) - set(kept)) or "repeated ones"
            found.append(
                f"{block.sheet}: {len(full)} filled lines stand below the header, {len(kept)} are kept ({lost})"
            )
            continue
        unit = unit_of([text for row, cells in sheet.rows if row < block.header_row for text in cells.values()])
        by_row = dict(inside)
        for row in good:
            if not first <= row["line_id"] < behind or row["row_no"] not in by_row:
                continue
            cells, texts = by_row[row["row_no"]], {}
            for position, name in enumerate(block.columns):
                group = block.groups[position] if block.groups else ""
                if name and (
                    not group or group == row.get("fund") or name == (staged.contract.form or block).label_column
                ):
                    texts[name] = cells.get(position, "")
            found += _value_faults(texts, row, staged, unit)
    return found
