"""The timetable of working days: at 08:30 in China on each day the State Council's notices say is worked, and on no other."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import medpool_workdays
import pendulum
import pytest
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval
from medpool_workdays import WorkingDayTimetable

from medpool_etl.calendar import NAME
from medpool_etl.documents import PACKAGE
from medpool_etl.errors import InputError
from tests.dags.clock import at, china, runs

MORNING = WorkingDayTimetable(8, 30)


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    monkeypatch.delenv("MEDPOOL_CONFIG", raising=False)


def days(found: list[DagRunInfo]) -> list[str]:
    """The days of the runs, in China."""
    return [str(WorkingDayTimetable.day_of(run.run_after)) for run in found]


# Copied by hand from the notices (国办发明电): every day worked around a holiday.
VECTORS = {
    "Spring Festival 2022": ("2022-01-28T00:00", "2022-02-08T00:00", ["2022-01-28", "2022-01-29", "2022-01-30", "2022-02-07"]),
    "Qingming 2022": ("2022-04-01T00:00", "2022-04-07T00:00", ["2022-04-01", "2022-04-02", "2022-04-06"]),
    "Labour Day 2022": (
        "2022-04-23T00:00", "2022-05-08T00:00",
        ["2022-04-24", "2022-04-25", "2022-04-26", "2022-04-27", "2022-04-28", "2022-04-29", "2022-05-05", "2022-05-06", "2022-05-07"],
    ),
    "National Day 2021": ("2021-09-30T00:00", "2021-10-11T00:00", ["2021-09-30", "2021-10-08", "2021-10-09"]),
    "turn of the year 2020": ("2020-12-31T00:00", "2021-01-05T00:00", ["2020-12-31", "2021-01-04"]),
}  # fmt: skip


@pytest.mark.parametrize(("earliest", "latest", "expected"), VECTORS.values(), ids=VECTORS)
def test_around_the_holidays(earliest: str, latest: str, expected: list[str]) -> None:
    """Weekend days worked in exchange have a run, days off have none."""
    assert days(runs(MORNING, earliest, latest)) == expected


def test_a_year_has_as_many_runs_as_working_days() -> None:
    """2022 has 249 working days by its notice, each with one run at 00:30 UTC over the day until then."""
    found = runs(MORNING, "2022-01-01T00:00", "2022-12-31T23:59")
    assert len(found) == len(set(days(found))) == 249
    assert days(found) == sorted(days(found))
    for run in found:
        assert (run.run_after.hour, run.run_after.minute, run.run_after.timezone_name) == (0, 30, "UTC")
        assert run.data_interval is not None and run.data_interval.end == run.run_after
        assert WorkingDayTimetable.day_of(run.data_interval.start) == WorkingDayTimetable.day_of(run.run_after)
        assert run.data_interval.start.in_timezone("Asia/Shanghai").format("HH:mm") == "00:00"


def test_a_dag_that_begins_during_the_day_begins_the_next() -> None:
    """The day counts when its time is still to come, or is this very instant."""
    assert days(runs(MORNING, "2022-03-01T08:30", limit=1)) == ["2022-03-01"]
    assert days(runs(MORNING, "2022-03-01T08:31", limit=1)) == ["2022-03-02"]
    assert days(runs(MORNING, "2022-03-04T12:00", limit=1)) == ["2022-03-07"], "Friday noon: Monday"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2022-03-02T08:29", "2022-03-01"),
        ("2022-03-02T08:30", "2022-03-02"),
        ("2022-03-06T20:00", "2022-03-04"),
        ("2022-02-05T12:00", "2022-01-30"),
    ],
)
def test_without_catchup_only_the_latest_due(now: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that was down runs the last working day that is due, once, and then the next."""
    at(monkeypatch, now)
    found = runs(MORNING, "2020-01-01T00:00", catchup=False, limit=2)
    assert days(found)[0] == expected
    assert days(found)[1] > expected and found[1].run_after > china(now)


def test_no_beginning_no_run() -> None:
    """A DAG without a start has no run, with a last one it goes on."""
    assert runs(MORNING, None) == []
    friday = china("2022-03-04T00:00")
    assert days(runs(MORNING, None, last=DataInterval(friday, friday.add(hours=8, minutes=30)), limit=1)) == [
        "2022-03-07"
    ]


def test_a_year_without_notice_has_no_run(caplog: pytest.LogCaptureFixture) -> None:
    """After the last day of 2026 nothing is scheduled, and the log says which notice is missing and how to load it."""
    with caplog.at_level(logging.ERROR, logger="medpool_workdays"):
        assert days(runs(MORNING, "2026-12-30T00:00")) == ["2026-12-30", "2026-12-31"]
    assert "notice of 2027 is not loaded" in caplog.text and "国务院办公厅" in caplog.text


def test_a_notice_added_while_airflow_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The year an operator adds to the file is used at the next question, without a restart."""
    path = tmp_path / NAME
    path.parent.mkdir()
    text = (PACKAGE / NAME).read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(1, 1))
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    assert runs(MORNING, "2027-01-01T00:00", limit=1) == []
    block = """
  - year: 2027
    notice: 国办发明电〔2026〕0号
    last_checked_on: 2026-11-22
    source: invented
    holidays: [{zh: 元旦, en: New Year's Day, first: 2027-01-01, last: 2027-01-03}]
    working_weekends: []
"""
    path.write_text(text + block, encoding="utf-8")
    os.utime(path, ns=(2, 2))
    assert days(runs(MORNING, "2027-01-01T00:00", limit=1)) == ["2027-01-04"]


def test_serialised_and_back() -> None:
    """What Airflow stores is plain JSON and gives an equal timetable."""
    stored = json.loads(json.dumps(WorkingDayTimetable(17, 5).serialize()))
    back = WorkingDayTimetable.deserialize(stored)
    assert back == WorkingDayTimetable(17, 5) != MORNING and hash(back) == hash(WorkingDayTimetable(17, 5))
    assert "17:05" in back.summary and "17:05" in back.description
    assert [WorkingDayTimetable] == medpool_workdays.MedpoolWorkdaysPlugin.timetables
    assert back.type_name == "medpool_workdays.WorkingDayTimetable"


@pytest.mark.parametrize(("hour", "minute"), [(24, 0), (-1, 0), (8, 60)])
def test_a_time_that_does_not_exist(hour: int, minute: int) -> None:
    """Airflow validates the timetable when it reads the DAG."""
    MORNING.validate()
    with pytest.raises(AirflowTimetableInvalid, match="expected"):
        WorkingDayTimetable(hour, minute).validate()


def test_a_run_by_hand_is_of_the_day_in_china() -> None:
    """20:00 UTC is the next day in China; an instant without a zone has no day."""
    interval = MORNING.infer_manual_data_interval(run_after=pendulum.datetime(2022, 3, 5, 20))
    assert str(WorkingDayTimetable.day_of(interval.start)) == "2022-03-06"
    with pytest.raises(InputError, match="time zone"):
        WorkingDayTimetable.day_of(pendulum.naive(2022, 3, 5))
