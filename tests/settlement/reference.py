"""The sharing rules of the notices a second time, slow and plain, for checking medpool against them.

Written from the texts of 台政办发〔2021〕48号 (Taizhou), 舟医保发〔2020〕40号 (Zhoushan) and 通政办发〔2019〕101号 (Nantong), not from
medpool's code, which it does not import. Amounts are whole fen, shares exact fractions; every constant is the notice's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

# 优秀 优良 良好 合格 不合格, best first.
GRADES = ("excellent", "very_good", "good", "pass", "fail")


class Flow(NamedTuple):
    """Money that moves: for whom, at which step, who pays, who receives, how many fen."""

    county: str
    step: str
    payer: str
    receiver: str
    fen: int


@dataclass(frozen=True)
class County:
    """A county at the clearing of a year; amounts in fen."""

    result: int
    under_collection: int = 0
    over_spending: int = 0
    unpaid_subsidy: int = 0
    policy_not_applied: int = 0
    balance: int = 0
    base_expenditure: int = 0
    financing: int = 0
    grade: str = "excellent"
    deficit_before: bool = False


@dataclass(frozen=True)
class Result:
    """What a rule gives: the flows, and what nobody pays, by county ("" for the city)."""

    flows: frozenset[Flow]
    unfunded: dict[str, int]


def half_up(amount: Fraction | int) -> int:
    """Round an amount that is not negative to the fen, half a fen up."""
    return math.floor(Fraction(amount) + Fraction(1, 2))


def by_weight(total: int, weights: Mapping[str, Fraction | int]) -> dict[str, int]:
    """Split by largest remainder: everyone's whole fen, then one fen at a time to who is furthest behind, the lower code first.
    ValueError where nobody has a weight."""
    counted = {name: Fraction(max(weight, 0)) for name, weight in weights.items()}
    everything = sum(counted.values())
    if everything == 0:
        raise ValueError("nothing to split by")
    exact = {name: total * weight / everything for name, weight in counted.items()}
    parts = {name: math.floor(share) for name, share in exact.items()}
    lacking = {name: exact[name] - parts[name] for name in exact}
    while sum(parts.values()) < total:
        first = None
        for name in sorted(lacking):
            if first is None or lacking[name] > lacking[first]:
                first = name
        assert first is not None
        parts[first] += 1
        lacking[first] = Fraction(-1)
    return parts


def paid_from(pot: int, claims: Mapping[str, int]) -> dict[str, int]:
    """Pay claims out of a pot: all of them, or in proportion where it is short."""
    there = max(pot, 0)
    if there >= sum(claims.values()):
        return dict(claims)
    return by_weight(there, claims)


def _below(grade: str, required: str) -> bool:
    return GRADES.index(grade) > GRADES.index(required)


def _result(flows: Iterable[Flow], unfunded: Mapping[str, int]) -> Result:
    return Result(frozenset(flow for flow in flows if flow.fen), {name: fen for name, fen in unfunded.items() if fen})


def taizhou_clearing(
    pot: int,
    counties: Mapping[str, County],
    base: str = "unpaid_reserve_share",
    joins: str = "after_claims",
) -> Result:
    """附件第十八、十九条. ``base``: of what city and county bear 20% and 80% when the reserve is short; ``joins``: when the year's
    surplus halves reach the reserve."""
    flows: list[Flow] = []
    gaps: dict[str, int] = {}
    claims: dict[str, int] = {}
    halves = 0
    for code, county in counties.items():
        # 第十九条第三款: 未达到……考核目标造成的少收或多支情形……由各县（市、区）政府补足. Booked first.
        assessed = county.under_collection + county.over_spending
        flows.append(Flow(code, "assessed", "county_government", "fiscal_account", assessed))
        result = county.result + assessed
        if result >= 0:
            # 第十八条: 50%作为归集基金，50%返还.
            half = half_up(Fraction(result, 2))
            halves += half
            flows.append(Flow(code, "surplus_to_pot", "fiscal_account", "reserve", half))
            flows.append(Flow(code, "surplus_returned", "fiscal_account", "county_balance", result - half))
            continue
        # 第四款: 首先动用其基金累计结余弥补.
        gap = -result
        own = min(gap, max(county.balance, 0))
        flows.append(Flow(code, "own_balance", "county_balance", "fiscal_account", own))
        gaps[code] = gap - own
        # 由归集基金、缺口地财政分别按50%比例补足; 考核达不到优秀的，地方分担比例上升5%.
        claims[code] = half_up(
            gaps[code] * (Fraction(45, 100) if _below(county.grade, "excellent") else Fraction(1, 2))
        )

    there = pot + halves if joins == "before_claims" else pot
    short = max(there, 0) < sum(claims.values())
    paid = paid_from(there, claims)
    for code, gap in gaps.items():
        worse = _below(counties[code].grade, "excellent")
        city_percent = Fraction(15 if worse else 20, 100)
        if not short:
            reserve, city = claims[code], 0
        elif base == "unpaid_reserve_share":
            # Of the reserve's half, what it could not pay.
            reserve = paid[code]
            city = half_up((claims[code] - reserve) * city_percent)
        elif base == "whole_remaining_gap":
            # The whole gap; the reserve stays out.
            reserve = 0
            city = half_up(gap * city_percent)
        elif base == "matched":
            # The county puts beside what the reserve pays its own in the same ratio (50:50, 55:45); of what is left, 20% and 80%.
            reserve = paid[code]
            beside = half_up(reserve * (Fraction(55, 45) if worse else Fraction(1)))
            city = half_up(max(gap - reserve - beside, 0) * city_percent)
        else:
            raise AssertionError(base)
        flows.append(Flow(code, "pot_share", "reserve", "fiscal_account", reserve))
        flows.append(Flow(code, "county_share", "county_finance", "fiscal_account", gap - reserve - city))
        flows.append(Flow(code, "city_share", "city_finance", "fiscal_account", city))
    return _result(flows, {})


def zhoushan_clearing(pot: int, counties: Mapping[str, County]) -> Result:
    """二（四）1 and 2."""
    flows: list[Flow] = []
    gaps: dict[str, int] = {}
    claims: dict[str, int] = {}
    for code, county in counties.items():
        # 2: 考核未达标的，基金征收不足或多支部分由县（区）政府补足.
        assessed = county.under_collection + county.over_spending
        flows.append(Flow(code, "assessed", "county_government", "fiscal_account", assessed))
        gap = -(county.result + assessed)
        if gap <= 0:
            continue
        # 1: 2020年底历年结余支付能力大于3个月以上部分金额，可用于弥补.
        above = max(county.balance - half_up(Fraction(3 * county.base_expenditure, 12)), 0)
        own = min(gap, above)
        flows.append(Flow(code, "own_balance", "county_balance", "fiscal_account", own))
        gaps[code] = gap - own
        # 由该县（区）财政承担50%，剩余50%由全市可统筹使用的基金结余补助; 2: 未达到优良的……提高5个百分点.
        first = Fraction(55 if _below(county.grade, "very_good") else 50, 100)
        claims[code] = gaps[code] - half_up(gaps[code] * first)
    paid = paid_from(pot, claims)
    for code, gap in gaps.items():
        county = counties[code]
        # 不足部分由市和县（区）财政按3:7比例分担……连续亏损县（区）的市财政分担比例减半.
        percent = Fraction(30, 100) / (2 if county.deficit_before else 1)
        if _below(county.grade, "very_good"):
            percent -= Fraction(5, 100)
        city = half_up((claims[code] - paid[code]) * percent)
        # 市财政最高分担金额为当年县（区）筹资总额的1.5%.
        city = min(city, math.floor(county.financing * Fraction(15, 1000)))
        flows.append(Flow(code, "pot_share", "pool", "fiscal_account", paid[code]))
        flows.append(Flow(code, "county_share", "county_finance", "fiscal_account", gap - paid[code] - city))
        flows.append(Flow(code, "city_share", "city_finance", "fiscal_account", city))
    return _result(flows, {})


def nantong_clearing(pot: int, counties: Mapping[str, County]) -> Result:
    """四（三）第二款. Spending over the plan is not among what the county pays: 形成的基金收入缺口."""
    flows: list[Flow] = []
    claims: dict[str, int] = {}
    for code, county in counties.items():
        # 未按规定补助到位、未严格执行缴费政策或未完成征收计划……由县（市）、区政府（管委会）负责补足.
        assessed = county.unpaid_subsidy + county.policy_not_applied + county.under_collection
        flows.append(Flow(code, "assessed", "county_government", "fiscal_account", assessed))
        claims[code] = max(-(county.result + assessed), 0)
    # 出现缺口，由市通过结余基金补足.
    paid = paid_from(pot, claims)
    flows += [Flow(code, "pot_share", "pool", "fiscal_account", fen) for code, fen in paid.items()]
    # 累计结余不足的……调整医保政策: nobody pays.
    return _result(flows, {code: claims[code] - paid[code] for code in claims})


def _months(months: int, year: int) -> int:
    return half_up(Fraction(months * year, 12))


def worker_reserve(expenditure: int, balances: Mapping[str, int], reserve: int = 0) -> Result:
    """附件第十五条第一款: three months of the city's year before, less what is held, at one ratio of the counties' balances."""
    lacking = max(_months(3, expenditure) - reserve, 0)
    positive = {code: max(balance, 0) for code, balance in balances.items()}
    there = sum(positive.values())
    asked = min(lacking, there)
    parts = by_weight(asked, positive) if asked else {}
    flows = [Flow(code, "upload", "county_balance", "reserve", fen) for code, fen in parts.items()]
    return _result(flows, {"": lacking - asked})


def _balance_first(code: str, owed: int, balance: int) -> list[Flow]:
    """可从暂存在各县（市、区）的……累计结余中划入，累计结余不足的由各县（市、区）政府统筹解决."""
    own = min(owed, max(balance, 0))
    return [
        Flow(code, "upload", "county_balance", "reserve", own),
        Flow(code, "government", "county_government", "reserve", owed - own),
    ]


def first_resident_reserve(counties: Mapping[str, tuple[int, int]]) -> Result:
    """附件第十五条第二款 for 2022: one month of the county's own year before. ``counties``: expenditure, balance."""
    flows: list[Flow] = []
    for code, (expenditure, balance) in counties.items():
        flows += _balance_first(code, _months(1, expenditure), balance)
    return _result(flows, {})


