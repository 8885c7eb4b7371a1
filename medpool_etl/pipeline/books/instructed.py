"""The ledger of what rules instruct: entries of the transfers of a run, and of earlier runs, by the month they are booked in."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.ledger import LEDGER, city_held, ledger, post_transfers
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.settlement import Transfer

# The columns of a published ledger that are called otherwise than in the library.
RENAMED = {
    "date": "entry_date",
    "period": "booked_in",
    "tag": "sub_ledger",
    "source": "entry_source",
    "rule": "rule_id",
    "note": "entry_note",
}


def due_or_behind(due: dt.date | None, period: Period) -> dt.date:
    """Return the day a transfer falls due; one without a day falls due in the month behind its period."""
    return due or period.last_month.plus(1).last_day


def row_id(agreed: Agreed, period: Period, transfer_id: str) -> str:
    """Return the published name of a transfer, which is its own among all periods."""
    return f"transfers/{agreed.city.city}/{period}/{transfer_id}"


def instruct(agreed: Agreed, period: Period, transfers: Iterable[Transfer]) -> pa.Table:
    """Return the entries of the transfers of a period, each booked in the month it falls due (``due_or_behind``), in the books of
    both sides; ``transfer_id`` is the ``row_id`` of the published transfer.

    Raises SettlementError for a move of money that is not allowed, and one that no posting rule fits.
    """
    by_month: dict[Month, list[dict[str, Any]]] = defaultdict(list)
    for transfer in transfers:
        day = due_or_behind(transfer.due_date, period)
        by_month[Month.of(day)].append(
            {
                "transfer_id": row_id(agreed, period, transfer.transfer_id),
                "fund": transfer.fund,
                "county": transfer.county,
                "payer": transfer.payer.role,
                "receiver": transfer.receiver.role,
                "step": transfer.step,
                "rule_id": transfer.rule_id,
                "clause": transfer.clause,
                "amount": transfer.amount,
                "date": day,
                "belongs_to": str(period.last_month),
            }
        )
    kinds = {name: rule.kind for name, rule in agreed.rulebook.rules.items()}
    held = city_held(agreed.accounts)
    rows: list[dict[str, Any]] = []
    for month, due in sorted(by_month.items()):
        booked = post_transfers(
            due, agreed.postings, agreed.city.code, period=str(month), kinds=kinds, city_held=held, moves=agreed.moves
        )
        rows += booked.to_pylist()
    return ledger(rows)


def instructed_in(connection: duckdb.DuckDBPyConnection, own: pa.Table, period: Period) -> pa.Table:
    """Return the entries booked in the months of a period: those of earlier runs, and of this one (``own``)."""
    first, last = str(period.first_month), str(period.last_month)
    earlier = read_ledger(connection, "done_ledger_instructed", "booked_in BETWEEN ? AND ?", [first, last])
    mine = [row for row in own.to_pylist() if first <= row["period"] <= last]
    return ledger([*earlier.to_pylist(), *mine])


def read_ledger(connection: duckdb.DuckDBPyConnection, table: str, where: str, values: list[str]) -> pa.Table:
    """Return published entries as a ledger with the columns of ``ledger.LEDGER``."""
    columns = ", ".join(f"{RENAMED.get(name, name)} AS {name}" for name in LEDGER.names)
    found = connection.sql(f"SELECT {columns} FROM {table} WHERE {where} ORDER BY ALL", params=values)
    return found.to_arrow_table().cast(LEDGER)
