"""The family of DAGs: all import, every city has those its rulebook has rules for, and each says what it is and what to do when it fails."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from medpool_etl.documents import PACKAGE
from medpool_etl.errors import ConfigurationError
from medpool_etl.periods import Period
from medpool_etl.policy import cities, load_rulebook, rulebooks
from tests.conftest import ROOT
from tests.policy.test_rulebooks import SIXTH
from tests.support import Webhook

WHEN = {"month": ("month",), "quarter": ("quarter",), "opening": ("opening", "once"), "clearing": ("clearing",)}
SECTIONS = ("**Purpose.**", "**Input.**", "**Output.**", "**Schedule.**", "**When it fails.**")


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    """Every DAG of the folder, which all import."""
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_every_city_has_the_dags_its_rulebook_has_rules_for(dags: dict[str, DAG]) -> None:
    """Nothing is copied by hand: the names follow from the rulebooks, and nothing else is in the folder."""
    expected = {f"medpool_{kind}_{city}" for kind in ("intake", "deadlines") for city in rulebooks()}
    for city in rulebooks():
        times = {rule.when for rule in load_rulebook(city).rules.values()}
        expected |= {f"medpool_{kind}_{city}" for kind, when in WHEN.items() if times & set(when)}
    assert {f"medpool_month_{city}" for city in cities()} < expected
    assert set(dags) == {*expected, "medpool_backfill"}


def test_each_says_what_it_is_and_what_to_do(dags: dict[str, DAG]) -> None:
    """Purpose, inputs, outputs, schedule, what to do when it fails; a doc for each task; at most ten tasks."""
    for name, dag in dags.items():
        assert dag.doc_md is not None, name
        assert [section for section in SECTIONS if section not in dag.doc_md] == [], name
        assert [task.task_id for task in dag.tasks if not task.doc_md] == [], name
        assert len(dag.tasks) <= 10, name
        assert not dag.catchup, name
        assert "medpool" in dag.tags, name


def test_every_failure_is_told(dags: dict[str, DAG]) -> None:
    """Each task, and each DAG for tasks that are killed, has the callback that alerts."""
    for name, dag in dags.items():
        assert dag.on_failure_callback, name
        assert all(task.on_failure_callback for task in dag.tasks), name


def test_what_is_reviewed_stands_before_publishing(dags: dict[str, DAG]) -> None:
    """Every review of a rulebook is a task of a DAG of its city, and publishing waits for it."""
    for city in rulebooks():
        rulebook = load_rulebook(city)
        for name, review in rulebook.reviews.items():
            times = {rulebook.rules[rule].when for rule in review.rules}
            for kind, when in WHEN.items():
                dag = dags.get(f"medpool_{kind}_{city}")
                asked = dag is not None and f"review_{name}" in dag.task_dict
                assert asked == bool(times & set(when)), (city, name, kind)
                if dag is not None and asked:
                    assert f"review_{name}" in dag.task_dict["publish"].upstream_task_ids


def test_schedules_come_from_the_rulebooks(dags: dict[str, DAG]) -> None:
    """A settlement DAG runs by the timetable of its own city and kind."""
    for city in rulebooks():
        for kind in WHEN:
            if (dag := dags.get(f"medpool_{kind}_{city}")) is not None:
                # By name: Airflow loads plugins once more by itself, as classes of their own.
                assert type(dag.timetable).__name__ in ("SettlementTimetable", "SettlementMonthTimetable")
                assert (dag.timetable.city, dag.timetable.kind) == (city, kind)


def test_parsing_is_light() -> None:
    """The dag-processor does not import Great Expectations for a file of DAGs: four seconds and 200 MB each time."""
    code = (
        "import sys; sys.path[:0] = ['plugins', 'dags']\n"
        "import medpool_month, medpool_periods, medpool_intake, medpool_deadlines, medpool_backfill\n"
        "print(sorted({'great_expectations'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_adding_a_rulebook_adds_the_city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sixth city that is documents only has its DAGs, by its own rules and days, without a line of code."""
    for name, text in SIXTH.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    new = {name for name in bag.dags if name.endswith("_xincheng")}
    assert new == {f"medpool_{kind}_xincheng" for kind in ("intake", "deadlines", "month", "clearing")}
    # Cleared by 30 September, a holiday, so in time until Saturday 7 October, a workday; ten working days before.
    clearing = bag.dags["medpool_clearing_xincheng"].timetable
    assert clearing.run_after(Period.parse("2022-clearing")).in_timezone("Asia/Shanghai").date() == dt.date(2023, 9, 15)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("city: nantong", "town: nantong", "nantong.yaml, line"),
        ("rules: [N-3.3]}", "rules: [N-3.4x]}", "review funding_plan: there is no rule N-3.4x"),
    ],
)
def test_a_mistake_in_one_city_takes_away_its_dags_only(
    right: str,
    wrong: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    dags: dict[str, DAG],
) -> None:
    """Every other city runs on; the log says which mistake, and the city's reminders meet it every working day."""
    own = tmp_path / "policy" / "rulebooks" / "nantong.yaml"
    own.parent.mkdir(parents=True)
    shipped = (PACKAGE / "policy" / "rulebooks" / "nantong.yaml").read_text(encoding="utf-8")
    assert right in shipped
    own.write_text(shipped.replace(right, wrong, 1), encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    assert bag.import_errors == {}
    gone = {name for name in dags if name.endswith("_nantong")} - {"medpool_deadlines_nantong"}
    assert len(gone) >= 3 and set(bag.dags) == set(dags) - gone
    assert "nantong has no DAG by medpool_intake: " in caplog.text and said in caplog.text
    monkeypatch.setenv("MEDPOOL_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(
        bag.dags["medpool_deadlines_nantong"].task_dict["remind"].python_callable.__globals__,
        "get_current_context",
        lambda: {"params": {"day": "2022-04-01"}},
    )
    with pytest.raises(AirflowFailException, match=re.escape(said)) as error:
        bag.dags["medpool_deadlines_nantong"].task_dict["remind"].python_callable()
    assert isinstance(error.value.__cause__, ConfigurationError)


def test_a_file_that_cannot_be_imported_is_told(tmp_path: Path, webhook: Webhook, database: None) -> None:
    """The dag-processor itself tells every address, once, which file and why."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "broken.py").write_text(
        "from airflow.sdk import dag\nfrom medpool_etl.documents import find\nfind('places/taizhou.yaml')\n",
        encoding="utf-8",
    )
    environment = {
        **os.environ,
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "MEDPOOL_CONFIG": str(tmp_path / "nowhere"),
        "MEDPOOL_ALERT_URLS": webhook.url,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
    }
    command = [sys.executable, "-m", "airflow", "dag-processor", "--num-runs", "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert [message["title"] for message in webhook.messages] == ["【medpool】DAG 文件无法载入：broken.py"], done.stderr
    (message,) = webhook.messages
    assert f"MEDPOOL_CONFIG = {tmp_path / 'nowhere'}: there is no such folder" in message["message"]
    assert "do: make it, mount it" in message["message"] and "medpool check" in message["message"]


def test_without_deadline_alerts_only_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settlement DAGs have a publish-by deadline, unless MEDPOOL_DEADLINE_ALERTS is off."""
    monkeypatch.delenv("MEDPOOL_DEADLINE_ALERTS")
    bag = DagBag(dag_folder=str(ROOT / "dags" / "medpool_periods.py"))
    assert bag.import_errors == {}
    assert all(dag.deadline for dag in bag.dags.values())
