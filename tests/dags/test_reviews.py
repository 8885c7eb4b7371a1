"""Approvals in Airflow: a run waits, whoever answers in the API is held to medpool's rules, and the answer is kept with the result."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from airflow.api_fastapi.app import create_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.execution_api.routes.hitl import upsert_hitl_detail
from airflow.dag_processing.dagbag import DagBag
from airflow.models import TaskInstance
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload, HITLDetailRequestResult
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from fastapi.testclient import TestClient
from medpool_reviews import APPROVE, REJECT, ReviewOperator

from medpool_etl import pipeline
from medpool_etl.errors import ApprovalNeededError
from medpool_etl.pipeline import MonthRun
from medpool_etl.simulator import simulate
from medpool_etl.store import Settings, Warehouse
from tests.conftest import MONTH, ROOT


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """Airflow's own API, in this process."""
    with TestClient(create_app(apps="core"), raise_server_exceptions=False) as running:
        yield running


def headers(client: TestClient, name: str) -> dict[str, str]:
    manager = client.app.state.auth_manager  # type: ignore[attr-defined]
    token = manager.generate_jwt(user=SimpleAuthManagerUser(username=name, role="admin"))
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def attended(database: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A month without plans: only its vouchers wait for somebody."""
    monkeypatch.delenv("MEDPOOL_UNATTENDED")
    simulate("taizhou", MONTH, settings.inbox)
    return Settings.load()


def the_dag() -> DAG:
    return DagBag(dag_folder=str(ROOT / "dags")).dags["medpool_month_taizhou"]


class Answers(threading.Thread):
    """Answers the review of vouchers as often as it is asked, in the order given: who, which option, with which reason. Asked once more
    than expected, it ends the run, which would wait for ever."""

    def __init__(self, client: TestClient, *answers: tuple[str, str, str]) -> None:
        super().__init__(daemon=True)
        self.client, self.answers = client, list(answers)
        self.seen: list[str] = []
        self.statuses: list[int] = []
        self.done = False

    def run(self) -> None:
        while not self.done:
            time.sleep(0.3)
            with create_session() as session:
                waiting = session.query(TaskInstance.run_id).filter_by(
                    dag_id="medpool_month_taizhou", task_id="review_vouchers", state="awaiting_input"
                )
                row = waiting.first()
            if row is not None:
                # Airflow 3.3.2 loses an answer given in the moment the task is put to wait; people are slower.
                time.sleep(3)
                self._answer(row[0], *(self.answers.pop(0) if self.answers else ("sun", REJECT, "一次多问")))

    def _answer(self, run_id: str, who: str, option: str, reason: str) -> None:
        path = f"/api/v2/dags/medpool_month_taizhou/dagRuns/{run_id}/taskInstances/review_vouchers/-1/hitlDetails"
        self.seen.append(self.client.get(path, headers=headers(self.client, who)).json()["body"])
        body: dict[str, Any] = {"chosen_options": [option], "params_input": {"reason": reason}}
        self.statuses.append(self.client.patch(path, json=body, headers=headers(self.client, who)).status_code)


def answered(client: TestClient, *answers: tuple[str, str, str]) -> tuple[Answers, Any]:
    """Run the month's DAG while somebody answers; return who did and the run."""
    people = Answers(client, *answers)
    people.start()
    run = the_dag().test(run_conf={"period": "2022-03"})
    people.done = True
    people.join(timeout=30)
    return people, run


def decided(settings: Settings) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(Warehouse(settings.warehouse).current_mart), read_only=True) as mart:
        return mart.execute("SELECT review, decision, decided_by, decision_note FROM approvals").fetchall()


