"""Run the pairs of a city over the accepted rows of a month."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from medpool_etl import documents
from medpool_etl.errors import ConfigurationError, SettlementError
from medpool_etl.policy import Rulebook
from medpool_etl.store.models import make_table

# The pairs whose sides sql/reconciliation/sides.sql draws up, and the level at which it does.
SIDES = {
    "tax_treasury": "county",
    "treasury_fiscal": "city",
    "agency_tax_county": "county",
    "agency_tax_employer": "city",
    "employer_breakdown": "county",
    "fiscal_agency": "city",
    "agency_county": "county",
    "account_activity": "city",
}


def verify_pairs(rulebook: Rulebook) -> None:
    """Raise ConfigurationError for a pair of the rulebook that no model compares, or compares at another level."""
    for name, pair in rulebook.pairs.items():
        if SIDES.get(name) != pair.scope:
            raise ConfigurationError(
                f"the pair is compared at the level {SIDES[name]}" if name in SIDES else "no model compares this pair",
                where=documents.place(f"policy/rulebooks/{rulebook.city}.yaml", "pairs", name, "scope"),
                expected=f"scope: {SIDES[name]}" if name in SIDES else f"one of {', '.join(SIDES)}",
            )


@dataclass(frozen=True)
class PairResult:
    """A pair over all funds and counties: how many items were compared, and how many differ."""

    pair: str
    items: int
    breaks: int

    @property
    def agrees(self) -> bool:
        """Whether every item agrees; a sum that happens to agree is not enough."""
        return self.breaks == 0


def reconcile(connection: duckdb.DuckDBPyConnection) -> tuple[PairResult, ...]:
    """Make the tables sides, items, classified_breaks and pair_totals and return the pairs in their order.

    ``connection`` is a session with the views of ``sql/staging``. Raises SettlementError when the breaks of a pair do
    not add up to the difference of its totals, to the fen, or rows of a side fall outside every total.
    """
    for name in ("sides", "items", "classified_breaks", "pair_totals"):
        make_table(connection, "reconciliation", name)
    _prove(connection)
    rows = connection.execute(
        """
        SELECT pair, sum(item_count)::BIGINT, sum(break_count)::BIGINT
        FROM pair_totals JOIN pairs USING (pair) GROUP BY pair, pairs.position ORDER BY pairs.position
        """
    ).fetchall()
    return tuple(PairResult(*row) for row in rows)


def _prove(connection: duckdb.DuckDBPyConnection) -> None:
    wrong = connection.execute(
        """
        WITH broken AS (
          SELECT pair, fund, county, sum(difference) AS difference, count(*) AS breaks
          FROM classified_breaks GROUP BY ALL
        )
        SELECT coalesce(totals.pair, broken.pair), coalesce(totals.fund, broken.fund),
          coalesce(totals.county, broken.county), totals.difference, broken.difference
        FROM pair_totals AS totals
        FULL JOIN broken USING (pair, fund, county)
        WHERE coalesce(totals.difference, 0) <> coalesce(broken.difference, 0)
           OR coalesce(totals.break_count, 0) <> coalesce(broken.breaks, 0)
        """
    ).fetchall()
    outside = connection.execute(
        "SELECT DISTINCT pair, fund, county FROM items ANTI JOIN pair_totals USING (pair, fund, county)"
    ).fetchall()
    if wrong or outside:
        raise SettlementError(
            f"breaks do not add up to the differences: {wrong or outside}",
            where="sql/reconciliation",
            do="this is a fault of medpool: report it; nothing was published",
        )
