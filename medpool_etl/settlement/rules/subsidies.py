"""Resident subsidy by the quarter (财政补助分季度到位): equal quarters of the year's budget, the last settled with the provincial grant.

Taizhou T8.2 (附件第八条第二款).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

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
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.splits import two_way

QUARTERS = 4
QUARTER_PERCENT = Decimal(100) / QUARTERS


class SubsidyCounty(CountyFacts):
    """Facts of a county: its subsidy of the year, and what of it has arrived before this quarter is called for."""

    year_amount: Amount = fact("年初预算的全年财政补助", "subsidy of the year by its budget", "yuan")
    paid_q1: Amount = fact("第一季度已到位", "arrived for the first quarter", "yuan", Decimal(0))
    paid_q2: Amount = fact("第二季度已到位", "arrived for the second quarter", "yuan", Decimal(0))
    paid_q3: Amount = fact("第三季度已到位", "arrived for the third quarter", "yuan", Decimal(0))
    paid_q4: Amount = fact("第四季度已到位", "arrived for the fourth quarter", "yuan", Decimal(0))
    provincial_grant: Amount | None = fact(
        "省补资金（第四季度必填，并在该季结算）",
        "provincial grant, settled in the fourth quarter, which needs it",
        "yuan",
        None,
    )

    @property
    def paid(self) -> tuple[int, int, int, int]:
        """What has arrived for each quarter, in fen."""
        return fen_of(self.paid_q1), fen_of(self.paid_q2), fen_of(self.paid_q3), fen_of(self.paid_q4)


@dataclass(frozen=True)
class Called:
    """What is called for in a quarter, in fen: ``arrears`` of earlier quarters, and ``quarter`` itself, negative where more has been
    paid than is owed."""

    arrears: int
    quarter: int


def subsidy_quarters(case: Case[Facts, SubsidyCounty]) -> Outcome:
    """Return what county finance owes for the quarter: step ``quarter`` its share, step ``arrears`` what of earlier quarters has not
    arrived.

    T8.2. The first three quarters are a quarter of the year's amount, rounded half up on the fen; the fourth takes the rest, less
    the provincial grant. What was paid beyond its quarter is set off, first against arrears. In the fourth quarter the reading
    ``subsidy_overpaid`` says what becomes of an excess; before, it counts towards the next quarter. Raises InputError for a
    period that is no quarter, and for a fourth quarter without the provincial grant; one that comes earlier waits for it.
    """
    require(case.period.kind == "quarter", f"{case.period} is no quarter", case, "a quarter, such as 2022-Q1")
    notes = Notes()
    for code, county in case.by_code():
        _call(case, code, county, called(case, code, county, notes), notes)
    return notes.outcome()


def shares_of(year_amount: int) -> tuple[int, int, int, int]:
    """Return the four quarters of a year's amount in fen: equal, rounded half up, the fourth the rest; together the amount."""
    equal, _ = two_way(year_amount, QUARTER_PERCENT)
    left, shares = year_amount, []
    for _ in range(QUARTERS - 1):
        shares.append(min(equal, left))
        left -= shares[-1]
    return shares[0], shares[1], shares[2], left


def called(case: Case[Facts, SubsidyCounty], code: str, county: SubsidyCounty, notes: Notes) -> Called:
    """Return what is called for from a county, in fen, with the working of it."""
    number, last = case.period.number, case.period.number == QUARTERS
    grant = county.provincial_grant
    require(
        not last or grant is not None,
        f"{code}: the fourth quarter is settled with the provincial grant, which is not given",
        case,
        "the fact provincial_grant, 0 where there is none",
    )
    shares, paid = list(shares_of(fen_of(county.year_amount))), county.paid
    notes.working.append(
        case.working("share", code, "本季度应到位", "share of the quarter", from_fen(shares[number - 1]))
    )
    if grant and not last:
        zh, en = "省补资金已到，第四季度结算", "provincial grant so far, settled in the fourth quarter"
        notes.working.append(case.working("grant_ahead", code, zh, en, grant))
    if last and grant is not None:
        shares[number - 1] -= fen_of(grant)
        notes.working.append(case.working("grant", code, "减：省补资金", "less the provincial grant", grant))
        notes.working.append(
            case.working("settled", code, "结算后应到位", "share after settling", from_fen(shares[number - 1]))
        )
    earlier = 0
    for past in range(number - 1):
        lacking = shares[past] - paid[past]
        earlier += lacking
        if lacking:
            zh, en = f"第{'一二三'[past]}季度欠缴（多缴为负）", f"lacking of quarter {past + 1}, negative for too much"
            notes.working.append(case.working(f"lacking_q{past + 1}", code, zh, en, from_fen(lacking)))
    quarter = shares[number - 1] - paid[number - 1]
    if paid[number - 1]:
        notes.working.append(
            case.working("paid", code, "本季度已到位", "arrived for this quarter", from_fen(paid[number - 1]))
        )
    off = -earlier if earlier < 0 else min(earlier, max(-quarter, 0))
    if off:
        notes.working.append(case.working("set_off", code, "多缴抵扣", "paid too much, set off", from_fen(off)))
    # Too much for earlier quarters counts towards this one, too much for this one towards the arrears.
    return Called(0, quarter - off) if earlier < 0 else Called(earlier - off, quarter + off)


def _call(case: Case[Facts, SubsidyCounty], code: str, county: SubsidyCounty, owed: Called, notes: Notes) -> None:
    due = f"subsidy_q{case.period.number}"
    known = {"year_amount": county.year_amount, "paid": from_fen(sum(county.paid))}
    if county.provincial_grant is not None:
        known["provincial_grant"] = county.provincial_grant
    notes.transfers += case.transfer(
        "arrears", code, "county_finance", "fiscal_account", owed.arrears, due=due, facts=known
    )
    if owed.quarter >= 0:
        notes.transfers += case.transfer(
            "quarter", code, "county_finance", "fiscal_account", owed.quarter, due=due, facts=known
        )
        return
    over = -owed.quarter
    if case.period.number < QUARTERS:
        zh, en = "多缴结转下季度", "paid too much, counts towards the next quarter"
        notes.working.append(case.working("ahead", code, zh, en, from_fen(over)))
    elif case.reading("subsidy_overpaid", "returned", "next_year") == "returned":
        notes.transfers += case.transfer(
            "returned", code, "fiscal_account", "county_finance", over, due=due, facts=known
        )
    else:
        notes.unfunded.append(
            Unfunded(
                case.rule_id, case.fund, code, from_fen(over), "多缴补助抵扣下年度应到位数",
                "subsidy paid beyond the year's amount, to be set off against next year's", case.clause(),
            )
        )  # fmt: skip


KINDS: tuple[RuleKind, ...] = (
    RuleKind(
        "subsidy_quarters",
        Text(zh="财政补助分季度到位", en="Subsidy in equal quarters"),
        subsidy_quarters,
        county=SubsidyCounty,
        readings=("subsidy_overpaid",),
        deadlines=tuple(f"subsidy_q{number}" for number in range(1, QUARTERS + 1)),
        # The fourth is settled with the provincial grant, of which the files of the third quarter's months tell.
        ahead={f"subsidy_q{number}": ("annual_budget",) for number in range(1, QUARTERS)},
    ),
)
