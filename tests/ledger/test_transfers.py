"""Every transfer a rule can give is posted in the books of both sides, and what may not move is refused."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medpool_etl import documents
from medpool_etl.errors import ConfigurationError, InputError, MedpoolError, SettlementError
from medpool_etl.ledger import LEDGER, city_held, post_transfers
from medpool_etl.ledger.chart import Moves, Postings
from medpool_etl.pipeline.what_if import Question, ask
from medpool_etl.places import load_accounts, load_city
from medpool_etl.policy import load_rulebook, supplements_in_force
from medpool_etl.settlement import ROLES, RULE_KINDS, transfers_table
from tests.conftest import ROOT
from tests.ledger.support import CITY, KINDS, MOVES, PAIRS, POSTINGS, instruct, legs, row, transfers

COUNTY = "331002"

# payer, receiver, rule, step -> entries as books, debit account/tag, credit account/tag, worked by hand.
WORKED: list[tuple[str, str, str, str, list[tuple[str, str, str]]]] = [
    ("treasury", "fiscal_account", "", "", [(CITY, "1003", "1005")]),
    ("fiscal_account", "treasury", "", "", [(CITY, "1005", "1003")]),
    ("county_treasury", "fiscal_account", "", "", [(CITY, "1003", "4302"), (COUNTY, "5301", "1005")]),
    ("fiscal_account", "county_treasury", "", "", [(CITY, "4302", "1003"), (COUNTY, "1005", "5301")]),
    ("fiscal_account", "city_agency", "", "allocation", [(CITY, "1004", "1003")]),
    ("city_agency", "county_agency", "", "distribution", [(CITY, "5302", "1004"), (COUNTY, "1004", "4301")]),
    (
        "city_agency", "county_agency", "revolving", "distribution",
        [(CITY, "1101/revolving", "1004"), (COUNTY, "1004", "2001/revolving")],
    ),
    (
        "county_agency", "city_agency", "recovery", "county",
        [(CITY, "1004", "1101/revolving"), (COUNTY, "2001/revolving", "1004")],
    ),
    ("city_agency", "fiscal_account", "recovery", "city", [(CITY, "1003", "1004")]),
    ("county_income", "city_income", "", "county", [(CITY, "1002", "4302"), (COUNTY, "5301", "1002")]),
    ("city_income", "fiscal_account", "", "city", [(CITY, "1003", "1002")]),
    ("county_agency", "county_fiscal_account", "income", "county", [(COUNTY, "1003", "1004")]),
    ("county_fiscal_account", "fiscal_account", "income", "city", [(CITY, "1003", "4302"), (COUNTY, "5301", "1003")]),
    (
        "county_balance", "reserve", "", "upload",
        [(CITY, "1003/reserve", "4302/reserve"), (COUNTY, "5301/legacy", "1003/legacy")],
    ),
    ("county_government", "reserve", "", "government", [(CITY, "1003/reserve", "4101/reserve")]),
    ("county_finance", "fiscal_account", "", "county_share", [(CITY, "1003", "4101")]),
    ("province", "fiscal_account", "", "upper", [(CITY, "1003", "4101")]),
    ("fiscal_account", "county_finance", "", "returned", [(CITY, "4101", "1003")]),
    (
        "adjustment_fund", "reserve", "", "",
        [(CITY, "1003/reserve", "1003/adjustment"), (CITY, "3001/adjustment", "3001/reserve")],
    ),
    ("reserve", "fiscal_account", "", "pot_share", [(CITY, "1003", "1003/reserve"), (CITY, "3001/reserve", "3001")]),
    (
        "fiscal_account", "county_balance", "", "surplus_returned",
        [(CITY, "5302", "1003"), (COUNTY, "1003/legacy", "4301/legacy")],
    ),
    ("county_balance", "fiscal_account", "", "own_balance", [(CITY, "1003", "4302"), (COUNTY, "5301/legacy", "1003/legacy")]),
    ("county_finance", "county_balance", "old", "", [(COUNTY, "1003/legacy", "4101/legacy")]),
    (
        "county_balance", "county_agency", "", "old_expenditure",
        [(COUNTY, "1004", "1003/legacy"), (COUNTY, "3001/legacy", "3001")],
    ),
    ("city_agency", "reserve", "", "", [(CITY, "1003/reserve", "1004"), (CITY, "3001", "3001/reserve")]),
    ("city_agency", "insurer", "", "to_insurer", [(CITY, "5101", "1004")]),
    ("county_agency", "institutions", "advance", "", [(COUNTY, "1101", "1004")]),
    ("county_agency", "institutions", "", "", [(COUNTY, "5001", "1004")]),
    ("institutions", "county_agency", "", "repaid", [(COUNTY, "1004", "1101")]),
]  # fmt: skip


def _leg(text: str) -> tuple[str, str]:
    account, _, tag = text.partition("/")
    return account, tag


@pytest.mark.parametrize(
    ("payer", "receiver", "rule", "step", "expected"), WORKED, ids=[f"{w[0]}-{w[1]}-{w[2] or w[3]}" for w in WORKED]
)
def test_entries(payer: str, receiver: str, rule: str, step: str, expected: list[tuple[str, str, str]]) -> None:
    """Each transfer debits and credits what the accounting rules name, in the books of city and county."""
    given = legs(instruct(row(payer, receiver, "12.30", rule_id=rule, step=step)))
    due = []
    for books, debit, credit in expected:
        due += [(books, "debit", *_leg(debit), "12.30"), (books, "credit", *_leg(credit), "12.30")]
    assert sorted(given) == sorted(due)


def test_a_balance_the_city_keeps() -> None:
    """A county's balance in the city's fiscal account is a sub-ledger of its own there, and leaves the county's books alone."""
    there = instruct(row("county_balance", "fiscal_account", "5.00", step="own_balance"), city_held={COUNTY})
    mine = "legacy:331002"
    assert sorted(legs(there)) == sorted(
        [
            (CITY, "debit", "1003", "", "5.00"),
            (CITY, "credit", "1003", mine, "5.00"),
            (CITY, "debit", "3001", mine, "5.00"),
            (CITY, "credit", "3001", "", "5.00"),
        ]
    )
    handed_over = instruct(row("county_fiscal_account", "county_balance", "7.00", rule_id="legacy"), city_held={COUNTY})
    assert sorted(legs(handed_over)) == sorted(
        [
            (CITY, "debit", "1003", mine, "7.00"),
            (CITY, "credit", "4302", mine, "7.00"),
            (COUNTY, "debit", "5301", "", "7.00"),
            (COUNTY, "credit", "1003", "", "7.00"),
        ]
    )