def test_a_run_waits_is_sent_back_and_passes_once_it_is_approved(
    client: TestClient, attended: Settings, tmp_path: Path
) -> None:
    """A rejection without a reason is asked for again; with one it fails the run, publishes nothing, and is shown to the next
    who is asked, whose approval then needs a reason too; approved, the month is published with both decisions."""
    people, run = answered(client, ("zhao", REJECT, ""), ("zhao", REJECT, "天台县金额有误"))
    assert people.statuses == [200, 200]
    assert run.state == DagRunState.FAILED
    assert "427,185,102.62" in people.seen[0] and "划款凭证" in people.seen[0]
    assert Warehouse(attended.warehouse).generation() is None
    people, run = answered(client, ("qian", APPROVE, ""), ("qian", APPROVE, "已核对"))
    assert people.statuses == [200, 200] and "天台县金额有误" in people.seen[0]
    assert run.state == DagRunState.SUCCESS
    assert decided(attended) == [
        ("vouchers", "rejected", "zhao", "天台县金额有误"),
        ("vouchers", "approved", "qian", "已核对"),
    ]
    # Nobody is asked again for what is published.
    people, run = answered(client)
    assert people.seen == [] and run.state == DagRunState.SUCCESS


class Api:
    """Airflow's own route, with its own database, as a task reaches it."""

    def send(self, msg: CreateHITLDetailPayload) -> HITLDetailRequestResult:
        """Put the question."""
        with create_session() as session:
            return HITLDetailRequestResult.from_api_response(upsert_hitl_detail(msg.ti_id, msg, session))


def test_a_question_of_an_earlier_try_shows_no_other_figures(
    client: TestClient, attended: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow keeps the question of a task that was cleared: where it shows other figures than those to be approved, nobody is asked by it."""
    people, run = answered(client, ("zhao", REJECT, "天台县金额有误"))
    assert run.state == DagRunState.FAILED and "核对码 Check code" in people.seen[0]
    with create_session() as session:
        task = session.query(TaskInstance).filter_by(run_id=run.run_id, task_id="review_vouchers").one()
    monkeypatch.setattr("airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS", Api(), raising=False)
    run_id = next((attended.warehouse / "runs" / "taizhou" / str(MONTH)).iterdir()).name
    made = {"city": "taizhou", "month": str(MONTH), "run_id": run_id, "unchanged": False}
    operator = ReviewOperator(task_id="review_vouchers", review="vouchers", run=made)
    context: Any = {"task_instance": task}
    digest = people.seen[0].split("核对码 Check code: `")[1][:16]
    operator.subject, operator.body = "as before", people.seen[0]
    operator._put(context, MonthRun(**made), f"{digest}{'0' * 48}")
    with pytest.raises(AirflowFailException, match="shows other figures") as error:
        operator._put(context, MonthRun(**made), "f" * 64)
    assert "trigger the period again" in str(error.value)


class Instance:
    """As much of a task instance as keeping an answer asks for: nothing was kept of what the question showed, so the run has to do."""

    def xcom_pull(self, **_: object) -> None:
        """Nothing was kept."""


def test_an_answer_outlives_a_database_that_is_away(
    attended: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The answer is kept once the control database is back; a second answer to the same question finds it approved."""
    with pytest.raises(ApprovalNeededError):
        pipeline.run_month(attended, "taizhou", MONTH)
    run_id = next((attended.warehouse / "runs" / "taizhou" / str(MONTH)).iterdir()).name
    run = {"city": "taizhou", "month": str(MONTH), "run_id": run_id, "unchanged": False}
    operator = ReviewOperator(task_id="review_vouchers", review="vouchers", run=run)
    event = {
        "chosen_options": [APPROVE],
        "params_input": {"reason": None},
        "responded_at": None,
        "responded_by_user": {"id": "qian", "name": "qian"},
    }
    monkeypatch.setattr(HITLOperator, "execute_complete", lambda _self, _context, event: event)
    control, away = attended.data / "control.sqlite", tmp_path / "away.sqlite"
    control.rename(away)
    waits: list[int] = []

    def back(seconds: int) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            away.rename(control)

    monkeypatch.setattr("medpool_reviews.time.sleep", back)
    for _ in range(2):
        assert operator.execute_complete({"task_instance": Instance()}, event) == run
    assert waits == [1, 2]
    pipeline.run_month(attended, "taizhou", MONTH)
    assert decided(attended) == [("vouchers", "approved", "qian", "")]
