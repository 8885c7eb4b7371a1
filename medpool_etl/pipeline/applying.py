"""Apply the rules of a period in the notice's order, to the facts of a run's session."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.documents import Text
from medpool_etl.periods import Period
from medpool_etl.pipeline import facts
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.settlement import Outcome, Registered, ahead_rules, apply_rule, kind_of, transfers_table
from medpool_etl.store.session import add_references

WORKING = pa.schema(
    [
        *((name, pa.string()) for name in ("rule_id", "fund", "county")),
        ("position", pa.int64()),
        *((name, pa.string()) for name in ("step", "zh", "en", "value", "unit", "clause")),
    ]
)
UNFUNDED = pa.schema(
    [
        *((name, pa.string()) for name in ("rule_id", "fund", "county")),
        ("amount", pa.decimal128(18, 2)),
        *((name, pa.string()) for name in ("zh", "en", "clause")),
    ]
)


@dataclass
class Applied:
    """What the rules gave, the lines of the facts they rest on, and why the figures are provisional, where they are."""

    outcome: Outcome = field(default_factory=Outcome)
    lines: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[Text] = field(default_factory=list)


AHEAD = Text(
    zh="仅先行办理期内到期款项，本期尚未结算",
    en="only what is due before the period is over is ordered; the period is not settled",
)


def apply_rules(connection: duckdb.DuckDBPyConnection, agreed: Agreed, period: Period, ahead: bool = False) -> Applied:
    """Return what the rules of a period give, in the notice's order; ``ahead``: only those that order what is due before it is over.

    A rule of which some counties' facts have not come is applied to the others, and makes the figures provisional; so does ``ahead``.
    """
    rulebook, applied = agreed.rulebook, Applied(reasons=[AHEAD] if ahead else [])
    only = ahead_rules(rulebook, period) if ahead else rulebook.rules.keys()
    counties = tuple(unit.code for unit in agreed.city.units_on(period.last_day))
    for rule_id, entry in rulebook.rules.items():
        if not entry.applies(period, rulebook.notice.in_force_from) or not facts.has_model(entry.kind):
            continue
        if rule_id not in only:
            continue
        kind = kind_of(rulebook, rule_id)
        for fund in entry.funds:
            drawn = facts.draw(connection, rule_id, kind, fund, counties)
            applied.lines += drawn.lines
            # A unit that ends with the period plans nothing for what comes behind it.
            ending = {unit.code for unit in agreed.city.units if unit.valid_to == period.last_day}
            lacking = {
                code: what for code, what in drawn.lacking.items() if entry.when != "month" or code not in ending
            }
            if lacking:
                applied.reasons.append(_lacking(rule_id, entry.title, lacking))
            if drawn.facts is None or (kind.county is not None and not drawn.counties):
                continue
            result = apply_rule(
                rule_id,
                rulebook,
                agreed.calendar,
                Registered(agreed.accounts),
                fund,
                period,
                drawn.facts,
                drawn.counties,
            )
            if ahead:
                kept = tuple(transfer for transfer in result.transfers if transfer.step not in kind.not_ahead)
                result = replace(result, transfers=kept)
            applied.outcome += result
    return applied


def _lacking(rule_id: str, title: Text, lacking: dict[str, str]) -> Text:
    named = "、".join(f"{county}{what}" for county, what in lacking.items())
    who = ", ".join(county or "the city" for county in lacking)
    return Text(zh=f"{title.zh}缺少数据：{named}", en=f"{rule_id} ({title.en}) lacks facts of {who}")


def add_applied(connection: duckdb.DuckDBPyConnection, applied: Applied) -> None:
    """Give a session the tables ``transfers``, ``working``, ``unfunded`` and ``facts`` the published tables are made from."""
    outcome = applied.outcome
    working = [
        {
            "rule_id": line.rule_id,
            "fund": line.fund,
            "county": line.county,
            "position": position,
            "step": line.step,
            "zh": line.zh,
            "en": line.en,
            "value": line.value,
            "unit": line.unit,
            "clause": line.clause,
        }
        for position, line in enumerate((*outcome.working, *outcome.figures), 1)
    ]
    unfunded = [
        {
            "rule_id": item.rule_id,
            "fund": item.fund,
            "county": item.county,
            "amount": item.amount,
            "zh": item.zh,
            "en": item.en,
            "clause": item.clause,
        }
        for item in outcome.unfunded
    ]
    add_references(
        connection,
        {
            "transfers": transfers_table(outcome.transfers),
            "working": pa.Table.from_pylist(working, schema=WORKING),
            "unfunded": pa.Table.from_pylist(unfunded, schema=UNFUNDED),
            "facts": pa.Table.from_pylist(applied.lines, schema=facts.SCHEMA),
        },
    )
