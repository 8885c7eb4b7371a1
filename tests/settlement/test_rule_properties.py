"""What every rule keeps to, whatever the facts: whole sums, named parties, caps, clauses, one fund, and no order of counties."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import ValidationError

from medpool_etl.errors import InputError
from medpool_etl.places import load_accounts
from medpool_etl.policy import Rulebook, load_rulebook, rulebooks
from medpool_etl.settlement import Outcome, Registered, Transfer, kind_of
from tests.settlement.reference import County
from tests.settlement.worlds import (
    CODES,
    FEN,
    SIGNED,
    World,
    apply,
    clear,
    counties_of,
    facts_of,
    many,
    plain_case,
    rulebook_under,
    worlds,
    yuan,
)

RULES = [(city, rule_id) for city in rulebooks() for rule_id in load_rulebook(city).rules]
TAIZHOU = [
    (("reserve_shortfall_base", base), ("surplus_joins_reserve", joins))
    for base in ("unpaid_reserve_share", "whole_remaining_gap", "matched")
    for joins in ("after_claims", "before_claims")
]
Readings = tuple[tuple[str, str], ...]
CLEARINGS: list[tuple[str, Readings]] = [*(("taizhou", taken) for taken in TAIZHOU), ("zhoushan", ()), ("nantong", ())]
every_clearing = pytest.mark.parametrize(
    ("city", "readings"),
    CLEARINGS,
    ids=lambda value: value if isinstance(value, str) else "-".join(v for _, v in value),
)
every_rule = pytest.mark.parametrize(("city", "rule_id"), RULES, ids=lambda value: str(value))

# Who may pay whom at which step, as the clauses name them.
ASSESSED = {"assessed": ("county_government", "fiscal_account")}
OWN = {"own_balance": ("county_balance", "fiscal_account")}
FINANCE = {
    "county_share": ("county_finance", "fiscal_account"),
    "city_share": ("city_finance", "fiscal_account"),
}
POOL = {"pot_share": ("pool", "fiscal_account")}
NAMED = {
    "taizhou": ASSESSED
    | OWN
    | FINANCE
    | {
        "pot_share": ("reserve", "fiscal_account"),
        "surplus_to_pot": ("fiscal_account", "reserve"),
        "surplus_returned": ("fiscal_account", "county_balance"),
    },
    "zhoushan": ASSESSED | OWN | FINANCE | POOL,
    "nantong": ASSESSED | POOL,
}
MISSED = {
    "taizhou": ("under_collection", "over_spending"),
    "zhoushan": ("under_collection", "over_spending"),
    "nantong": ("unpaid_subsidy", "policy_not_applied", "under_collection"),
}


def fen(amount: Decimal) -> int:
    assert amount * 100 == int(amount * 100)
    return int(amount * 100)


def steps(outcome: Outcome) -> dict[str, dict[str, int]]:
    """Return the fen of every step by county."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for transfer in outcome.transfers:
        assert transfer.step not in found[transfer.county]
        found[transfer.county][transfer.step] = fen(transfer.amount)
    return found


def assessed(city: str, county: County) -> int:
    return sum(getattr(county, name) for name in MISSED[city])


@every_clearing
@many
@given(world=worlds())
def test_parts_are_the_whole(city: str, readings: Readings, world: World) -> None:
    """Of every county: what was assessed is paid whole, its surplus is split whole, its deficit is covered whole or told of."""
    outcome = clear(city, world, *readings)
    paid, untold = steps(outcome), {item.county: fen(item.amount) for item in outcome.unfunded}
    for code, county in world[1].items():
        part = paid[code]
        result = county.result + assessed(city, county)
        assert part["assessed"] == assessed(city, county)
        surplus = max(result, 0) if city == "taizhou" else 0
        assert part["surplus_to_pot"] + part["surplus_returned"] == surplus
        covered = part["own_balance"] + part["pot_share"] + part["county_share"] + part["city_share"]
        assert covered + untold.get(code, 0) == max(-result, 0)
    assert set(paid) | set(untold) <= set(world[1])


@every_clearing
@many
@given(world=worlds())
def test_only_who_is_named_pays(city: str, readings: Readings, world: World) -> None:
    """No step is paid by or to anyone but whom its clause names."""
    for transfer in clear(city, world, *readings).transfers:
        assert (transfer.payer.role, transfer.receiver.role) == NAMED[city][transfer.step]


