"""What the tasks of the settlement DAGs have in common: which period a run is of, and how a step is done. No rule, no SQL."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import Asset, Param, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from medpool_failures import on_failure
from medpool_lineage import emit_lineage
from medpool_reviews import ReviewOperator

from medpool_etl import pipeline
from medpool_etl.errors import BlockedError, ConfigurationError, InputError, UnspecifiedError
from medpool_etl.periods import Period
from medpool_etl.pipeline import PERIOD_STEPS, STEPS, MonthRun
from medpool_etl.store import Settings

if TYPE_CHECKING:
    from medpool_timetable import SettlementTimetable

    from medpool_etl.policy import Rulebook

log = logging.getLogger(__name__)

# What only a person can mend fails at once (AirflowFailException); the rest is tried again.
DEFAULTS: dict[str, Any] = {
    "retries": 2,
    "retry_delay": pendulum.duration(minutes=5),
    "owner": "medpool",
    "on_failure_callback": on_failure,
}
_DOCS = {
    "open": "Receive and recognise what comes for the period; name the run by it, by the rules and by what is published before.",
    "stage": "Type every row into Parquet; rows a check finds fault with are set aside whole.",
    "judge": "Great Expectations judges every file by the suites in expectations/.",
    "reconcile": "Compare every pair of figures that must agree and name each difference.",
    "settle": "Apply the period's rules in the notice's order, keep the books, build the tables.",
    "gate": "Write the workbook, keep the lives of the breaks, and stop here when a break blocks the settlement.",
    "report": "Write the workbook and the validation report.",
    "publish": "Check that what is reviewed is approved, point the period at this run, switch the mart.",
    "notify": "Tell every owner what is new of breaks, faulty files, unfunded amounts and risks, one message a run.",
}
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


def ahead_param() -> Param:
    """Return the parameter by which a run orders only what its period owes before it is over."""
    return Param(
        False,
        type="boolean",
        title="先行办理 Ahead",
        description="Only what is due before the period is over: funding plans of a month, subsidies of a quarter.",
    )


def published_asset(city: str, kind: str) -> Asset:
    """Return the asset that says a period of a kind was published; intake looks what became ready by it."""
    return Asset(name=f"medpool_{kind}_{city}", uri=f"medpool://{city}/{kind}")


def reviews_of(rulebook: Rulebook, when: tuple[str, ...]) -> list[str]:
    """Return the reviews of a rulebook that rules of these times (``month``, ``quarter``, ``opening``, ``once``, ``clearing``) need."""
    return [
        name
        for name, review in rulebook.reviews.items()
        if any(rulebook.rules[rule].when in when for rule in review.rules)
    ]


def asked(rulebook: Rulebook, reviews: list[str]) -> str:
    """Return who is asked for what, by which clause, as the documentation of a DAG says it."""
    said = [
        f"`review_{name}`: {review.title.zh} {review.title.en} ({rulebook.cite(review.clause)})"
        for name, review in rulebook.reviews.items()
        if name in reviews
    ]
    return "; ".join(said) + "." if said else "The notice has none of this reviewed."


def settlement(timetable: SettlementTimetable, rulebook: Rulebook, reviews: list[str]) -> None:
    """Make the tasks of a settlement in the DAG at hand: one opens the run, one a step, one a review before ``publish``."""
    steps = STEPS if timetable.kind == "month" else PERIOD_STEPS

    @task(task_id="open_month" if timetable.kind == "month" else "open_period", doc_md=_DOCS["open"])
    def open_run() -> dict[str, Any]:
        return begin(timetable, get_current_context())

    made: Any = open_run()
    for name in steps:
        waiting = [
            ReviewOperator(
                task_id=f"review_{review}",
                review=review,
                run=made,
                doc_md=f"Wait for somebody's word on: {rulebook.reviews[review].title.en}.",
            )
            for review in (reviews if name == "publish" else ())
        ]
        before, made = made, _step(steps, name, timetable)(made)
        if waiting:
            chain(before, waiting, made)


def _step(steps: dict[str, pipeline.Step], name: str, timetable: SettlementTimetable) -> Any:
    outlets = [published_asset(timetable.city, timetable.kind)] if name == "publish" else []

    @task(task_id=name, doc_md=_DOCS[name], outlets=outlets)
    def step(run: dict[str, Any]) -> dict[str, Any]:
        done = do(steps, name, run)
        if name == "publish":
            emit_lineage(run)
        return done

    return step


def begin(timetable: SettlementTimetable, context: Any) -> dict[str, Any]:
    """Open the run of the period a DAG run is of, log what is missing of it, and return the run for the next task.

    Fails at once, with what to do, for what only a person can mend.
    """
    settings, city = Settings.load(), timetable.city
    try:
        period, ahead = _period(timetable, context), bool(context["params"].get("ahead"))
        if period.kind == "month":
            run = pipeline.open_month(settings, city, period.first_month, ahead=ahead)
            for row in () if ahead else pipeline.inbox(settings, city, period.first_month):
                if row.state in ("awaited", "overdue", "unusable"):
                    log.warning("%s %s: %s %s %s", city, period, row.title.zh, row.whose, row.state)
        else:
            run = pipeline.open_period(settings, city, period, ahead=ahead)
        # Who pressed the button had the figures made, and does not approve them.
        pipeline.made_by(settings, run, context["dag_run"].triggering_user_name)
    except (InputError, ConfigurationError, UnspecifiedError) as error:
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
