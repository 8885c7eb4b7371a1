"""Reserves (归集基金): what counties upload so that the reserve lasts so many months.

Taizhou T15.1 for workers and T15.2 for residents (附件第十五条).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pydantic import Field

from medpool_etl.documents import Text
from medpool_etl.money import ZERO, from_fen
from medpool_etl.settlement.case import (
    Amount,
    Case,
    CountyFacts,
    Facts,
    Notes,
    Outcome,
    Unfunded,
    Yuan,
    fact,
    fen_of,
)
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.splits import largest_remainder, two_way


class ReserveFacts(Facts):
    """Facts of the city."""

    expenditure: Amount = fact("全市上年度基金支出", "the city's expenditure of the year before", "yuan")
    reserve: Yuan = fact("归集基金余额", "balance of the reserve", "yuan", Decimal(0))
    adjustment_fund: Amount = fact(
        "尚未并入的风险调剂金", "old adjustment fund that has not joined yet", "yuan", Decimal(0)
    )


class ReserveCounty(CountyFacts):
    """Facts of a county."""

    balance: Yuan = fact("暂存的累计结余", "accumulated balance the county keeps", "yuan")


class FirstReserveCounty(CountyFacts):
    """Facts of a county when the reserve is first built."""

    expenditure: Amount = fact("当地上年度基金支出", "the county's own expenditure of the year before", "yuan")
    balance: Yuan = fact("暂存的累计结余", "accumulated balance the county keeps", "yuan", Decimal(0))


class TopUpCounty(CountyFacts):
    """Facts of a county when the reserve is topped up."""

    deficit: Amount = fact(
        "上年度（刚结束年度）亏损", "deficit of the year just closed, 0 for none", "yuan", Decimal(0)
    )
    enrolment: int = Field(
        ge=0, description="上年度参保人数 | enrolment of that year", json_schema_extra={"unit": "persons"}
    )
    balance: Yuan = fact("暂存的累计结余", "accumulated balance the county keeps", "yuan", Decimal(0))


def by_ratio(case: Case[ReserveFacts, ReserveCounty]) -> Outcome:
    """Return what each county uploads so that the reserve lasts ``reserve_months``: one ratio for all, need ÷ Σ balances.

    T15.1 (附件第十五条第一款). The need is the months of the year before less what the reserve holds, and nothing when it lasts. A
    negative balance counts 0 and gives 0 (G3); the ratio is at most 1, and what stays unfunded is told of.
    """
    notes = Notes()
    need = _need(case, notes)
    weights = {code: max(fen_of(county.balance), 0) for code, county in case.by_code()}
    over = sum(weights.values())
    asked = min(need, over)
    if need:
        ratio = min(Decimal(need) / over, Decimal(1)) if over else Decimal(0)
        notes.working.append(
            case.working("ratio", "", "上划比例", "ratio: need ÷ sum of balances, at most 1", f"{ratio:.10f}")
        )
    parts = largest_remainder(asked, weights, case.clause()) if asked else dict.fromkeys(weights, 0)
    for code, county in case.by_code():
        notes.transfers += case.transfer(
            "upload", code, "county_balance", "reserve", parts[code], due="reserve_upload",
            facts={"balance": county.balance, "need": from_fen(need), "balances": from_fen(over)},
        )  # fmt: skip
    if need > over:
        notes.unfunded.append(
            Unfunded(
                case.rule_id, case.fund, "", from_fen(need - over), "各县累计结余不足，归集基金仍有缺口",
                "the counties' balances do not suffice, the reserve stays short", case.clause(),
            )
        )  # fmt: skip
    return notes.outcome()


def first_by_own(case: Case[Facts, FirstReserveCounty]) -> Outcome:
    """Return what each county uploads when the reserve is first built: ``reserve_months`` of its own year before.

    T15.2 (附件第十五条第二款). It comes out of the county's balance; what that cannot cover the county's government pays.
    """
    notes = Notes()
    for code, county in case.by_code():
        owed = _months(case, fen_of(county.expenditure))
        _balance_then_government(case, code, owed, fen_of(county.balance), notes, expenditure=county.expenditure)
    return notes.outcome()


def top_up(case: Case[ReserveFacts, TopUpCounty]) -> Outcome:
    """Return what each county pays to top the reserve up to ``reserve_months``: ``reserve_deficit_percent`` of the shortfall over the
    counties in deficit in the year just closed, by deficit, the rest over all counties by enrolment.

    T15.2 (附件第十五条第二款), never out of the current year's premiums: out of the county's balance, and what that cannot cover
    its government pays. Where no county has a deficit, the reading ``no_deficit_county`` says what then. Raises InputError, quoting
    the clause, when nobody is enrolled.
    """
    notes = Notes()
    need = _need(case, notes)
    if need == 0:
        return notes.outcome()
    deficits = {code: fen_of(county.deficit) for code, county in case.by_code()}
    enrolment = {code: county.enrolment for code, county in case.by_code()}
    by_deficit, by_enrolment = two_way(need, case.number("reserve_deficit_percent"))
    if not any(deficits.values()):
        whole = case.reading("no_deficit_county", "all_by_enrolment", "enrolment_half_only") == "all_by_enrolment"
        zh, en = (
            (
                "没有亏损县，按亏损分摊的部分改按参保人数分摊",
                "no county has a deficit: the half by deficit is split by enrolment too",
            )
            if whole
            else ("没有亏损县，按亏损分摊的部分无人承担", "no county has a deficit: nobody bears the half by deficit")
        )
        # A person must know of it; only where nobody bears the half is it money that lacks.
        lacking = ZERO if whole else from_fen(by_deficit)
        notes.unfunded.append(Unfunded(case.rule_id, case.fund, "", lacking, zh, en, case.clause()))
        by_deficit, by_enrolment = 0, need if whole else by_enrolment
        notes.working.append(case.working("split", "", zh, en, from_fen(by_enrolment)))
    first = largest_remainder(by_deficit, deficits, case.clause()) if by_deficit else dict.fromkeys(deficits, 0)
    second = largest_remainder(by_enrolment, enrolment, case.clause())
    for code, county in case.by_code():
        for step, zh, en, fen in (
            ("by_deficit", "按亏损分摊", "share by deficit", first[code]),
            ("by_enrolment", "按参保人数分摊", "share by enrolment", second[code]),
        ):
            notes.working.append(case.working(step, code, zh, en, from_fen(fen)))
        owed = first[code] + second[code]
        _balance_then_government(
            case, code, owed, fen_of(county.balance), notes, deficit=county.deficit, enrolment=county.enrolment
        )
    return notes.outcome()


def _need(case: Case[ReserveFacts, Any], notes: Notes) -> int:
    target = _months(case, fen_of(case.facts.expenditure))
    held = fen_of(case.facts.reserve)
    if case.facts.adjustment_fund and case.reading("adjustment_fund", "after_upload", "netted") == "netted":
        held += fen_of(case.facts.adjustment_fund)
    need = max(target - held, 0)
    notes.working.append(case.working("target", "", "应保有额度", "what the reserve should hold", from_fen(target)))
    notes.working.append(case.working("need", "", "需补足额度", "what is lacking", from_fen(need)))
    return need


def _months(case: Case[Any, Any], expenditure: int) -> int:
    """Return so many average months of a year's expenditure, in fen, rounded half up once."""
    return int((case.number(f"reserve_months_{case.fund}") * expenditure / 12).to_integral_value(ROUND_HALF_UP))


