"""A desk to reconcile at: months of rows written in a test as small tables, compared by the real models, one after another.

Nothing is received, staged or published. Cells: ``-`` is nothing, ``03-10`` is the day of the year 2022.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.marts import staging_views
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed, references
from medpool_etl.pipeline.session import DECISION_SCHEMA, FILE_SCHEMA, MISSING_SCHEMA, look_back, staging_session
from medpool_etl.reconciliation import PairResult, reconcile
from medpool_etl.store import Warehouse
from medpool_etl.store.session import add_references, add_rows, connect

CITY, HERE, THERE = "331000", "331002", "331003"
SUBJECTS = {"worker": "1020301", "resident": "1021201"}
TREASURY, FISCAL, STRANGER = "331000100500001", "331000100300001", "622200001234567890"
Row = dict[str, Any]


def _subject(row: Row, prefix: str = "") -> str:
    fund: str = row.get(f"{prefix}fund") or row.get("fund", "worker")
    return str(row.get(f"{prefix}subject") or SUBJECTS[fund])


def _office(row: Row, name: str = "county") -> str:
    return f"1{row.get(name, row.get('county', HERE))}0000"


def _place(row: Row) -> Row:
    return {"fund": row.get("fund", "worker"), "county": row.get("county", HERE)}


# How the rows of a little table are written as those of a contract; what a table leaves out is as it should be.
TABLES: dict[str, tuple[str, Callable[[Row], Row]]] = {
    "tax": (
        "tax_collection_detail",
        lambda row: {
            **_place(row),
            "receipt_no": row["number"],
            "payer_type": row.get("payer", "flexible"),
            "levy_kind": row.get("kind", "premium"),
            "heads": int(row.get("heads", 1)),
            "paid_amount": row["amount"],
            "paid_date": row.get("paid") or row["booked"],
            "booked_date": row.get("booked"),
        },
    ),
    "treasury": (
        "treasury_receipts",
        lambda row: {
            "voucher_no": row["number"],
            "booked_date": row["booked"],
            "level": row.get("level", "city"),
            "subject": _subject(row),
            "tax_office": _office(row),
            "amount": row["amount"],
            "adjustment_period": row.get("period"),
        },
    ),
    "refunds": (
        "treasury_refunds",
        lambda row: {
            "voucher_no": row["number"],
            "refund_date": row["booked"],
            "level": row.get("level", "city"),
            "subject": _subject(row),
            "tax_office": _office(row),
            "amount": row["amount"],
        },
    ),
    "corrections": (
        "treasury_corrections",
        lambda row: {
            "voucher_no": row["number"],
            "correction_date": row["booked"],
            "original_level": row.get("was_level", "city"),
            "original_subject": _subject(row, "was_"),
            "original_tax_office": _office(row, "was_county"),
            "level": row.get("level", "city"),
            "subject": _subject(row),
            "tax_office": _office(row),
            "amount": row["amount"],
        },
    ),
    "agency": (
        "agency_bookings",
        lambda row: {
            **_place(row),
            "receipt_no": row["number"],
            "payer_type": row.get("payer", "flexible"),
            "booked_date": row["booked"],
            "amount": row["amount"],
        },
    ),
    "vouchers": (
        "transfer_vouchers",
        lambda row: {
            "voucher_no": row["number"],
            "issued_date": row["issued"],
            "fund": row.get("fund", "worker"),
            "amount": row["amount"],
        },
    ),
    # Movements on the worker fund's special fiscal account; a credit is positive.
    "bank": (
        "account_statement",
        lambda row: {
            "account_no": FISCAL,
            "serial_no": row["serial"],
            "booked_date": row["booked"],
            "credit": row["amount"] if row["amount"] > 0 else None,
            "debit": -row["amount"] if row["amount"] < 0 else None,
            "counterparty_no": row.get("other", TREASURY),
            "opening_balance": Decimal(0),
            "closing_balance": Decimal(0),
        },
    ),
}
_DAYS = {"paid", "booked", "issued"}


def rows_of(text: str) -> list[Row]:
    """Read a little table: a line of names, then a line a row. What is ``-`` is nothing."""
    names, *lines = (line.split() for line in text.strip().splitlines())
    rows = []
    for line in lines:
        row: Row = {name: None if cell == "-" else cell for name, cell in zip(names, line, strict=True)}
        for name in _DAYS & row.keys():
            row[name] = row[name] and f"2022-{row[name]}"
        rows.append(row | {"amount": Decimal(row["amount"])})
    return rows


@functools.cache
def _agreed() -> Agreed:
    return Agreed.load("taizhou")


@functools.cache
def _references(month: str) -> Mapping[str, pa.Table]:
    """Return the reference tables of a month and its ``context``, as a run has them."""
    agreed, when = _agreed(), Month.parse(month)
    with staging_session(agreed, when) as connection:
        return references(agreed, when) | {"context": connection.sql("FROM context").to_arrow_table()}


@dataclass(frozen=True)
class Break:
    """A break, by what people know it by; ``difference`` is left − right."""

    pair: str
    cls: str
    difference: Decimal
    item: str
    fund: str
    county: str
    origin: str
    gate: str
    state: str
    owner: str
    name: str
    since: str
    items: list[str] = field(compare=False)


class Settled:
    """A month reconciled, with the session it was done in: after one pair alone, the tables of its passes are still there."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, results: tuple[PairResult, ...], given: Given) -> None:
        self.connection, self.results, self.given = connection, results, given

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        return self.connection.execute(sql, values).fetchall()

    def breaks(self, pair: str | None = None) -> list[Break]:
        """Return the breaks (of a pair), in a fixed order."""
        found = self.rows(
            "SELECT pair, class, difference, item_key, fund, county, origin, gate, state, owner, break_id, since::VARCHAR, "
            "coalesce(item_ids, []) FROM classified_breaks ORDER BY ALL"
        )
        return [Break(*row) for row in found if pair in (None, row[0])]

    def short(self, pair: str) -> list[str]:
        """Return the breaks of a pair in short: class, difference and item."""
        return sorted(" ".join(f"{b.cls} {b.difference} {b.item}".split()) for b in self.breaks(pair))

    def matched(self, pair: str) -> list[tuple[str, str, str]]:
        """Return pass and items of what was matched otherwise than by number and amount in the month."""
        return self.rows(f"SELECT pass, left_item, right_item FROM matched_items WHERE pair = '{pair}' ORDER BY ALL")

    def passed(self, pair: str) -> dict[str, int]:
        """Return how many items each pass matched."""
        return dict(self.rows(f"SELECT pass, sum(items)::BIGINT FROM pass_totals WHERE pair = '{pair}' GROUP BY ALL"))

    def carried(self) -> pa.Table:
        """Return what goes on to the next month."""
        return self.connection.sql("FROM carried_items ORDER BY ALL").to_arrow_table()


