"""From when the insured are entitled, and what they pay themselves (待遇等待期、资助参保、透析、个人账户).

Hangzhou H-1 (三（一）1 to 4). How long each waits, and of which clause, are values of the rulebook.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from medpool_etl.documents import Text
from medpool_etl.errors import InputError
from medpool_etl.money import from_fen
from medpool_etl.periods import Month
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of, require
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.parties import Role
from medpool_etl.settlement.rules.bases import percent_of


def _month(value: object) -> str:
    try:
        return str(Month.parse(str(value)))
    except InputError as error:
        raise ValueError(f"{error.what}, expected {error.expected}") from error


MonthText = Annotated[str, BeforeValidator(_month)]
Situation = Literal[
    "rejoining_employee",
    "employer_in_arrears",
    "first_flexible",
    "rejoining_flexible",
    "late_resident",
    "transfer",
]
# Whose fund each is; a transfer is into either.
_FUND = {
    "rejoining_employee": "worker",
    "employer_in_arrears": "worker",
    "first_flexible": "worker",
    "rejoining_flexible": "worker",
    "late_resident": "resident",
}


class Waiting(CountyFacts):
    """Somebody who joins, joins again, changes over or whose employer is in arrears; the row has any name."""

    situation: Situation = fact("情形", "which case it is")
    month: MonthText | None = fact(
        "缴费（首次参保为登记）月份", "month of payment, of registration for who joins first", "month", None
    )
    arrears: MonthText | None = fact("欠缴月份", "month the employer did not pay in full", "month", None)
    ordered_on: dt.date | None = fact("税务机关责令限期缴纳决定日", "day the tax office ordered payment", "date", None)
    limit_days: int | None = Field(
        default=None,
        ge=0,
        description="责令期限（日） | days it set, by default the most",
        json_schema_extra={"unit": "days"},
    )
    paid_on: dt.date | None = fact("足额补缴日", "day all of it was paid", "date", None)


def wait(case: Case[Facts, Waiting]) -> Outcome:
    """Return from which month on each is entitled: figure ``from`` (a month), and for residents who pay late ``until`` (the end of the
    settlement year; ``from`` is ``none`` when that is over before).

    H-1 (三（一）2). The n-th calendar month counted from the month of payment; the reading ``waiting_counts`` says whether that month itself
    is the first. Each figure has the clause of the value it rests on. For an employer in arrears: ``suspended``, ``limit`` (day), ``restored``
    and ``borne_by``, who bears what falls between: ``fund`` when all was paid within the limit, ``employer`` when it was not, ``open``
    while the limit runs. Raises InputError for a case of the other fund, a missing month, and a limit longer than allowed.
    """
    notes = Notes()
    for name, person in case.by_code():
        fund = _FUND.get(person.situation, case.fund)
        require(fund == case.fund, f"{name}: {person.situation} is no case of the {case.fund} fund", case, fund)
        if person.situation == "employer_in_arrears":
            _arrears(case, name, person, notes)
            continue
        require(person.month is not None, f"{name} has no month", case, "month, such as 2022-03")
        value = f"waiting_{person.situation}"
        entitled = _nth(case, Month.parse(str(person.month)), value)
        if person.situation == "late_resident":
            until = Month(Month.parse(str(person.month)).year, 12)
            shown = str(entitled) if entitled <= until else "none"
            notes.figures.append(_figure(case, value, "from", name, "享受待遇起始月", "entitled from", shown))
            notes.figures.append(_figure(case, value, "until", name, "享受待遇截止月", "entitled until", until))
            continue
        notes.figures.append(_figure(case, value, "from", name, "享受待遇起始月", "entitled from", entitled))
    return notes.outcome()


def _arrears(case: Case[Facts, Waiting], name: str, person: Waiting, notes: Notes) -> None:
    require(person.arrears is not None, f"{name} has no month of arrears", case, "arrears, such as 2022-03")
    most = int(case.number("arrears_limit_days"))
    days = most if person.limit_days is None else person.limit_days
    require(days <= most, f"{name}: the limit is {days} days", case, f"at most {most} days from the decision")
    limit = person.ordered_on + dt.timedelta(days=days) if person.ordered_on else None
    in_time = person.paid_on is not None and (limit is None or person.paid_on <= limit)
    over = limit is not None and (person.paid_on or case.day) > limit
    restored: object = "none"
    if in_time and person.paid_on:
        restored = _nth(case, Month.of(person.paid_on), "waiting_arrears_restored")
    suspended = _nth(case, Month.parse(str(person.arrears)), "waiting_arrears_suspended")
    borne = "fund" if in_time else "employer" if over else "open"
    for value, step, zh, en, shown in (
        ("waiting_arrears_suspended", "suspended", "暂停享受待遇起始月", "suspended from", suspended),
        ("arrears_limit_days", "limit", "限期", "to be paid by", limit or "none"),
        ("waiting_arrears_restored", "restored", "恢复享受待遇起始月", "restored from", restored),
        ("arrears_limit_days", "borne_by", "期间待遇承担方", "who bears the benefits between", borne),
    ):
        notes.figures.append(_figure(case, value, step, name, zh, en, shown))


def _nth(case: Case[Any, Any], month: Month, value: str) -> Month:
    """Return the n-th calendar month counted from a month."""
    first = case.reading("waiting_counts", "payment_month_first", "next_month_first") == "payment_month_first"
    return month.plus(int(case.number(value)) - (1 if first else 0))


def _figure(case: Case[Any, Any], value: str, step: str, name: str, zh: str, en: str, shown: object) -> Any:
    return case.working(step, name, zh, en, shown, case.rulebook.values[value].clause)


class SubsidyFacts(Facts):
    """Facts of the city."""

    premium: Amount = fact("城乡居民医保个人缴费标准", "a resident's own premium of the year", "yuan a head")


class Margin(CountyFacts):
    """A county's households on the low-income margin."""

    persons: int = Field(
        ge=0,
        description="持《最低生活保障边缘家庭证》的参保人数 | insured persons of households on the low-income margin",
        json_schema_extra={"unit": "persons"},
    )