def _balance_then_government(
    case: Case[Any, Any], code: str, owed: int, balance: int, notes: Notes, **facts: object
) -> None:
    """The county's balance pays first, its government what that cannot cover; never the year's premiums."""
    own = min(owed, max(balance, 0))
    known = {**facts, "owed": from_fen(owed), "balance": from_fen(balance)}
    notes.transfers += case.transfer(
        "upload", code, "county_balance", "reserve", own, due="reserve_upload", facts=known
    )
    notes.transfers += case.transfer(
        "government", code, "county_government", "reserve", owed - own, due="reserve_upload", facts=known
    )


class AdjustmentFacts(Facts):
    """Facts of the city."""

    balance: Amount = fact("风险调剂金（调剂金）结余", "balance of the old adjustment fund", "yuan")


def join_adjustment_fund(case: Case[AdjustmentFacts, CountyFacts]) -> Outcome:
    """Return the transfer by which the old risk-adjustment fund joins the reserve (T15.1, 附件第十五条第一款) or the pool's past
    balance (Z-3.3, 二（三）3), as the value ``adjustment_fund_joins`` says."""
    into = case.text("adjustment_fund_joins")
    receiver: Any = "reserve" if into == "reserve" else "pool"
    transfers = case.transfer(
        "",
        "",
        "adjustment_fund",
        receiver,
        fen_of(case.facts.balance),
        due="adjustment_fund",
        facts={"balance": case.facts.balance},
    )
    return Outcome(tuple(transfers))


KINDS = (
    RuleKind(
        "reserve_by_ratio",
        Text(zh="归集基金上划（按比例）", en="Reserve upload by one ratio"),
        by_ratio,
        ReserveFacts,
        ReserveCounty,
        values=("reserve_months_{fund}",),
        readings=("adjustment_fund",),
        deadlines=("reserve_upload",),
    ),
    RuleKind(
        "reserve_first",
        Text(zh="归集基金首次上划", en="First reserve upload, each county's own months"),
        first_by_own,
        county=FirstReserveCounty,
        values=("reserve_months_{fund}",),
        deadlines=("reserve_upload",),
    ),
    RuleKind(
        "reserve_top_up",
        Text(zh="归集基金补足", en="Reserve top-up by deficit and enrolment"),
        top_up,
        ReserveFacts,
        TopUpCounty,
        values=("reserve_months_{fund}", "reserve_deficit_percent"),
        readings=("no_deficit_county",),
        deadlines=("reserve_upload",),
    ),
    RuleKind(
        "adjustment_fund",
        Text(zh="风险调剂金并入", en="The old adjustment fund joins"),
        join_adjustment_fund,
        AdjustmentFacts,
        values=("adjustment_fund_joins",),
        deadlines=("adjustment_fund",),
    ),
)
