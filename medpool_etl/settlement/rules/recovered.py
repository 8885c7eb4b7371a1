"""Money recovered from violations (追回违法违规基金): what the city recovers itself goes to the reserve.

Taizhou T19.6 (附件第十九条第三款).
"""

from __future__ import annotations

from medpool_etl.documents import Text
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of
from medpool_etl.settlement.kind import RuleKind


class RecoveredCounty(CountyFacts):
    """Facts of the county in which the violation was."""

    recovered: Amount = fact("市级直接查办案件追回的基金", "recovered in cases the city itself handled", "yuan")
    expenditure: Amount | None = fact(
        "违规地当年基金支出", "the county's expenditure of the year, to be shown beside it", "yuan", None
    )


def to_reserve(case: Case[Facts, RecoveredCounty]) -> Outcome:
    """Return the transfer of what was recovered to the reserve, by the county it was recovered in.

    T19.6. The repayment came in on the city agency's expenditure account, so that pays. The county's expenditure is not reduced: the
    working shows what its clearing counts. The notice names no day.
    """
    notes = Notes()
    for code, county in case.by_code():
        notes.transfers += case.transfer(
            "", code, "city_agency", "reserve", fen_of(county.recovered), facts={"recovered": county.recovered}
        )
        if county.expenditure is not None:
            zh, en = "违规地支出数（不核减）", "expenditure of the county, not reduced"
            notes.working.append(case.working("expenditure", code, zh, en, county.expenditure))
    return notes.outcome()


KINDS: tuple[RuleKind, ...] = (
    RuleKind(
        "recovered_money",
        Text(zh="追回基金上缴归集基金", en="Recovered money goes to the reserve"),
        to_reserve,
        county=RecoveredCounty,
    ),
)
