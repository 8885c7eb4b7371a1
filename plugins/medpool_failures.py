"""What Airflow calls when a task of medpool fails for good: give it to a DAG as ``default_args={"on_failure_callback": on_failure}``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from medpool_runs import city_of, kind_of, period_of

from medpool_etl.alerts.failures import Failure, tell_failure
from medpool_etl.errors import MedpoolError
from medpool_etl.periods import Period

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)


def on_failure(context: Mapping[str, Any]) -> None:
    """Tell the log and every address that a task failed, or (as the callback of a DAG) that a run did. Never raises."""
    try:
        failure = _failure(context)
    except Exception as error:  # whatever Airflow hands over, somebody must hear that something failed
        log.error("what failed cannot be told from its context: %s", type(error).__name__)
        failure = Failure(dag_id="medpool", run_id="", task="")
    tell_failure(failure)


def _failure(context: Mapping[str, Any]) -> Failure:
    task, run = context.get("ti") or context.get("task_instance"), context.get("dag_run")
    dag_id = str(
        getattr(task, "dag_id", None) or getattr(run, "dag_id", None) or getattr(context.get("dag"), "dag_id", "")
    )
    conf = {**(getattr(run, "conf", None) or {}), **{k: v for k, v in (context.get("params") or {}).items() if v}}
    start = context.get("data_interval_start") or getattr(run, "data_interval_start", None)
    return Failure(
        dag_id=dag_id,
        run_id=str(getattr(task, "run_id", None) or getattr(run, "run_id", "") or context.get("run_id", "")),
        task=str(getattr(task, "task_id", None) or context.get("reason") or "run"),
        city=city_of(dag_id),
        period=str(_period(kind_of(dag_id), conf, start) or ""),
        try_number=getattr(task, "try_number", None),
        error=context.get("exception") or context.get("reason"),
    )


def _period(kind: str, conf: Mapping[str, Any], start: Any) -> Period | str | None:
    if kind not in ("month", "quarter", "opening", "clearing"):
        return conf.get("period") or conf.get("month") or conf.get("day")
    try:
        return period_of(kind, conf, start)
    except MedpoolError:
        # The parameter is what is wrong.
        return str(conf.get("period") or conf.get("month") or "")
