"""Premiums collected before their year (预收保费): they belong to the period they were paid for, not to the day they came in.

Taizhou T8.3 (附件第八条第三款).
"""

from __future__ import annotations

from decimal import Decimal

from medpool_etl.documents import Text
from medpool_etl.money import from_fen
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of, require
from medpool_etl.settlement.kind import RuleKind


class PrepaidCounty(CountyFacts):
    """Facts of a county."""

    collected: Amount = fact(
        "上年征缴、所属本年度的保费（扣除退费）",
        "premiums of this year collected in the year before, net of refunds",
        "yuan",
    )
    moved: Amount = fact("其中已划转市财政专户", "of which moved to the fiscal account already", "yuan", Decimal(0))


def move_prepaid(case: Case[Facts, PrepaidCounty]) -> Outcome:
    """Return a transfer treasury → special fiscal account for each county's premiums of the year that were collected before it.

    T8.3: due as the deadline ``prepaid`` says. They are income of the period's year whatever day they came in on; the working
    names that year. Raises InputError where more has been moved than was collected.
    """
    notes = Notes()
    for code, county in case.by_code():
        require(
            county.moved <= county.collected,
            f"{code}: {county.moved} yuan were moved, {county.collected} collected",
            case,
            "no more than was collected",
        )
        left = fen_of(county.collected) - fen_of(county.moved)
        zh, en = f"属于{case.period.year}年度收入", f"income of {case.period.year}"
        notes.working.append(case.working("belongs", code, zh, en, county.collected))
        notes.working.append(case.working("to_move", code, "应划转", "to be moved", from_fen(left)))
        notes.transfers += case.transfer(
            "", code, "treasury", "fiscal_account", left, due="prepaid",
            facts={"of_year": case.period.year, "collected": county.collected, "moved": county.moved},
        )  # fmt: skip
    return notes.outcome()


KINDS: tuple[RuleKind, ...] = (
    RuleKind(
        "prepaid_premiums",
        Text(zh="预收保费划转", en="Premiums collected before their year"),
        move_prepaid,
        county=PrepaidCounty,
        deadlines=("prepaid",),
    ),
)
