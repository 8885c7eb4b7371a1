"""By when a period must be published, as a deadline of the DAG run that settles it, and the alert when it is missed.

A DAG of a city takes ``deadline=publish_deadline("taizhou", "month")``. The deadline exists as soon as its run does, and the scheduler
watches it: whether the run waits for files, for approval, has failed, or hangs. The calendar must therefore make the run, not the last file.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback  # type: ignore[attr-defined]
from airflow.sdk.definitions.deadline import BaseDeadlineReference
from medpool_runs import CHINA, period_of
from medpool_workdays import current_calendar

from medpool_etl.errors import MedpoolError
from medpool_etl.periods import Period
from medpool_etl.pipeline import watch
from medpool_etl.policy import load_rulebook
from medpool_etl.settlement.ordering import publish_by
from medpool_etl.store import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)
# When a working day ends: banks are shut and nothing is sent any more.
END_OF_DAY = dt.time(18, 0)
SCHEDULED = "scheduled"


def publish_instant(city: str, period: Period) -> dt.datetime | None:
    """Return the instant (UTC) by which a period must be published, the end of the working day the rulebook's deadlines leave for it (see
    ``publish_by``); None for a period by which the city settles nothing.

    Raises ConfigurationError for a year whose holiday notice is not loaded and for a mistake in a document.
    """
    day = publish_by(load_rulebook(city), period, current_calendar())
    return dt.datetime.combine(day, END_OF_DAY, CHINA).astimezone(dt.UTC) if day else None


@dataclass(eq=False)
class PublishBy(BaseDeadlineReference):
    """The instant by which the period of a DAG run must be published. ``kind`` is that of the DAG: month, quarter, opening, clearing."""

    city: str = ""
    kind: str = "month"
    required_kwargs = {"dag_id", "run_id"}  # noqa: RUF012 - Airflow's own declaration

    def serialize_reference(self) -> dict[str, Any]:
        """Return what ``deserialize_reference`` needs."""
        return {**super().serialize_reference(), "city": self.city, "kind": self.kind}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> PublishBy:
        """Return the reference that ``serialize_reference`` described."""
        return cls(city=reference_data["city"], kind=reference_data["kind"])

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> dt.datetime | None:
        """Return the instant, or None where there is none to be watched: any run but a scheduled one (by hand, by backfill, by what arrived) of
        a period whose instant is past. Somebody is at it, and the daily reminders speak of what was late long ago.

        Airflow asks while it makes the run: what cannot be told is logged, and the run is made all the same.
        """
        from airflow.models import DagRun
        from sqlalchemy import select

        run = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one()
        try:
            period = period_of(self.kind, run.conf, run.data_interval_start)
            instant = publish_instant(self.city, period) if period else None
        except MedpoolError as error:
            log.error("%s %s has no deadline: nobody can say by when it is to be published. %s", dag_id, run_id, error)
            return None
        scheduled = str(getattr(run.run_type, "value", run.run_type)) == SCHEDULED
        if instant is None or (not scheduled and instant < dt.datetime.now(dt.UTC)):
            return None
        return instant


def tell_missed(city: str, kind: str, context: Mapping[str, Any]) -> None:
    """Alert that the period of a run is not published in time, and what keeps it; nothing of one that is published, nothing twice.

    Called by the executor with the run and the deadline as Airflow describes them (``dag_run``, ``deadline``). Raises what makes it impossible,
    which Airflow records with the callback.
    """
    run = context["dag_run"]
    start = run.get("data_interval_start")
    period = period_of(kind, run.get("conf"), _instant(start) if start else None)
    if period is None:
        log.error("%s settles no period anybody could name", run.get("dag_run_id"))
        return
    outcome = watch.tell_late(
        Settings.load(), city, period, _instant(context["deadline"]["deadline_time"]), str(run.get("state") or "")
    )
    log.info("%s %s: %d messages, %d not delivered", city, period, len(outcome.messages), outcome.failed)


def publish_deadline(city: str, kind: str) -> DeadlineAlert | None:
    """Return the deadline for the DAG that settles a kind of period (month, quarter, opening, clearing) of a city; None where
    MEDPOOL_DEADLINE_ALERTS is ``off``: Airflow 3.3.2 cannot run a DAG that has one by `airflow dags test`."""
    if os.environ.get("MEDPOOL_DEADLINE_ALERTS", "").lower() == "off":
        return None
    return DeadlineAlert(
        reference=PublishBy(city, kind),
        interval=dt.timedelta(0),
        callback=SyncCallback(tell_missed, kwargs={"city": city, "kind": kind}),
        name=f"medpool_publish_{kind}_{city}",
    )


def _instant(value: dt.datetime | str) -> dt.datetime:
    return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)


class MedpoolDeadlinePlugin(AirflowPlugin):
    """Registers the reference, so that Airflow can store DAGs that use it."""

    name = "medpool_deadline"
    deadline_references = [DeadlineReference.register_custom_reference(PublishBy)]  # noqa: RUF012 - Airflow's own declaration
