"""Corrections of closed months: new entries in the open month, each naming the entry it corrects."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.ledger import LEDGER
from medpool_etl.marts import table_path
from medpool_etl.money import ZERO
from medpool_etl.periods import Month
from medpool_etl.pipeline.books.instructed import read_ledger

Row = dict[str, Any]


def corrections(closed: Path, corrected: Path, since: Iterable[Path], month: Month, reason: str) -> list[Row]:
    """Return the entries that bring what a closed month booked to what it would have booked with its late files.

    ``closed`` and ``corrected`` are the folders of its two runs, ``since`` those of the months between, whose corrections count
    already; the entries are booked on the last day of ``month``, which is open. An amount below zero takes back. A month closed
    by a version that kept no books has nothing to correct.
    """
    if not table_path(closed, "ledger_posted").is_file():
        return []
    was, now = _executed(closed), _executed(corrected)
    done: dict[tuple[str, str], Decimal] = {}
    for folder in since:
        if table_path(folder, "ledger_posted").is_file():
            for row in _entries(folder, "corrects <> ''"):
                key = (row["corrects"], row["side"])
                done[key] = done.get(key, ZERO) + row["amount"]
    rows = []
    for key in sorted({*was, *now}):
        known = now.get(key) or was[key]
        amount = _amount(now, key) - _amount(was, key) - done.get(key, ZERO)
        if amount:
            rows.append(
                {
                    **known,
                    "entry_id": f"{month}/correction/{key[0]}",
                    "date": month.last_day,
                    "period": str(month),
                    "belongs_to": known["belongs_to"] or known["period"],
                    "amount": amount,
                    "corrects": key[0],
                    "note": reason,
                }
            )
    return rows


def _executed(folder: Path) -> dict[tuple[str, str], Row]:
    """Return what a run booked of its own month, by entry and side."""
    rows = _entries(folder, "entry_source = 'executed' AND corrects = ''")
    return {(row["entry_id"], row["side"]): row for row in rows}


def _amount(entries: dict[tuple[str, str], Row], key: tuple[str, str]) -> Decimal:
    return Decimal(entries[key]["amount"]) if key in entries else ZERO


def _entries(folder: Path, where: str) -> list[Row]:
    path = str(table_path(folder, "ledger_posted")).replace("'", "''")
    with duckdb.connect() as connection:
        rows: list[Row] = read_ledger(connection, f"read_parquet('{path}')", where, []).to_pylist()
    return rows


def as_ledger(rows: list[Row]) -> pa.Table:
    """Return corrections as a ledger."""
    return pa.Table.from_pylist(rows, schema=LEDGER)
