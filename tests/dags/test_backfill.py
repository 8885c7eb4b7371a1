"""The DAG of a backfill: one task a city, real runs, and a city that stops while the other goes on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models import TaskInstance
from airflow.sdk import DAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState

from medpool_etl.policy import rulebooks
from medpool_etl.store import Settings, Warehouse
from tests.conftest import ROOT, Settled, at

CITIES = ["taizhou", "nantong"]


def the_dag() -> DAG:
    """A fresh DAG each time: a run's configuration would stay in its parameters."""
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    return bag.dags["medpool_backfill"]


def filled(**conf: Any) -> tuple[str, dict[str, str | None]]:
    """Run the DAG; return how the run ended and the state of each task, by city where it is of one."""
    run = the_dag().test(run_conf=conf)
    with create_session() as session:
        rows = session.query(TaskInstance).filter(TaskInstance.run_id == run.run_id).all()
        return run.state, {row.rendered_map_index or row.task_id: row.state for row in rows}


def test_the_dag_is_one_task_a_city(database: None) -> None:
    """Nothing starts it but people; two cities at once; it says what to do, and knows every city."""
    dag = the_dag()
    assert sorted(dag.task_dict) == ["choose", "fill"] and all(task.doc_md for task in dag.tasks)
    assert dag.task_dict["fill"].max_active_tis_per_dagrun == 2 and dag.task_dict["fill"].is_mapped
    assert not dag.timetable.can_be_scheduled and dag.max_active_runs == 1
    assert dag.doc_md is not None and "When it fails" in dag.doc_md
    assert set(dag.params.get_param("cities").schema["examples"]) == set(rulebooks())


def test_a_city_that_stops_leaves_the_other_alone(
    database: None,
    sample: Settled,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Published from the same inputs, a month is passed over; a city without the month fails without a second try and says what to do."""
    shutil.copytree(sample.settings.data, tmp_path / "data", symlinks=True)
    monkeypatch.setenv("MEDPOOL_DATA", str(tmp_path / "data"))
    warehouse = Warehouse(at(tmp_path / "data").warehouse)
    generation = warehouse.generation()
    state, states = filled(first="2022-03", last="2022-03", cities=CITIES)
    assert (state, states) == (DagRunState.FAILED, {"choose": "success", "taizhou": "success", "nantong": "failed"})
    printed = capfd.readouterr()
    assert "there is no inbox folder for this month" in printed.out + printed.err
    assert warehouse.generation() == generation
    # Without cities: those that have an inbox.
    assert filled(first="2022-03", last="2022-03") == (DagRunState.SUCCESS, {"choose": "success", "taizhou": "success"})


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"last": "2022-03", "cities": ["taizhou"]}, "from when to when?"),
        ({"first": "2022-04", "last": "2022-03", "cities": ["taizhou"]}, "2022-04 comes behind 2022-03"),
        ({"first": "2022-03", "last": "2022-03"}, "no city has an inbox"),
    ],
)
def test_parameters_that_cannot_be(
    database: None, settings: Settings, conf: dict[str, Any], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """They fail the run at once, before any city is touched."""
    state, states = filled(**conf)
    assert state == DagRunState.FAILED and states["choose"] == "failed"
    printed = capfd.readouterr()
    assert said in printed.out + printed.err
