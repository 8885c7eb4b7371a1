"""Rows as a settlement gives them, and transfers at random."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from medpool_etl.ledger import load_moves, load_postings, post_transfers

POSTINGS = load_postings()
MOVES = load_moves()
CITY = "331000"
COUNTIES = ("331002", "331003")
# A kind for each rule id that the rows below use.
KINDS = {
    "revolving": "revolving_advance",
    "recovery": "revolving_recovery",
    "legacy": "legacy_upload",
    "income": "income_transfer",
    "advance": "institution_advance",
    "made_up": "make_up",
    "old": "old_deficit",
}
PAIRS = [
    (payer, receiver, step)
    for payer in POSTINGS.roles
    for receiver in POSTINGS.roles
    for step in ("", "returned")
    if MOVES.allows(payer, receiver, POSTINGS.roles, step)
]


def row(payer: str, receiver: str, amount: str | Decimal = "1.00", **more: Any) -> dict[str, Any]:
    """Return a transfer as a row."""
    known: dict[str, Any] = {
        "transfer_id": "T1",
        "fund": "worker",
        "county": "331002",
        "payer": payer,
        "receiver": receiver,
        "step": "",
        "rule_id": "T1",
        "clause": "clause 1",
        "amount": Decimal(amount),
    }
    return known | more


def instruct(*rows: dict[str, Any], period: str = "2022-03", **more: Any) -> pa.Table:
    """Return the entries of transfers."""
    return post_transfers(rows, POSTINGS, CITY, period=period, kinds=KINDS, **more)


def legs(entries: pa.Table) -> list[tuple[str, str, str, str, str]]:
    """Return books, side, account, tag and amount of every row, in order."""
    return [(r["books"], r["side"], r["account"], r["tag"], str(r["amount"])) for r in entries.to_pylist()]


@st.composite
def transfers(draw: st.DrawFn, max_size: int = 25) -> list[dict[str, Any]]:
    """Draw allowed transfers of both funds and two counties, under rules of every kind."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(PAIRS),
                st.sampled_from(["worker", "resident"]),
                st.sampled_from(COUNTIES),
                st.sampled_from(["", *KINDS]),
                st.integers(1, 10**13),
            ),
            max_size=max_size,
        )
    )
    return [
        row(
            payer,
            receiver,
            Decimal(fen) / 100,
            step=step,
            fund=fund,
            county=county,
            rule_id=rule,
            transfer_id=f"{n:03d}",
        )
        for n, ((payer, receiver, step), fund, county, rule, fen) in enumerate(drawn)
    ]
