"""Reserves, clearings and the rest, against a reference written from the notices alone: every transfer the same, to the fen."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medpool_etl.errors import InputError
from tests.settlement.reference import (
    County,
    Flow,
    Result,
    first_resident_reserve,
    make_up,
    nantong_clearing,
    resident_top_up,
    revolving_fund,
    subsidy_quarters,
    taizhou_clearing,
    worker_reserve,
    zhoushan_clearing,
)
from tests.settlement.worlds import (
    FEN,
    FEW,
    SIGNED,
    World,
    apply,
    as_result,
    clear,
    counties_of,
    many,
    rulebook_under,
    worlds,
    yuan,
)

BASES = ("unpaid_reserve_share", "whole_remaining_gap", "matched")
JOINS = ("after_claims", "before_claims")


def same(found: Result, expected: Result) -> None:
    """Both give the same, and what is missing or too much stands in the message."""
    assert sorted(found.flows - expected.flows) == sorted(expected.flows - found.flows) == []
    assert found.unfunded == expected.unfunded


def test_the_reference_itself() -> None:
    """The reference gives what was worked by hand from the clauses."""
    taizhou = {
        "A": County(1_999_999_999),
        "B": County(-6_000_000_000, over_spending=1_000_000_000, balance=2_000_000_000),
        "C": County(-4_000_000_000, balance=500_000_000, grade="good"),
    }
    assert {(f.county, f.step, f.fen) for f in taizhou_clearing(2_000_000_000, taizhou).flows} == {
        ("A", "surplus_to_pot", 1_000_000_000),
        ("A", "surplus_returned", 999_999_999),
        ("B", "assessed", 1_000_000_000),
        ("B", "own_balance", 2_000_000_000),
        ("B", "pot_share", 975_609_756),
        ("B", "county_share", 1_919_512_195),
        ("B", "city_share", 104_878_049),
        ("C", "own_balance", 500_000_000),
        ("C", "pot_share", 1_024_390_244),
        ("C", "county_share", 2_393_018_293),
        ("C", "city_share", 82_591_463),
    }
    for base, shares in {
        "unpaid_reserve_share": (66, 30, 4),
        "whole_remaining_gap": (80, 0, 20),
        "matched": (62, 30, 8),
    }.items():
        flows = taizhou_clearing(30, {"A": County(-100)}, base).flows
        assert {f.step: f.fen for f in flows} == {
            step: fen for step, fen in zip(("county_share", "pot_share", "city_share"), shares, strict=True) if fen
        }
    zhoushan = {
        "A": County(-3_000_000_000, balance=7_000_000_000, base_expenditure=24_000_000_000, financing=30_000_000_000),
        "B": County(
            -1_200_000_000, balance=1_000_000_000, base_expenditure=9_600_000_000, financing=10_000_000_000, grade="good",
            deficit_before=True,
        ),
    }  # fmt: skip
    assert {(f.county, f.step, f.fen) for f in zhoushan_clearing(800_000_000, zhoushan).flows} == {
        ("A", "own_balance", 1_000_000_000),
        ("A", "pot_share", 519_480_519),
        ("A", "county_share", 1_336_363_637),
        ("A", "city_share", 144_155_844),
        ("B", "pot_share", 280_519_481),
        ("B", "county_share", 893_532_467),
        ("B", "city_share", 25_948_052),
    }
    assert make_up(115_050, 700_001) == [693_000_990] * 5
    assert {f.fen for f in worker_reserve(40_000_000_000, {"A": 9_000_000_000, "B": 6_000_000_000, "C": 0, "D": -1}).flows} == {
        6_000_000_000, 4_000_000_000,
    }  # fmt: skip
    topped = resident_top_up(
        120_000_000_000, 8_500_000_000,
        {"A": (300_000_000, 500_000, 10**10), "B": (100_000_000, 300_000, 100_000_000), "C": (0, 200_000, 10**10)},
    )  # fmt: skip
    assert {(f.county, f.step, f.fen) for f in topped.flows} == {
        ("A", "upload", 937_500_000),
        ("B", "upload", 100_000_000),
        ("B", "government", 312_500_000),
        ("C", "upload", 150_000_000),
    }


@pytest.mark.parametrize("joins", JOINS)
@pytest.mark.parametrize("base", BASES)
@many
@given(world=worlds())
def test_taizhou_clearing(base: str, joins: str, world: World) -> None:
    """T18 and T19, under every reading."""
    taken = (("reserve_shortfall_base", base), ("surplus_joins_reserve", joins))
    same(as_result(clear("taizhou", world, *taken)), taizhou_clearing(*world, base, joins))


# 1.5% of 0.34 yuan is 0.51 fen: the most the city bears is less than one fen.
@many
@example(world=(0, {"331002": County(-4, financing=34)}))
@given(world=worlds())
def test_zhoushan_clearing(world: World) -> None:
    """Z-4.1 and Z-4.2."""
    same(as_result(clear("zhoushan", world)), zhoushan_clearing(*world))


@many
@given(world=worlds())
def test_nantong_clearing(world: World) -> None:
    """N-3."""
    same(as_result(clear("nantong", world)), nantong_clearing(*world))


# Years of spending whose third or twelfth is not a whole fen, and whose month the balances can and cannot pay.
YEARS = st.one_of(FEN, FEN.map(lambda fen: 12 * fen + 6), FEN.map(lambda fen: 4 * fen + 2))
HEADS = st.one_of(st.just(0), FEW, st.integers(0, 3_000_000))


@many
@given(counties_of(SIGNED), YEARS, SIGNED)
def test_worker_reserve(balances: dict[str, int], expenditure: int, reserve: int) -> None:
    """T15.1, the first and later years: need by one ratio, what the balances cannot pay is told of."""
    facts = {"expenditure": yuan(expenditure), "reserve": yuan(reserve)}
    rows = {code: {"balance": yuan(fen)} for code, fen in balances.items()}
    found = apply(rulebook_under("taizhou"), "T15.1", "worker", "2023-opening", facts, rows)
    same(as_result(found), worker_reserve(expenditure, balances, reserve))


@many
@given(counties_of(SIGNED), YEARS, SIGNED, FEN)
def test_worker_reserve_with_the_adjustment_fund(
    balances: dict[str, int], expenditure: int, reserve: int, adjustment: int
) -> None:
    """T15.1.2: netted, the old adjustment fund counts as reserve; by default it does not count."""
    facts = {"expenditure": yuan(expenditure), "reserve": yuan(reserve), "adjustment_fund": yuan(adjustment)}
    rows = {code: {"balance": yuan(fen)} for code, fen in balances.items()}
    for reading, held in (("after_upload", reserve), ("netted", reserve + adjustment)):
        rulebook = rulebook_under("taizhou", ("adjustment_fund", reading))
        found = apply(rulebook, "T15.1", "worker", "2022-opening", facts, rows)
        same(as_result(found), worker_reserve(expenditure, balances, held))


@many
@given(counties_of(st.tuples(YEARS, SIGNED)))
def test_first_resident_reserve(counties: dict[str, tuple[int, int]]) -> None:
    """T15.2 for 2022: each county one month of its own."""
    rows = {code: {"expenditure": yuan(year), "balance": yuan(own)} for code, (year, own) in counties.items()}
    found = apply(rulebook_under("taizhou"), "T15.2.first", "resident", "2022-opening", {}, rows)
    same(as_result(found), first_resident_reserve(counties))


@pytest.mark.parametrize("reading", ["all_by_enrolment", "enrolment_half_only"])
@many
@given(counties=counties_of(st.tuples(st.one_of(st.just(0), FEN), HEADS, SIGNED)), expenditure=YEARS, reserve=SIGNED)
def test_resident_top_up(
    reading: str, counties: dict[str, tuple[int, int, int]], expenditure: int, reserve: int
) -> None:
    """T15.2 in later years; where nobody is enrolled it is an error, not a guess (G3)."""
    facts = {"expenditure": yuan(expenditure), "reserve": yuan(reserve)}
    rows = {
        code: {"deficit": yuan(deficit), "enrolment": heads, "balance": yuan(own)}
        for code, (deficit, heads, own) in counties.items()
    }
    rulebook = rulebook_under("taizhou", ("no_deficit_county", reading))
    half_only = reading == "enrolment_half_only"
    try:
        expected = resident_top_up(expenditure, reserve, counties, half_only)
    except ValueError:
        with pytest.raises(InputError, match="第十五条第二款"):
            apply(rulebook, "T15.2", "resident", "2024-opening", facts, rows)
        return
    same(as_result(apply(rulebook, "T15.2", "resident", "2024-opening", facts, rows)), expected)


@many
@given(counties_of(st.tuples(st.one_of(st.integers(119_990, 120_010), st.integers(0, 130_000)), HEADS)))
def test_make_up(counties: dict[str, tuple[int, int]]) -> None:
    """N-2: a fifth a year, the last year the rest, no year after it; what earlier years paid does not change what is asked."""
    rulebook = rulebook_under("nantong")
    yearly = {code: make_up(*facts) for code, facts in counties.items()}
    for number, year in enumerate(range(2020, 2026)):
        rows = {
            code: {
                "standard": yuan(standard),
                "insured": heads,
                "paid_before": yuan(sum(yearly[code][:number])),
            }
            for code, (standard, heads) in counties.items()
        }
        expected = {
            Flow(code, "", "county_finance", "fiscal_account", paid[number])
            for code, paid in yearly.items()
            if number < len(paid) and paid[number]
        }
        for given_or_not in (rows, {code: {**row, "paid_before": None} for code, row in rows.items()}):
            found = apply(rulebook, "N-2", "resident", f"{year}-opening", {}, given_or_not)
            same(as_result(found), Result(frozenset(expected), {}))


@many
@given(counties_of(st.tuples(FEN, FEN)))
def test_subsidy_quarters(counties: dict[str, tuple[int, int]]) -> None:
    """T8.2, where every quarter arrives as it was called: equal quarters, the fourth settled with the provincial grant."""
    rulebook = rulebook_under("taizhou", ("subsidy_overpaid", "returned"))
    falls = {code: subsidy_quarters(*facts) for code, facts in counties.items()}
    for quarter in (1, 2, 3, 4):
        rows = {
            code: {"year_amount": yuan(year), "provincial_grant": yuan(grant) if quarter == 4 else None}
            | {f"paid_q{past}": yuan(falls[code][past - 1]) for past in range(1, quarter)}
            for code, (year, grant) in counties.items()
        }
        expected = set()
        for code, quarters in falls.items():
            fen = quarters[quarter - 1]
            if fen > 0:
                expected.add(Flow(code, "quarter", "county_finance", "fiscal_account", fen))
            elif fen < 0:
                expected.add(Flow(code, "returned", "fiscal_account", "county_finance", -fen))
        found = apply(rulebook, "T8.2", "resident", f"2022-Q{quarter}", {}, rows)
        same(as_result(found), Result(frozenset(expected), {}))


@many
@given(
    st.integers(1, 4),
    FEN,
    st.one_of(st.just(0), FEN),
    st.lists(st.one_of(st.just(0), FEN, FEW), min_size=4, max_size=4),
)
def test_subsidy_arrives_unevenly(quarter: int, year: int, grant: int, paid: list[int]) -> None:
    """T8.2: whatever arrived before, what is called is what has fallen due so far less what arrived, and never more."""
    rulebook = rulebook_under("taizhou", ("subsidy_overpaid", "returned"))
    arrived = paid[:quarter]
    row = {"year_amount": yuan(year), "provincial_grant": yuan(grant) if quarter == 4 else None}
    row |= {f"paid_q{number}": yuan(fen) for number, fen in enumerate(arrived, 1)}
    flows = as_result(apply(rulebook, "T8.2", "resident", f"2022-Q{quarter}", {}, {"331002": row})).flows
    owed = sum(subsidy_quarters(year, grant)[:quarter]) - sum(arrived)
    called = sum(flow.fen for flow in flows if flow.step in ("quarter", "arrears"))
    returned = sum(flow.fen for flow in flows if flow.step == "returned")
    assert called == max(owed, 0)
    assert returned == (max(-owed, 0) if quarter == 4 else 0)


@pytest.mark.parametrize("reading", ["closed_months", "whole_year"])
@pytest.mark.parametrize(
    ("city", "rule_id", "period", "months"),
    [("taizhou", "T11", "2023-opening", 1), ("zhoushan", "Z-3.1", "2021-opening", 2)],
)
@many
@given(counties=counties_of(st.tuples(FEN, st.integers(1, 12), FEN)))
def test_revolving_fund(
    city: str, rule_id: str, period: str, months: int, reading: str, counties: dict[str, tuple[int, int, int]]
) -> None:
    """T11 and Z-3.1: average months of the closed months' payments, or of a whole year with the rest of it estimated; to the city
    agency and on to the county's."""
    rows, expected = {}, set()
    for code, (paid, closed, estimate) in counties.items():
        whole = reading == "whole_year"
        if whole and closed < 12:
            # Months that are not closed are estimated; nobody's estimate is nothing.
            estimate = max(estimate, 1)
        rows[code] = {"payments": yuan(paid), "months": closed, "estimate": yuan(estimate)}
        fen = revolving_fund(paid + (estimate if whole else 0), 12 if whole else closed, months)
        if fen:
            expected.add(Flow(code, "payment", "fiscal_account", "city_agency", fen))
            expected.add(Flow(code, "distribution", "city_agency", "county_agency", fen))
    rulebook = rulebook_under(city, ("revolving_average", reading))
    found = apply(rulebook, rule_id, "worker", period, {}, rows)
    same(as_result(found), Result(frozenset(expected), {}))
