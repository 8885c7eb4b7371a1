"""What Airflow calls when a task of medpool fails for good.

A DAG takes it twice: ``default_args={"on_failure_callback": on_failure}`` tells in the task's own process, with what was raised; the DAG's own
``on_failure_callback=on_failure`` tells, from the dag-processor, of a task whose process was killed and could say nothing itself.
"""

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
# Under this name a task that has told of its failure leaves a word for the callback of its DAG.
TOLD = "medpool_failure_told"


def on_failure(context: Mapping[str, Any]) -> None:
    """Tell the log and every address that a task failed; as the callback of a DAG, only of one that has not told it itself. Never raises."""
    try:
        failure = _failure(context)
    except Exception as error:  # whatever Airflow hands over, somebody must hear that something failed
        log.error("what failed cannot be told from its context: %s", type(error).__name__)
        failure = Failure(dag_id="medpool", run_id="", task="")
    task = context.get("ti")
    if "reason" in context and _told(task):
        log.info("%s has told of its failure itself", failure.task)
        return
    tell_failure(failure)
    if "reason" not in context:
        _remember(task)


def _told(task: Any) -> bool:
    try:
        return bool(task is not None and task.xcom_pull(task_ids=task.task_id, key=TOLD))
    except Exception as error:  # told twice is better than not at all
        log.warning("nobody can say whether the task has told of its failure: %s", type(error).__name__)
        return False


def _remember(task: Any) -> None:
    try:
        task.xcom_push(key=TOLD, value=True)
    except Exception as error:  # then the callback of the DAG tells it again
        log.warning("it is not remembered that the failure was told: %s", type(error).__name__)


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
        task=str(getattr(task, "task_id", None) or "（整个运行）"),
        city=city_of(dag_id),
        period=str(_period(kind_of(dag_id), conf, start) or ""),
        try_number=getattr(task, "try_number", None),
        error=context.get("exception"),
    )


def _period(kind: str, conf: Mapping[str, Any], start: Any) -> Period | str | None:
    if kind not in ("month", "quarter", "opening", "clearing"):
        return conf.get("period") or conf.get("month") or conf.get("day")
    try:
        return period_of(kind, conf, start)
    except MedpoolError:
        # The parameter is what is wrong.
        return str(conf.get("period") or conf.get("month") or "")
