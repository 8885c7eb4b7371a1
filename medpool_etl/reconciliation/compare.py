"""Run the pairs of a city over the accepted rows of a month and over what earlier months left open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from medpool_etl.errors import SettlementError
from medpool_etl.reconciliation.models import MODELS
from medpool_etl.store.models import make_table, make_view

# The columns a model of sql/pairs may leave out, with what they then are.
_TEMPLATE = """
CREATE OR REPLACE TEMP TABLE row_template (
  side VARCHAR, fund VARCHAR, county VARCHAR, item_key VARCHAR, batch VARCHAR, day DATE, amount DECIMAL(18, 2),
  in_scope BOOLEAN, restates BOOLEAN, explains VARCHAR, explained DECIMAL(18, 2), hint VARCHAR, rounding DECIMAL(18, 3),
  file_id VARCHAR, line_id BIGINT, row_no BIGINT, brought_from VARCHAR
)
"""
# What both sides of a pair are, and what each pass leaves to the next.
_SIDES = ("side_rows", "item_sums", "missing_items")
_PASSES = ("batch_matches", "open_items", "amount_pairs", "opposite_pairs", "unmatched_items")
_BREAKS = ("explained_parts", "break_parts")
# What is kept of every pair: the table that collects it, and the model it is made by.
_KEPT = {
    "classified_breaks": "pair_breaks",
    "pair_totals": "totals",
    "pass_totals": "passes",
    "matched_items": "matches",
    "carried_items": "onward",
}
# The number by which a kind of file knows its rows, to see whether an earlier month had it already.
KEYS = {"tax_collection_detail": "receipt_no", "treasury_receipts": "voucher_no", "agency_bookings": "receipt_no"}
# What tells whether a refund has a ground, in the months before too.
GROUNDS = {
    "treasury_receipts": ("voucher_no", "subject", "tax_office", "amount"),
    "treasury_corrections": (
        "voucher_no",
        "original_subject",
        "original_tax_office",
        "subject",
        "tax_office",
        "amount",
    ),
    "treasury_refunds": ("voucher_no", "subject", "tax_office", "amount"),
}
# What is explained is still there. What a person has ended is not, if it was ended at the amount that was carried.
_GOES_ON = (
    "NOT EXISTS (SELECT 1 FROM decisions WHERE decisions.break_id = carried_before.break_id AND state <> 'explained' "
    "AND decisions.amount = CASE side WHEN 'left' THEN carried_before.amount ELSE -carried_before.amount END)"
)
Progress = Callable[[Iterable[Any], str], Iterable[Any]]


@dataclass(frozen=True)
class PairResult:
    """A pair over all funds and counties: how many items were compared, how many breaks there are, and how many of them are
    neither expected nor decided."""

    pair: str
    items: int
    breaks: int
    open_breaks: int

    @property
    def agrees(self) -> bool:
        """Whether nothing is open; a sum that happens to agree is not enough."""
        return self.open_breaks == 0


def reconcile(
    connection: duckdb.DuckDBPyConnection, progress: Progress = lambda items, _what: items
) -> tuple[PairResult, ...]:
    """Make the tables classified_breaks, pair_totals, pass_totals, matched_items, carried_items, brought_items and balances; return the
    pairs in their order.

    ``connection`` is a session with the views of ``sql/staging`` and the tables carried_before, balances_before and
    decisions. A pair whose kind of file did not come is compared only where an earlier month left something open. Raises
    SettlementError when the breaks of a pair do not add up to the difference of its totals, to the fen, or rows of a side
    fall outside every total.
    """
    names = [row[0] for row in connection.execute("SELECT pair FROM pairs ORDER BY position").fetchall()]
    make_table(connection, "reconciliation", "refundable")
    first = True
    for name in progress(names, "reconciling"):
        draw_up(connection, name)
        for model in _PASSES:
            make_table(connection, "reconciliation", model)
        _look_back(connection)
        for model in (*_BREAKS, *_KEPT.values()):
            make_table(connection, "reconciliation", model)
        _prove(connection, name)
        for kept, made in _KEPT.items():
            into = f"CREATE OR REPLACE TEMP TABLE {kept} AS" if first else f"INSERT INTO {kept}"
            connection.execute(f"{into} FROM {made}")
        first = False
    make_table(connection, "reconciliation", "balances")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE brought_items AS FROM carried_before "
        f"WHERE pair IN (SELECT pair FROM pairs) AND {_GOES_ON}"
    )
    rows = connection.execute(
        """
        SELECT pair, sum(item_count)::BIGINT, sum(break_count)::BIGINT, sum(open_count)::BIGINT
        FROM pair_totals JOIN pairs USING (pair) GROUP BY pair, pairs.position ORDER BY pairs.position
        """
    ).fetchall()
    return tuple(PairResult(*row) for row in rows)


def draw_up(connection: duckdb.DuckDBPyConnection, pair: str) -> None:
    """Make the tables side_rows, item_sums and missing_items of one pair, and ``this_pair`` that says which."""
    connection.execute(_TEMPLATE)
    connection.execute("CREATE OR REPLACE TEMP TABLE this_pair AS FROM pairs WHERE pair = ?", [pair])
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE carried AS FROM carried_before WHERE pair = ? AND {_GOES_ON}",
        [pair],
    )
    ((model, needs),) = connection.execute("SELECT model, needs FROM this_pair").fetchall()
    came = needs is None or connection.execute(
        "SELECT count(*) > 0 FROM files WHERE contract = ? AND outcome LIKE 'accepted%'", [needs]
    ).fetchall() == [(True,)]
    if came:
        make_view(connection, "pairs", model, name="pair_rows")
    else:
        connection.execute("CREATE OR REPLACE TEMP VIEW pair_rows AS FROM row_template")
    for name in _SIDES:
        make_table(connection, "reconciliation", name)


def _look_back(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``keys_before``: of the numbers one side has alone, those the month before had already among the pair's rows."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE keys_before (contract VARCHAR, item_key VARCHAR, in_transit BOOLEAN)"
    )
    ((model, *contracts),) = connection.execute("SELECT model, left_contract, right_contract FROM this_pair").fetchall()
    listed = "true" if MODELS[model].in_transit else "booked_date IS NOT NULL"
    there = {row[0] for row in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}
    for contract in set(contracts):
        if f"{contract}__before" in there and contract in KEYS:
            connection.execute(
                f"INSERT INTO keys_before SELECT DISTINCT '{contract}', {KEYS[contract]}, booked_date IS NULL "
                f"FROM {contract}__before WHERE {listed} "
                f"AND {KEYS[contract]} IN (SELECT item_id FROM open_items WHERE left_rows = 0 OR right_rows = 0)"
            )


def _prove(connection: duckdb.DuckDBPyConnection, pair: str) -> None:
    wrong = connection.execute(
        """
        WITH broken AS (
          SELECT fund, county, sum(difference) AS difference, count(*) AS breaks FROM pair_breaks GROUP BY ALL
        ),
        rows AS (
          SELECT
            fund, county,
            sum(amount) FILTER (WHERE side = 'left' AND NOT carried) AS left_amount,
            sum(amount) FILTER (WHERE side = 'right' AND NOT carried AND in_scope) AS right_amount,
            sum(amount) FILTER (WHERE side = 'right' AND NOT carried AND NOT in_scope) AS elsewhere
          FROM side_rows GROUP BY ALL
        )
        SELECT fund, county, totals.difference, broken.difference, totals.left_total, rows.left_amount,
          totals.right_total, rows.right_amount
        FROM totals
        FULL JOIN broken USING (fund, county)
        FULL JOIN rows USING (fund, county)
        WHERE coalesce(totals.difference, 0) <> coalesce(broken.difference, 0)
           OR coalesce(totals.break_count, 0) <> coalesce(broken.breaks, 0)
           OR coalesce(totals.left_total, 0) <> coalesce(rows.left_amount, 0)
           OR (coalesce(totals.right_total, 0) <> coalesce(rows.right_amount, 0) AND coalesce(rows.elsewhere, 0) = 0)
           OR coalesce(totals.difference, 0)
             <> coalesce(totals.left_total - totals.right_total + totals.brought_forward, 0)
        """
    ).fetchall()
    outside = connection.execute(
        "SELECT DISTINCT fund, county FROM item_sums ANTI JOIN totals USING (fund, county)"
    ).fetchall()
    if wrong or outside:
        raise SettlementError(
            f"breaks of {pair} do not add up to the differences: {wrong or outside}",
            where="sql/reconciliation",
            do="this is a fault of medpool: report it; nothing was published",
        )
