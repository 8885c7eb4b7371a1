"""Settling the past of several cities, in order, as one DAG run: a thin shell over ``medpool_etl.pipeline.backfill``."""

from __future__ import annotations

import logging
from typing import Any

import pendulum
from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from medpool_failures import on_failure

from medpool_etl.errors import BlockedError, ConfigurationError, InputError, UnspecifiedError
from medpool_etl.periods import Period
from medpool_etl.pipeline.backfill import backfill, cities_with_inbox, periods_between
from medpool_etl.policy import rulebooks
from medpool_etl.store import Settings

log = logging.getLogger("medpool.backfill")
PERIOD = r"^\d{4}(-(\d{2}|Q[1-4]|opening|clearing))?$"
# What only a person can mend: trying again would end the same way.
FOR_PEOPLE = (InputError, ConfigurationError, BlockedError, UnspecifiedError)

DOC = """
### Backfill

**Purpose.** Settles what lies in the inbox for months, quarters, openings and clearings of the past, of several cities, each in the order in
which its periods rest on each other: an opening before its January, a quarter behind its last month, a clearing behind July of the next year
(docs/backfill.md).

**Input.** `<MEDPOOL_INBOX>/<city>/<period>` and `<MEDPOOL_INBOX>/<city>/yearly`. **Output.** The same runs the DAGs of the periods would
publish: `<MEDPOOL_WAREHOUSE>/runs/<city>/<period>/<run>`, and `<MEDPOOL_WAREHOUSE>/marts/current/medpool.duckdb`.

**Schedule.** None: somebody triggers it, with `first` and `last` (`2022`, `2022-01`, `2022-Q1`, `2022-opening`, `2022-clearing`), and `cities` (empty: all that have
an inbox).

**Steps.** `choose` reads the parameters; then one task a city, two at once. A task goes from period to period; the log has a line each. Cleared or
triggered again it goes on where it stopped: what is published from the same inputs is passed over, closed periods are left alone.

**Approval.** Nothing is asked here. A city stops at the first period whose review waits, and whoever triggered the run cannot approve it. For what was settled
long ago the deployment's MEDPOOL_UNATTENDED names by whose order nobody is asked: it is recorded with every approval it stands for. It is no parameter of the
run: who may start a backfill may not thereby pass over an approval.

**When it fails.** A city stops at the first period that cannot be settled, because later ones rest on it; the others go on. The end of its log names
the period and what to do: no folder, a break that blocks (`medpool breaks explain`, `medpool override`), a review that waits
(`medpool approve`), a rejection, a later rule. Mend it, then clear the task. Only what may pass by itself (database, disk) is tried again, once.

**Airflow's own backfill.** `airflow backfill create --dag-id medpool_month_<city> --from-date 2022-01-01T00:00:00+08:00
--to-date 2023-12-31T00:00:00+08:00 --max-active-runs 1` makes a run of the month's DAG for each month, in order, with a task a
step and its reviews as required actions. Write the time zone, or the first month is left out. It knows months only: trigger opening, quarters and clearings
between them, or use this DAG.
"""


@dag(
    dag_id="medpool_backfill",
    schedule=None,
    start_date=pendulum.datetime(2020, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    on_failure_callback=on_failure,
    default_args={
        "retries": 1,
        "retry_delay": pendulum.duration(minutes=5),
        "owner": "medpool",
        "on_failure_callback": on_failure,
    },
    params={
        "first": Param(
            None,
            type=["null", "string"],
            pattern=PERIOD,
            title="从 First",
            description="The first period: 2022 or 2022-opening begins with the opening of 2022.",
        ),
        "last": Param(
            None,
            type=["null", "string"],
            pattern=PERIOD,
            title="至 Last",
            description="The last period, such as 2023-12; a year ends with its clearing.",
        ),
        "cities": Param(
            [],
            type="array",
            items={"type": "string"},
            examples=list(rulebooks()),
            title="城市 Cities",
            description="Which cities; none: all that have an inbox.",
        ),
    },
    tags=["medpool"],
    doc_md=DOC,
)
def medpool_backfill() -> None:
    """Make the DAG."""

    @task(doc_md="Read the parameters; return the cities.")
    def choose() -> list[str]:
        settings, (first, last) = Settings.load(), _range()
        cities = list(dict.fromkeys(get_current_context()["params"]["cities"])) or list(cities_with_inbox(settings))
        try:
            if not cities:
                raise InputError(
                    "no city has an inbox", where=str(settings.inbox), do="put files there, or name cities"
                )
            for city in cities:
                log.info("%s: %d periods", city, len(periods_between(settings, city, first, last)))
        except FOR_PEOPLE as error:
            raise AirflowFailException(str(error)) from error
        return cities

    @task(
        doc_md="Settle a city's periods in order; passes over what is published already, stops at what cannot be settled.",
        max_active_tis_per_dagrun=2,
        map_index_template="{{ city }}",
    )
    def fill(city: str) -> dict[str, Any]:
        context = get_current_context()
        context["city"] = city  # type: ignore[typeddict-unknown-key]
        settings, (first, last) = Settings.load(), _range()
        rows = backfill(settings, [city], first, last, by=context["dag_run"].triggering_user_name)
        error = rows[-1].error if rows else None
        if isinstance(error, FOR_PEOPLE):
            raise AirflowFailException(f"{city} {rows[-1].period}: {error}") from error
        if error:
            raise error
        return {"city": city, "periods": len(rows), "settled": sum(row.outcome == "settled" for row in rows)}

    fill.expand(city=choose())


def _range() -> tuple[Period, Period]:
    params = get_current_context()["params"]
    if not params["first"] or not params["last"]:
        raise AirflowFailException(
            "from when to when?\n  do: give the run `first` and `last`, such as 2022-01 and 2023-12"
        )
    return Period.parse(params["first"]), Period.parse(params["last"])


medpool_backfill()
