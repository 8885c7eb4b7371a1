"""The settlement timetable: one run a month, on the working day after the reports are due by the rulebook's deadlines."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import medpool_timetable
import pendulum
import pytest
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval
from medpool_timetable import SettlementMonthTimetable, SettlementTimetable

from medpool_etl.calendar import NAME
from medpool_etl.documents import PACKAGE
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.periods import Month, Period
from medpool_etl.policy import load_rulebook
from tests.dags.clock import at, china, runs

TAIZHOU = SettlementMonthTimetable("taizhou")


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    monkeypatch.delenv("MEDPOOL_CONFIG", raising=False)


def month_interval(text: str) -> DataInterval:
    """The data interval of a month written 2022-03."""
    start = china(f"{text}-01T00:00")
    return DataInterval(start, start.add(months=1))


def months(found: list[DagRunInfo]) -> list[str]:
    """The months the runs settle."""
    return [str(SettlementMonthTimetable.month_of(run.data_interval.start)) for run in found if run.data_interval]


def test_two_years_in_order() -> None:
    """2022 and 2023 give 24 runs, one a month, in order, each over exactly its month."""
    found = runs(TAIZHOU, "2022-01-01T00:00", "2023-12-01T00:00")
    names = [f"{year}-{number:02d}" for year in (2022, 2023) for number in range(1, 13)]
    assert months(found) == names
    assert [run.data_interval for run in found] == [month_interval(name) for name in names]
    assert [run.run_after for run in found] == sorted({run.run_after for run in found})
    assert [run.logical_date for run in found] == [month_interval(name).start for name in names]


@pytest.mark.parametrize(
    ("month", "run_after"),
    [
        ("2022-01", "2022-02-16T06:00"),  # the 15th is a Tuesday
        ("2022-03", "2022-04-18T06:00"),  # the 15th is a Friday: Monday
        ("2021-12", "2022-01-18T06:00"),  # a Saturday: in time until Monday the 17th
        ("2022-04", "2022-05-17T06:00"),  # a Sunday: in time until Monday the 16th
        ("2021-08", "2021-09-16T06:00"),  # a Wednesday
        ("2022-12", "2023-01-17T06:00"),  # a Sunday: in time until Monday the 16th
        ("2026-01", "2026-02-25T06:00"),  # Spring Festival 15 to 23 February: in time until the 24th
        ("2024-08", "2024-09-19T06:00"),  # Mid-Autumn 15 to 17 September: in time until the 18th
    ],
)
def test_run_after(month: str, run_after: str) -> None:
    """A month is settled at 6 on the first working day after its reports can still be in time."""
    [run] = runs(TAIZHOU, f"{month}-01T00:00", limit=1)
    assert run.data_interval == month_interval(month)
    assert run.run_after == china(run_after)


def deadlines_document(folder: Path, city: str, report: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an operator's own deadlines of a city in place, with nothing in them but the report of the month."""
    path = folder / "policy" / "deadlines" / f"{city}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    clause = next(iter(load_rulebook(city).clauses))
    written = (
        f"{{clause: {clause}, title: {{zh: 报表, en: report}}, who: county, kind: filing, every: month, {report}}}"
    )
    path.write_text(
        f"city: {city}\ndeadlines:\n  county_report: {written}\n" if report else f"city: {city}\ndeadlines: {{}}\n"
    )
    monkeypatch.setenv("MEDPOOL_CONFIG", str(folder))


