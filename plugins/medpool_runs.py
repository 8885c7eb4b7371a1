"""Which city and period a run of a settlement DAG is of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from medpool_etl.periods import Month, Period

CHINA = ZoneInfo("Asia/Shanghai")
PREFIX = "medpool_"


def city_of(dag_id: str) -> str:
    """Return the city of a DAG called ``medpool_<what>_<city>``."""
    return dag_id.removeprefix(PREFIX).rpartition("_")[2]


def kind_of(dag_id: str) -> str:
    """Return what a DAG called ``medpool_<what>_<city>`` does: month, quarter, opening, clearing, intake …"""
    return dag_id.removeprefix(PREFIX).rpartition("_")[0]


def period_of(kind: str, conf: Mapping[str, Any] | None, start: dt.datetime | None) -> Period | None:
    """Return the period a run settles: that of its configuration (``period``, or ``month``), else that of its data interval, in China.

    None where neither says. Raises InputError for a configuration that names none.
    """
    for name in ("period", "month"):
        if text := (conf or {}).get(name):
            return Period.parse(str(text))
    return period_at(kind, start) if start is not None else None


def period_at(kind: str, moment: dt.datetime) -> Period:
    """Return the period of a kind whose data interval holds an instant: a month unless it is a quarter, an opening or a clearing."""
    month = Month.of(moment.astimezone(CHINA).date())
    if kind == "quarter":
        return Period(month.year, "quarter", (month.number - 1) // 3 + 1)
    if kind in ("opening", "clearing"):
        # An opening is reckoned from the year before.
        return Period(month.year + (kind == "opening"), kind)  # type: ignore[arg-type]
    return Period.of(month)
