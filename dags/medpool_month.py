"""The monthly settlement of every city that has a monthly rule: a thin shell over ``medpool_etl.pipeline``."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import Param, chain, dag, get_current_context, task
from medpool_reviews import ReviewOperator
from medpool_tasks import begin, do, period_param, published_asset
from medpool_timetable import SettlementMonthTimetable

from medpool_etl.pipeline import STEPS
from medpool_etl.policy import cities, load_rulebook

DOC = """
### Monthly settlement of {city}

**Purpose.** Receives a month's files, checks and reconciles them, computes what is to be remitted and granted ({notice}), and
publishes Parquet, the DuckDB mart and the workbook.

**Input.** The files in `<MEDPOOL_INBOX>/{city}/<month>` and `<MEDPOOL_INBOX>/{city}/yearly` (by default below `MEDPOOL_DATA`), and
files that came late for closed months.
**Output.** `<MEDPOOL_WAREHOUSE>/runs/{city}/<month>/<run>` and `<MEDPOOL_WAREHOUSE>/marts/current/medpool.duckdb`.

**Schedule.** `medpool_intake_{city}` starts a month once its files are complete, and again when a corrected file comes. A month that is not
complete is settled on the first working day after its reports are due, by the rulebook's deadlines (`medpool deadlines {city} YEAR`): the
log of `open_month`, the summary and the alerts then name what is missing. A manual run takes the parameter `period`.

**Steps.** open_month → stage → judge → reconcile → settle → gate → {reviews} → publish → notify. Each can be cleared and run again: the same
inputs, rules and version are the same run, and what is complete is not made again.

**Approval.** {asked} Whoever triggered the run, decided a plan, explained a break or let the month pass cannot approve it. The page *Required
Actions* has the figures; so has `medpool reviews {city} <month>`. A rejection fails the run with its reason.

**When it fails.** The task's log ends with what is wrong, where, and what to do (docs/runbook.md). Nothing half-made is visible: the month
keeps what it published before. A file that cannot be used does not fail the run; it makes the month provisional and is
named in the summary, the workbook and the alert. A break that blocks the settlement fails the task `gate`: its log names every such
break and what to do, owners are told. `medpool breaks explain` or a corrected file ends the break, `medpool override` lets the month
pass in somebody's name; then trigger the month again.
"""


def medpool_month(city: str) -> None:
    """Make the DAG of one city."""
    rulebook, timetable = load_rulebook(city), SettlementMonthTimetable(city)
    reviews = [
        name
        for name, review in rulebook.reviews.items()
        if any(rulebook.rules[rule].when == "month" for rule in review.rules)
    ]
    first = rulebook.notice.in_force_from

    @dag(
        dag_id=f"medpool_month_{city}",
        schedule=timetable,
        start_date=pendulum.datetime(first.year, first.month, first.day, tz="Asia/Shanghai"),
        catchup=False,
        # A month that waits for its approval does not keep the next one from starting.
        max_active_runs=3,
        default_args={"retries": 2, "retry_delay": pendulum.duration(minutes=5), "owner": "medpool"},
        params={
            "period": period_param("2022-03"),
            "month": Param(
                None, type=["null", "string"], pattern=r"^\d{4}-\d{2}$", title="结算月 Month", description="The same."
            ),
        },
        tags=["medpool", city],
        doc_md=DOC.format(
            city=city,
            notice=rulebook.notice.number,
            reviews=", ".join(f"review_{name}" for name in reviews) or "(nothing is reviewed)",
            asked="; ".join(
                f"`review_{name}`: {rulebook.reviews[name].title.zh} {rulebook.reviews[name].title.en} "
                f"({rulebook.cite(rulebook.reviews[name].clause)})"
                for name in reviews
            )
            or "The notice has nothing reviewed that is monthly.",
        ),
    )
    def month() -> None:
        @task(doc_md="Receive and recognise the month's files; name the run by them and by the rules.")
        def open_month() -> dict[str, Any]:
            return begin(timetable, get_current_context())

        @task(doc_md="Type every row into Parquet; rows a check finds fault with are set aside whole.")
        def stage(run: dict[str, Any]) -> dict[str, Any]:
            return do(STEPS, "stage", run)

        @task(doc_md="Great Expectations judges every file by the suites in expectations/.")
        def judge(run: dict[str, Any]) -> dict[str, Any]:
            return do(STEPS, "judge", run)

        @task(doc_md="Compare every pair of figures that must agree and name each difference.")
        def reconcile(run: dict[str, Any]) -> dict[str, Any]:
            return do(STEPS, "reconcile", run)

        @task(doc_md="Apply the rules of the month, post the ledger, build the tables.")
        def settle(run: dict[str, Any]) -> dict[str, Any]:
            return do(STEPS, "settle", run)

        @task(
            doc_md="Write the workbook, keep the lives of the breaks, and stop here when a break blocks the settlement."
        )
        def gate(run: dict[str, Any]) -> dict[str, Any]:
            return do(STEPS, "gate", run)

        @task(
            doc_md="Check that what is reviewed is approved, point the month at this run, switch the mart.",
            outlets=[published_asset(city, "month")],
        )
        def publish(run: dict[str, Any]) -> dict[str, Any]:
            return do(STEPS, "publish", run)

        @task(doc_md="Tell every owner what is new of breaks and faulty files, one message a run.")
        def notify(run: dict[str, Any]) -> None:
            do(STEPS, "notify", run)

        gated = gate(settle(reconcile(judge(stage(open_month())))))  # type: ignore[arg-type]
        waiting = [
            ReviewOperator(
                task_id=f"review_{name}",
                review=name,
                run=gated,
                doc_md=f"Wait for somebody's word on: {rulebook.reviews[name].title.en}.",
            )
            for name in reviews
        ]
        published = publish(gated)  # type: ignore[arg-type]
        if waiting:
            chain(waiting, published)
        notify(published)  # type: ignore[arg-type]

    month()


for _city in cities():
    medpool_month(_city)