@pytest.mark.parametrize(
    ("report", "hour", "month", "run_after"),
    [
        ("months: 1, day: 31", 0, "2022-01", "2022-03-01T00:00"),
        ("months: 1, day: 7", 23, "2022-09", "2022-10-09T23:00"),  # until Saturday the 8th, worked, as is Sunday
        ("months: 1, working_day: 5", 6, "2021-09", "2021-10-14T06:00"),
        ("months: 0, working_day: -1", 6, "2022-01", "2022-02-07T06:00"),
        ("", 6, "2022-03", "2022-04-18T06:00"),  # no day in the notice: the 15th, by which the contracts expect reports
    ],
)
def test_the_day_is_the_deadlines(
    report: str, hour: int, month: str, run_after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another day in the city's deadlines moves the run."""
    deadlines_document(tmp_path, "taizhou", report, monkeypatch)
    [run] = runs(SettlementMonthTimetable("taizhou", hour=hour), f"{month}-01T00:00", limit=1)
    assert run.run_after == china(run_after)


def test_a_mistake_in_the_deadlines_stops_the_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names file, line and key; nothing is scheduled on a guess."""
    deadlines_document(tmp_path, "taizhou", "months: 1, day: 40", monkeypatch)
    with caplog.at_level(logging.ERROR, logger="medpool_timetable"):
        assert runs(TAIZHOU, "2022-01-01T00:00", limit=1) == []
    assert "taizhou.yaml, line 3, key deadlines.county_report.day" in caplog.text


@pytest.mark.parametrize(
    ("earliest", "first"),
    [
        ("2022-01-01T00:00", "2022-01"),
        ("2022-01-01T00:00:01", "2022-02"),
        ("2022-01-01T08:00", "2022-02"),  # a start date of 1 January in UTC
        ("2021-12-31T23:59", "2022-01"),
        ("2022-01-31T23:59", "2022-02"),
    ],
)
def test_begins_with_the_first_full_month(earliest: str, first: str) -> None:
    """A DAG that begins inside a month leaves that month out."""
    assert months(runs(TAIZHOU, earliest, limit=2))[0] == first


def test_end_is_inclusive() -> None:
    """The latest logical date that is allowed still runs, and a moment less does not."""
    assert months(runs(TAIZHOU, "2022-01-01T00:00", "2022-03-01T00:00"))[-1] == "2022-03"
    assert months(runs(TAIZHOU, "2022-01-01T00:00", "2022-02-28T23:59:59"))[-1] == "2022-02"


def test_no_beginning_no_run() -> None:
    """Without a start date there is nothing to catch up from."""
    assert runs(TAIZHOU, None) == []


@pytest.mark.parametrize(
    ("now", "latest"),
    [
        ("2022-06-16T05:59:59", "2022-04"),  # May's reports are due on Wednesday the 15th, its run on the 16th at 6
        ("2022-06-16T06:00", "2022-05"),
        ("2022-06-30T23:00", "2022-05"),
        ("2022-07-01T01:00", "2022-05"),
        ("2022-01-01T07:00", "2021-11"),  # still 2021 in UTC
    ],
)
def test_without_catchup_the_latest_due_month(monkeypatch: pytest.MonkeyPatch, now: str, latest: str) -> None:
    """Without catchup the first run is the latest one that is due, then each month follows."""
    at(monkeypatch, now)
    following = str(Month.parse(latest).plus(1))
    assert months(runs(TAIZHOU, "2020-01-01T00:00", catchup=False, limit=2)) == [latest, following]
    assert months(runs(TAIZHOU, None, catchup=False, limit=1)) == [latest], "as Airflow's own timetables do"
    assert months(runs(TAIZHOU, "2020-01-01T00:00", catchup=False, last=month_interval("2020-03"), limit=1)) == [latest]
    assert months(runs(TAIZHOU, "2020-01-01T00:00", catchup=False, last=month_interval(latest), limit=1)) == [following]
    assert months(runs(TAIZHOU, "2023-01-05T00:00", catchup=False, limit=1)) == ["2023-02"], "a beginning still to come"


def test_catchup_does_not_look_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """With catchup every month since the last run comes, whatever the time is."""
    at(monkeypatch, "2024-06-20T12:00")
    assert months(runs(TAIZHOU, "2020-01-01T00:00", last=month_interval("2022-01"), limit=3)) == [
        "2022-02",
        "2022-03",
        "2022-04",
    ]


def test_a_later_start_date_moves_the_next_run() -> None:
    """When the start date moves behind the last run, the months between are left out and none is repeated."""
    assert months(runs(TAIZHOU, "2022-06-01T00:00", last=month_interval("2022-01"), limit=1)) == ["2022-06"]
    assert months(runs(TAIZHOU, "2021-06-01T00:00", last=month_interval("2022-01"), limit=1)) == ["2022-02"]


@pytest.mark.parametrize(
    ("start", "end", "following"),
    [
        ("2022-03-10T00:00", "2022-03-10T00:00", "2022-04"),  # of a cron schedule: no length
        ("2022-02-10T00:00", "2022-03-10T00:00", "2022-03"),
        ("2022-03-01T00:00", "2022-03-02T00:00", "2022-04"),
        ("2021-01-01T00:00", "2022-01-01T00:00", "2022-01"),
    ],
)
def test_after_a_run_of_another_schedule(start: str, end: str, following: str) -> None:
    """The run after one that another timetable left is a whole month, and no logical date comes twice."""
    last = DataInterval(china(start), china(end))
    assert months(runs(TAIZHOU, "2020-01-01T00:00", last=last, limit=1)) == [following]


@pytest.mark.parametrize("now", ["2022-03-01T00:00", "2022-03-31T23:59", "2022-03-10T12:00"])
def test_manual_runs_settle_the_month_before(now: str) -> None:
    """A run triggered in March settles February, in China's time, and asks for no holiday notice."""
    timetable = TAIZHOU
    assert timetable.infer_manual_data_interval(run_after=china(now).in_timezone("UTC")) == month_interval("2022-02")
    assert timetable.infer_manual_data_interval(run_after=china("2031-01-01T00:00")) == month_interval("2030-12")


def test_a_year_without_notice_stops_the_schedule(caplog: pytest.LogCaptureFixture) -> None:
    """December 2026 needs the notice of 2027: no run, no exception, and a log that says what to do."""
    with caplog.at_level(logging.ERROR, logger="medpool_timetable"):
        assert months(runs(TAIZHOU, "2026-10-01T00:00")) == ["2026-10", "2026-11"]
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "notice of 2027 is not loaded" in record.getMessage()
    assert f"MEDPOOL_CONFIG/{NAME}" in record.getMessage()
    with pytest.raises(ConfigurationError, match="2027"):
        TAIZHOU.run_after(Period(2026, "month", 12))


def test_without_catchup_a_missing_notice_loses_no_due_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In 2027 without its notice, November 2026 is still settled when it was not; then the schedule stops."""
    at(monkeypatch, "2027-06-20T12:00")
    with caplog.at_level(logging.ERROR, logger="medpool_timetable"):
        assert months(runs(TAIZHOU, "2020-01-01T00:00", catchup=False, last=month_interval("2026-10"))) == ["2026-11"]
    assert len(caplog.records) <= 3, "one line a question, not one for every missing month"
    assert "notice of 2027 is not loaded" in caplog.records[0].getMessage()


def test_a_broken_calendar_stops_the_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A calendar that cannot be read is logged with its line; once mended, the schedule goes on by itself."""
    path = tmp_path / NAME
    path.parent.mkdir()
    text = (PACKAGE / NAME).read_text(encoding="utf-8")
    path.write_text(text.replace("year: 2019", "year: 1919", 1), encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    with caplog.at_level(logging.ERROR, logger="medpool_timetable"):
        assert runs(TAIZHOU, "2022-01-01T00:00", limit=1) == []
        assert runs(TAIZHOU, "2022-01-01T00:00", limit=1, catchup=False) == []
    assert "state_council.yaml, line " in caplog.text
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert months(runs(TAIZHOU, "2022-01-01T00:00", limit=1)) == ["2022-01"]


def test_a_notice_added_while_airflow_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The year an operator adds to the file is used at the next question, without a restart."""
    path = tmp_path / NAME
    path.parent.mkdir()
    text = (PACKAGE / NAME).read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(1, 1))
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    assert months(runs(TAIZHOU, "2026-11-01T00:00")) == ["2026-11"]
    invented = "{zh: 元旦, en: New Year's Day, first: 2027-01-18, last: 2027-01-19}"
    block = f"""
  - year: 2027
    notice: 国办发明电〔2026〕0号
    last_checked_on: 2026-11-22
    source: invented
    holidays: [{invented}]
    working_weekends: []
"""
    path.write_text(text + block, encoding="utf-8")
    os.utime(path, ns=(2, 2))
    assert runs(TAIZHOU, "2026-12-01T00:00", limit=1)[0].run_after == china("2027-01-20T06:00"), (
        "Friday, then 4 days off"
    )


def test_serialised_and_back() -> None:
    """What Airflow stores is plain JSON and gives an equal timetable that schedules the same."""
    timetable = SettlementMonthTimetable("taizhou", hour=9)
    stored = json.loads(json.dumps(timetable.serialize()))
    back = SettlementMonthTimetable.deserialize(stored)
    assert back == timetable and hash(back) == hash(timetable)
    assert back != TAIZHOU and back != SettlementMonthTimetable("nantong", hour=9)
    assert SettlementMonthTimetable.deserialize(TAIZHOU.serialize()) == TAIZHOU
    assert runs(back, "2022-01-01T00:00", limit=3) == runs(timetable, "2022-01-01T00:00", limit=3)
    assert "09:00" in back.summary and "taizhou" in back.description and "09:00" in back.description


def test_registered_by_the_plugin() -> None:
    """The plugin names the timetable, and Airflow finds it under the path it stores."""
    assert [SettlementMonthTimetable, SettlementTimetable] == medpool_timetable.MedpoolTimetablePlugin.timetables
    assert TAIZHOU.type_name == "medpool_timetable.SettlementMonthTimetable"


@pytest.mark.parametrize(("city", "hour"), [("atlantis", 6), ("taizhou", -1), ("taizhou", 24)])
def test_refuses_cities_and_hours_that_do_not_exist(city: str, hour: int) -> None:
    """Airflow validates the timetable when it reads the DAG, and shows the import error."""
    SettlementMonthTimetable("taizhou", hour=23).validate()
    with pytest.raises(AirflowTimetableInvalid, match="expected"):
        SettlementMonthTimetable(city, hour=hour).validate()


def test_an_instant_without_time_zone_has_no_month() -> None:
    """The clock of the machine must not decide which month is settled."""
    assert SettlementMonthTimetable.month_of(pendulum.datetime(2021, 12, 31, 16)) == Month(2022, 1)
    with pytest.raises(InputError, match="time zone"):
        SettlementMonthTimetable.month_of(pendulum.naive(2021, 12, 31, 16))


@pytest.mark.parametrize(
    ("city", "kind", "earliest", "periods", "run_after"),
    [
        # T8.2, T9: with the last month of the quarter, whose reports are due by the 15th (a Friday).
        ("taizhou", "quarter", "2022-01-01", ["2022-Q1", "2022-Q2", "2022-Q3", "2022-Q4"], "2022-04-18T06:00"),
        # T11: paid by 10 January, a Monday; three working days before.
        ("taizhou", "opening", "2021-01-01", ["2022-opening", "2023-opening"], "2022-01-05T06:00"),
        # T20: the list by 30 June, a Friday; Dragon Boat Festival 22 to 24 June, the 25th is a workday.
        ("taizhou", "clearing", "2022-01-01", ["2022-clearing", "2023-clearing"], "2023-06-15T06:00"),
        # Z-2.2: with the last month of the quarter; the notice names no day for reports.
        ("zhoushan", "quarter", "2021-01-01", ["2021-Q1", "2021-Q2"], "2021-04-16T06:00"),
        # Zz-4.2.0: once, by 31 March 2020.
        ("zaozhuang", "opening", "2019-01-01", ["2020-opening"], "2020-03-26T06:00"),
        # N-3: cleared by the end of July of the next year, a Saturday: counted from Monday, 2 August.
        ("nantong", "clearing", "2020-01-01", ["2020-clearing", "2021-clearing"], "2021-07-19T06:00"),
    ],
)
def test_other_periods(city: str, kind: str, earliest: str, periods: list[str], run_after: str) -> None:
    """Quarters, openings and clearings are settled by the deadlines of what they order, on real working days."""
    timetable = SettlementTimetable(city, kind)
    found = runs(timetable, f"{earliest}T00:00", limit=len(periods))
    assert [str(timetable.period_of(run.data_interval.start)) for run in found if run.data_interval] == periods
    assert found[0].run_after == china(run_after)
    assert [run.data_interval for run in found] == [timetable.interval(Period.parse(name)) for name in periods]


def test_a_rule_of_one_year_is_not_scheduled_again() -> None:
    """Zaozhuang's only opening is its first; behind it there is none."""
    assert len(runs(SettlementTimetable("zaozhuang", "opening"), "2019-01-01T00:00")) == 1


@pytest.mark.parametrize("kind", ["month", "quarter", "opening", "clearing"])
def test_other_kinds_are_stored_and_read_back(kind: str) -> None:
    """What Airflow stores builds an equal timetable; a kind there is not is refused."""
    timetable = SettlementTimetable("taizhou", kind, 7)
    back = SettlementTimetable.deserialize(json.loads(json.dumps(timetable.serialize())))
    assert back == timetable and hash(back) == hash(timetable) and "07:00" in back.summary
    with pytest.raises(AirflowTimetableInvalid, match="expected one of month, quarter, opening, clearing"):
        SettlementTimetable("taizhou", "week").validate()


@pytest.mark.parametrize(
    ("now", "period"),
    [("2022-11-30T23:00", "2022-opening"), ("2022-12-01T00:00", "2023-opening"), ("2023-01-03T09:00", "2023-opening")],
)
def test_an_opening_by_hand(now: str, period: str) -> None:
    """Triggered in December, the opening is that of the year to come."""
    timetable = SettlementTimetable("taizhou", "opening")
    interval = timetable.infer_manual_data_interval(run_after=china(now))
    assert str(timetable.period_of(interval.start)) == period
