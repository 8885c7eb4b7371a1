"""Legacy balances (统筹前累计结余) and old deficits (统筹前缺口): where they go, what they bear, how they are made up.

Upload: Zhoushan Z-3.3.2 (二（三）3), Nantong N-3.9 (四（三）, Tongzhou), Zaozhuang Zz-4.2, Hangzhou H-2 (Tonglu, Chun'an, Jiande).
Bearing: Taizhou T13 (附件第十三条). Deficits: Taizhou T-IV.7, Zhoushan Z-3.3.1.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

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
from medpool_etl.settlement.instalments import instalment
from medpool_etl.settlement.kind import RuleKind

ALL = "all"


class AuditedCounty(CountyFacts):
    """Facts of a county."""

    audited: Yuan = fact("经审计（核对）的统筹前累计结余", "balance from before pooling, as audited", "yuan")


def upload(case: Case[Facts, AuditedCounty]) -> Outcome:
    """Return what each county hands over of its audited balance: from its own special fiscal account to the city's, where it stays
    in the county's name. Due by ``legacy_upload``.

    ``legacy_counties`` says who does: ``all``, or codes with blanks between; the balance of any other stays where it is. A negative
    balance hands over nothing and is told of.
    """
    named = case.text("legacy_counties").split()
    notes = Notes()
    for code, county in case.by_code():
        if named != [ALL] and code not in named:
            notes.working.append(case.working("stays", code, "暂存原统筹地区", "stays with the county", county.audited))
            continue
        fen = fen_of(county.audited)
        notes.transfers += case.transfer(
            "", code, "county_fiscal_account", "county_balance", max(fen, 0), due="legacy_upload",
            facts={"audited": county.audited},
        )  # fmt: skip
        if fen < 0:
            notes.unfunded.append(
                Unfunded(
                    case.rule_id, case.fund, code, from_fen(-fen), "审计结余为负，无可上划，须由当地弥补",
                    "the audited balance is negative: nothing is handed over, the county must make it up", case.clause(),
                )
            )  # fmt: skip
    return notes.outcome()


class BearingCounty(CountyFacts):
    """Facts of a county: its balance from before pooling and what is asked of it."""

    balance: Yuan = fact("统筹前累计结余", "balance from before pooling", "yuan")
    old_expenditure: Amount = fact("统筹前基金支出", "expenditure of before pooling", "yuan", Decimal(0))
    offsite_prepayment: Amount = fact("异地清算预付金", "prepayment for off-site settlement", "yuan", Decimal(0))
    hospital_advance: Amount = fact("公立医院预付金", "advance to public hospitals", "yuan", Decimal(0))


def bear(case: Case[Facts, BearingCounty]) -> Outcome:
    """Return what a county's legacy balance pays its agency, in the order of the clause: expenditure of before pooling (列支), then
    as temporary payments (暂付) the prepayment for off-site settlement and the advance to public hospitals.

    The balance is ring-fenced: together never more than there is, and what it cannot bear is told of by step.
    """
    notes = Notes()
    for code, county in case.by_code():
        left = max(fen_of(county.balance), 0)
        lacking = 0
        for step, asked in (
            ("old_expenditure", county.old_expenditure),
            ("offsite_prepayment", county.offsite_prepayment),
            ("hospital_advance", county.hospital_advance),
        ):
            borne = min(fen_of(asked), left)
            left -= borne
            lacking += fen_of(asked) - borne
            notes.transfers += case.transfer(
                step, code, "county_balance", "county_agency", borne, facts={"asked": asked, "balance": county.balance}
            )
            if borne < fen_of(asked):
                notes.working.append(
                    case.working(f"{step}_lacking", code, "结余不足", "not borne", asked - from_fen(borne))
                )
        notes.working.append(case.working("left", code, "结余余额", "balance left", from_fen(left)))
        if lacking:
            notes.unfunded.append(
                Unfunded(
                    case.rule_id, case.fund, code, from_fen(lacking), "统筹前累计结余不足，不得动用其他资金",
                    "the balance from before pooling does not suffice, and no other money may be used", case.clause(),
                )
            )  # fmt: skip
    return notes.outcome()


class OldDeficitCounty(CountyFacts):
    """Facts of a county with a deficit from before pooling."""

    deficit: Amount = fact("经审计的统筹前缺口（负债）", "deficit or debt from before pooling, as audited", "yuan")
    paid_before: Amount | None = fact(
        "以前年度已弥补", "made up in earlier years; left out: what those years asked for", "yuan", None
    )


def make_good(case: Case[Facts, OldDeficitCounty]) -> Outcome:
    """Return what each county's finance makes up in the year of its old deficit: equal parts over ``old_deficit_years``, counted from
    the year that value first holds; the last year takes the rounding. Due by ``legacy_debts``.

    What earlier years asked for and did not get is told of, not asked for twice. Raises InputError where more is made up than lacks.
    """
    years = int(case.number("old_deficit_years"))
    number = case.period.year - case.rulebook.values["old_deficit_years"].dated[0].from_day.year + 1
    notes = Notes()
    for code, county in case.by_code():
        total = fen_of(county.deficit)
        paid = None if county.paid_before is None else fen_of(county.paid_before)
        require((paid or 0) <= total, f"{code} made up {county.paid_before} of {county.deficit}", case, "at most that")
        yearly = int((Decimal(total) / years).to_integral_value(ROUND_HALF_UP))
        part = instalment(total, yearly, years, number, paid)
        notes.transfers += case.transfer(
            "", code, "county_finance", "county_balance", part.due, due="legacy_debts",
            facts={"deficit": county.deficit, "year": number, "of": years},
        )  # fmt: skip
        if part.arrears:
            notes.unfunded.append(
                Unfunded(
                    case.rule_id, case.fund, code, from_fen(part.arrears), "以前年度应弥补缺口尚未到位",
                    "of the instalments of earlier years, not yet made up", case.clause(),
                )
            )  # fmt: skip
    return notes.outcome()


KINDS = (
    RuleKind(
        "legacy_upload",
        Text(zh="统筹前累计结余归集", en="Legacy balances handed over"),
        upload,
        county=AuditedCounty,
        values=("legacy_counties",),
        deadlines=("legacy_upload",),
    ),
    RuleKind(
        "legacy_bears",
        Text(zh="统筹前累计结余列支、暂付", en="What legacy balances bear"),
        bear,
        county=BearingCounty,
    ),
    RuleKind(
        "old_deficit",
        Text(zh="统筹前缺口弥补", en="Old deficits made up"),
        make_good,
        county=OldDeficitCounty,
        values=("old_deficit_years",),
        deadlines=("legacy_debts",),
    ),
)
