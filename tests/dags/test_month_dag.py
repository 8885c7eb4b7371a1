"""The DAG of a month: it imports, it is thin, and a real run of it settles the month."""

import logging
from pathlib import Path

import duckdb
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models import TaskInstance
from airflow.sdk import DAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState

from medpool_etl import pipeline
from medpool_etl.simulator import simulate
from medpool_etl.store import Settings, Warehouse
from tests.conftest import MONTH, ROOT

REVIEWS = ["review_funding_plan", "review_vouchers"]
STEPS = ["open_month", "stage", "judge", "reconcile", "settle", "gate", *REVIEWS, "publish", "notify"]


def the_dag() -> DAG:
    """A fresh DAG each time: a run's configuration would stay in its parameters."""
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    return bag.dags["medpool_month_taizhou"]


def states(run_id: str) -> dict[str, str | None]:
    with create_session() as session:
        rows = session.query(TaskInstance.task_id, TaskInstance.state).filter(TaskInstance.run_id == run_id).all()
        return dict(tuple(row) for row in rows)


def test_the_dag_is_a_line_of_few_documented_tasks(database: None) -> None:
    """Ten tasks in the pipeline's order, each with its doc; the DAG says what to do when it fails."""
    dag = the_dag()
    assert sorted(task.task_id for task in dag.tasks) == sorted(STEPS)
    assert dag.task_dict["publish"].upstream_task_ids == {"gate", *REVIEWS}
    assert all(task.doc_md for task in dag.tasks)
    assert dag.doc_md is not None and "When it fails" in dag.doc_md
    assert not dag.catchup


def test_a_dag_run_settles_the_month_and_another_changes_nothing(
    database: None, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Run through Airflow on SQLite, the month is published; run once more, the mart stays the same generation."""
    caplog.set_level(logging.INFO, logger="medpool_tasks")
    simulate("taizhou", MONTH, settings.inbox)
    first = the_dag().test(run_conf={"month": "2022-03"})
    assert first.state == DagRunState.SUCCESS
    assert states(first.run_id) == dict.fromkeys(STEPS, "success")
    warehouse = Warehouse(settings.warehouse)
    with duckdb.connect(str(warehouse.current_mart), read_only=True) as mart:
        total = mart.execute("SELECT sum(amount)::VARCHAR FROM remittances WHERE fund = 'worker'").fetchall()
        figures = mart.execute("SELECT month, figures FROM runs").fetchall()
    assert total == [("427185102.62",)]
    assert figures == [("2022-03", "final")]
    generation = warehouse.generation()
    again = the_dag().test(run_conf={"month": "2022-03"})
    assert states(again.run_id) == dict.fromkeys(STEPS, "success")
    assert warehouse.generation() == generation
    assert "published already" in caplog.text


def test_the_dag_stops_at_the_gate(database: None, settings: Settings) -> None:
    """A break that blocks fails the task `gate` at once, nothing is published, and an override lets the next run pass."""
    simulate("taizhou", MONTH, settings.inbox, faults=["over_transferred"])
    run = the_dag().test(run_conf={"month": "2022-03"})
    assert run.state == DagRunState.FAILED
    found = states(run.run_id)
    assert found["settle"] == "success" and found["gate"] == "failed"
    assert found["publish"] == found["notify"] == found["review_vouchers"] == "upstream_failed"
    assert Warehouse(settings.warehouse).generation() is None
    pipeline.override(settings, "taizhou", MONTH, "张三", "多划部分已约定退回")
    assert the_dag().test(run_conf={"month": "2022-03"}).state == DagRunState.SUCCESS


def test_the_dag_and_the_command_publish_the_same_run(database: None, settings: Settings, tmp_path: Path) -> None:
    """A month settled by the DAG is the very run that `medpool run` makes of it."""
    from medpool_etl import pipeline

    simulate("taizhou", MONTH, settings.inbox, faults=["one_fen_agency"])
    assert the_dag().test(run_conf={"month": "2022-03"}).state == DagRunState.SUCCESS
    assert pipeline.run_month(settings, "taizhou", MONTH).unchanged


def test_without_files_the_run_fails_and_says_where_to_put_them(
    database: None, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    """What only a person can mend fails at once, without retries, with the remedy in the log."""
    run = the_dag().test(run_conf={"month": "2022-03"})
    assert run.state == DagRunState.FAILED
    assert states(run.run_id)["open_month"] == "failed"
    printed = capfd.readouterr()
    assert "there is no inbox folder for this month" in printed.out + printed.err