@every_clearing
@many
@given(world=worlds())
def test_caps_hold(city: str, readings: Readings, world: World) -> None:
    """The pot pays what it holds, a county's balance what it has and the clause gives, the city its percentage at the most."""
    pot, counties = world
    paid = steps(clear(city, world, *readings))
    there = max(pot, 0)
    if ("surplus_joins_reserve", "before_claims") in readings:
        there = max(pot + sum(part["surplus_to_pot"] for part in paid.values()), 0)
    assert sum(part["pot_share"] for part in paid.values()) <= there
    for code, county in counties.items():
        part, gap = paid[code], max(-county.result - assessed(city, county), 0)
        own = max(county.balance, 0)
        if city == "zhoushan":
            # Three months of 2020 stay: a quarter of the year, the fen rounded either way.
            own = max(county.balance - county.base_expenditure // 4, 0)
            assert part["city_share"] <= Fraction(county.financing * 15, 1000)
        assert part["own_balance"] <= own
        rest = gap - part["own_balance"]
        most = {"taizhou": Fraction(20, 100), "zhoushan": Fraction(15, 100), "nantong": Fraction(0)}[city]
        assert part["city_share"] <= rest * most + 1
        if city != "nantong" and ("reserve_shortfall_base", "whole_remaining_gap") not in readings:
            assert part["pot_share"] <= Fraction(rest, 2) + 1


@every_clearing
@many
@given(world=worlds(), order=st.permutations(CODES))
def test_order_does_not_matter(city: str, readings: Readings, world: World, order: list[str]) -> None:
    """Whatever order the counties come in, everything that comes out is the same, working and order too."""
    pot, counties = world
    shuffled = {code: counties[code] for code in order if code in counties}
    assert clear(city, world, *readings) == clear(city, (pot, shuffled), *readings)


def renamed(counties: dict[str, County], names: dict[str, str]) -> dict[str, County]:
    return {names[code]: county for code, county in counties.items()}


@every_clearing
@many
@given(world=worlds(), order=st.permutations(CODES))
def test_names_matter_for_a_fen(city: str, readings: Readings, world: World, order: list[str]) -> None:
    """Other codes give the same to the same counties: exactly where their order stays, within the fen of a tie where it does not."""
    pot, counties = world
    before = steps(clear(city, world, *readings))
    upwards = dict(zip(CODES, sorted(f"9{code}" for code in CODES), strict=True))
    later = steps(clear(city, (pot, renamed(counties, upwards)), *readings))
    assert {code: dict(later[upwards[code]]) for code in counties} == {code: dict(before[code]) for code in counties}
    crossed = dict(zip(CODES, order, strict=True))
    across = steps(clear(city, (pot, renamed(counties, crossed)), *readings))
    for code in counties:
        for step in NAMED[city]:
            assert abs(across[crossed[code]][step] - before[code][step]) <= 1
    for step in NAMED[city]:
        total = sum(part[step] for part in before.values())
        assert step in ("county_share", "city_share") or sum(part[step] for part in across.values()) == total


@every_clearing
@many
@given(world=worlds(), more=FEN)
def test_a_fuller_pot_costs_nobody_more(city: str, readings: Readings, world: World, more: int) -> None:
    """With more in the pot no county pays more, nor stays with more unpaid, than a fen (of the largest remainder)."""
    pot, counties = world
    less, richer = clear(city, world, *readings), clear(city, (pot + more, counties), *readings)
    for code in counties:
        costs = []
        for outcome in (less, richer):
            part = steps(outcome)[code]
            unpaid = sum(fen(item.amount) for item in outcome.unfunded if item.county == code)
            costs.append(part["assessed"] + part["own_balance"] + part["county_share"] + unpaid)
        assert costs[1] <= costs[0] + 1


@many
@given(counties_of(SIGNED), FEN, SIGNED, FEN)
def test_one_ratio_at_most_one(balances: dict[str, int], expenditure: int, reserve: int, more: int) -> None:
    """T15.1: nobody uploads more than its balance, all upload the same share of it but for a fen, and no more than is lacking; a
    fuller reserve costs nobody a fen more than it did."""

    def uploads(held: int) -> dict[str, int]:
        rows = {code: {"balance": yuan(balance)} for code, balance in balances.items()}
        facts = {"expenditure": yuan(expenditure), "reserve": yuan(held)}
        outcome = apply(rulebook_under("taizhou"), "T15.1", "worker", "2023-opening", facts, rows)
        return {code: part["upload"] for code, part in steps(outcome).items()}

    found, richer = uploads(reserve), uploads(reserve + more)
    over = sum(max(balance, 0) for balance in balances.values())
    lacking = max(Fraction(expenditure, 4) - reserve, Fraction(0))
    ratio = min(lacking / over, Fraction(1)) if over else Fraction(0)
    for code, balance in balances.items():
        assert 0 <= found.get(code, 0) <= max(balance, 0)
        assert abs(found.get(code, 0) - ratio * max(balance, 0)) < 2
        assert richer.get(code, 0) <= found.get(code, 0) + 1


def told(rulebook: Rulebook, transfers: Iterable[Transfer], fund: str) -> None:
    """Every transfer is positive, exact, of its fund, between two parties, and cites a clause of the rulebook that has a quote."""
    quotes = {rulebook.cite(name): clause.quote for name, clause in rulebook.clauses.items()}
    ids = set()
    for transfer in transfers:
        assert transfer.amount > 0
        assert transfer.amount == transfer.amount.quantize(Decimal("0.01"))
        assert transfer.fund == fund
        assert transfer.payer != transfer.receiver
        assert quotes[transfer.clause].strip()
        assert transfer.rule_id in {*rulebook.rules, *rulebook.clauses}
        ids.add(transfer.transfer_id)
    assert len(ids) == len(list(transfers))


PERIODS = {
    "month": ["03", "12"],
    "quarter": ["Q1", "Q2", "Q3", "Q4"],
    "opening": ["opening"],
    "clearing": ["clearing"],
    "once": ["opening"],
    "case": ["06"],
}


@every_rule
@many
@given(data=st.data())
def test_any_facts(city: str, rule_id: str, data: st.DataObject) -> None:
    """Whatever is typed in, a rule gives an outcome that cites its clauses, the same in any order of counties, or says what is
    wrong with the facts."""
    rulebook = load_rulebook(city)
    entry, kind = rulebook.rules[rule_id], kind_of(rulebook, rule_id)
    fund = data.draw(st.sampled_from(entry.funds))
    period = f"{data.draw(st.integers(2022, 2025))}-{data.draw(st.sampled_from(PERIODS[entry.when]))}"
    facts = data.draw(facts_of(kind.facts))
    rows: dict[str, Any] = data.draw(counties_of(facts_of(kind.county), most=4)) if kind.county else {}
    try:
        outcome = apply(rulebook, rule_id, fund, period, facts, rows)
    except ValidationError:
        # The schema refuses them before the rule sees them.
        reject()
    except InputError as error:
        assert error.where
        return
    told(rulebook, outcome.transfers, fund)
    for item in outcome.unfunded:
        assert item.amount >= 0
        assert item.zh
        assert item.en
    assert outcome == apply(rulebook, rule_id, fund, period, facts, dict(reversed(rows.items())))
    if not kind.moves_money:
        assert not outcome.transfers


@every_rule
def test_funds_never_cross(city: str, rule_id: str) -> None:
    """Every account a rule moves money through is its fund's own, or one that serves all (treasury, government)."""
    rulebook, accounts = load_rulebook(city), load_accounts(city)
    fund_of = {account.number: account.fund for account in accounts.accounts}
    entry, year = rulebook.rules[rule_id], rulebook.notice.in_force_from.year
    moved: dict[str, Any] = {}
    for fund in entry.funds:
        for part in PERIODS[entry.when]:
            outcome = plain_case(city, rule_id, fund, f"{year}-{part}", Registered(accounts))
            told(rulebook, outcome.transfers, fund)
            for transfer in outcome.transfers:
                assert {fund_of[transfer.payer.number], fund_of[transfer.receiver.number]} <= {fund, None}
            moved.setdefault(part, []).append([(t.step, t.county, t.amount) for t in outcome.transfers])
    # Both funds go the same way, each for itself, where no value is of one fund.
    if kind_of(rulebook, rule_id).name in ("clearing", "remittance", "funding", "revolving_advance"):
        assert all(of_fund == found[0] for found in moved.values() for of_fund in found)


@every_rule
def test_every_reading_is_implemented(city: str, rule_id: str) -> None:
    """Every alternative a rulebook lists gives an outcome."""
    rulebook = load_rulebook(city)
    entry, year = rulebook.rules[rule_id], rulebook.notice.in_force_from.year + 1
    for name, reading in rulebook.readings.items():
        for value in reading.alternatives:
            for part in PERIODS[entry.when]:
                taken = rulebook_under(city, (name, value))
                outcome = plain_case(city, rule_id, entry.funds[0], f"{year}-{part}", rulebook=taken)
                told(taken, outcome.transfers, entry.funds[0])