@dataclass(frozen=True)
class Given:
    """The rows of a month, by table."""

    month: str
    rows: Mapping[str, list[Row]]


class Desk:
    """Months of one city at which only ``pairs`` are compared; each month carries what the one before left open."""

    def __init__(self, *pairs: str) -> None:
        self.pairs = pairs
        self.before: Settled | None = None
        self.past: list[Given] = []

    def settle(
        self,
        month: str,
        decided: Iterable[tuple[str, str, Decimal]] = (),
        missing: Iterable[Row] = (),
        aside: Iterable[Row] = (),
        **tables: str | list[Row],
    ) -> Settled:
        """Reconcile a month and keep it as the one the next carries from.

        ``decided`` gives break, state and amount of people's decisions, ``missing`` the files that did not come, ``aside``
        the keys of rows set aside.
        """
        settled = self.look(month, decided, missing, aside, **tables)
        self.before = settled
        self.past.append(settled.given)
        return settled

    def look(
        self,
        month: str,
        decided: Iterable[tuple[str, str, Decimal]] = (),
        missing: Iterable[Row] = (),
        aside: Iterable[Row] = (),
        **tables: str | list[Row],
    ) -> Settled:
        """Reconcile a month without keeping it: as ``settle``, which can then be called again."""
        given = Given(month, {name: rows_of(t) if isinstance(t, str) else t for name, t in tables.items()})
        connection = connect()
        agreed = _agreed()
        said = [
            {"break_id": name, "state": state, "amount": amount, "decided_by": "李四", "note": "已核实"}
            for name, state, amount in decided
        ]
        files = [{"contract": TABLES[name][0], "outcome": "accepted"} for name in tables]
        add_references(
            connection,
            {
                **_references(month),
                "files": pa.Table.from_pylist(files, schema=FILE_SCHEMA),
                "missing_files": pa.Table.from_pylist(list(missing), schema=MISSING_SCHEMA),
            },
        )
        if self.pairs:
            connection.execute("DELETE FROM pairs WHERE NOT list_contains(?, pair)", [list(self.pairs)])
        add_rows(connection, [], agreed.contracts.values())
        for name, rows in given.rows.items():
            _fill(connection, name, rows)
        staging_views(connection)
        if aside := list(aside):
            schema = pa.schema([("contract", pa.string()), ("item_key", pa.string()), ("fund", pa.string())])
            connection.execute("DROP VIEW set_aside_keys")
            add_references(connection, {"set_aside_keys": pa.Table.from_pylist(aside, schema=schema)})
        look_back(connection, agreed, Warehouse(Path()), {"month": month})
        add_references(connection, {"decisions": pa.Table.from_pylist(said, schema=DECISION_SCHEMA)})
        if self.before:
            connection.register("carried_rows", self.before.carried())
            connection.execute("INSERT INTO carried_before BY NAME FROM carried_rows")
            for name in self.before.given.rows.keys() & {"tax", "treasury", "agency"}:
                _fill(connection, name, self.before.given.rows[name], behind="__before")
            for name in ("treasury", "corrections", "refunds"):
                rows = [row for given in self.past for row in given.rows.get(name, [])]
                _fill(connection, name, rows, behind="__past")
        return Settled(connection, reconcile(connection), given)


def _fill(connection: duckdb.DuckDBPyConnection, name: str, rows: list[Row], behind: str = "") -> None:
    """Give a contract its rows, under the names a run's session has."""
    contract, written = TABLES[name]
    target = f"{contract}{behind}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {target}__rows AS FROM {contract}__all WHERE false")
    for line, row in enumerate(rows, 1):
        values = written(row) | {"file_id": name, "line_id": line, "row_no": line}
        connection.execute(
            f"INSERT INTO {target}__rows ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            [*values.values()],
        )
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {target} AS SELECT * EXCLUDE (failed, set_aside, original) FROM {target}__rows"
    )
