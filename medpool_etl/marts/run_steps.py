"""What each step of each run took, as a table, from the control database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pyarrow as pa

from medpool_etl.store.tables import StepRun

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("city", "month", "run_id", "step", "outcome")),
        ("started_at", pa.timestamp("us")),
        ("ended_at", pa.timestamp("us")),
        *((name, pa.int64()) for name in ("files", "rows", "rows_set_aside")),
        *((name, pa.string()) for name in ("started_by", "error")),
    ]
)


def steps_table(rows: Iterable[StepRun]) -> pa.Table:
    """Return step runs as an Arrow table with the columns of ``SCHEMA`` (moments in UTC)."""
    return pa.Table.from_pylist(
        [
            {
                **{name: getattr(row, name) for name in SCHEMA.names},
                "started_at": _utc(row.started_at),
                "ended_at": row.ended_at and _utc(row.ended_at),
                "error": row.error or None,
            }
            for row in rows
        ],
        schema=SCHEMA,
    )


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
