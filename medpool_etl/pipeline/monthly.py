"""The rules of a month, applied in the notice's order to the facts of a run's session."""

from __future__ import annotations

import duckdb

from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.settlement import CountyFacts, Facts, Outcome, Registered, apply_rule, kind_of

# The model of sql/settlement that draws up a kind of rule's facts, a row a fund and county with the columns of its schema.
_FACTS = {"remittance": "premiums_in_treasury"}


def month_outcome(connection: duckdb.DuckDBPyConnection, agreed: Agreed, month: Month) -> Outcome:
    """Return what the monthly rules of the rulebook give, in its order, for every fund."""
    outcome = Outcome()
    for rule_id, entry in agreed.rulebook.rules.items():
        if entry.when != "month" or entry.kind not in _FACTS:
            continue
        for fund in entry.funds:
            counties = _county_facts(connection, agreed, rule_id, fund)
            outcome += apply_rule(
                rule_id,
                agreed.rulebook,
                agreed.calendar,
                Registered(agreed.accounts),
                fund,
                Period.of(month),
                Facts(),
                counties,
            )
    return outcome


def _county_facts(
    connection: duckdb.DuckDBPyConnection, agreed: Agreed, rule_id: str, fund: str
) -> dict[str, CountyFacts]:
    kind = kind_of(agreed.rulebook, rule_id)
    assert kind.county is not None
    columns = ", ".join(kind.county.model_fields)
    rows = connection.execute(f"SELECT county, {columns} FROM {_FACTS[kind.name]} WHERE fund = ?", [fund]).fetchall()
    return {row[0]: kind.county(**dict(zip(kind.county.model_fields, row[1:], strict=True))) for row in rows}
