"""Reminders of what falls due and alerts of what is overdue, every working day, for every city: a thin shell over the pipeline."""

from __future__ import annotations

import datetime as dt
import logging

import pendulum
from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from medpool_cities import each_city
from medpool_failures import on_failure
from medpool_workdays import WorkingDayTimetable

from medpool_etl.errors import ConfigurationError, InputError, MedpoolError
from medpool_etl.pipeline import watch
from medpool_etl.policy import load_rulebook
from medpool_etl.store import Settings

log = logging.getLogger(__name__)

DOC = """
### Deadlines of {city}

**Purpose.** Tells every actor ({notice}) what falls due, with who is missing or how much is to be paid, and alerts them of what is
overdue, until it is done.

**Input.** The deadlines of the rulebook, the State Council's working days, `<MEDPOOL_INBOX>/{city}`, what is published, and what people said
with `medpool met`.
**Output.** One message an actor a day, to the log of the task and every address in `MEDPOOL_ALERT_URLS`; nothing twice. Nothing else changes.

**Schedule.** At 08:30 China time on every working day, weekend days worked in exchange (调休) included. A day that was missed loses nothing:
the next run tells what is still to be told. By hand, the parameter `day` (2022-04-01) tells as of that day.

**When it fails.** The task's log ends with what is wrong and what to do. A destination that did not take a message: mend it and clear the task; only
what is left is sent. `the holiday notice of … is not loaded`: add the year (docs/deadlines.md), then clear the task; without it there is no
next run either. The settlement does not depend on this DAG.
"""


def medpool_deadlines(city: str) -> None:
    """Make the DAG of one city."""
    try:
        notice = load_rulebook(city).notice
        number, first = notice.number, notice.issued_on
    except MedpoolError as error:
        # The task meets the same mistake, every working day, and so it is alerted of.
        log.error("%s: %s", city, error)
        number, first = "its rulebook cannot be read", dt.date(2020, 1, 1)

    @dag(
        dag_id=f"medpool_deadlines_{city}",
        schedule=WorkingDayTimetable(hour=8, minute=30),
        # Deadlines of the first year may fall due before the notice takes force.
        start_date=pendulum.datetime(first.year, first.month, first.day, tz="Asia/Shanghai"),
        catchup=False,
        max_active_runs=1,
        on_failure_callback=on_failure,
        default_args={
            "retries": 2,
            "retry_delay": pendulum.duration(minutes=5),
            "owner": "medpool",
            "on_failure_callback": on_failure,
        },
        params={
            "day": Param(
                None,
                type=["null", "string"],
                format="date",
                title="日期 Day",
                description="The day as of which to remind, such as 2022-04-01; empty: the day of the schedule.",
            )
        },
        tags=["medpool", city],
        doc_md=DOC.format(city=city, notice=number),
    )
    def deadlines() -> None:
        @task(doc_md="Tell every actor what falls due and what is overdue, one message each, and nothing twice.")
        def remind() -> int:
            context = get_current_context()
            text, start = context["params"].get("day"), context.get("data_interval_start")
            day = dt.date.fromisoformat(text) if text else WorkingDayTimetable.day_of(start) if start else None
            try:
                outcome = watch.remind(Settings.load(), city, day)
            except (InputError, ConfigurationError) as error:
                raise AirflowFailException(str(error)) from error
            log.info("%s %s: %d messages", city, day or "today", len(outcome.messages))
            return len(outcome.messages)

        remind()

    deadlines()


each_city(medpool_deadlines)
