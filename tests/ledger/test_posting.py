"""Every entry has two sides of the same amount, in the right books, so the books of each fund balance."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl import documents
from medpool_etl.errors import ConfigurationError, SettlementError
from medpool_etl.ledger import Flow, entries_table, load_postings, post
from medpool_etl.policy import load_rulebook

POSTINGS = load_postings()
CITY = "331000"

# flow -> (whose books, debit, credit), from the table of the accounting rules.
HAND_WORKED = {
    "premium_booked": ("331000", "1005", "4001"),
    "treasury_transfer": ("331000", "1003", "1005"),
    "fiscal_interest": ("331000", "1003", "4201"),
    "agency_interest": ("331000", "1004", "4201"),
    "allocation": ("331000", "1004", "1003"),
    "distribution": ("331000", "5302", "1004"),
    "distribution_received": ("331002", "1004", "4301"),
    "county_interest": ("331002", "1004", "4201"),
    "county_expenditure": ("331002", "5001", "1004"),
}


@pytest.mark.parametrize(("flow", "expected"), HAND_WORKED.items(), ids=HAND_WORKED)
def test_entries(flow: str, expected: tuple[str, str, str]) -> None:
    """Each flow debits and credits the accounts the accounting rules name, in the right books."""
    books, debit, credit = expected
    rows = post([Flow(flow, "worker", "331002", Decimal("12.30"))], POSTINGS, CITY)
    common = {"flow": flow, "books": books, "fund": "worker", "county": "331002", "amount": Decimal("12.30")}
    assert rows == [{**common, "side": "debit", "account": debit}, {**common, "side": "credit", "account": credit}]


def test_every_flow_is_worked() -> None:
    """No posting rule is without a hand-worked example, and each stands on a clause of the rulebook."""
    assert set(POSTINGS.flows) == set(HAND_WORKED)
    assert {rule.clause for rule in POSTINGS.flows.values()} <= set(load_rulebook("taizhou").clauses)


FLOWS = st.lists(
    st.builds(
        Flow,
        st.sampled_from(sorted(POSTINGS.flows)),
        st.sampled_from(["worker", "resident"]),
        st.sampled_from(["331000", "331002", "331003"]),
        st.integers(-(10**15), 10**15).map(lambda fen: Decimal(fen) / 100),
    ),
    max_size=30,
)


@given(FLOWS)
def test_books_balance(flows: list[Flow]) -> None:
    """In each set of books and each fund, debits equal credits, and no money is added or lost on the way."""
    rows = post(flows, POSTINGS, CITY)
    balance: dict[tuple[object, object], Decimal] = defaultdict(Decimal)
    posted = Decimal(0)
    for row in rows:
        amount = Decimal(str(row["amount"]))
        balance[(row["books"], row["fund"])] += amount if row["side"] == "debit" else -amount
        posted += amount if row["side"] == "debit" else 0
    assert set(balance.values()) <= {Decimal(0)}
    assert posted == sum(flow.amount for flow in flows)


@given(FLOWS)
def test_order_does_not_matter(flows: list[Flow]) -> None:
    """The same flows in another order give the same entries."""
    unique = list({(flow.flow, flow.fund, flow.county): flow for flow in flows}.values())
    assert post(unique, POSTINGS, CITY) == post(reversed(unique), POSTINGS, CITY)


def test_nothing_moved() -> None:
    """A flow of 0.00 posts nothing."""
    assert post([Flow("allocation", "worker", CITY, Decimal("0.00"))], POSTINGS, CITY) == []


def test_unknown_flow() -> None:
    """A flow without a rule is an error with its name and the document, even of 0.00."""
    for amount in ("1.00", "0.00"):
        with pytest.raises(SettlementError, match=r"(?s)postings\.yaml.*windfall"):
            post([Flow("windfall", "worker", CITY, Decimal(amount))], POSTINGS, CITY)


def test_finer_than_a_fen() -> None:
    """An amount finer than a fen is an error, not rounded."""
    with pytest.raises(SettlementError, match="finer than one fen"):
        post([Flow("allocation", "worker", CITY, Decimal("0.001"))], POSTINGS, CITY)


def test_unknown_account(tmp_path: Path) -> None:
    """A posting rule with an account that is not in the list is refused with the flow and the account."""
    text = (documents.PACKAGE / "ledger/postings.yaml").read_text(encoding="utf-8")
    path = tmp_path / "postings.yaml"
    path.write_text(text.replace('debit: "5302"', 'debit: "9999"'), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"(?s)postings\.yaml.*distribution: there is no account 9999"):
        documents.load(path, type(POSTINGS))


def test_entries_as_a_table() -> None:
    """The table keeps amounts exact; without entries it has the same columns."""
    table = entries_table(post([Flow("allocation", "worker", CITY, Decimal("9.99"))], POSTINGS, CITY))
    assert table.column("amount").to_pylist() == [Decimal("9.99")] * 2
    assert table.schema.field("amount").type == pa.decimal128(18, 2)
    assert entries_table([]).schema == table.schema
