"""The rules of the cities as pure functions: facts and rulebook in, transfers out, each with its clause."""

from medpool_etl.settlement.case import Case, CountyFacts, Facts, Outcome, Unfunded, Working
from medpool_etl.settlement.gaps import city_gaps, gaps, unit_gaps
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.kinds import RULE_KINDS, apply_rule, kind_of
from medpool_etl.settlement.parties import ROLES, Named, Parties, Party, Registered
from medpool_etl.settlement.schedule import ahead_from, ahead_rules, first_due, rules_of, settled_from
from medpool_etl.settlement.steps import STEPS, step_zh
from medpool_etl.settlement.transfers import Transfer, transfers_table

__all__ = [
    "ROLES",
    "RULE_KINDS",
    "STEPS",
    "Case",
    "CountyFacts",
    "Facts",
    "Named",
    "Outcome",
    "Parties",
    "Party",
    "Registered",
    "RuleKind",
    "Transfer",
    "Unfunded",
    "Working",
    "ahead_from",
    "ahead_rules",
    "apply_rule",
    "city_gaps",
    "first_due",
    "gaps",
    "kind_of",
    "rules_of",
    "settled_from",
    "step_zh",
    "transfers_table",
    "unit_gaps",
]
