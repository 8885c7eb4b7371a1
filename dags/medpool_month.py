"""The monthly settlement of every city that has a monthly rule: a thin shell over ``medpool_etl.pipeline``."""

from __future__ import annotations

import pendulum
from airflow.sdk import Param, dag
from medpool_cities import each_city
from medpool_deadline import publish_deadline
from medpool_failures import on_failure
from medpool_tasks import DEFAULTS, ahead_param, asked, period_param, reviews_of, settlement
from medpool_timetable import SettlementMonthTimetable

from medpool_etl.policy import load_rulebook

DOC = """
### Monthly settlement of {city}

**Purpose.** Receives a month's files, checks and reconciles them, computes what is to be remitted and granted ({notice}), and
publishes Parquet, the DuckDB mart and the workbook.

**Input.** The files in `<MEDPOOL_INBOX>/{city}/<month>` and `<MEDPOOL_INBOX>/{city}/yearly` (by default below `MEDPOOL_DATA`), and
files that came late for closed months.
**Output.** `<MEDPOOL_WAREHOUSE>/runs/{city}/<month>/<run>` and `<MEDPOOL_WAREHOUSE>/marts/current/medpool.duckdb`.

**Schedule.** `medpool_intake_{city}` starts a month once its files are complete, and again when a corrected file comes; the funding plans for
the next month are ordered before, as soon as they are in (parameter `ahead`). A month that is not complete is settled on the first working day after its reports are due, by the rulebook's deadlines (`medpool deadlines {city} YEAR`): the
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
    """Make the DAG of one city, if it has a monthly rule."""
    rulebook, timetable = load_rulebook(city), SettlementMonthTimetable(city)
    if all(rule.when != "month" for rule in rulebook.rules.values()):
        return
    reviews = reviews_of(rulebook, ("month",))
    first = rulebook.notice.in_force_from

    @dag(
        dag_id=f"medpool_month_{city}",
        schedule=timetable,
        start_date=pendulum.datetime(first.year, first.month, first.day, tz="Asia/Shanghai"),
        catchup=False,
        # What waits for its approval keeps nothing else from starting.
        max_active_runs=16,
        deadline=publish_deadline(city, "month"),
        on_failure_callback=on_failure,
        default_args=DEFAULTS,
        params={
            "period": period_param("2022-03"),
            "ahead": ahead_param(),
            "month": Param(
                None, type=["null", "string"], pattern=r"^\d{4}-\d{2}$", title="结算月 Month", description="The same."
            ),
        },
        tags=["medpool", city],
        doc_md=DOC.format(
            city=city,
            notice=rulebook.notice.number,
            reviews=", ".join(f"review_{name}" for name in reviews) or "(nothing is reviewed)",
            asked=asked(rulebook, reviews),
        ),
    )
    def month() -> None:
        settlement(timetable, rulebook, reviews)

    month()


each_city(medpool_month)
