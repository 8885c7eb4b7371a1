"""What the tasks of the settlement DAGs have in common: which period a run is of, and how a step is done. No rule, no SQL."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, Param
from airflow.sdk.exceptions import AirflowFailException

from medpool_etl import pipeline
from medpool_etl.errors import BlockedError, ConfigurationError, InputError
from medpool_etl.periods import Period
from medpool_etl.pipeline import MonthRun
from medpool_etl.store import Settings

if TYPE_CHECKING:
    from medpool_timetable import SettlementTimetable

log = logging.getLogger(__name__)

PERIOD_PATTERN = r"^\d{4}-(\d{2}|Q[1-4]|opening|clearing)$"


def period_param(example: str) -> Param:
    """Return the parameter by which somebody says which period a run is of."""
    return Param(
        None,
        type=["null", "string"],
        pattern=PERIOD_PATTERN,
        title="期间 Period",
        description=f"The period to settle, such as {example}; empty: that of the schedule.",
    )


def published_asset(city: str, kind: str) -> Asset:
    """Return the asset that says a period of a kind was published; intake looks what became ready by it."""
    return Asset(name=f"medpool_{kind}_{city}", uri=f"medpool://{city}/{kind}")


def begin(timetable: SettlementTimetable, context: Any) -> dict[str, Any]:
    """Open the run of the period a DAG run is of, log what is missing of it, and return the run for the next task.

    Fails at once, with what to do, for what only a person can mend.
    """
    settings, city = Settings.load(), timetable.city
    try:
        period = _period(timetable, context)
        if period.kind == "month":
            run = pipeline.open_month(settings, city, period.first_month)
            for row in pipeline.inbox(settings, city, period.first_month):
                if row.state in ("awaited", "overdue", "unusable"):
                    log.warning("%s %s: %s %s %s", city, period, row.title.zh, row.whose, row.state)
        else:
            run = pipeline.open_period(settings, city, period)
        # Who pressed the button had the figures made, and does not approve them.
        pipeline.made_by(settings, run, context["dag_run"].triggering_user_name)
    except (InputError, ConfigurationError) as error:
        raise AirflowFailException(str(error)) from error
    log.info("%s %s is run %s%s", city, period, run.run_id, ", published already" if run.unchanged else "")
    return {"city": run.city, "month": run.month, "run_id": run.run_id, "unchanged": run.unchanged}


def _period(timetable: SettlementTimetable, context: Any) -> Period:
    text = context["params"].get("period") or context["params"].get("month")
    start = context.get("data_interval_start")
    if text:
        period = Period.parse(text)
    elif start is not None:
        period = timetable.period_of(start)
    else:
        raise InputError("which period?", do="give the run the parameter `period`, such as 2022-03")
    if period.kind != timetable.kind:
        raise InputError(f"{period} is no {timetable.kind}", do=f"trigger medpool_{period.kind}_{timetable.city}")
    return period


def do(steps: dict[str, pipeline.Step], step: str, run: dict[str, Any]) -> dict[str, Any]:
    """Do one step; what only a person can mend fails at once, the rest is tried again by Airflow."""
    try:
        steps[step](Settings.load(), MonthRun(**run))
    except (InputError, ConfigurationError, BlockedError) as error:
        raise AirflowFailException(str(error)) from error
    return run
