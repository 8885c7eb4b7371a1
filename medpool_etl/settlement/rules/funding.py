"""Monthly funding (用款计划与拨付): plan → review → allocation → distribution.

Taizhou T10 (附件第十条), Zhoushan Z-3.1 (二（三）1), Nantong N-3 (四（三）), Zaozhuang Zz-4.2 (四（四）2).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

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
    Yuan,
    fact,
    fen_of,
    require,
)
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.splits import short_pot
from medpool_etl.settlement.stage import Stage

REVIEWS = ("cap_by_budget_and_need", "cap_by_budget", "as_planned")


class FundingFacts(Facts):
    """Facts of the city."""

    fiscal_balance: Yuan | None = fact(
        "市财政专户可拨余额", "what the special fiscal account can pay; unlimited when not given", "yuan", None
    )


class FundingCounty(CountyFacts):
    """A county's plan for the next month, and what it is reviewed against. What is not given is not reviewed, and the working
    says so."""

    plan: Amount = fact("下月用款计划", "planned for the next month", "yuan")
    budget_left: Yuan | None = fact(
        "计划月份所属年度预算尚未使用数", "left of the budget of the year the plan is for", "yuan", None
    )
    average: Amount | None = fact("已结月份月均支出", "average expenditure of the closed months, a month", "yuan", None)
    cash: Yuan | None = fact("支出户余额", "balance of its expenditure account", "yuan", None)
    revolving: Amount = fact(
        "其中周转金", "of which revolving fund, which is no money for the month", "yuan", Decimal(0)
    )
    approved: Amount | None = fact("核定数（人工审核决定）", "what a person has approved instead", "yuan", None)
    ordered: Amount | None = fact("其中已拨付指令金额", "of it ordered by an earlier run, which stands", "yuan", None)


@dataclass(frozen=True)
class Cap:
    """The most a check of the review leaves of a plan, in fen, and why."""

    step: str
    fen: int
    zh: str
    en: str


FundingCase = Case[FundingFacts, FundingCounty]


def fund(case: FundingCase) -> Outcome:
    """Return what each county is paid for the next month: step ``allocation`` special fiscal account → city agency, step
    ``distribution`` city agency → county agency.

    The review proposes as the reading ``plan_review`` says (see ``propose``); what a person approved (fact ``approved``) overrides
    the proposal, and the working shows proposal, decision and difference. What an earlier run ordered (fact ``ordered``) stands. A fiscal
    account that is short of the rest pays it in proportion (G4), and what it cannot pay is told of. Steps have clause and day of the
    deadlines ``plan_review``, ``allocation`` and ``distribution``, as far as the city has them. Raises InputError where more was ordered
    than is granted.
    """
    notes = Notes()
    decided = {code: _decide(case, code, county, notes) for code, county in case.by_code()}
    review, allocation, distribution = (Stage.of(case, name) for name in ("plan_review", "allocation", "distribution"))
    ordered = {code: fen_of(county.ordered) for code, county in case.by_code() if county.ordered is not None}
    for code, fen in ordered.items():
        require(fen <= decided[code], f"more was ordered for {code} than is granted", case, "ordered: at most approved")
    paid = decided | ordered
    if case.facts.fiscal_balance is not None:
        pot = fen_of(case.facts.fiscal_balance)
        zh, en = "市财政专户可拨余额", "what the fiscal account can pay"
        notes.working.append(case.working("pot", "", zh, en, from_fen(pot), allocation.clause))
        if ordered:
            zh, en = "其中已有拨付指令", "of it ordered already"
            notes.working.append(
                case.working("ordered", "", zh, en, from_fen(sum(ordered.values())), allocation.clause)
            )
        claims = {code: fen for code, fen in decided.items() if code not in ordered}
        paid |= short_pot(max(pot - sum(ordered.values()), 0), claims, case.clause(allocation.clause))
        zh, en = "各县核定数合计", "approved for all counties"
        notes.working.append(case.working("claims", "", zh, en, from_fen(sum(decided.values())), review.clause))
    for code, county in case.by_code():
        known = {"plan": county.plan, "approved": from_fen(decided[code])}
        notes.transfers += case.transfer(
            "allocation", code, "fiscal_account", "city_agency", paid[code],
            clause=allocation.clause, due=allocation.due, facts=known,
        )  # fmt: skip
        notes.transfers += case.transfer(
            "distribution", code, "city_agency", "county_agency", paid[code],
            clause=distribution.clause, due=distribution.due, facts=known,
        )  # fmt: skip
        if short := decided[code] - paid[code]:
            notes.unfunded.append(
                Unfunded(
                    case.rule_id, case.fund, code, from_fen(short), "市财政专户余额不足，核定用款未能拨足",
                    "the fiscal account is short, so that not all that was approved is paid", case.clause(allocation.clause),
                )
            )  # fmt: skip
    return notes.outcome()


def propose(case: FundingCase, code: str, county: FundingCounty, notes: Notes) -> int:
    """Return what the review proposes for a county, in fen: the plan, or less.

    ``as_planned`` proposes the plan; ``cap_by_budget`` no more than is left of the year's budget; ``cap_by_budget_and_need`` besides no
    more than an average month and ``plan_tolerance`` percent of it, less the cash on hand without the revolving fund. Every
    cut, and every check whose facts are lacking, is a line of the working.
    """
    review = case.reading("plan_review", *REVIEWS)
    clause = Stage.of(case, "plan_review").clause
    proposed = fen_of(county.plan)
    notes.working.append(case.working("plan", code, "计划用款", "planned", county.plan, clause))
    caps: list[Cap | str] = []
    if review != "as_planned":
        caps.append(_budget(county))
    if review == "cap_by_budget_and_need":
        caps.append(_need(case, county))
    for cap in caps:
        if isinstance(cap, str):
            zh, en = "缺少数据，未审核", "not reviewed, for want of a fact"
            notes.working.append(case.working(f"unchecked_{cap}", code, zh, en, cap, clause))
            continue
        notes.working.append(case.working(cap.step, code, cap.zh, cap.en, from_fen(cap.fen), clause))
        if proposed > cap.fen:
            zh, en = f"核减：{cap.zh}", f"cut: {cap.en}"
            notes.working.append(case.working(f"cut_{cap.step}", code, zh, en, from_fen(proposed - cap.fen), clause))
            proposed = cap.fen
    return proposed


def _decide(case: FundingCase, code: str, county: FundingCounty, notes: Notes) -> int:
    """The review only proposes; a person decides, and without a decision the proposal stands."""
    clause = Stage.of(case, "plan_review").clause
    proposed = propose(case, code, county, notes)
    decided = proposed if county.approved is None else fen_of(county.approved)
    lines: list[tuple[str, str, str, int]] = [("proposal", "审核建议数", "proposed by the review", proposed)]
    if county.approved is not None:
        lines.append(("decision", "人工核定数", "decided by a person", decided))
        lines.append(("difference", "核定数与建议数之差", "decision less proposal", decided - proposed))
    for step, zh, en, fen in lines:
        notes.working.append(case.working(step, code, zh, en, from_fen(fen), clause))
    return decided


def _budget(county: FundingCounty) -> Cap | str:
    if county.budget_left is None:
        return "budget"
    return Cap("budget", max(fen_of(county.budget_left), 0), "年度预算余额", "left of the year's budget")


def _need(case: Case[Any, Any], county: FundingCounty) -> Cap | str:
    if county.average is None or county.cash is None:
        return "need"
    percent = 100 + case.number("plan_tolerance")
    month = int((fen_of(county.average) * percent / 100).to_integral_value(ROUND_HALF_UP))
    # Less than the revolving fund on hand means that it has been drawn on, and is filled up again.
    usable = fen_of(county.cash) - fen_of(county.revolving)
    zh, en = "月均支出（含浮动）减可用结存", "an average month with its tolerance, less usable cash"
    return Cap("need", max(month - usable, 0), zh, en)


KINDS: tuple[RuleKind, ...] = (
    RuleKind(
        "funding",
        Text(zh="用款计划与拨付", en="Monthly plan, review, allocation and distribution"),
        fund,
        FundingFacts,
        FundingCounty,
        values=("plan_tolerance",),
        readings=("plan_review",),
        days=("plan_review", "allocation", "distribution"),
        ahead=dict.fromkeys(("plan_review", "allocation", "distribution"), ("funding_plan",)),
    ),
)
