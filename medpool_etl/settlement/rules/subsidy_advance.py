"""Subsidies of residents called in two parts (财政补助提前划入与清算): an advance on last year's, and the rest.

Zhoushan Z-2.2 (二（二）2): by the end of June city finance has every county move a share of last year's subsidy ahead; once the year's
is settled the rest follows, all of it by the end of September. Central and provincial grants come to the city directly.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from medpool_etl.documents import Text
from medpool_etl.money import from_fen
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of, require
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.parties import Role
from medpool_etl.settlement.splits import two_way


class AdvanceFacts(Facts):
    """Facts of the city. The share is the city's to say every year: it has no default."""

    share: Annotated[Decimal, Field(gt=0, le=100)] = fact(
        "提前划入比例（占上年补助）", "share of last year's subsidy that is called ahead", "percent"
    )
    upper: Amount = fact(
        "本季直接下达市级的中央、省补助",
        "central and provincial grants allotted to the city in the quarter",
        "yuan",
        Decimal(0),
    )


class AdvanceCounty(CountyFacts):
    """Facts of a county: its own (local) subsidy of residents."""

    last_year: Amount = fact("上年地方财政补助", "local subsidy of the year before", "yuan")
    settled: Amount | None = fact(
        "当年应到位地方财政补助（清算数）",
        "local subsidy of the year as settled; not needed for the advance",
        "yuan",
        None,
    )
    paid: Amount = fact("当年已到位", "paid of it so far this year", "yuan", Decimal(0))


def call(case: Case[AdvanceFacts, AdvanceCounty]) -> Outcome:
    """Return what each county's finance moves to the city's special fiscal account in a quarter.

    In the quarter the deadline ``subsidy_advance`` names, step ``advance``: the share of last year's, half up on the fen. In the
    quarter of ``subsidy_rest``, step ``rest``: what is settled less what is paid, repaid where more was paid. In any quarter,
    step ``upper``: what province and centre allot. Raises InputError for a period that is no quarter, and where the rest is asked
    for and a county's subsidy is not settled.
    """
    require(case.period.kind == "quarter", f"{case.period} is no quarter", case, "a quarter, such as 2021-Q2")
    notes = Notes()
    notes.transfers += case.transfer(
        "upper", "", "province", "fiscal_account", fen_of(case.facts.upper), facts={"upper": case.facts.upper}
    )
    ahead, rest = (
        case.period.number in case.rulebook.deadline(name).quarters for name in ("subsidy_advance", "subsidy_rest")
    )
    for code, county in case.by_code():
        advance, _ = two_way(fen_of(county.last_year), case.facts.share)
        if ahead:
            known = {"last_year": county.last_year, "share": case.facts.share}
            notes.transfers += case.transfer(
                "advance", code, "county_finance", "fiscal_account", advance, due="subsidy_advance", facts=known
            )
        if rest:
            _rest(case, code, county, advance, notes)
    return notes.outcome()


def _rest(
    case: Case[AdvanceFacts, AdvanceCounty], code: str, county: AdvanceCounty, advance: int, notes: Notes
) -> None:
    require(county.settled is not None, f"the subsidy of {code} is not settled", case, "settled: this year's amount")
    settled, paid = fen_of(county.settled or Decimal(0)), fen_of(county.paid)
    payer: Role = "county_finance" if settled >= paid else "fiscal_account"
    receiver: Role = "fiscal_account" if settled >= paid else "county_finance"
    # What was called ahead and never came is part of the rest: said apart, because it is late already.
    late = max(min(advance, settled) - paid, 0)
    if late:
        notes.working.append(
            case.working(
                "late", code, "其中提前划入部分逾期未到位", "of it called ahead and late already", from_fen(late)
            )
        )
    known = {"settled": from_fen(settled), "paid": county.paid}
    notes.transfers += case.transfer(
        "rest", code, payer, receiver, abs(settled - paid), due="subsidy_rest", facts=known
    )


KINDS = (
    RuleKind(
        "subsidy_advance",
        Text(zh="财政补助提前划入与清算", en="Subsidy: an advance, then the rest"),
        call,
        AdvanceFacts,
        AdvanceCounty,
        deadlines=("subsidy_advance", "subsidy_rest"),
        ahead={"subsidy_advance": ("annual_parameters",), "subsidy_rest": ("annual_budget", "annual_parameters")},
        # What province and centre allot is known once the quarter is over.
        not_ahead=("upper",),
    ),
)
