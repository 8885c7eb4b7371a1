"""The monthly settlement of every city that has a rulebook: a thin shell over ``medpool_etl.pipeline``."""

from __future__ import annotations

import logging
from typing import Any

import pendulum
from airflow.sdk import Asset, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from medpool_timetable import SettlementMonthTimetable

from medpool_etl import pipeline
from medpool_etl.errors import BlockedError, ConfigurationError, InputError
from medpool_etl.periods import Month
from medpool_etl.pipeline import MonthRun
from medpool_etl.policy import cities, load_rulebook
from medpool_etl.store import Settings

log = logging.getLogger(__name__)

DOC = """
### Monthly settlement of {city}

**Purpose.** Receives a month's files, checks and reconciles them, computes what is to be remitted ({notice}), and
publishes Parquet, the DuckDB mart and the workbook.

**Input.** The files in `<MEDPOOL_INBOX>/{city}/<month>` and `<MEDPOOL_INBOX>/{city}/yearly` (by default below `MEDPOOL_DATA`), and
files that came late for closed months.
**Output.** `<MEDPOOL_WAREHOUSE>/runs/{city}/<month>/<run>` and `<MEDPOOL_WAREHOUSE>/marts/current/medpool.duckdb`.

**Schedule.** A run a month, on the first working day after the reports of the month are due: the day is that of the rulebook's
deadlines, moved to the next working day (`medpool deadlines {city} YEAR` lists them). A manual run takes the parameter `month`;
without one it settles the last complete month.

**Steps.** open_month → stage → judge → reconcile → settle → gate → publish → notify. Each can be cleared and run again: the same
inputs, rules and version are the same run, and what is complete is not made again.

**When it fails.** The task's log ends with what is wrong, where, and what to do. Nothing half-made is visible: the month
keeps what it published before. A file that cannot be used does not fail the run; it makes the month provisional and is
named in the summary, the workbook and the alert. A break that blocks the settlement fails the task `gate`: its log names every such
break and what to do, owners are told, and the month keeps what it published before. `medpool breaks explain` or a corrected file
ends the break, `medpool override` lets the month pass in somebody's name; then trigger the month again.
"""


def _do(step: str, run: dict[str, Any]) -> dict[str, Any]:
    """Run one step of the pipeline; what only a person can mend fails at once, the rest is tried again."""
    try:
        pipeline.STEPS[step](Settings.load(), MonthRun(**run))
    except (InputError, ConfigurationError, BlockedError) as error:
        raise AirflowFailException(str(error)) from error
    return run


def medpool_month(city: str) -> None:
    """Make the DAG of one city."""
    notice = load_rulebook(city).notice

    @dag(
        dag_id=f"medpool_month_{city}",
        schedule=SettlementMonthTimetable(city),
        start_date=pendulum.datetime(
            notice.in_force_from.year, notice.in_force_from.month, notice.in_force_from.day, tz="Asia/Shanghai"
        ),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 2, "retry_delay": pendulum.duration(minutes=5), "owner": "medpool"},
        params={
            "month": Param(
                None,
                type=["null", "string"],
                pattern=r"^\d{4}-\d{2}$",
                title="结算月 Month",
                description="The month to settle, such as 2022-03; empty: the month of the schedule.",
            )
        },
        tags=["medpool", city],
        doc_md=DOC.format(city=city, notice=notice.number),
    )
    def month() -> None:
        @task(doc_md="Receive and recognise the month's files; name the run by them and by the rules.")
        def open_month() -> dict[str, Any]:
            context = get_current_context()
            text = context["params"].get("month")
            start = context.get("data_interval_start")
            try:
                if text:
                    settled = Month.parse(text)
                elif start is not None:
                    settled = SettlementMonthTimetable.month_of(start)
                else:
                    raise InputError("which month?", do="give the run the parameter `month`, such as 2022-03")
                run = pipeline.open_month(Settings.load(), city, settled)
            except (InputError, ConfigurationError) as error:
                raise AirflowFailException(str(error)) from error
            log.info("%s %s is run %s%s", city, settled, run.run_id, ", published already" if run.unchanged else "")
            return {"city": run.city, "month": run.month, "run_id": run.run_id, "unchanged": run.unchanged}

        @task(doc_md="Type every row into Parquet; rows a check finds fault with are set aside whole.")
        def stage(run: dict[str, Any]) -> dict[str, Any]:
            return _do("stage", run)

        @task(doc_md="Great Expectations judges every file by the suites in expectations/.")
        def judge(run: dict[str, Any]) -> dict[str, Any]:
            return _do("judge", run)

        @task(doc_md="Compare every pair of figures that must agree and name each difference.")
        def reconcile(run: dict[str, Any]) -> dict[str, Any]:
            return _do("reconcile", run)

        @task(doc_md="Apply the rules of the month, post the ledger, build the tables.")
        def settle(run: dict[str, Any]) -> dict[str, Any]:
            return _do("settle", run)

        @task(
            doc_md="Write the workbook, keep the lives of the breaks, and stop here when a break blocks the settlement."
        )
        def gate(run: dict[str, Any]) -> dict[str, Any]:
            return _do("gate", run)

        @task(
            doc_md="Point the month at this run, switch the mart.",
            outlets=[Asset(name=f"medpool_month_{city}", uri=f"medpool://{city}/month")],
        )
        def publish(run: dict[str, Any]) -> dict[str, Any]:
            return _do("publish", run)

        @task(doc_md="Tell every owner what is new of breaks and faulty files, one message a run.")
        def notify(run: dict[str, Any]) -> None:
            _do("notify", run)

        notify(publish(gate(settle(reconcile(judge(stage(open_month())))))))  # type: ignore[arg-type]

    month()


for _city in cities():
    medpool_month(_city)
