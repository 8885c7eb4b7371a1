"""Monthly remittance (按月划款): what the treasury booked in a month is moved to the city's special fiscal account.

Taizhou T8.1 (附件第八条第一款), Nantong N-3 (四（三）), Zhoushan Z-2.1 (二（二）1).
"""

from __future__ import annotations

from medpool_etl.documents import Text
from medpool_etl.settlement.case import Case, CountyFacts, Facts, Notes, Outcome, Yuan, fact, fen_of
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.parties import Role


class RemittanceCounty(CountyFacts):
    """A county's premiums of the fund booked in the treasury in the month. Negative where more was paid back than came in."""

    booked: Yuan = fact("国库入库（扣除退库、更正）", "booked in the treasury, net of refunds, as corrected", "yuan")
    receipts: int = fact("凭证张数", "receipts behind it", "receipts", 0)


def remit(case: Case[Facts, RemittanceCounty]) -> Outcome:
    """Return a transfer treasury → special fiscal account for each county with money booked, and the other way round where
    refunds exceed it: on the fund's voucher the one is set off against the other. Due as the deadline ``remittance`` says.

    The treasury is the city's, or the county's own where the value ``premium_treasury`` is ``county``.
    """
    notes = Notes()
    treasury = _treasury(case)
    for code, county in case.by_code():
        fen = fen_of(county.booked)
        payer: Role = treasury if fen > 0 else "fiscal_account"
        receiver: Role = "fiscal_account" if fen > 0 else treasury
        facts = {"booked": county.booked, "receipts": county.receipts}
        notes.transfers += case.transfer("", code, payer, receiver, abs(fen), due="remittance", facts=facts)
    return notes.outcome()


def _treasury(case: Case[Facts, RemittanceCounty]) -> Role:
    """Return whose treasury the premiums are in; the city's where the rulebook does not say."""
    name = "premium_treasury"
    own = name in case.rulebook.values and case.text(name) == "county"
    return "county_treasury" if own else "treasury"


KINDS = (
    RuleKind(
        "remittance",
        Text(zh="按月划款", en="Monthly remittance"),
        remit,
        county=RemittanceCounty,
        deadlines=("remittance",),
    ),
)
