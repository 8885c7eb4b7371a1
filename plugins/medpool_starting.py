"""Starts the DAG runs of what is ready: a mapped task with one run for each period that should be settled now."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

from medpool_etl.pipeline.ready import BECAUSE, Start

log = logging.getLogger("medpool.intake")


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
                    "ahead": start.because == "ahead",
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
