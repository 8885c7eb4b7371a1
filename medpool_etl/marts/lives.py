"""The lives of breaks as a table, from the control database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pyarrow as pa

from medpool_etl.money import from_fen
from medpool_etl.periods import Month
from medpool_etl.policy.model import OWNERS
from medpool_etl.store.tables import Break

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("break_id", "city", "origin_month", "seen_in", "pair", "fund", "county")),
        *((name, pa.string()) for name in ("item_key", "class", "owner", "owner_title", "gate", "state")),
        ("since", pa.date32()),
        ("age_days", pa.int64()),
        ("difference", pa.decimal128(18, 2)),
        *((name, pa.string()) for name in ("assigned_to", "ended_in", "ended_by", "decision_note")),
        ("lives", pa.int64()),
        ("opened_at", pa.timestamp("us")),
        ("changed_at", pa.timestamp("us")),
    ]
)


def lives_table(rows: Iterable[Break]) -> pa.Table:
    """Return breaks as an Arrow table with the columns of ``SCHEMA`` (difference in yuan, moments in UTC).

    The age is that at the end of the month whose settlement listed the break last.
    """
    return pa.Table.from_pylist(
        [
            {
                "break_id": row.break_id,
                "city": row.city,
                "origin_month": row.month,
                "seen_in": row.seen_in,
                "pair": row.pair,
                "fund": row.fund,
                "county": row.county,
                "item_key": row.item_key,
                "class": row.break_class,
                "owner": row.owner,
                "owner_title": OWNERS[row.owner].zh if row.owner in OWNERS else row.owner,
                "gate": row.gate,
                "state": row.state,
                "since": row.since,
                "age_days": (Month.parse(row.seen_in).last_day - row.since).days,
                "difference": from_fen(row.amount_fen),
                "assigned_to": row.assigned_to,
                "ended_in": row.ended_in,
                "ended_by": row.ended_by,
                "decision_note": row.note or None,
                "lives": row.lives,
                "opened_at": _utc(row.opened_at),
                "changed_at": _utc(row.changed_at),
            }
            for row in rows
        ],
        schema=SCHEMA,
    )


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