def full_subsidy(case: Case[SubsidyFacts, Margin]) -> Outcome:
    """Return what government pays instead of households on the low-income margin (低边): all of the resident premium.

    H-1 (三（一）1（1）). The notice says 政府 and names no level: reading ``full_subsidy_payer``. It names no day either.
    """
    notes = Notes()
    payer: Role = (
        "county_finance"
        if case.reading("full_subsidy_payer", "county_finance", "city_finance") == "county_finance"
        else "city_finance"
    )
    for code, county in case.by_code():
        fen = fen_of(case.facts.premium) * county.persons
        known = {"persons": county.persons, "premium": case.facts.premium}
        notes.transfers += case.transfer("", code, payer, "fiscal_account", fen, facts=known)
    return notes.outcome()


class Dialysis(CountyFacts):
    """Outpatient dialysis of a patient with chronic kidney failure at a designated institution; the row has any name."""

    eligible: Amount = fact("符合规定的门诊透析费用", "eligible cost of outpatient dialysis", "yuan")
    insurance: Amount = fact(
        "基本医疗保险、大病保险支付", "paid by basic and critical-illness insurance", "yuan", Decimal(0)
    )


def dialysis(case: Case[Facts, Dialysis]) -> Outcome:
    """Return who pays for dialysis: figures ``insurance``, ``own`` and ``medical_aid``, in yuan.

    H-1 (三（一）4（2）). The insured bear ``dialysis_own_percent`` of the fund of the eligible cost, rounded half up to the fen, and no more
    than insurance leaves; what remains is medical aid's (医疗救助资金), never the pool's. Raises InputError where insurance paid
    more than the cost.
    """
    notes = Notes()
    percent = case.number(f"dialysis_own_percent_{case.fund}")
    for name, patient in case.by_code():
        left = fen_of(patient.eligible) - fen_of(patient.insurance)
        require(left >= 0, f"{name}: insurance paid more than the eligible cost", case, f"at most {patient.eligible}")
        own = min(percent_of(patient.eligible, percent), left)
        for step, zh, en, amount in (
            ("insurance", "基本医疗保险、大病保险支付", "insurance pays", patient.insurance),
            ("own", "个人承担", "the insured pays", from_fen(own)),
            ("medical_aid", "医疗救助资金支付", "medical aid pays", from_fen(left - own)),
        ):
            notes.figures.append(case.working(step, name, zh, en, amount))
    return notes.outcome()


class Allotment(CountyFacts):
    """An insured person with a personal account; the row has any name. Amounts are of a year."""

    retired_on: dt.date | None = fact(
        "办理医保退休日期（未退休留空）", "day of retirement, none for who works", "date", None
    )
    standard: Amount | None = fact("市区标准划入金额", "allotment by the city's standard", "yuan", None)
    fixed: Amount | None = fact(
        "截止年度核定的退休划账金额", "allotment assessed in the year of the cut-off", "yuan", None
    )
    area: Amount | None = fact(
        "原医疗保障管理辖区个人账户划入政策确定的金额", "allotment by the policy of the former area", "yuan", None
    )


def personal_account(case: Case[Facts, Allotment]) -> Outcome:
    """Return what each person's account is allotted: figure ``allotment`` (yuan) and ``by``, what it rests on.

    H-1 (三（一）3). Who works: the city's ``standard``; who retired by ``fixed_allotment_retired_by``: the amount ``fixed`` then; who retires later: by
    the policy of the former ``area``. Raises InputError naming the amount that is missing.
    """
    notes = Notes()
    by_day = dt.date.fromisoformat(case.text("fixed_allotment_retired_by"))
    for name, person in case.by_code():
        basis, amount = "area", person.area
        if person.retired_on is None:
            basis, amount = "standard", person.standard
        elif person.retired_on <= by_day:
            basis, amount = "fixed", person.fixed
        if amount is None:
            raise InputError(f"{name} has no amount {basis}", where=case.clause(), expected=f"{basis}, in yuan a year")
        notes.figures.append(case.working("allotment", name, "个人账户划入金额", "allotted", amount))
        notes.figures.append(case.working("by", name, "划入依据", "which amount applies", basis))
    return notes.outcome()


KINDS = (
    RuleKind(
        "waiting_period",
        Text(zh="待遇等待期", en="Waiting periods"),
        wait,
        county=Waiting,
        values=(
            "waiting_rejoining_employee",
            "waiting_arrears_suspended",
            "waiting_arrears_restored",
            "arrears_limit_days",
            "waiting_first_flexible",
            "waiting_rejoining_flexible",
            "waiting_late_resident",
            "waiting_transfer",
        ),
        readings=("waiting_counts",),
        moves_money=False,
    ),
    RuleKind(
        "full_subsidy",
        Text(zh="低边人员资助参保", en="Premiums government pays in full"),
        full_subsidy,
        SubsidyFacts,
        Margin,
        readings=("full_subsidy_payer",),
    ),
    RuleKind(
        "dialysis",
        Text(zh="慢性肾功能衰竭门诊透析", en="Dialysis for chronic kidney failure"),
        dialysis,
        county=Dialysis,
        values=("dialysis_own_percent_{fund}",),
        moves_money=False,
    ),
    RuleKind(
        "personal_account",
        Text(zh="个人账户计入", en="Allotments to personal accounts"),
        personal_account,
        county=Allotment,
        values=("fixed_allotment_retired_by",),
        moves_money=False,
    ),
)
