"""The steps of a month, in order, each a plain function; every face (command line, DAG) calls these and nothing else.

``open_month`` → ``stage`` → ``judge`` → ``reconcile`` → ``settle`` → ``gate`` → ``publish`` → ``notify``. Each step can be repeated: it reads what
the step before left in the run's folder and writes its own results whole or not at all.
"""

from medpool_etl.pipeline.annual import agenda, open_period
from medpool_etl.pipeline.backfill import Filled, backfill
from medpool_etl.pipeline.closing import close_month, close_period
from medpool_etl.pipeline.explain import Explanation, explain, prepare_lineage, published_folder
from medpool_etl.pipeline.gate import override
from medpool_etl.pipeline.inbox import InboxRow, inbox
from medpool_etl.pipeline.instructed import Instruction, instructed_for
from medpool_etl.pipeline.opening import MonthRun, open_month, verify
from medpool_etl.pipeline.plans import decide_plan
from medpool_etl.pipeline.review_text import body as review_body
from medpool_etl.pipeline.review_text import subject as review_subject
from medpool_etl.pipeline.reviews import Reviewed, ask, decide, made_by, reviews, stand_in
from medpool_etl.pipeline.running import run_month, run_period
from medpool_etl.pipeline.steps import (
    PERIOD_STEPS,
    STEPS,
    Step,
    gate,
    judge,
    notify,
    publish,
    reconcile,
    settle,
    stage,
)

__all__ = [
    "PERIOD_STEPS",
    "STEPS",
    "Explanation",
    "Filled",
    "InboxRow",
    "Instruction",
    "MonthRun",
    "Reviewed",
    "Step",
    "agenda",
    "ask",
    "backfill",
    "close_month",
    "close_period",
    "decide",
    "decide_plan",
    "explain",
    "gate",
    "inbox",
    "instructed_for",
    "judge",
    "made_by",
    "notify",
    "open_month",
    "open_period",
    "override",
    "prepare_lineage",
    "publish",
    "published_folder",
    "reconcile",
    "review_body",
    "review_subject",
    "reviews",
    "run_month",
    "run_period",
    "settle",
    "stage",
    "stand_in",
    "verify",
]
