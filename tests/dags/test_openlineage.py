"""OpenLineage: off unless configured; then every task tells its start and end, and publishing what the run was made of."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from medpool_lineage import emit_lineage

from medpool_etl import pipeline
from medpool_etl.periods import Month
from medpool_etl.pipeline.datasets import lineage_of
from medpool_etl.pipeline.metrics import metrics_of
from medpool_etl.store import Settings, Warehouse
from tests.conftest import ROOT, Settled, at
from tests.support import Webhook

# A settlement as the DAGs run it, without their schedules: tasks of the same names that call the same functions.
DAG = """
from airflow.sdk import dag, task
from medpool_lineage import emit_lineage
from medpool_etl import pipeline
from medpool_etl.periods import Month
from medpool_etl.store import Settings


@dag(dag_id="lineage_try", schedule=None, tags=["medpool"])
def made():
    @task
    def open_month():
        run = pipeline.open_month(Settings.load(), "taizhou", Month.parse("2022-03"))
        return {"city": run.city, "month": run.month, "run_id": run.run_id, "unchanged": run.unchanged}

    @task
    def settle(run):
        for name in ("stage", "judge", "reconcile", "settle", "gate"):
            pipeline.STEPS[name](Settings.load(), pipeline.MonthRun(**run))
        return run

    @task
    def publish(run):
        pipeline.STEPS["publish"](Settings.load(), pipeline.MonthRun(**run))
        emit_lineage(run)
        return run

    @task
    def notify(run):
        pipeline.STEPS["notify"](Settings.load(), pipeline.MonthRun(**run))

    notify(publish(settle(open_month())))


made()
"""
# In a process of its own: the provider decides once, when Airflow is imported, whether it listens.
RUN = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
assert bag.import_errors == {}, bag.import_errors
run = bag.dags["lineage_try"].test()
assert str(run.state) == "success", run.state
print("run", run.run_id)
"""


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Airflow database of its own, as it is when nothing ran yet."""
    file = tmp_path_factory.mktemp("airflow") / "airflow.db"
    env = {**os.environ, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{file}", "AIRFLOW_HOME": str(file.parent)}
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=env, check=True, capture_output=True)
    with closing(sqlite3.connect(file)) as made:
        made.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


@pytest.fixture
def place(tmp_path: Path, migrated: Path) -> Path:
    """The test's own folder, with such a database."""
    shutil.copy(migrated, tmp_path)
    return tmp_path


