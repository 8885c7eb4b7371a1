"""Money that does not go the way of the monthly plan: critical-illness insurance (大病保险) and long-term care (长期护理保险).

Zhoushan Z-3.1.4 and Z-3.1.5 (二（三）1): the city agency pays the contracted insurer, past the counties; pilots of long-term care get
their fund separately and in full.
"""

from __future__ import annotations

from decimal import Decimal

from medpool_etl.documents import Text
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of
from medpool_etl.settlement.kind import RuleKind


class InsurerFacts(Facts):
    """Facts of the city."""

    instalment: Amount = fact(
        "按“政保合作”合同本月应付", "what the contract with the insurer asks for in the month", "yuan", Decimal(0)
    )


def pay_insurer(case: Case[InsurerFacts, CountyFacts]) -> Outcome:
    """Return the month's instalment on its way: special fiscal account → city agency → insurer, no county between.

    Days and amounts are the contract's, so no deadline of the notice. By the reading ``critical_illness_fund`` the money comes out of
    the fund's special fiscal account ``beside_plan``, or the agency has it ``within_plan`` and only pays it on.
    """
    beside = case.reading("critical_illness_fund", "beside_plan", "within_plan") == "beside_plan"
    fen = fen_of(case.facts.instalment)
    known = {"instalment": case.facts.instalment}
    notes = Notes()
    if beside:
        notes.transfers += case.transfer("to_agency", "", "fiscal_account", "city_agency", fen, facts=known)
    notes.transfers += case.transfer("to_insurer", "", "city_agency", "insurer", fen, facts=known)
    return notes.outcome()


class CareCounty(CountyFacts):
    """Facts of a county that pilots long-term care; others have none."""

    amount: Amount = fact("长护险基金应拨付额", "long-term-care money of the month, in full", "yuan")


def pay_care(case: Case[Facts, CareCounty]) -> Outcome:
    """Return the long-term-care money of each pilot, in full and beside the month's plan: special fiscal account → city agency →
    county agency."""
    notes = Notes()
    for code, county in case.by_code():
        fen, known = fen_of(county.amount), {"amount": county.amount}
        notes.transfers += case.transfer("to_agency", code, "fiscal_account", "city_agency", fen, facts=known)
        notes.transfers += case.transfer("to_county", code, "city_agency", "county_agency", fen, facts=known)
    return notes.outcome()


KINDS = (
    RuleKind(
        "insurer",
        Text(zh="大病保险拨付承办机构", en="Critical-illness insurance paid to the insurer"),
        pay_insurer,
        InsurerFacts,
        readings=("critical_illness_fund",),
    ),
    RuleKind(
        "long_term_care",
        Text(zh="长期护理保险另行全额拨付", en="Long-term care paid separately and in full"),
        pay_care,
        county=CareCounty,
    ),
)
