"""Financing standards that were too low, made up over years (居民医保筹资差额补缴).

Nantong N-2 (二、主要目标): a county whose residents' standard of 2020 is below 1,200 yuan a head owes the difference for all its insured
to the city's resident fund, a fifth a year from 2020 to 2024.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from medpool_etl.documents import Text
from medpool_etl.money import from_fen
from medpool_etl.settlement.case import (
    Amount,
    Case,
    CountyFacts,
    Facts,
    Notes,
    Outcome,
    Unfunded,
    fact,
    fen_of,
    require,
)
from medpool_etl.settlement.instalments import instalment
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.splits import two_way


class MakeUpCounty(CountyFacts):
    """Facts of a county as it was in the first year. A unit that ceased keeps its row, and ``successor`` names who inherited it."""

    standard: Amount = fact(
        "首年居民人均筹资标准", "residents' financing a head in the first year", "yuan a head a year"
    )
    insured: int = Field(
        ge=0,
        description="首年居民医保参保人数 | insured residents in the first year",
        json_schema_extra={"unit": "persons"},
    )
    paid_before: Amount | None = fact(
        "以前年度已补缴", "paid in earlier years; left out: what those years asked for", "yuan", None
    )
    successor: str | None = fact("承继单位代码（已合并、撤销的）", "code of the unit that inherited it", "", None)


def make_up(case: Case[Facts, MakeUpCounty]) -> Outcome:
    """Return what each county's finance pays the fund this year: ``make_up_percent`` of its total, half up on the fen, for
    ``make_up_years`` years counted from the year that value first holds; the last year takes the rounding. Due by ``make_up``.

    The total is (``make_up_standard`` − its standard) × its insured, nothing where the standard is met. What earlier years asked for and
    did not get is told of, not asked for twice. A successor pays the parts of the units it inherited with its own, each reckoned
    by itself so that no fen is lost in the merger. Raises InputError where more is paid than owed.
    """
    years = int(case.number("make_up_years"))
    number = case.period.year - case.rulebook.values["make_up_years"].dated[0].from_day.year + 1
    notes = Notes()
    totals: dict[str, int] = {}
    due: dict[str, int] = {}
    arrears: dict[str, int] = {}
    for code, county in case.by_code():
        lacking = max(case.number("make_up_standard") - county.standard, Decimal(0))
        total = fen_of(lacking * county.insured)
        notes.working.append(case.working("total", code, "总差额", "the difference for all insured", from_fen(total)))
        paid = None if county.paid_before is None else fen_of(county.paid_before)
        require(
            (paid or 0) <= total,
            f"{code} paid {from_fen(paid or 0)} of {from_fen(total)}",
            case,
            "no more than it owed",
        )
        yearly, _ = two_way(total, case.number("make_up_percent"))
        part = instalment(total, yearly, years, number, paid)
        debtor = county.successor or code
        for sums, fen in ((totals, total), (due, part.due), (arrears, part.arrears)):
            sums[debtor] = sums.get(debtor, 0) + fen
    for code in sorted(totals):
        notes.transfers += case.transfer(
            "", code, "county_finance", "fiscal_account", due[code], due="make_up",
            facts={"total": from_fen(totals[code]), "year": number, "of": years},
        )  # fmt: skip
        if arrears[code]:
            notes.unfunded.append(
                Unfunded(
                    case.rule_id, case.fund, code, from_fen(arrears[code]), "以前年度应补缴差额尚未到位",
                    "of the instalments of earlier years, not yet paid", case.clause(),
                )
            )  # fmt: skip
    return notes.outcome()


KINDS = (
    RuleKind(
        "make_up",
        Text(zh="居民筹资差额补缴", en="Financing difference made up"),
        make_up,
        county=MakeUpCounty,
        values=("make_up_standard", "make_up_percent", "make_up_years"),
        deadlines=("make_up",),
    ),
)