def test_whose_balances_the_city_keeps() -> None:
    """The accounts document says where the balance is: Zhoushan's at the city, Taizhou's with the counties."""
    assert city_held(load_accounts("taizhou")) == frozenset()
    assert "330902" in city_held(load_accounts("zhoushan"))


def test_what_an_entry_says() -> None:
    """An entry names its transfer, rule, clause, the flow it is compared with, its day and what it is of."""
    day = dt.date(2022, 4, 7)
    entries = instruct(row("treasury", "fiscal_account", due_date=day, belongs_to="2022-02"))
    assert entries.schema == LEDGER
    for said in entries.to_pylist():
        assert (said["transfer_id"], said["rule"], said["clause"]) == ("T1", "T1", "clause 1")
        assert (said["date"], said["period"], said["belongs_to"]) == (day, "2022-03", "2022-02")
        assert (said["source"], said["flow"], said["corrects"]) == ("instructed", "treasury_transfer", "")
    assert {r["date"] for r in instruct(row("treasury", "fiscal_account")).to_pylist()} == {dt.date(2022, 3, 31)}
    cities = instruct(row("province", "fiscal_account", county=""))
    assert {(r["county"], r["books"]) for r in cities.to_pylist()} == {(CITY, CITY)}


REFUSED = [
    ("fiscal_account", "insurer"),
    ("reserve", "institutions"),
    ("fiscal_account", "county_finance"),
    ("county_income", "city_agency"),
    ("county_income", "fiscal_account"),
    ("city_income", "county_income"),
    ("city_income", "institutions"),
    ("county_agency", "fiscal_account"),
    ("treasury", "city_agency"),
    ("treasury", "county_fiscal_account"),
    ("county_finance", "county_agency"),
    ("city_finance", "county_finance"),
    ("insurer", "fiscal_account"),
    ("reserve", "reserve"),
]


@pytest.mark.parametrize(("payer", "receiver"), REFUSED, ids=[f"{p}-{r}" for p, r in REFUSED])
def test_what_may_not_move(payer: str, receiver: str) -> None:
    """A move the finance rules do not allow is an error that names payer, receiver, rule and clause."""
    with pytest.raises(
        SettlementError, match=rf"(?s){payer} → {receiver}, rule T1, clause 1.*may not move.*moves\.yaml"
    ):
        instruct(row(payer, receiver))


@settings(deadline=None)
@given(st.sampled_from(sorted(POSTINGS.roles)), st.sampled_from(sorted(POSTINGS.roles)), st.sampled_from(["", "rest"]))
def test_every_pair_is_posted_or_refused(payer: str, receiver: str, step: str) -> None:
    """Of any two parties, a transfer is allowed and posted, or refused; nothing is allowed without a posting rule."""
    if MOVES.allows(payer, receiver, POSTINGS.roles, step):
        assert instruct(row(payer, receiver, step=step)).num_rows >= 2
    else:
        with pytest.raises(SettlementError, match="may not move"):
            instruct(row(payer, receiver, step=step))


def test_every_role_is_known() -> None:
    """The parties of rules are the ledger's, and every one is of a kind of account."""
    assert set(ROLES) <= set(POSTINGS.roles)
    assert {role for named in MOVES.kinds.values() for role in named} == set(POSTINGS.roles)
    assert len(PAIRS) > 100


