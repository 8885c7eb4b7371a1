"""Clocks as China shows them, and timetables asked as the scheduler asks them."""

from __future__ import annotations

import pendulum
import pytest
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from pendulum import DateTime


def china(text: str) -> DateTime:
    """An instant written as a clock in China shows it."""
    moment = pendulum.parse(text, tz="Asia/Shanghai")
    assert isinstance(moment, DateTime)
    return moment


def at(monkeypatch: pytest.MonkeyPatch, now: str) -> None:
    """Set the clock that a timetable reads, as seen in China."""
    moment = china(now)
    monkeypatch.setattr(pendulum, "now", lambda tz: moment.in_timezone(tz))


def runs(
    timetable: Timetable,
    earliest: str | None,
    latest: str | None = None,
    *,
    catchup: bool = True,
    last: DataInterval | None = None,
    limit: int = 400,
) -> list[DagRunInfo]:
    """The runs as the scheduler asks for them: each time with the data interval of the run before."""
    restriction = TimeRestriction(
        china(earliest) if earliest else None, china(latest) if latest else None, catchup=catchup
    )
    found: list[DagRunInfo] = []
    while len(found) < limit:
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        if info is None:
            break
        found.append(info)
        last = info.data_interval
    return found
