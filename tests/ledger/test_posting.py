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
from medpool_etl.places import cities
from medpool_etl.policy import load_rulebook

POSTINGS = load_postings()
CITY = "331000"

COUNTY = "331002"
# whose books, debit, credit: the flows that make such an entry, from the table of the accounting rules.
WORKED = {
    # Premiums come into a treasury and pass on.
    (CITY, "1005", "4001"): "premium_booked",
    (CITY, "1003", "1005"): "treasury_transfer",
    (CITY, "1005", "4601"): "pending_booked",
    (CITY, "4601", "4001"): "pending_settled",
    (COUNTY, "1005", "4001"): "county_premium_booked",
    (COUNTY, "1003", "1005"): "county_treasury_transfer",
    (COUNTY, "5301", "1005"): "county_treasury_sent",
    # Income accounts.
    (COUNTY, "1002", "4001"): "premium_collected",
    (CITY, "1002", "4001"): "city_premium_collected",
    (COUNTY, "1002", "4201"): "county_income_interest",
    (CITY, "1002", "4201"): "city_income_interest",
    (COUNTY, "5301", "1002"): "income_upload",
    (CITY, "1002", "4302"): "income_upload_received",
    (CITY, "1003", "1002"): "income_to_fiscal",
    (COUNTY, "1003", "1002"): "county_income_to_fiscal",
    # What counties upload from their fiscal accounts, and what the city gets of it.
    (
        COUNTY,
        "5301",
        "1003",
    ): "county_premiums_sent county_income_uploaded reserve_uploaded legacy_uploaded balance_uploaded",
    (
        CITY,
        "1003",
        "4302",
    ): "county_premiums_received county_income_received reserve_received legacy_received balance_received",
    (CITY, "5302", "1003"): "surplus_returned legacy_paid_out",
    (COUNTY, "1003", "4301"): "surplus_received",
    # Money of governments is subsidy.
    (CITY, "1003", "4101"): "subsidy_received make_up_received clearing_received reserve_from_government",
    (COUNTY, "1003", "4101"): "county_subsidy_received county_make_up_received",
    # Interest, transfers, other income, and where they go.
    (CITY, "1003", "4201"): "fiscal_interest",
    (CITY, "1004", "4201"): "agency_interest",
    (COUNTY, "1003", "4201"): "county_fiscal_interest",
    (COUNTY, "1004", "4201"): "county_interest",
    (COUNTY, "1004", "4501"): "county_other_income",
    (COUNTY, "1003", "4401"): "county_transfer_income",
    (CITY, "1003", "4401"): "transfer_income",
    (CITY, "1003", "4501"): "other_income",
    (CITY, "1004", "4501"): "violations_recovered",
    (CITY, "1003", "1004"): "agency_to_fiscal",
    (COUNTY, "1003", "1004"): "county_agency_to_fiscal",
    # Funding.
    (CITY, "1004", "1003"): "allocation",
    (COUNTY, "1004", "1003"): "county_allocation",
    (CITY, "5302", "1004"): "distribution",
    (COUNTY, "1004", "4301"): "distribution_received",
    (COUNTY, "5301", "1004"): "agency_uploaded",
    (CITY, "1004", "4302"): "agency_upload_received",
    # The revolving fund is owed, not spent.
    (CITY, "1101", "1004"): "revolving_paid city_advance_paid",
    (COUNTY, "1004", "2001"): "revolving_received",
    (COUNTY, "2001", "1004"): "revolving_returned",
    (CITY, "1004", "1101"): "revolving_recovered city_advance_repaid",
    # Expenditure, and what is paid in advance of it.
    (COUNTY, "5001", "1004"): "county_expenditure institutions_paid",
    (CITY, "5001", "1004"): "city_benefits_paid",
    (CITY, "5101", "1004"): "insurer_paid",
    (COUNTY, "5101", "1004"): "county_insurer_paid",
    (COUNTY, "1101", "1004"): "advance_paid",
    (COUNTY, "1004", "1101"): "advance_repaid",
    (COUNTY, "5001", "1101"): "advance_settled",
    (COUNTY, "5401", "1004"): "transfer_paid",
    (COUNTY, "5501", "1004"): "other_paid",
}
HAND_WORKED = {flow: entry for entry, flows in WORKED.items() for flow in flows.split()}


@pytest.mark.parametrize(("flow", "expected"), HAND_WORKED.items(), ids=HAND_WORKED)
def test_entries(flow: str, expected: tuple[str, str, str]) -> None:
    """Each flow debits and credits the accounts the accounting rules name, in the right books."""
    books, debit, credit = expected
    rows = post([Flow(flow, "worker", "331002", Decimal("12.30"))], POSTINGS, CITY)
    common = {"flow": flow, "books": books, "fund": "worker", "county": "331002", "amount": Decimal("12.30")}
    assert rows == [{**common, "side": "debit", "account": debit}, {**common, "side": "credit", "account": credit}]


def test_every_flow_is_worked() -> None:
    """No posting rule is without a hand-worked example, and each stands on clauses of the rulebooks."""
    assert set(POSTINGS.flows) == set(HAND_WORKED)
    clauses = {city: set(load_rulebook(city).clauses) for city in cities()}
    for name, rule in POSTINGS.flows.items():
        assert rule.clause in set().union(*clauses.values()), name
        assert all(clause in clauses[city] for city, clause in rule.clauses.items()), name


def test_clause_of_a_city() -> None:
    """A flow rests on the clause of the city's own notice where it has another."""
    assert POSTINGS.flows["distribution"].clause_of("taizhou") == "T10.2"
    assert POSTINGS.flows["distribution"].clause_of("zaozhuang") == "Zz-4.2.5"


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
