"""Every kind of rule medpool can calculate, and how a rulebook's rule is applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.periods import Period
from medpool_etl.policy import Rulebook
from medpool_etl.settlement.case import Case, CountyFacts, Facts, Outcome
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.parties import Parties
from medpool_etl.settlement.rules import (
    bases,
    clearing,
    entitlement,
    funding,
    income,
    institutions,
    insurer,
    legacy,
    make_up,
    premiums,
    rates,
    recovered,
    remittance,
    reserves,
    revolving,
    subsidies,
    subsidy_advance,
    upload,
)

_MODULES = (
    remittance,
    reserves,
    clearing,
    subsidy_advance,
    insurer,
    institutions,
    legacy,
    make_up,
    upload,
    bases,
    rates,
    entitlement,
    subsidies,
    premiums,
    income,
    funding,
    revolving,
    recovered,
)
RULE_KINDS: dict[str, RuleKind] = {kind.name: kind for module in _MODULES for kind in module.KINDS}


def apply_rule(
    rule_id: str,
    rulebook: Rulebook,
    calendar: WorkingCalendar,
    parties: Parties,
    fund: str,
    period: Period,
    facts: Facts,
    counties: Mapping[str, CountyFacts],
) -> Outcome:
    """Return what a rule of the city gives for a fund and period.

    Raises InputError for a rule the city does not have, a fund it does not speak of and a period before the notice is in force;
    UnspecifiedError, quoting the clause, for what the notice leaves to a later rule (G6); and what the rule itself raises.
    """
    if rule_id not in rulebook.rules:
        rulebook.require_specified(rule_id)
        raise InputError(
            f"{rulebook.city} has no rule {rule_id!r}", expected=f"one of {', '.join(rulebook.rules) or 'none'}"
        )
    entry = rulebook.rules[rule_id]
    if fund not in entry.funds:
        raise InputError(
            f"{rule_id} is no rule of the {fund} fund",
            where=rulebook.cite(entry.clause),
            expected=f"one of {', '.join(entry.funds)}",
        )
    rulebook.require_in_force(period.last_day)
    case: Case[Any, Any] = Case(
        rule_id=rule_id,
        entry=entry,
        rulebook=rulebook,
        calendar=calendar,
        parties=parties,
        fund=fund,
        period=period,
        facts=facts,
        counties=dict(sorted(counties.items())),
    )
    return kind_of(rulebook, rule_id).apply(case)


def kind_of(rulebook: Rulebook, rule_id: str) -> RuleKind:
    """Return the kind of a rule; raises ConfigurationError for one medpool cannot calculate."""
    kind = rulebook.rules[rule_id].kind
    if kind not in RULE_KINDS:
        raise ConfigurationError(
            f"rule {rule_id}: medpool knows no kind {kind}",
            where=f"policy/rulebooks/{rulebook.city}.yaml",
            expected=f"one of {', '.join(RULE_KINDS)}",
        )
    return RULE_KINDS[kind]
