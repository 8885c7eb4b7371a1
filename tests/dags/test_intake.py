"""Intake through Airflow: files that arrive start the right runs, once; the watcher announces what is there whole."""

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import medpool_inbox
import openpyxl
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models import DagRun, TaskInstance
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from medpool_inbox import InboxTrigger, watch_seconds
from medpool_workdays import WorkingDayTimetable

from medpool_etl.errors import ConfigurationError
from medpool_etl.policy import rulebooks
from medpool_etl.simulator import simulate
from medpool_etl.store import Settings
from tests.conftest import MONTH, ROOT, Settled, at

QUICK = 0.05


def the_dag() -> DAG:
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    return bag.dags["medpool_intake_taizhou"]


def intake() -> dict[str, str | None]:
    """Run intake once; return the states of its tasks."""
    run = the_dag().test()
    assert run.state == DagRunState.SUCCESS
    with create_session() as session:
        rows = session.query(TaskInstance.task_id, TaskInstance.state).filter(TaskInstance.run_id == run.run_id).all()
        return dict(tuple(row) for row in rows)


def runs_started() -> dict[str, dict[str, Any]]:
    """Return the configuration of every run of the month's DAG, by name."""
    with create_session() as session:
        found = session.query(DagRun).filter(DagRun.dag_id == "medpool_month_taizhou").all()
        return {run.run_id: dict(run.conf or {}) for run in found}


@pytest.fixture
def alone(database: None) -> None:
    """No runs of the month's DAG from elsewhere."""
    with create_session() as session:
        session.query(DagRun).filter(DagRun.dag_id == "medpool_month_taizhou").delete()


def test_every_city_has_an_intake(database: None) -> None:
    """It watches the city's inbox, and looks again when something of the city was published, and every working day."""
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert {f"medpool_intake_{city}" for city in rulebooks()} == {name for name in bag.dags if "_intake_" in name}
    dag = bag.dags["medpool_intake_taizhou"]
    assets = {asset.name: asset for asset in dag.timetable.asset_condition.objects}
    assert set(assets) == {f"medpool_{what}_taizhou" for what in ("inbox", "opening", "month", "quarter", "clearing")}
    (watcher,) = assets["medpool_inbox_taizhou"].watchers
    assert watcher.trigger.serialize() == ("medpool_inbox.InboxTrigger", {"city": "taizhou", "seconds": 30.0})
    stored = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert stored.timetable.timetable.serialize() == WorkingDayTimetable(8, 0).serialize()
    assert {asset.name for _, asset in stored.timetable.asset_condition.iter_assets()} == set(assets)
    assert dag.max_active_runs == 1 and not dag.catchup
    assert all(task.doc_md for task in dag.tasks) and "When it fails" in str(dag.doc_md)


def test_files_start_their_month_once(alone: None, settings: Settings, tmp_path: Path) -> None:
    """Incomplete before its day it waits; complete it is started, with its reason; another pass starts nothing."""
    assert intake()["start"] == "skipped" and runs_started() == {}
    simulate("taizhou", MONTH, settings.inbox)
    assert intake() == {"receive": "success", "start": "success"}
    ((name, conf),) = runs_started().items()
    assert name.startswith("complete__2022-03__")
    assert conf == {"period": "2022-03", "because": "complete", "ahead": False, "missing": []}
    assert intake()["start"] == "skipped" and set(runs_started()) == {name}


def test_a_month_whose_day_has_come_names_what_is_missing(alone: None, settings: Settings) -> None:
    """The run's configuration says which report has not come."""
    simulate("taizhou", MONTH, settings.inbox)
    next(path for path in settings.month_inbox("taizhou", MONTH).iterdir() if "玉环市" in path.name).unlink()
    intake()
    ((name, conf),) = runs_started().items()
    assert name.startswith("deadline__2022-03__") and conf["missing"] == ["基金支出核算报表（玉环市）"]


