"""What agencies pay designated institutions (定点医药机构): an advance, monthly claims, and the clearing of the year.

Zhoushan Z-3.2 (二（三）2). Each county agency pays its own; a county's figures are the sums of its institutions.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from medpool_etl.documents import Text
from medpool_etl.money import from_fen
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of, require
from medpool_etl.settlement.kind import RuleKind


class QuotaCounty(CountyFacts):
    """Facts of a county at the opening of a year."""

    quota: Amount = fact("定点医药机构年度总额控费额度", "the year's total-control quota of its institutions", "yuan")


def advance(case: Case[Facts, QuotaCounty]) -> Outcome:
    """Return the advance each county's agency pays its institutions: ``institution_advance_months`` of the year's quota, half up
    on the fen. The notice names no day."""
    months = case.number("institution_advance_months")
    notes = Notes()
    for code, county in case.by_code():
        fen = int((fen_of(county.quota) * months / 12).to_integral_value(ROUND_HALF_UP))
        known = {"quota": county.quota}
        notes.transfers += case.transfer("", code, "county_agency", "institutions", fen, facts=known)
    return notes.outcome()


class ClaimsCounty(CountyFacts):
    """Facts of a county for a month: what its institutions claim for it."""

    claimed: Amount = fact("定点医药机构申拨额", "claimed by the institutions for the month", "yuan")
    refused: Amount = fact("审核扣减", "refused on review", "yuan", Decimal(0))


def claims(case: Case[Facts, ClaimsCounty]) -> Outcome:
    """Return what each county's agency pays its institutions for a month: what they claim less what is refused, by the day of the
    deadline ``claims_paid`` (their claims are due by ``claims``). Raises InputError where more is refused than claimed."""
    notes = Notes()
    for code, county in case.by_code():
        fen = fen_of(county.claimed) - fen_of(county.refused)
        require(fen >= 0, f"{code}: {county.refused} refused of {county.claimed} claimed", case, "at most the claim")
        known = {"claimed": county.claimed, "refused": county.refused}
        notes.transfers += case.transfer("", code, "county_agency", "institutions", fen, due="claims_paid", facts=known)
    return notes.outcome()


class ClearedCounty(CountyFacts):
    """Facts of a county after the year: what the city agency settled for its institutions, and what they have had."""

    cleared: Amount = fact("市医保经办机构核定的清算额", "the year's amount as the city agency settled it", "yuan")
    advance: Amount = fact("已预拨", "advance they were paid", "yuan", Decimal(0))
    paid: Amount = fact("当年已按月拨付", "paid on their monthly claims", "yuan", Decimal(0))


def clear(case: Case[Facts, ClearedCounty]) -> Outcome:
    """Return what clears the year between each county's agency and its institutions: the amount settled less the advance less what
    was paid. Step ``cleared`` where the agency owes, ``repaid`` where the institutions do. Due by ``institutions_cleared``."""
    notes = Notes()
    for code, county in case.by_code():
        rest = fen_of(county.cleared) - fen_of(county.advance) - fen_of(county.paid)
        known = {"cleared": county.cleared, "advance": county.advance, "paid": county.paid}
        notes.working.append(
            case.working("rest", code, "清算额减预拨、已拨", "settled less advance and payments", from_fen(rest))
        )
        if rest > 0:
            notes.transfers += case.transfer(
                "cleared", code, "county_agency", "institutions", rest, due="institutions_cleared", facts=known
            )
        else:
            notes.transfers += case.transfer(
                "repaid", code, "institutions", "county_agency", -rest, due="institutions_cleared", facts=known
            )
    return notes.outcome()


KINDS = (
    RuleKind(
        "institution_advance",
        Text(zh="定点医药机构预拨", en="Advance to institutions"),
        advance,
        county=QuotaCounty,
        values=("institution_advance_months",),
    ),
    RuleKind(
        "institution_claims",
        Text(zh="定点医药机构月度结算", en="Monthly claims of institutions"),
        claims,
        county=ClaimsCounty,
        deadlines=("claims", "claims_paid"),
    ),
    RuleKind(
        "institution_clearing",
        Text(zh="定点医药机构年度清算", en="Institutions' year cleared"),
        clear,
        county=ClearedCounty,
        deadlines=("institutions_cleared",),
    ),
)
