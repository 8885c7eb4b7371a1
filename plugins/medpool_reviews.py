"""The step at which a settlement waits for somebody's word: Airflow asks, medpool decides whether the answer counts and keeps it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload, HITLDetailRequestResult

from medpool_etl import pipeline
from medpool_etl.errors import (
    ApprovalNeededError,
    BlockedError,
    ConfigurationError,
    InputError,
    RefusedError,
    StoreError,
)
from medpool_etl.pipeline import MonthRun
from medpool_etl.store import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

T = TypeVar("T")
# What only a person can mend; what passes by itself is tried again.
FOR_PEOPLE = (InputError, ConfigurationError, BlockedError)
# Seconds between tries to keep an answer, five minutes together.
PAUSES = (1, 2, 5, 10, 20, 40, 60, 60, 60, 60)
SHOWN = "shown"
APPROVE, REJECT = "同意 Approve", "退回 Reject"


class ReviewOperator(HITLOperator):
    """Ask for one review of a run (a name in the rulebook's ``reviews``), with its figures, and keep the answer in the control database.

    Nothing is asked where the run orders nothing under the review, where the very figures were approved before, and where MEDPOOL_UNATTENDED
    stands for the answer. An answer that does not count (by somebody with a hand in the figures, by nobody who is asked, a
    rejection without a reason) is asked for again. A rejection fails the task, and with it the run, with its reason.
    """

    template_fields: Sequence[str] = ("run",)

    def __init__(self, *, review: str, run: Any, **kwargs: Any) -> None:
        # Those of the DAG, which Airflow has put there, are no part of the form.
        kwargs["params"] = {
            "reason": Param(
                None,
                type=["null", "string"],
                title="理由 Reason",
                description="退回时必填 needed to reject",
                source="task",
            )
        }
        super().__init__(subject=review, options=[APPROVE, REJECT], **kwargs)
        self.review, self.run = review, run

    def execute(self, context: Any) -> dict[str, Any]:
        """Ask, unless nothing has to be asked; return the run for the next task."""
        settings, run = Settings.load(), MonthRun(**self.run)
        try:
            pipeline.stand_in(settings, run)
            item = next((item for item in pipeline.reviews(settings, run) if item.name == self.review), None)
            if item is None or item.state == "approved":
                log.info("%s: nobody is asked (%s)", self.review, "approved" if item else "nothing to review")
                return dict(self.run)
            pipeline.ask(settings, run)
            self.subject = pipeline.review_subject(run, item)
            self.body = f"{pipeline.review_body(settings, run, item)}\n\n核对码 Check code: `{item.digest[:16]}`"
        except FOR_PEOPLE as error:
            raise AirflowFailException(str(error)) from error
        self._put(context, run, item.digest)
        # What was shown is what is answered: figures that changed meanwhile are not approved by it.
        context["task_instance"].xcom_push(key=SHOWN, value=item.digest)
        raise TaskAwaitingInput(method_name="execute_complete")

    def _put(self, context: Any, run: MonthRun, digest: str) -> None:
        """Put the question, and see that it is the one people read: Airflow keeps that of an earlier try of the task, with its figures."""
        stands = self._send(context)
        if stands is not None and digest[:16] not in stands:
            error = InputError(
                f"the question of {run.city} {run.month} {self.review} that stands here shows other figures than those of run {run.run_id}",
                do="trigger the period again: a new run of the DAG asks anew; clearing this one cannot",
            )
            raise AirflowFailException(str(error)) from error

    def _send(self, context: Any) -> str | None:
        """Hand the question to Airflow, which takes away an answer that was given; return the text that stands, None where nobody can say."""
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

        stands = SUPERVISOR_COMMS.send(
            CreateHITLDetailPayload(
                ti_id=context["task_instance"].id,
                options=self.options,
                subject=self.subject,
                body=self.body,
                params=self.serialized_params,
                assigned_users=[],
            )
        )
        return stands.body or "" if isinstance(stands, HITLDetailRequestResult) else None

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Keep the answer; return the run, or fail with the reason it was rejected for."""
        answer: Any = super().execute_complete(context, event)
        user = answer["responded_by_user"] or {}
        by, reason = user.get("name") or user.get("id") or "", str(answer["params_input"].get("reason") or "")
        approved, run = answer["chosen_options"] == [APPROVE], MonthRun(**self.run)
        shown = context["task_instance"].xcom_pull(task_ids=self.task_id, key=SHOWN)
        try:
            if approved and _stands(run, self.review):
                log.info("%s: approved already, by another answer", self.review)
                return dict(self.run)
            _kept(
                lambda: pipeline.decide(
                    Settings.load(),
                    run.city,
                    run.period,
                    approved,
                    by,
                    reason,
                    review=self.review,
                    run_id=run.run_id,
                    digest=shown,
                )
            )
        except RefusedError as error:
            log.error("the answer does not count, and is asked for again: %s", error)
            self._ask_again(context)
        except FOR_PEOPLE as error:
            raise AirflowFailException(str(error)) from error
        if not approved:
            rejected = ApprovalNeededError(
                f"{self.review} was rejected by {by}: {reason}",
                where=f"{run.city} {run.month}",
                do="have files, plans or breaks corrected and trigger the period again; what was published stays",
            )
            raise AirflowFailException(str(rejected)) from rejected
        log.info("%s %s %s: approved by %s", run.city, run.month, self.review, by)
        return dict(self.run)

    def _ask_again(self, context: Any) -> None:
        self._send(context)
        raise TaskAwaitingInput(method_name="execute_complete")


def _stands(run: MonthRun, review: str) -> bool:
    """Whether nothing of a review waits any more: it is approved, or the run is published."""
    found = _kept(lambda: pipeline.reviews(Settings.load(), run))
    return all(item.state == "approved" for item in found if item.name == review)


def _kept(act: Callable[[], T]) -> T:
    """Return what ``act`` gives; while the control database does not answer, try again: a retry of the task would ask anew, and the answer
    would be lost. Raises StoreError once it has been away for minutes."""
    for pause in PAUSES:
        try:
            return act()
        except StoreError as error:
            log.warning("tried again in %d seconds: %s", pause, error)
            time.sleep(pause)
    return act()