def test_a_corrected_file_starts_the_month_again_and_an_unknown_one_is_named(
    alone: None, sample: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A published month: nothing new starts nothing, a corrected report starts it; what nobody recognises stands in the log."""
    shutil.copytree(sample.settings.data, tmp_path / "data", symlinks=True)
    monkeypatch.setenv("MEDPOOL_DATA", str(tmp_path / "data"))
    folder = at(tmp_path / "data").month_inbox("taizhou", MONTH)
    intake()
    assert not [name for name in runs_started() if "2022-03" in name]
    report = next(path for path in folder.iterdir() if "玉环市" in path.name)
    book = openpyxl.load_workbook(report)
    book.properties.title = "更正"
    book.save(folder / "更正.xlsx")
    (folder / "说明.xlsx").write_bytes(b"no workbook")
    with caplog.at_level(logging.INFO):
        assert intake()["start"] == "success"
    assert [name.split("__")[:2] for name in runs_started()] == [["changed", "2022-03"]]
    assert "cannot be used: 2022-03/说明.xlsx" in caplog.text
    assert "came: 2022-03/更正.xlsx 基金支出核算报表 玉环市" in caplog.text
    assert intake()["start"] == "skipped"


@asynccontextmanager
async def watching(seconds: float = QUICK) -> AsyncIterator["asyncio.Queue[dict[str, Any]]"]:
    """Yield what a watcher announces while it runs."""
    announced: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def watch() -> None:
        async for event in InboxTrigger("taizhou", seconds=seconds).run():
            announced.put_nowait(dict(event.payload))

    watcher = asyncio.create_task(watch())
    try:
        yield announced
        assert not watcher.done()
    finally:
        watcher.cancel()


async def next_of(announced: "asyncio.Queue[dict[str, Any]]") -> dict[str, Any]:
    return await asyncio.wait_for(announced.get(), 5)


def test_the_watcher_announces_the_start_and_every_change(settings: Settings) -> None:
    """Once at the start even where there is no folder, then nothing, then once for what came; temporary names never count."""

    async def watch() -> None:
        async with watching() as announced:
            assert (await next_of(announced))["files"] == 0
            folder = settings.month_inbox("taizhou", MONTH)
            folder.mkdir(parents=True)
            for name in (".hidden.csv", "~$open.xlsx", "half.csv.part", "half.tmp"):
                (folder / name).write_text("x")
            await asyncio.sleep(10 * QUICK)
            assert announced.empty()
            (folder / "a.csv").write_text("x")
            first = await next_of(announced)
            assert first["files"] == 1
            (folder / "a.csv").write_text("corrected")
            second = await next_of(announced)
            assert second["files"] == 1 and second["listing"] != first["listing"]
            await asyncio.sleep(10 * QUICK)
            assert announced.empty()

    asyncio.run(watch())


def test_the_watcher_waits_until_a_file_is_whole(settings: Settings) -> None:
    """While a file grows between two looks nothing is announced; when it stands still, it is, once."""
    folder = settings.month_inbox("taizhou", MONTH)
    folder.mkdir(parents=True)

    async def watch() -> None:
        async with watching(0.2) as announced:
            assert (await next_of(announced))["files"] == 0
            with (folder / "big.csv").open("w") as file:
                for _ in range(16):
                    file.write("a row\n")
                    file.flush()
                    await asyncio.sleep(0.07)
                    assert announced.empty()
            assert (await next_of(announced))["files"] == 1

    asyncio.run(watch())


def test_the_watcher_survives_an_inbox_that_is_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An inbox that cannot be listed is said once and looked for again, as a network folder that comes back is found."""
    fails = [3]
    real = medpool_inbox.list_inbox

    def sometimes(city: str) -> Any:
        if fails[0]:
            fails[0] -= 1
            raise OSError(116, "Stale file handle")
        return real(city)

    monkeypatch.setattr(medpool_inbox, "list_inbox", sometimes)

    async def watch() -> None:
        async with watching() as announced:
            assert (await next_of(announced))["files"] == 0

    asyncio.run(watch())
    said = capfd.readouterr().out
    assert fails == [0]
    assert said.count("cannot be looked into") == said.count("can be looked into again") == 1


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "100000"])
def test_how_often_to_look_is_a_number_of_seconds(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else stops the DAG from being read, and says why."""
    monkeypatch.setenv("MEDPOOL_WATCH_SECONDS", text)
    with pytest.raises(ConfigurationError, match="MEDPOOL_WATCH_SECONDS"):
        watch_seconds()
    monkeypatch.setenv("MEDPOOL_WATCH_SECONDS", "5")
    assert watch_seconds() == 5.0
