"""The review of funding plans (用款计划审核): medpool proposes, a person decides, and what was decided is kept.

Plans are paid before their month can be settled with its reports. What a person approved of them and was published stands then: later
runs of the month take it as it was, county by county, as long as the county has not sent another plan and nobody decides otherwise.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from medpool_etl.errors import InputError
from medpool_etl.marts import table_path
from medpool_etl.money import from_fen, to_fen
from medpool_etl.periods import Month
from medpool_etl.places import FUNDS, load_city
from medpool_etl.policy import Rulebook
from medpool_etl.store import Control, Settings
from medpool_etl.store.approvals import APPROVED, POLICY, Approvals
from medpool_etl.store.tables import PlanDecision
from medpool_etl.store.transitions import person

SCHEMA = pa.schema(
    [
        ("fund", pa.string()),
        ("county", pa.string()),
        ("amount", pa.decimal128(18, 2)),
        ("decided_by", pa.string()),
        ("reason", pa.string()),
        ("plan", pa.decimal128(18, 2)),
        ("ordered", pa.decimal128(18, 2)),
    ]
)
# The kind of rule by which plans are reviewed.
KIND = "funding"
LONGEST = 500


def decide_plan(
    settings: Settings, city: str, month: Month, fund: str, county: str, amount: Decimal, by: str, reason: str
) -> PlanDecision:
    """Record in a person's name what a county is granted of the plan it sent with the month, in yuan; it takes effect with the next
    run of the month. Raises InputError for a fund or county there is not, an amount below nothing, and where nobody is named or no
    reason is given."""
    units = {unit.code for unit in load_city(city).units_on(month.last_day)}
    if fund not in FUNDS:
        raise InputError(f"there is no fund {fund!r}", expected=f"one of {', '.join(FUNDS)}")
    if county not in units:
        raise InputError(f"{county} is no county of {city} in {month}", expected=f"one of {', '.join(sorted(units))}")
    if amount < 0:
        raise InputError(f"{amount} yuan cannot be granted", expected="an amount that is not negative")
    by = person(by)
    if not reason.strip():
        raise InputError("why is it decided so?", do="give the --reason")
    control = Control(settings.control_url)
    try:
        with control.session() as session:
            session.expire_on_commit = False
            decision = PlanDecision(
                city=city,
                month=str(month),
                fund=fund,
                county=county,
                amount_fen=to_fen(amount),
                by=by,
                reason=reason.strip()[:LONGEST],
                made_at=dt.datetime.now(dt.UTC),
            )
            session.add(decision)
        return decision
    finally:
        control.close()


def decided_plans(control: Control, city: str, month: str) -> list[dict[str, Any]]:
    """Return what was decided of a month's plans, the newest word of each fund and county, as a manifest has it."""
    with control.session() as session:
        rows = session.scalars(
            sa.select(PlanDecision)
            .where(PlanDecision.city == city, PlanDecision.month == month)
            .order_by(PlanDecision.id)
        ).all()
        newest = {(row.fund, row.county): row for row in rows}
        return [
            {"fund": fund, "county": county, "amount_fen": row.amount_fen, "by": row.by, "reason": row.reason}
            for (fund, county), row in sorted(newest.items())
        ]


def own_plans(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return of a manifest's decisions those people made on plans, as they made them, without what stands of an earlier run."""
    return [
        {name: value for name, value in item.items() if name != "ordered_fen"}
        for item in plans
        if "standing" not in item
    ]


def with_standing(own: list[dict[str, Any]], standing: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return people's decisions with what stands beside them: a decision is the newer word, and where it is what was granted, what was
    ordered by it stands."""
    stands = {(item["fund"], item["county"]): item for item in standing}
    words = []
    for item in own:
        granted = stands.pop((item["fund"], item["county"]), None)
        same = granted is not None and granted["amount_fen"] == item["amount_fen"]
        words.append(item | {"ordered_fen": granted["ordered_fen"]} if granted and same else item)
    return [*words, *stands.values()]


def standing_plans(
    control: Control, rulebook: Rulebook, folder: Path, plans: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return what stands of the plans of a month's published run, in that folder, as a manifest has it: ``standing`` is the run by which it
    was ordered first, ``plan_fen`` what the county had planned, ``ordered_fen`` what it was paid, which is less than what was granted where
    the fiscal account was short.

    Where a person approved the run's plans, everything it granted stands; where a policy did, what stood in it (of its ``plans``) before.
    """
    rules = {name for name, rule in rulebook.rules.items() if rule.kind == KIND}
    reviews = {name for name, review in rulebook.reviews.items() if rules & set(review.rules)}
    words = [w for w in Approvals(control).of_run(folder.name) if w.review in reviews and w.decision == APPROVED]
    if not words or words[-1].by == POLICY:
        return [item for item in plans if "ordered_fen" in item]
    word = words[-1]
    rows = duckdb.execute(
        """
        WITH granted AS (
          SELECT rule_id, fund, county, max(value) FILTER (step = 'plan') AS plan,
            coalesce(max(value) FILTER (step = 'decision'), max(value) FILTER (step = 'proposal')) AS amount
          FROM read_parquet($working) WHERE rule_id IN (SELECT unnest($rules)) AND county <> '' GROUP BY ALL
        ),
        ordered AS (
          SELECT rule_id, fund, county, sum(amount) AS amount FROM read_parquet($transfers) WHERE step = 'allocation' GROUP BY ALL
        )
        SELECT fund, county, CAST(granted.plan AS DECIMAL(18, 2)), CAST(granted.amount AS DECIMAL(18, 2)),
          CAST(coalesce(ordered.amount, 0) AS DECIMAL(18, 2))
        FROM granted LEFT JOIN ordered USING (rule_id, fund, county) ORDER BY ALL
        """,
        {
            "working": str(table_path(folder, "rule_working")),
            "transfers": str(table_path(folder, "transfers")),
            "rules": sorted(rules),
        },
    ).fetchall()
    return [
        {
            "fund": fund,
            "county": county,
            "amount_fen": to_fen(granted),
            "by": word.by,
            "reason": f"已随运行 {folder.name} 审核发布",
            "standing": folder.name,
            "plan_fen": to_fen(planned),
            "ordered_fen": to_fen(ordered),
        }
        for fund, county, planned, granted, ordered in rows
    ]


def plans_table(decided: list[dict[str, Any]]) -> pa.Table:
    """Return decisions of a manifest as an Arrow table with the columns of ``SCHEMA`` (amounts in yuan); ``plan`` is the plan a decision
    holds for and ``ordered`` what was paid by it, both null where it holds for any and nothing was."""
    rows = [
        {
            "fund": item["fund"],
            "county": item["county"],
            "amount": from_fen(item["amount_fen"]),
            "decided_by": item["by"],
            "reason": item["reason"],
            "plan": from_fen(item["plan_fen"]) if "plan_fen" in item else None,
            "ordered": from_fen(item["ordered_fen"]) if "ordered_fen" in item else None,
        }
        for item in decided
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
