"""Interest and other income moved up by the quarter (利息等收入按季划转): county agency → county's fiscal account → city's.

Taizhou T9 (附件第九条).
"""

from __future__ import annotations

from decimal import Decimal

from medpool_etl.documents import Text
from medpool_etl.money import from_fen
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of, require
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.stage import Stage


class IncomeCounty(CountyFacts):
    """What the accounts of a county earned in the quarter."""

    agency_interest: Amount = fact(
        "经办机构支出户利息收入", "interest of the agency's expenditure account", "yuan", Decimal(0)
    )
    agency_other: Amount = fact(
        "经办机构支出户其他收入", "other income of the agency's expenditure account", "yuan", Decimal(0)
    )
    fiscal_interest: Amount = fact("县财政专户利息收入", "interest of the county's fiscal account", "yuan", Decimal(0))
    fiscal_transfer: Amount = fact(
        "县财政专户转移收入", "transfer income of the county's fiscal account", "yuan", Decimal(0)
    )


def move_income(case: Case[Facts, IncomeCounty]) -> Outcome:
    """Return two transfers a county: step ``county`` moves what its agency earned to its fiscal account, step ``city`` moves that and
    what its fiscal account earned on to the city's.

    T9: each step has the clause and day of its deadline (``income_county``, ``income_city``). Raises InputError for a period that
    is no quarter.
    """
    require(case.period.kind == "quarter", f"{case.period} is no quarter", case, "a quarter, such as 2022-Q1")
    notes = Notes()
    first, second = Stage.of(case, "income_county"), Stage.of(case, "income_city")
    for code, county in case.by_code():
        agency = fen_of(county.agency_interest) + fen_of(county.agency_other)
        fiscal = fen_of(county.fiscal_interest) + fen_of(county.fiscal_transfer)
        notes.working.append(
            case.working("agency", code, "支出户收入合计", "earned by the agency", from_fen(agency), first.clause)
        )
        notes.working.append(
            case.working(
                "fiscal", code, "县财政专户收入合计", "earned by the fiscal account", from_fen(fiscal), second.clause
            )
        )
        notes.transfers += case.transfer(
            "county", code, "county_agency", "county_fiscal_account", agency, clause=first.clause, due=first.due,
            facts={"interest": county.agency_interest, "other": county.agency_other},
        )  # fmt: skip
        notes.transfers += case.transfer(
            "city", code, "county_fiscal_account", "fiscal_account", agency + fiscal, clause=second.clause, due=second.due,
            facts={
                "from_agency": from_fen(agency), "interest": county.fiscal_interest, "transfer": county.fiscal_transfer
            },
        )  # fmt: skip
    return notes.outcome()


KINDS: tuple[RuleKind, ...] = (
    RuleKind(
        "income_transfer",
        Text(zh="利息等收入按季划转", en="Interest and other income moved by the quarter"),
        move_income,
        county=IncomeCounty,
        deadlines=("income_county", "income_city"),
    ),
)