BAD: list[tuple[dict[str, Any], str]] = [
    ({"payer": "bank"}, "knows no party bank"),
    ({"amount": Decimal("0.00")}, "a positive amount"),
    ({"amount": Decimal("-1.00")}, "a positive amount"),
    ({"amount": Decimal("0.001")}, "finer than one fen"),
    ({"receiver": "county_agency", "payer": "city_agency", "county": ""}, "no county is given"),
]


@pytest.mark.parametrize(("change", "said"), BAD, ids=[said for _, said in BAD])
def test_what_cannot_be_posted(change: dict[str, Any], said: str) -> None:
    """A party nobody knows, an amount that is none, a county's books without a county."""
    with pytest.raises(SettlementError, match=rf"(?s){said}"):
        instruct(row("treasury", "fiscal_account") | change)


def test_a_period_that_is_no_month() -> None:
    """Entries are booked in a month, whatever the rule was applied to."""
    with pytest.raises(InputError, match="not a month"):
        instruct(row("treasury", "fiscal_account", due_date=dt.date(2022, 4, 7)), period="2022-Q1")


def test_a_transfer_given_twice() -> None:
    """The same transfer is not posted twice."""
    with pytest.raises(SettlementError, match="same id"):
        instruct(row("treasury", "fiscal_account"), row("treasury", "fiscal_account"))


@settings(deadline=None)
@given(transfers())
def test_books_balance(rows: list[dict[str, Any]]) -> None:
    """Whatever moves, debits equal credits in each fund, books and entry, and the money that leaves is the money that comes."""
    entries = instruct(*rows).to_pylist()
    of: dict[Any, Decimal] = defaultdict(Decimal)
    for leg in entries:
        amount = leg["amount"] if leg["side"] == "debit" else -leg["amount"]
        of[leg["fund"], leg["books"]] += amount
        of[leg["entry_id"]] += amount
    assert set(of.values()) <= {Decimal(0)}
    assert {leg["transfer_id"] for leg in entries} == {given["transfer_id"] for given in rows}


@settings(deadline=None)
@given(transfers(), st.randoms())
def test_order_does_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    """The same transfers in another order give the same ledger."""
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert instruct(*shuffled).equals(instruct(*rows))


EXAMPLES = sorted((ROOT / "tests/examples").rglob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_examples_give_is_posted(path: Path) -> None:
    """Every transfer any example gives can be posted under the city's own accounts, and balances."""
    question = documents.load(path, Question)
    named = question.supplements if question.supplements is not None else supplements_in_force(question.city)
    try:
        outcome = ask(path).outcome
    except MedpoolError:
        assert question.error
        return
    kinds = {rule_id: rule.kind for rule_id, rule in load_rulebook(question.city, named).rules.items()}
    city = load_city(question.city)
    for held in (frozenset[str](), city_held(load_accounts(question.city)) | set(question.counties)):
        entries = post_transfers(
            transfers_table(outcome.transfers).to_pylist(),
            POSTINGS,
            city.code,
            period="2022-03",
            kinds=kinds,
            city_held=held,
        )
        posted = {leg["transfer_id"] for leg in entries.to_pylist()}
        assert posted == {transfer.transfer_id for transfer in outcome.transfers}


WRONG = [
    ('to: [city_agency], entries: [{books: city, debit: receiver', 'to: [city_agency], entries: [{books: county, debit: receiver', "books of the county"),
    ('debit: receiver, credit: payer, flow: allocation}', 'debit: "5302", credit: payer, flow: allocation}', "not that of the flow allocation"),
    ("city_income: {books: city", "city_income2: {books: city", "no role or group city_income"),
    ('accounts: ["4101"]', 'accounts: ["4501"]', "once"),
    ("sum: [total_in]", "sum: [grand_total]", "no line grand_total"),
    ('fund_balance: "3001"', 'fund_balance: "4001"', "no account of type balance"),
    ("tag: reserve}", "tag: spare}", "no tag spare"),
    ("flow: allocation}", "flow: alocation}", "no flow alocation"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG, ids=[w[2] for w in WRONG])
def test_a_mistake_in_the_chart(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    """A posting rule that contradicts the chart is refused when it is read."""
    text = (documents.PACKAGE / "ledger/postings.yaml").read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "postings.yaml"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"(?s)postings\.yaml.*{said}"):
        documents.load(path, Postings)


def test_a_mistake_in_the_moves(tmp_path: Path) -> None:
    """A move between kinds that are none, and a role of two kinds."""
    text = (documents.PACKAGE / "ledger/moves.yaml").read_text(encoding="utf-8")
    path = tmp_path / "moves.yaml"
    path.write_text(text.replace("{from: treasury, to: fiscal,", "{from: treasure, to: fiscal,"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no kind treasure"):
        documents.load(path, Moves)
    path.write_text(text.replace("payee: [insurer,", "payee: [treasury, insurer,"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="of two kinds: treasury"):
        documents.load(path, Moves)


def test_kinds_of_the_support_are_kinds() -> None:
    """What the posting rules call a kind of rule is one."""
    named = {kind for rule in POSTINGS.transfers.values() for kind in rule.kinds}
    assert named | set(KINDS.values()) <= set(RULE_KINDS)
