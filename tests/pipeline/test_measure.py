"""Every step of a run is measured, and measuring never decides how it ends."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import logging
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from medpool_etl import pipeline
from medpool_etl.errors import BlockedError, InputError, SettlementError
from medpool_etl.pipeline.measure import AT_WORK, first_line, measured, started_by
from medpool_etl.pipeline.metrics import metrics_of, seconds_of
from medpool_etl.simulator import simulate
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.steps import Counts, Steps
from medpool_etl.store.tables import StepRun
from tests.conftest import MONTH, ROOT, Settled, at

ORDER = ["open_month", *pipeline.STEPS]
PAYER = "X0123456789012345"


def rows_of(settings: Settings) -> list[StepRun]:
    control = Control(settings.control_url)
    try:
        return list(Steps(control).listing())
    finally:
        control.close()


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Settings, pipeline.MonthRun]:
    settings = at(tmp_path)
    simulate("taizhou", MONTH, settings.inbox)
    return settings, pipeline.open_month(settings, "taizhou", MONTH)


def test_a_month_is_measured_step_by_step(sample: Settled) -> None:
    """One row a step, in order, each ended, with the files and rows the run's own tables speak of."""
    mine = [row for row in rows_of(sample.settings) if row.run_id == sample.run.run_id][: len(ORDER)]
    assert [row.step for row in mine] == ORDER
    assert {row.outcome for row in mine} == {"done"} and {row.error for row in mine} == {""}
    for before, after in itertools.pairwise(mine):
        assert before.ended_at is not None and before.started_at <= before.ended_at <= after.started_at
    by_step = {row.step: row for row in mine}
    files, read, aside = duckdb.execute(
        "SELECT count(*), sum(rows_read), sum(rows_set_aside) FROM read_parquet(?) WHERE outcome <> 'missing'",
        [str(sample.tables / "files.parquet")],
    ).fetchall()[0]
    for step in ("stage", "judge", "reconcile", "settle"):
        row = by_step[step]
        assert (row.files, row.rows, row.rows_set_aside) == (files, read, aside)
    tables = sorted(sample.tables.glob("*.parquet"))
    counted = sum(duckdb.execute("SELECT count(*) FROM read_parquet(?)", [str(t)]).fetchall()[0][0] for t in tables)
    assert (by_step["publish"].files, by_step["publish"].rows) == (len(tables), counted)
    assert by_step["open_month"].files == files and by_step["notify"].files is None


def test_the_mart_has_them_and_they_do_not_name_its_generation(tmp_path: Path) -> None:
    """The mart shows what was known when it was built; the same month again is measured again, in the same generation."""
    settled = Settled(at(tmp_path))
    warehouse, settings = Warehouse(settled.settings.warehouse), settled.settings

    def rows() -> list[tuple[object, ...]]:
        with duckdb.connect(str(warehouse.current_mart), read_only=True) as mart:
            return mart.execute("SELECT step, outcome, seconds, ended_at IS NULL FROM run_steps").fetchall()

    shown, generation = rows(), warehouse.generation()
    assert [row[0] for row in shown] == ORDER[:-1]
    assert {row[1] for row in shown[:-1]} == {"done"} and shown[-1][1:] == ("running", None, True)
    kept = rows_of(settings)
    assert [row[2] for row in shown[:-1]] == [seconds_of(row) for row in kept[: len(shown) - 1]]
    pipeline.run_month(settings, "taizhou", MONTH)
    again = rows_of(settings)[len(kept) :]
    assert [row.step for row in again] == ORDER
    assert {(row.files, row.rows) for row in again if row.step in pipeline.STEPS} == {(None, None)}
    assert warehouse.generation() == generation and rows() == shown


def test_a_blocked_gate_is_measured_as_blocked(tmp_path: Path) -> None:
    """What the gate stops is no failure of the program; its first line says so."""
    settings = at(tmp_path)
    simulate("taizhou", MONTH, settings.inbox, faults=["over_transferred"])
    with pytest.raises(BlockedError):
        pipeline.run_month(settings, "taizhou", MONTH)
    last = rows_of(settings)[-1]
    assert (last.step, last.outcome) == ("gate", "blocked")
    assert re.fullmatch(r"台州市 .*已拦截 blocked: nothing new is published, because of \d+ of its breaks", last.error)
    assert last.files and last.rows


def test_errors_are_kept_without_persons(opened: tuple[Settings, pipeline.MonthRun]) -> None:
    """A failure leaves its first line, in which no id of a person stands, and goes on to whoever called."""
    settings, run = opened

    def broken(settings: Settings, run: pipeline.MonthRun) -> None:
        assert AT_WORK.get() == {"city": "taizhou", "period": "2022-03", "run": run.run_id, "step": "settle"}
        raise ValueError(f"cannot read '{PAYER}'\nof 91331000MA2ABCDE1F")

    with pytest.raises(ValueError, match=PAYER):
        measured("settle", broken)(settings, run)
    assert AT_WORK.get() == {}
    last = rows_of(settings)[-1]
    assert (last.step, last.outcome, last.error) == ("settle", "failed", "ValueError: cannot read '（已隐去）'")
    assert last.files is last.rows is None


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (InputError(f"{PAYER} twice", where="税务.csv 第3行"), "税务.csv 第3行: （已隐去） twice"),
        (SettlementError("rows lost", where="run 0123456789abcdef"), "run 0123456789abcdef: rows lost"),
        (RuntimeError("value 91331000MA2ABCDE1F in column 3"), "RuntimeError: value （已隐去） in column 3"),
        (ValueError("错" * 900), "ValueError: " + "错" * 488),
    ],
)
def test_the_first_line_of_an_error(error: BaseException, line: str) -> None:
    """Our own errors name files and runs; what a library quotes is hidden as soon as it may be a person's number."""
    assert first_line(error) == line