def run_the_dag(place: Path, **environment: str) -> str:
    """Run the DAG over a simulated month in a process of its own, and return what it printed."""
    (place / "dags").mkdir()
    (place / "dags" / "lineage_try.py").write_text(DAG, encoding="utf-8")
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(place / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{place}/airflow.db",
        "AIRFLOW__CORE__DAGS_FOLDER": str(place / "dags"),
        "MEDPOOL_DATA": str(place / "data"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
        **environment,
    }
    for code in (
        ["-c", "from medpool_etl.cli import main; main()", "simulate", "taizhou", "2022-03"],
        ["-c", RUN, str(place / "dags")],
    ):
        done = subprocess.run([sys.executable, *code], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_events_of_a_run(place: Path) -> None:
    """START and COMPLETE of every task; the COMPLETE of publishing names the files received, and the tables made of them."""
    events = place / "events.jsonl"
    transport = {"type": "file", "log_file_path": str(events), "append": True}
    printed = run_the_dag(
        place, AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps(transport), AIRFLOW__OPENLINEAGE__NAMESPACE="medpool"
    )
    told = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    tasks = ("open_month", "settle", "publish", "notify")
    seen = {(event["job"]["name"], event["eventType"]) for event in told}
    assert {(f"lineage_try.{name}", state) for name in tasks for state in ("START", "COMPLETE")} <= seen
    assert {event["job"]["namespace"] for event in told} == {"medpool"}
    settings = at(place / "data")
    run_id = next(Warehouse(settings.warehouse).root.glob("runs/taizhou/2022-03/*")).name
    lineage = lineage_of(settings, pipeline.MonthRun("taizhou", "2022-03", run_id))
    ended: dict[str, Any] = next(
        event for event in told if (event["job"]["name"], event["eventType"]) == ("lineage_try.publish", "COMPLETE")
    )
    assert [(d["namespace"], d["name"]) for d in ended["inputs"]] == [(d.namespace, d.name) for d in lineage.inputs]
    assert [(d["namespace"], d["name"]) for d in ended["outputs"]] == [(d.namespace, d.name) for d in lineage.outputs]
    remittances = next(d for d in ended["outputs"] if d["name"].endswith("/tables/remittances.parquet"))
    assert remittances["outputFacets"]["outputStatistics"]["rowCount"] == 18
    assert {field["name"] for field in remittances["facets"]["schema"]["fields"]} >= {"row_id", "county", "amount"}
    for event in told:
        if event["job"]["name"] != "lineage_try.publish" or event["eventType"] != "COMPLETE":
            assert not event.get("inputs") and not event.get("outputs")
    assert "OpenLineage is not told" not in printed
    measured = metrics_of(settings, "taizhou")[0].steps
    assert {row.started_by.split("/")[0] for row in measured} == {"airflow lineage_try"}


def test_it_is_off_unless_configured(place: Path, webhook: Webhook) -> None:
    """Nothing configured: no event goes anywhere, and the same DAG publishes all the same."""
    printed = run_the_dag(place)
    assert list(place.glob("events*")) == [] and webhook.messages == []
    assert "openlineage" not in printed.lower()
    assert Warehouse(at(place / "data").warehouse).generation() is not None


def test_it_can_be_switched_off_over_a_transport(place: Path, webhook: Webhook) -> None:
    """AIRFLOW__OPENLINEAGE__DISABLED wins over a transport."""
    address = webhook.url.removeprefix("json").rsplit("/", 1)[0]
    run_the_dag(place, OPENLINEAGE_URL=f"http{address}", AIRFLOW__OPENLINEAGE__DISABLED="True")
    assert webhook.messages == []


def test_the_datasets_of_a_run(sample: Settled) -> None:
    """Every file received, once, by its bytes; every table written; neither host nor user in a name."""
    lineage = lineage_of(sample.settings, sample.run)
    received = {path.name for path in (sample.settings.warehouse / "received").iterdir()}
    assert {dataset.version for dataset in lineage.inputs} <= received
    assert all(Path(dataset.name).is_file() for dataset in lineage.inputs)
    assert len({dataset.name for dataset in lineage.inputs}) == len(lineage.inputs) > 10
    files = [dataset for dataset in lineage.outputs if dataset.namespace == "file"]
    assert {dataset.name for dataset in files} == {str(path) for path in sample.tables.glob("*.parquet")}
    mart = {dataset.name for dataset in lineage.outputs if dataset.namespace.startswith("duckdb:///")}
    assert {"main.remittances", "main.runs", "main.run_steps"} <= mart
    assert all(dataset.description and dataset.version for dataset in (*lineage.inputs, *lineage.outputs))
    assert any("国库" in dataset.description for dataset in lineage.inputs)


def test_a_month_names_what_it_rests_on(tmp_path: Path) -> None:
    """A month after another takes its tables and its open items: they are inputs, by the run that made them."""
    before = Settled(at(tmp_path), "in_transit", month=Month.parse("2022-02"))
    after = Settled(at(tmp_path))
    inputs = lineage_of(after.settings, after.run).inputs
    rests_on = {Path(dataset.name) for dataset in inputs if dataset.version == before.run.run_id}
    assert before.folder / "reconciliation" / "carried_items.parquet" in rests_on
    assert before.tables / "monthly_settlement.parquet" in rests_on
    assert all(path.is_file() and before.folder in path.parents for path in rests_on)
    assert not any(after.run.run_id in dataset.name for dataset in inputs)


def test_a_run_that_is_gone_fails_no_task(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Lineage comes after publishing: where it cannot be told, the log says so, and the task goes on."""
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    emit_lineage({"city": "taizhou", "month": "2022-03", "run_id": "0123456789abcdef", "unchanged": False})
    assert "OpenLineage is not told what run 0123456789abcdef was made of" in caplog.text
