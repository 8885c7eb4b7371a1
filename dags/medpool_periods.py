"""Quarters, openings of years and annual clearings of every city whose rulebook has such rules: a thin shell over ``medpool_etl.pipeline``."""

from __future__ import annotations

from dataclasses import dataclass

import pendulum
from airflow.sdk import dag
from medpool_cities import each_city
from medpool_deadline import publish_deadline
from medpool_failures import on_failure
from medpool_tasks import DEFAULTS, ahead_param, asked, period_param, reviews_of, settlement
from medpool_timetable import SettlementTimetable

from medpool_etl.policy import load_rulebook


@dataclass(frozen=True)
class Kind:
    """A kind of period: when its rules apply, and what its DAG says of itself."""

    name: str
    when: tuple[str, ...]
    example: str
    purpose: str
    files: str
    schedule: str


KINDS = (
    Kind(
        "quarter",
        ("quarter",),
        "2022-Q1",
        "The quarterly transfers: subsidies that are due, interest and other income that is moved on",
        "nothing of its own: it rests on the published months of the quarter and the files they were made of",
        "once its three months are published, at the latest on the working day after the reports of its last month are due; subsidies "
        "that are due before the quarter is over are called for three working days before they are (parameter `ahead`)",
    ),
    Kind(
        "opening",
        ("opening", "once"),
        "2022-opening",
        "The opening of a year: revolving fund, reserves and their top-up, what is due once or at the beginning of years",
        "final accounts, budget, audited balances and what else comes once a year, in `<MEDPOOL_INBOX>/{city}/yearly` or "
        "`<MEDPOOL_INBOX>/{city}/<year>-opening`",
        "once its files are in, at the latest three working days before the first of its payments is due",
    ),
    Kind(
        "clearing",
        ("clearing",),
        "2022-clearing",
        "The annual clearing: surpluses and deficits between county, reserve and city",
        "the assessment, in `<MEDPOOL_INBOX>/{city}/yearly` or `<MEDPOOL_INBOX>/{city}/<year>-clearing`; it rests on the published months, "
        "quarters and the opening of the year",
        "once the year is published and the assessment is in, at the latest ten working days before its list is due",
    ),
)
DOC = """
### {purpose} — {city}

**Purpose.** {purpose}, by {notice}: {rules}.

**Input.** {files}.
**Output.** `<MEDPOOL_WAREHOUSE>/runs/{city}/<period>/<run>` with the workbook, and `<MEDPOOL_WAREHOUSE>/marts/current/medpool.duckdb`.

**Schedule.** {schedule}, by the rulebook's deadlines. A manual run takes the parameter `period` (such as {example}). Started by its deadline it
says what is missing: in the log of `open_period`, in the summary, and its figures are provisional.

**Steps.** open_period → stage → judge → settle → report → {reviews} → publish → notify. Each can be cleared and run again.

**Approval.** {asked} Whoever triggered the run cannot approve it. A rejection fails the run with its reason.

**When it fails.** The task's log ends with what is wrong, where, and what to do (docs/runbook.md); what was published stays. Mend it and clear
the task, or trigger the period again: what is complete is not made again.
"""


def medpool_period(city: str, kind: Kind) -> None:
    """Make the DAG of one kind of period of one city."""
    rulebook, timetable = load_rulebook(city), SettlementTimetable(city, kind.name)
    rules = {name: rule for name, rule in rulebook.rules.items() if rule.when in kind.when}
    reviews = reviews_of(rulebook, kind.when)
    first = rulebook.notice.in_force_from

    @dag(
        dag_id=f"medpool_{kind.name}_{city}",
        schedule=timetable,
        # The first opening is reckoned from the year before.
        start_date=pendulum.datetime(first.year - (kind.name == "opening"), first.month, first.day, tz="Asia/Shanghai"),
        catchup=False,
        max_active_runs=16,
        deadline=publish_deadline(city, kind.name),
        on_failure_callback=on_failure,
        default_args=DEFAULTS,
        params={
            "period": period_param(kind.example),
            **({"ahead": ahead_param()} if kind.name == "quarter" else {}),
        },
        tags=["medpool", city, kind.name],
        doc_md=DOC.format(
            purpose=kind.purpose,
            city=city,
            notice=rulebook.notice.number,
            rules="; ".join(f"{name} {rule.title.zh} {rule.title.en}" for name, rule in rules.items()),
            files=kind.files.format(city=city),
            schedule=kind.schedule[0].upper() + kind.schedule[1:],
            example=kind.example,
            reviews=", ".join(f"review_{name}" for name in reviews) or "(nothing is reviewed)",
            asked=asked(rulebook, reviews),
        ),
    )
    def period() -> None:
        settlement(timetable, rulebook, reviews)

    period()


def medpool_periods(city: str) -> None:
    """Make the DAGs of one city, of the kinds it has rules for."""
    times = {rule.when for rule in load_rulebook(city).rules.values()}
    for kind in KINDS:
        if times & set(kind.when):
            medpool_period(city, kind)


each_city(medpool_periods)
