"""The steps of a month, in order, each a plain function; every face (command line, DAG) calls these and nothing else.

``open_month`` → ``stage`` → ``judge`` → ``settle`` → ``publish`` → ``notify``. Each step can be repeated: it reads what
the step before left in the run's folder and writes its own results whole or not at all.
"""

from medpool_etl.pipeline.explain import Explanation, explain, published_folder
from medpool_etl.pipeline.steps import (
    STEPS,
    MonthRun,
    judge,
    notify,
    open_month,
    publish,
    run_month,
    settle,
    stage,
    verify,
)

__all__ = [
    "STEPS",
    "Explanation",
    "MonthRun",
    "explain",
    "judge",
    "notify",
    "open_month",
    "publish",
    "published_folder",
    "run_month",
    "settle",
    "stage",
    "verify",
]
