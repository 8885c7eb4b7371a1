"""Intake as files arrive, for every city that has a rulebook: a thin shell over ``medpool_etl.pipeline.ready``."""

from __future__ import annotations

import logging
from typing import Any

import pendulum
from airflow.sdk import AssetAny, AssetOrTimeSchedule, dag, task
from airflow.sdk.exceptions import AirflowFailException
from medpool_cities import each_city
from medpool_failures import on_failure
from medpool_inbox import watched_inbox
from medpool_starting import runs_of, start_runs
from medpool_tasks import published_asset
from medpool_workdays import WorkingDayTimetable

from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.pipeline import watch
from medpool_etl.pipeline.ready import take_in
from medpool_etl.policy import load_rulebook
from medpool_etl.store import Settings

log = logging.getLogger("medpool.intake")
KINDS = ("opening", "month", "quarter", "clearing")

DOC = """
### Intake of {city}

**Purpose.** Receives files as they arrive, names what cannot be used, and starts what has become ready: a month whose files are all in, a
quarter or clearing whose months are published, an opening whose files are in; a published period of which a corrected file came, or
before which something was published anew; the month that adjusts a closed one; a period whose day has come, with what is missing; and what
a month or quarter orders before it is over, once the files for that are in (its funding plans; its subsidies three working days before).

**Input.** Every folder of `<MEDPOOL_INBOX>/{city}`: a month's (`2022-03`), `yearly`, and those of quarters, openings and clearings.
**Output.** The files' bytes in `<MEDPOOL_WAREHOUSE>/received`, their entries in the control database, and runs of `medpool_month_{city}`,
`medpool_quarter_{city}`, `medpool_opening_{city}` and `medpool_clearing_{city}` named `<because>__<period>__<digest of the inputs>`.

**Schedule.** Whenever the inbox has changed and was quiet for one more look (every `MEDPOOL_WATCH_SECONDS`, default 30), once when the
triggerer starts, so that what came meanwhile is not lost, whenever a period was published, because others rest on it, and at 08:00 China time on every
working day, because days come on which something is due although nothing arrives. It may be triggered by hand at any time; where nothing
changed it does nothing, and the same inputs never start two runs.

**At a time.** One period of a city is started; what rests on it is started once it is published. A month of a later date that is complete
waits behind an earlier one that is blocked or waits for approval, until its own day comes.

**When it fails.** A published period of which a file is gone from the inbox, or was overwritten by one that cannot be used, is held back whole: once, an alert names
the file. `receive`: the log's last lines say which folder, document or database; mend it and clear the task. A file that
cannot be used does not fail it: the log names it, and so do the month's run, its workbook and its alert. `start`: the DAG of the period is
not there, or Airflow's API did not answer; clear it. A run that was started before for the same inputs is skipped: clear that run to try
it again. `medpool ready {city}` says at any time what would start and what everything else waits for.
"""


def medpool_intake(city: str) -> None:
    """Make the DAG of one city."""
    first = load_rulebook(city).notice.in_force_from

    @dag(
        dag_id=f"medpool_intake_{city}",
        schedule=AssetOrTimeSchedule(
            # A plugin's timetable is one of the scheduler's, which the SDK takes and its annotation does not name.
            timetable=WorkingDayTimetable(hour=8, minute=0),  # type: ignore[arg-type]
            assets=AssetAny(watched_inbox(city), *(published_asset(city, kind) for kind in KINDS)),
        ),
        start_date=pendulum.datetime(first.year, first.month, first.day, tz="Asia/Shanghai"),
        catchup=False,
        max_active_runs=1,
        on_failure_callback=on_failure,
        default_args={
            "retries": 2,
            "retry_delay": pendulum.duration(minutes=1),
            "owner": "medpool",
            "on_failure_callback": on_failure,
        },
        tags=["medpool", city],
        doc_md=DOC.format(city=city),
    )
    def intake() -> None:
        @task(
            doc_md="Receive and recognise what is new in the inbox; say what came, what is unusable, and what is ready."
        )
        def receive() -> list[dict[str, Any]]:
            try:
                found = take_in(Settings.load(), city)
            except (InputError, ConfigurationError) as error:
                raise AirflowFailException(str(error)) from error
            for came in found.came:
                what = came.title.zh if came.title else "?"
                log.info("came: %s/%s %s %s", came.place, came.name, what, came.whose)
            for bad in found.unusable:
                problem = f"{bad.problem.zh} {bad.problem.en}" if bad.problem else ""
                log.warning("cannot be used: %s/%s: %s", bad.place, bad.name, problem)
            for name in found.misplaced:
                log.warning("nobody looks there: %s is no folder of a period (2022-03) and not 'yearly'", name)
            for waits in found.waiting:
                log.info("waiting: %s (%s) %s", waits.period, waits.because, "; ".join(text.en for text in waits.what))
            if undelivered := watch.tell_gone(Settings.load(), city, found.waiting):
                log.warning("%d addresses were not told which files are gone", undelivered)
            return runs_of(found.starts)

        start_runs(receive())

    intake()


each_city(medpool_intake)
