"""Approvals in Airflow: an answer is kept in the control database, whatever happens to it meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from airflow.providers.standard.operators.hitl import HITLOperator
from medpool_reviews import APPROVE, ReviewOperator

from medpool_etl import pipeline
from medpool_etl.errors import ApprovalNeededError
from medpool_etl.simulator import simulate
from medpool_etl.store import Settings, Warehouse
from tests.conftest import MONTH


@pytest.fixture
def attended(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A month without plans: only its vouchers wait for somebody."""
    monkeypatch.delenv("MEDPOOL_UNATTENDED")
    simulate("taizhou", MONTH, settings.inbox)
    return Settings.load()


def decided(settings: Settings) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(Warehouse(settings.warehouse).current_mart), read_only=True) as mart:
        return mart.execute("SELECT review, decision, decided_by, decision_note FROM approvals").fetchall()


class Instance:
    """As much of a task instance as keeping an answer asks for."""

    def xcom_pull(self, **_: object) -> None:
        """What was shown is not known: the run is enough."""


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
