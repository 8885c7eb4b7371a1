"""Revolving fund (周转金): so many average months, advanced at the opening of a year and recovered at its end.

Taizhou T11 (附件第十一条), Zhoushan Z-3.1 (二（三）1).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from pydantic import Field

from medpool_etl.documents import Text
from medpool_etl.money import from_fen
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of, require
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.stage import Stage

YEAR = 12


class RevolvingCounty(CountyFacts):
    """A county's payments of the year the average is of."""

    payments: Amount = fact("上年度已结月份支付额", "payments of the closed months of the year before", "yuan")
    months: int = Field(ge=1, le=YEAR, description="已结月份数 | closed months", json_schema_extra={"unit": "months"})
    estimate: Amount = fact(
        "未结月份预计支付额", "estimate of the payments of the months not closed yet", "yuan", Decimal(0)
    )
    approved: Amount | None = fact("核定数（人工审核决定）", "what a person has approved instead", "yuan", None)


def advance(case: Case[Facts, RevolvingCounty]) -> Outcome:
    """Return what each county gets: step ``payment`` special fiscal account → city agency, step ``distribution`` city agency → county
    agency.

    T11, Z-3.1: an average month times ``revolving_months``, rounded half up once. The reading ``revolving_average``: ``closed_months`` is
    their payments by their count; ``whole_year`` those and the estimate of the others by twelve. A person's ``approved``
    overrides it. Steps have clause and day of their deadlines, as far as the city has them.
    """
    notes = Notes()
    whole = case.reading("revolving_average", "closed_months", "whole_year") == "whole_year"
    wanted = case.number("revolving_months")
    payment, distribution = (Stage.of(case, name) for name in ("revolving_payment", "revolving_distribution"))
    for code, county in case.by_code():
        if whole:
            require(
                county.months == YEAR or county.estimate > 0,
                f"{code}: {YEAR - county.months} months of the year are not closed and not estimated",
                case,
                "estimate",
            )
        base = fen_of(county.payments) + (fen_of(county.estimate) if whole else 0)
        count = YEAR if whole else county.months
        applied = int((base * wanted / count).to_integral_value(ROUND_HALF_UP))
        paid = applied if county.approved is None else fen_of(county.approved)
        lines: list[tuple[str, str, str, object]] = [
            ("base", "计算月均的支付额", "payments averaged", from_fen(base)),
            ("months", "月数", "months averaged", count),
            ("application", "申请周转金", "revolving fund applied for", from_fen(applied)),
        ]
        if county.approved is not None:
            lines.append(("decision", "人工核定数", "decided by a person", county.approved))
            lines.append(("difference", "核定数与申请数之差", "decision less application", from_fen(paid - applied)))
        notes.working += [case.working(step, code, zh, en, value) for step, zh, en, value in lines]
        known = {"payments": from_fen(base), "months": count, "revolving_months": f"{wanted:f}"}
        notes.transfers += case.transfer(
            "payment", code, "fiscal_account", "city_agency", paid,
            clause=payment.clause, due=payment.due, facts=known,
        )  # fmt: skip
        notes.transfers += case.transfer(
            "distribution", code, "city_agency", "county_agency", paid,
            clause=distribution.clause, due=distribution.due, facts=known,
        )  # fmt: skip
    return notes.outcome()


class RecoveryCounty(CountyFacts):
    """Facts of a county at the end of the year."""

    advanced: Amount = fact("当年拨付的周转金", "revolving fund advanced for the year", "yuan")
    recovered_before: Amount = fact("已收回", "recovered before", "yuan", Decimal(0))


def recover(case: Case[Facts, RecoveryCounty]) -> Outcome:
    """Return what each county gives back, all that is still out: step ``county`` county agency → city agency, step ``city`` city agency →
    special fiscal account.

    T11 (附件第十一条: 年底清算收回至市财政部门). Raises InputError where more came back than was advanced.
    """
    notes = Notes()
    back = Stage.of(case, "revolving_recovery")
    for code, county in case.by_code():
        require(
            county.recovered_before <= county.advanced,
            f"{code}: {county.recovered_before} yuan came back, {county.advanced} were advanced",
            case,
            "no more than was advanced",
        )
        left = fen_of(county.advanced) - fen_of(county.recovered_before)
        notes.working.append(
            case.working(
                "outstanding", code, "应收回周转金", "revolving fund to be recovered", from_fen(left), back.clause
            )
        )
        known = {"advanced": county.advanced, "recovered_before": county.recovered_before}
        notes.transfers += case.transfer(
            "county", code, "county_agency", "city_agency", left, clause=back.clause, due=back.due, facts=known
        )
        notes.transfers += case.transfer(
            "city", code, "city_agency", "fiscal_account", left, clause=back.clause, due=back.due, facts=known
        )
    return notes.outcome()


KINDS: tuple[RuleKind, ...] = (
    RuleKind(
        "revolving_advance",
        Text(zh="周转金拨付", en="Revolving fund advanced"),
        advance,
        county=RevolvingCounty,
        values=("revolving_months",),
        readings=("revolving_average",),
        days=("revolving_payment", "revolving_distribution"),
    ),
    RuleKind(
        "revolving_recovery",
        Text(zh="周转金收回", en="Revolving fund recovered"),
        recover,
        county=RecoveryCounty,
        days=("revolving_recovery",),
    ),
)
