"""Starts the DAG runs of what is ready: one task that asks, and one mapped task that starts a run for each period it names.

In a DAG, behind whatever makes something ready::

    publish(...) >> start_ready("taizhou")
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException

from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.pipeline.ready import BECAUSE, Start, to_start
from medpool_etl.store import Settings

log = logging.getLogger(__name__)


def starts(city: str) -> list[dict[str, Any]]:
    """Return what to give ``TriggerDagRunOperator`` for each period of the city that should be settled now; raises as ``to_start`` does."""
    return runs_of(to_start(Settings.load(), city))


def runs_of(found: Iterable[Start]) -> list[dict[str, Any]]:
    """Return DAG, run and configuration for each start, and log why. The same start has the same run for ever."""
    runs = []
    for start in found:
        detail = "；".join(text.zh for text in (*start.missing, *start.what))
        log.info("%s %s: %s %s", start.city, start.period, BECAUSE[start.because].en, detail)
        runs.append(
            {
                "trigger_dag_id": f"medpool_{start.period.kind}_{start.city}",
                "trigger_run_id": start.name,
                "conf": {
                    "period": str(start.period),
                    "because": start.because,
                    "missing": [text.zh for text in start.missing],
                },
            }
        )
    return runs


def start_runs(runs: Any) -> Any:
    """Return the mapped task ``start`` over what ``runs_of`` gave: a run that exists is skipped, one of a DAG that is switched off waits."""
    return TriggerDagRunOperator.partial(
        task_id="start",
        logical_date=None,
        skip_when_already_exists=True,
        doc_md="Start a run for every period that is ready. One that was started for the same inputs before is skipped.",
    ).expand_kwargs(runs)


def start_ready(city: str) -> Any:
    """Return the tasks ``ready`` → ``start``, to be put behind what makes something ready; give upstreams to what is returned.

    Nothing to start is a skipped task, not a failure.
    """

    @task(doc_md="Ask which periods have become ready: quarters, the clearing, later months.")
    def ready() -> list[dict[str, Any]]:
        try:
            return starts(city)
        except (InputError, ConfigurationError) as error:
            raise AirflowFailException(str(error)) from error

    asked = ready()
    start_runs(asked)
    return asked