def test_a_step_goes_on_without_the_control_database(
    opened: tuple[Settings, pipeline.MonthRun], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Staging does not need the control database: it succeeds, and the log says that it is not measured."""
    settings, run = opened
    (tmp_path / "occupied").write_text("no folder")
    away = dataclasses.replace(settings, control_url=f"sqlite:///{tmp_path}/occupied/control.sqlite")
    pipeline.STEPS["stage"](away, run)
    assert list(run.folder(settings).glob("staged/*/*.json"))
    assert [record.levelname for record in caplog.records if "is not measured" in record.message] == ["WARNING"] * 2
    assert [row.step for row in rows_of(settings)] == ["open_month"]


def test_a_database_that_comes_back_in_time_gets_the_whole_row(
    opened: tuple[Settings, pipeline.MonthRun], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Away when the step begins and there when it ends: the row is written then, with the moment it began."""
    settings, run = opened
    blocker = tmp_path / "later"
    blocker.write_text("no folder")
    coming = dataclasses.replace(settings, control_url=f"sqlite:///{blocker}/control.sqlite")

    def step(_settings: Settings, _run: pipeline.MonthRun) -> None:
        blocker.unlink()
        blocker.mkdir()
        control = Control(coming.control_url)
        control.start_run(run.run_id, run.city, run.month, "test")
        control.close()

    before = dt.datetime.now(dt.UTC)
    measured("stage", step)(coming, run)
    (row,) = rows_of(coming)
    assert row.outcome == "done" and row.ended_at is not None
    assert before.replace(tzinfo=None) <= row.started_at.replace(tzinfo=None) <= row.ended_at.replace(tzinfo=None)
    assert sum("is not measured" in record.message for record in caplog.records) == 1


def test_a_killed_step_stays_running_until_it_is_tried_again(opened: tuple[Settings, pipeline.MonthRun]) -> None:
    """A process that dies cannot say so; the next attempt of the same step does."""
    settings, run = opened
    code = (
        "import os, sys; from pathlib import Path; from tests.conftest import at; from medpool_etl import pipeline\n"
        "from medpool_etl.pipeline.measure import measured\n"
        "run = pipeline.MonthRun('taizhou', '2022-03', sys.argv[2])\n"
        "measured('stage', lambda settings, run: os._exit(9))(at(Path(sys.argv[1])), run)\n"
    )
    died = subprocess.run([sys.executable, "-c", code, str(settings.data), run.run_id], cwd=ROOT, check=False)
    assert died.returncode == 9
    assert [(row.step, row.outcome, row.ended_at) for row in rows_of(settings)[1:]] == [("stage", "running", None)]
    pipeline.STEPS["stage"](settings, run)
    assert [(row.step, row.outcome) for row in rows_of(settings)[1:]] == [("stage", "died"), ("stage", "done")]


def test_one_that_only_seemed_dead_says_how_it_ended(opened: tuple[Settings, pipeline.MonthRun]) -> None:
    """Two processes at the same step of the same run: the one that waits takes the other for dead, which then reports."""
    settings, run = opened
    control = Control(settings.control_url)
    try:
        steps, now = Steps(control), dt.datetime.now(dt.UTC)
        first = steps.begin("taizhou", "2022-03", run.run_id, "judge", "command", now)
        second = steps.begin("taizhou", "2022-03", run.run_id, "judge", "command", now)
        other = steps.begin("taizhou", "2022-03", run.run_id, "settle", "command", now)
        assert {row.id: row.outcome for row in steps.listing()[1:]} == {
            first: "died",
            second: "running",
            other: "running",
        }
        steps.end(first, "done", now, Counts(1, 2, 0), "")
        assert {row.id: row.outcome for row in steps.listing()[1:]}[first] == "done"
    finally:
        control.close()


def test_what_had_it_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task of Airflow has its DAG and DAG run in the environment; anything else is a command."""
    monkeypatch.delenv("AIRFLOW_CTX_DAG_ID", raising=False)
    assert started_by() == "command"
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "medpool_month_taizhou")
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "manual__2022-04-16")
    assert started_by() == "airflow medpool_month_taizhou/manual__2022-04-16"


def test_the_newest_runs_are_put_together(sample: Settled) -> None:
    """A run with its steps, the rows of its files, and the time its steps took together."""
    (newest,) = metrics_of(sample.settings, "taizhou", sample.run.period, runs=1)
    assert newest.run_id == sample.run.run_id
    assert newest.seconds == sum(seconds for row in newest.steps if (seconds := seconds_of(row)) is not None) > 0
    assert newest.files and newest.rows and newest.rows_set_aside == 0
    assert metrics_of(sample.settings, "zhoushan") == ()


def test_measuring_is_silent_when_all_is_well(
    opened: tuple[Settings, pipeline.MonthRun], caplog: pytest.LogCaptureFixture
) -> None:
    """No warning of its own about a step that did well."""
    settings, run = opened
    caplog.set_level(logging.DEBUG, logger="medpool_etl.pipeline.measure")
    pipeline.STEPS["stage"](settings, run)
    assert [record for record in caplog.records if record.name == "medpool_etl.pipeline.measure"] == []