def resident_top_up(
    expenditure: int, reserve: int, counties: Mapping[str, tuple[int, int, int]], half_only: bool = False
) -> Result:
    """附件第十五条第二款 in later years. ``counties``: deficit, enrolment, balance. Where no county has a deficit, its half is split
    by enrolment too, or (``half_only``) borne by nobody, which is ``unfunded``."""
    lacking = max(_months(1, expenditure) - reserve, 0)
    by_deficit = half_up(Fraction(lacking, 2))
    by_heads = lacking - by_deficit
    told = 0
    if not any(deficit for deficit, _, _ in counties.values()):
        told = by_deficit if half_only else 0
        by_heads += 0 if half_only else by_deficit
        by_deficit = 0
    flows: list[Flow] = []
    first = by_weight(by_deficit, {code: deficit for code, (deficit, _, _) in counties.items()}) if by_deficit else {}
    second = by_weight(by_heads, {code: heads for code, (_, heads, _) in counties.items()}) if by_heads else {}
    for code, (_, _, balance) in counties.items():
        flows += _balance_first(code, first.get(code, 0) + second.get(code, 0), balance)
    return _result(flows, {"": told})


def make_up(standard: int, heads: int) -> list[int]:
    """Nantong 二: what a county pays in each of 2020 to 2024, a fifth each, never more than is still owed, the last year the rest.
    ``standard``: its 2020 financing a head, in fen."""
    owed = max(120_000 - standard, 0) * heads
    left, paid = owed, []
    for year in range(2020, 2025):
        paid.append(min(half_up(Fraction(owed, 5)), left) if year < 2024 else left)
        left -= paid[-1]
    return paid


def subsidy_quarters(year: int, provincial: int) -> list[int]:
    """附件第八条第二款: what falls on each quarter of the year's resident subsidy. 分季度均衡; the fourth settles with the provincial
    grant and can be negative."""
    equal, left, quarters = half_up(Fraction(year, 4)), year, []
    for _ in range(3):
        quarters.append(min(equal, left))
        left -= quarters[-1]
    return [*quarters, left - provincial]


def revolving_fund(paid: int, over: int, months: int) -> int:
    """附件第十一条: one average month of what was paid over so many months; Zhoushan 二（三）1: two."""
    return half_up(Fraction(paid * months, over))
