"""Contribution bases of workers (缴费基数) and the residents' own share (个人缴费占比): figures, no transfers.

Taizhou T-IV.2 (四（一）2), Hangzhou H-1 (三（一）1（2）), Zaozhuang Zz-2 (四（二）1（1）).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from medpool_etl.documents import Text
from medpool_etl.money import from_fen
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of
from medpool_etl.settlement.kind import RuleKind


class WageFacts(Facts):
    """Facts of the city."""

    average_wage: Amount = fact(
        "上年度全省月平均工资", "the province's average monthly wage of the year before", "yuan a month"
    )


class Wage(CountyFacts):
    """A worker; the row has any name."""

    wage: Amount = fact("本人上年度月平均工资", "own average monthly wage of the year before", "yuan a month")


class Financing(CountyFacts):
    """A standard of financing a head; the row has any name."""

    own: Amount = fact("个人缴费标准", "own contribution a head a year", "yuan")
    subsidy: Amount = fact("财政补助标准", "subsidy a head a year", "yuan")


def bounds(case: Case[Any, Any], average_wage: Decimal) -> tuple[int, int]:
    """Return the lowest and the highest monthly base in fen: ``base_floor_percent`` and ``base_cap_percent`` of the average wage, each
    rounded half up to the fen."""
    return percent_of(average_wage, case.number("base_floor_percent")), percent_of(
        average_wage, case.number("base_cap_percent")
    )


def percent_of(amount: Decimal, percent: Decimal) -> int:
    """Return a percentage of an amount in yuan, in fen, rounded half up."""
    return int((Decimal(fen_of(amount)) * percent / 100).to_integral_value(ROUND_HALF_UP))


def clamp(case: Case[WageFacts, Wage]) -> Outcome:
    """Return each worker's monthly base (figure ``base``, yuan): the own wage, not below the floor and not above the cap.

    T-IV.2, H-1, Zz-2. Floor and cap are rounded half up to the fen; a wage is never rounded. ``bound`` says which of them held: floor,
    cap, or the wage itself.
    """
    notes = Notes()
    floor, cap = bounds(case, case.facts.average_wage)
    notes.figures.append(case.working("floor", "", "缴费基数下限", "lowest base a month", from_fen(floor)))
    notes.figures.append(case.working("cap", "", "缴费基数上限", "highest base a month", from_fen(cap)))
    for name, worker in case.by_code():
        wage = fen_of(worker.wage)
        base = min(max(wage, floor), cap)
        held = "floor" if wage < floor else "cap" if wage > cap else "wage"
        notes.figures.append(case.working("base", name, "月缴费基数", "base a month", from_fen(base)))
        notes.working.append(case.working("bound", name, "适用", "what held", held))
    return notes.outcome()


def own_share(case: Case[Facts, Financing]) -> Outcome:
    """Return whether residents pay at least ``own_share_least`` of financing a head themselves.

    T-IV.2. Figures by row: ``financing`` (own + subsidy), ``least`` (of that financing, rounded up to the fen, since less would be below
    the share), ``least_beside`` (the least own contribution beside this subsidy, which is more when the own one is too low, because
    raising it raises the financing too), ``met`` (yes or no, compared exactly), ``short`` (what the own contribution lacks of
    ``least_beside``); all in yuan a head a year.
    """
    notes = Notes()
    share = case.rulebook.fraction("own_share_least", case.day)
    over, under = share.numerator, share.denominator
    for name, row in case.by_code():
        own, subsidy = fen_of(row.own), fen_of(row.subsidy)
        least_beside = _up(subsidy * over, under - over)
        for step, zh, en, value in (
            ("financing", "人均筹资额", "financing a head", from_fen(own + subsidy)),
            (
                "least",
                "按现筹资额个人最低缴费",
                "least of this financing",
                from_fen(_up((own + subsidy) * over, under)),
            ),
            ("least_beside", "按现补助标准个人最低缴费", "least beside this subsidy", from_fen(least_beside)),
            ("met", "是否达到", "whether it is met", "yes" if own * under >= (own + subsidy) * over else "no"),
            ("short", "个人缴费尚差", "what the own contribution lacks", from_fen(max(least_beside - own, 0))),
        ):
            notes.figures.append(case.working(step, name, zh, en, value))
    return notes.outcome()


def _up(numerator: int, denominator: int) -> int:
    """Return a quotient rounded up."""
    return -(-numerator // denominator)


KINDS = (
    RuleKind(
        "base_clamp",
        Text(zh="缴费基数上下限", en="Contribution base within its bounds"),
        clamp,
        WageFacts,
        Wage,
        values=("base_floor_percent", "base_cap_percent"),
        moves_money=False,
    ),
    RuleKind(
        "own_share",
        Text(zh="个人缴费占筹资比例", en="Own share of the residents' financing"),
        own_share,
        county=Financing,
        values=("own_share_least",),
        moves_money=False,
    ),
)
