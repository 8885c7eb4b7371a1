"""Whether the counties' files came in time, by the moments the control database has."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import duckdb
import pytest

from medpool_etl.marts.punctuality import punctuality_table
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.control import Published
from medpool_etl.store.tables import ReceivedFile
from tests.conftest import Settled

DUE = dt.date(2022, 4, 15)  # a Friday


@dataclass
class Received:
    """A control database whose files were all received at one moment, but those left out."""

    control: Control
    at: dt.datetime
    without: str = ""

    def received(self, city: str, month: str) -> list[ReceivedFile]:
        rows = [row for row in self.control.received(city, month) if not self.without or self.without not in row.name]
        return [
            ReceivedFile(city=row.city, month=row.month, sha256=row.sha256, name=row.name, received_at=self.at)
            for row in rows
        ]


def on_time(sample: Settled, at: dt.datetime, without: str = "") -> dict[str, object]:
    control = Control(sample.settings.control_url)
    try:
        fake: object = Received(control, at, without)
        published = [Published("taizhou", "2022-03", sample.run.run_id), Published("taizhou", "2022-Q1", "none")]
        rows = punctuality_table(fake, Warehouse(sample.settings.warehouse), published).to_pylist()  # type: ignore[arg-type]
    finally:
        control.close()
    assert {row["due_date"] for row in rows if row["contract"] == "county_expenditure_report"} == {DUE}
    assert {(row["contract"], row["late_after"]) for row in rows} == {("county_expenditure_report", DUE)}
    return {row["county"]: row["on_time"] for row in rows}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (dt.datetime(2022, 4, 15, 15, 59, 59, tzinfo=dt.UTC), True),  # a second before midnight in China
        (dt.datetime(2022, 4, 15, 16, 0, tzinfo=dt.UTC), False),  # the 16th in China
    ],
)
def test_the_last_day_counts_in_china(sample: Settled, at: dt.datetime, expected: bool) -> None:
    """A report received on the last day in China is in time, after it late: one row a county."""
    assert set(on_time(sample, at).values()) == {expected}
    assert len(on_time(sample, at)) == 9


def test_what_never_came_is_not_judged(sample: Settled) -> None:
    """A county whose report is not there has neither a moment nor a verdict."""
    name = sample.simulation.names["county_expenditure_report/331002"]
    found = on_time(sample, dt.datetime(2022, 4, 1, tzinfo=dt.UTC), name)
    assert found.pop("331002") is None
    assert set(found.values()) == {True}


def test_the_mart_has_it(sample: Settled) -> None:
    """The rehearsal's files came long after their deadline."""
    mart = Warehouse(sample.settings.warehouse).current_mart
    with duckdb.connect(str(mart), read_only=True) as connection:
        rows = connection.execute(
            "SELECT count(*), bool_or(on_time), count(received_at) FROM report_punctuality"
        ).fetchall()
    assert rows == [(9, False, 9)]
