"""The DAGs of deadlines and the callback of failures, run by Airflow."""

from dataclasses import replace
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.encoders import encode_timetable
from airflow.utils.state import DagRunState
from medpool_workdays import WorkingDayTimetable

from medpool_etl.policy import rulebooks
from medpool_etl.store import Control, Settings
from medpool_etl.store.told import Memory
from tests.conftest import ROOT
from tests.support import Webhook

FAILING = """
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException
from medpool_failures import on_failure

from medpool_etl.errors import BlockedError, InputError

with DAG("medpool_month_taizhou", params={"period": None}, default_args={"on_failure_callback": on_failure}) as dag:
    @task
    def stage():
        RAISE
    stage()
"""
WRAPPED = """
        try:
            raise InputError("参保人 331002199001011234 的行有误", where="表.xlsx, row 3", do="correct it")
        except InputError as error:
            raise AirflowFailException(str(error)) from error
"""


def the_dag(city: str = "taizhou") -> DAG:
    """A fresh DAG each time: a run's configuration would stay in its parameters."""
    bag = DagBag(dag_folder=str(ROOT / "dags" / "medpool_deadlines.py"))
    assert bag.import_errors == {}
    return bag.dags[f"medpool_deadlines_{city}"]


def test_every_city_has_its_reminders(database: None) -> None:
    """Also the one whose months are left to a later rule; each says what it is for and what to do when it fails."""
    bag = DagBag(dag_folder=str(ROOT / "dags" / "medpool_deadlines.py"))
    assert bag.import_errors == {}
    assert set(bag.dags) == {f"medpool_deadlines_{city}" for city in rulebooks()} and "hangzhou" in rulebooks()
    for dag in bag.dags.values():
        # Airflow loads plugins once more by itself, so that the class is another of the same name.
        assert encode_timetable(dag.timetable) == encode_timetable(WorkingDayTimetable(8, 30))
        assert not dag.catchup and dag.max_active_runs == 1
        assert [task.task_id for task in dag.tasks] == ["remind"] and dag.tasks[0].doc_md
        for word in ("Purpose", "Input", "Output", "Schedule", "When it fails"):
            assert word in str(dag.doc_md)


def test_a_run_reminds_and_another_says_nothing(database: None, settings: Settings) -> None:
    """Run as of 31 March 2022, what falls due is told and remembered; run again, nothing is new."""
    first = the_dag().test(run_conf={"day": "2022-03-31"})
    assert first.state == DagRunState.SUCCESS
    control = Control(settings.control_url)
    known = Memory(control).told("log", ["deadline/taizhou/remittance/2022-03", "deadline/taizhou/plan_review/2022-03"])
    control.close()
    assert known == {
        ("deadline/taizhou/remittance/2022-03", "remind"),
        ("deadline/taizhou/plan_review/2022-03", "remind"),
    }
    assert returned(first) > 0
    assert returned(the_dag().test(run_conf={"day": "2022-03-31"})) == 0


def returned(run: object) -> int:
    """What the task of a run returned."""
    instance = run.get_task_instance("remind")  # type: ignore[attr-defined]
    return int(instance.xcom_pull(task_ids="remind"))


def test_a_city_without_months_is_reminded_too(database: None, settings: Settings) -> None:
    """Hangzhou has one deadline, due on the first day of 2022: told as overdue on the first working day after, and the
    opening that orders it as late."""
    assert returned(the_dag("hangzhou").test(run_conf={"day": "2022-01-05"})) == 2


def test_a_day_without_calendar_fails_and_says_so(
    database: None, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    """Only a person can load a notice: the task fails at once, with the remedy in the log."""
    assert the_dag().test(run_conf={"day": "2027-01-04"}).state == DagRunState.FAILED
    printed = capfd.readouterr()
    assert "holiday notice of 2027 is not loaded" in printed.out + printed.err


def failing(folder: Path, what: str) -> DAG:
    """A DAG whose one task fails."""
    path = folder / "failing.py"
    path.write_text(FAILING.replace("RAISE", what.strip()), encoding="utf-8")
    bag = DagBag(dag_folder=str(path))
    assert bag.import_errors == {}
    return bag.dags["medpool_month_taizhou"]


def test_a_failed_task_is_told_of(
    database: None, settings: Settings, webhook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names city, period and task, what medpool said without ids of persons, what stands and what to do; the control
    database is not needed for it."""
    monkeypatch.setenv("MEDPOOL_ALERT_URLS", webhook.url)
    monkeypatch.setenv("MEDPOOL_CONTROL_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    run = failing(tmp_path, WRAPPED).test(run_conf={"period": "2022-03"})
    assert run.state == DagRunState.FAILED
    (message,) = webhook.messages
    assert message["title"] == "【medpool】台州市 2022-03 结算任务失败：stage"
    assert "表.xlsx, row 3: 参保人 （已隐去） 的行有误" in message["message"]
    assert "do: correct it" in message["message"] and "已发布的结果不受影响" in message["message"]
    assert "331002199001011234" not in str(webhook.messages)


def test_an_address_that_refuses_hides_nothing(
    database: None, settings: Settings, webhook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends as the task did; nothing of the callback is raised."""
    webhook.refuse = True
    monkeypatch.setenv("MEDPOOL_ALERT_URLS", webhook.url)
    assert failing(tmp_path, 'raise ValueError("331002199001011234")').test().state == DagRunState.FAILED
    assert webhook.messages == []


def test_what_the_task_told_the_dag_does_not(webhook: Webhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The callback of a DAG tells only of a task that was killed and could say nothing."""
    from medpool_failures import TOLD, on_failure

    class Instance:
        dag_id, run_id, task_id, try_number = "medpool_month_taizhou", "manual__1", "stage", 2

        def __init__(self) -> None:
            self.words: dict[str, object] = {}

        def xcom_push(self, key: str, value: object) -> None:
            self.words[key] = value

        def xcom_pull(self, task_ids: str, key: str) -> object:
            return self.words.get(key) if task_ids == self.task_id else None

    monkeypatch.setenv("MEDPOOL_DATA", str(tmp_path))
    monkeypatch.setenv("MEDPOOL_ALERT_URLS", webhook.url)
    killed, spoke = Instance(), Instance()
    on_failure({"ti": killed, "reason": "task_failure", "params": {"month": "2022-03"}})
    assert "任务中断（进程被终止或超时）" in webhook.messages[0]["message"]
    on_failure({"ti": spoke, "exception": RuntimeError("x"), "params": {"month": "2022-03"}})
    assert spoke.words == {TOLD: True} and len(webhook.messages) == 2
    on_failure({"ti": spoke, "reason": "task_failure", "params": {"month": "2022-03"}})
    assert len(webhook.messages) == 2


def test_a_context_nobody_knows_is_told_all_the_same(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Whatever Airflow hands over, nothing is raised and somebody hears of it."""
    from medpool_failures import on_failure

    monkeypatch.setenv("MEDPOOL_ALERT_URLS", webhook.url)
    on_failure({})
    on_failure({"ti": object(), "params": 3})
    assert len(webhook.messages) == 2
    assert replace(settings, alert_urls=()).alert_urls == ()
