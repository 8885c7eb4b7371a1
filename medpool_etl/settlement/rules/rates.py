"""What workers' insurance costs (缴费比例、大病医疗救助金、一次性补缴): figures, no transfers.

Zaozhuang Zz-2 (四（二）1). The province's average wage is that of the year before; every rate is a dated value.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from medpool_etl.documents import Text
from medpool_etl.money import from_fen
from medpool_etl.settlement.case import Amount, Case, CountyFacts, Facts, Notes, Outcome, fact, fen_of, require
from medpool_etl.settlement.kind import RuleKind
from medpool_etl.settlement.rules.bases import WageFacts, bounds, percent_of

MONTHS_A_YEAR = 12
Category = Literal["employer", "public_body", "distressed_employer", "unemployed", "flexible", "retired"]
EMPLOYED = ("employer", "public_body", "distressed_employer")
# On the reduced base instead of a wage.
REDUCED = ("distressed_employer", "unemployed", "flexible")
Count = Annotated[int, Field(ge=0)]
MonthsOfYear = Annotated[int, Field(ge=0, le=12)]


class Payers(CountyFacts):
    """Workers of one kind with one wage; the row has any name."""

    category: Category = fact("缴费人类别", "kind of payer")
    wage: Amount = fact(
        "本人上年度月平均工资（在职职工）",
        "own average monthly wage of the year before, of the employed",
        "yuan a month",
        Decimal(0),
    )
    heads: Count = fact("人数", "persons", "persons", 1)
    months: MonthsOfYear = fact("月数", "months", "months", 1)


def premiums(case: Case[WageFacts, Payers]) -> Outcome:
    """Return what each kind of payer owes: figures ``base`` (a head's monthly base), ``employer``, ``employee``, ``unemployment_fund`` and
    ``total`` (for all heads and months), in yuan.

    Zz-2. An employee's base is the own wage within its bounds; the reading ``employer_base`` says whether the employer's is the same or the
    wage as it is. Distressed employers, flexible workers and the unemployed on benefit, for whom the unemployment fund pays, are on
    ``reduced_base_percent`` of the average wage; the retired pay nothing. A head's month is rounded half up to the fen, base and
    premium each, and then multiplied.
    """
    notes = Notes()
    average = case.facts.average_wage
    floor, cap = bounds(case, average)
    reduced = percent_of(average, case.number("reduced_base_percent"))
    for name, payers in case.by_code():
        wage = fen_of(payers.wage)
        if payers.category in EMPLOYED:
            require(wage > 0, f"{name} has no wage", case, "wage, the own average monthly wage of the year before")
        own = min(max(wage, floor), cap)
        by_payroll = case.reading("employer_base", "clamped", "payroll") == "payroll"
        base = reduced if payers.category in REDUCED else wage if by_payroll else own
        share = {"employer": 0, "employee": 0, "unemployment_fund": 0}
        if payers.category in EMPLOYED:
            share["employer"] = _of(case, base, f"rate_{payers.category}")
            share["employee"] = _of(case, own, "rate_employee")
        elif payers.category == "unemployed":
            share["unemployment_fund"] = _of(case, reduced, "rate_unemployed")
        elif payers.category == "flexible":
            share["employee"] = _of(case, reduced, "rate_flexible")
        times = payers.heads * payers.months
        shown = [("base", "单位（或本人）月缴费基数", "base a month", 0 if payers.category == "retired" else base)]
        if payers.category in EMPLOYED:
            shown.append(("employee_base", "个人月缴费基数", "the employee's base a month", own))
        shown += [
            ("employer", "单位缴费", "the employer pays", share["employer"] * times),
            ("employee", "个人缴费", "the insured pay themselves", share["employee"] * times),
            ("unemployment_fund", "失业保险基金代缴", "the unemployment fund pays", share["unemployment_fund"] * times),
            ("total", "合计", "in all", sum(share.values()) * times),
        ]
        for step, zh, en, fen in shown:
            notes.figures.append(case.working(step, name, zh, en, from_fen(fen)))
    return notes.outcome()


def _of(case: Case[WageFacts, Payers], base: int, rate: str) -> int:
    return percent_of(from_fen(base), case.number(rate))


class Insured(CountyFacts):
    """Insured persons; the row has any name."""

    heads: Count = fact("人数", "persons", "persons")
    months: MonthsOfYear = fact("月数", "months", "months", 1)


def relief(case: Case[Facts, Insured]) -> Outcome:
    """Return what the insured pay into the relief fund (大病医疗救助金): figure ``premium``, ``relief_fund_monthly`` a head a month, in yuan.

    Zz-2 (四（二）1（2）).
    """
    notes = Notes()
    monthly = case.number("relief_fund_monthly")
    for name, insured in case.by_code():
        fen = fen_of(monthly) * insured.heads * insured.months
        notes.figures.append(case.working("premium", name, "大病医疗救助金", "relief fund premium", from_fen(fen)))
    return notes.outcome()


class Retiring(CountyFacts):
    """A person who retires; the row has any name. Months of contribution, deemed ones (视同缴费) among the counted."""

    sex: Literal["male", "female"] = fact("性别", "sex")
    counted_months: Count = fact("累计缴费月数（含视同）", "months counted, deemed ones included", "months")
    paid_months: Count = fact("实际缴费月数", "months actually paid", "months")


def buy_in(case: Case[WageFacts, Retiring]) -> Outcome:
    """Return what a retiring person pays at once for the time that is missing: figures ``missing`` (months), ``amount`` (yuan) and
    ``entitled`` (yes or no: whether paying it makes the benefits of the retired due).

    Zz-2 (四（二）1（3）): ``buy_in_years_male`` or ``_female`` counted, ``buy_in_years_paid`` of them actually paid; ``buy_in_percent`` of the
    average monthly wage for each missing month, rounded half up to the fen a month. The reading ``bought_time`` says whether bought
    months count as actually paid. Raises InputError where more was paid than counted.
    """
    notes = Notes()
    monthly = percent_of(case.facts.average_wage, case.number("buy_in_percent"))
    least_paid = int(case.number("buy_in_years_paid") * MONTHS_A_YEAR)
    as_paid = case.reading("bought_time", "counts_as_paid", "counts_not_as_paid") == "counts_as_paid"
    notes.working.append(case.working("monthly", "", "每月补缴标准", "a missing month costs", from_fen(monthly)))
    for name, person in case.by_code():
        require(
            person.paid_months <= person.counted_months, f"{name} paid more months than are counted", case,
            "paid_months of at most counted_months",
        )  # fmt: skip
        needed = int(case.number(f"buy_in_years_{person.sex}") * MONTHS_A_YEAR)
        lacks_counted, lacks_paid = max(needed - person.counted_months, 0), max(least_paid - person.paid_months, 0)
        missing = max(lacks_counted, lacks_paid) if as_paid else lacks_counted
        entitled = as_paid or lacks_paid == 0
        for step, zh, en, value in (
            ("missing", "须补缴月数", "months missing", missing),
            ("amount", "一次性补缴金额", "to be paid at once", from_fen(missing * monthly)),
            ("entitled", "补缴后是否享受退休待遇", "entitled once it is paid", "yes" if entitled else "no"),
        ):
            notes.figures.append(case.working(step, name, zh, en, value))
    return notes.outcome()


KINDS = (
    RuleKind(
        "premium_rates",
        Text(zh="缴费基数和比例", en="Contribution bases and rates"),
        premiums,
        WageFacts,
        Payers,
        values=(
            "base_floor_percent",
            "base_cap_percent",
            "reduced_base_percent",
            "rate_employer",
            "rate_public_body",
            "rate_distressed_employer",
            "rate_unemployed",
            "rate_employee",
            "rate_flexible",
        ),
        readings=("employer_base",),
        moves_money=False,
    ),
    RuleKind(
        "relief_fund",
        Text(zh="大病医疗救助金缴费", en="Premium of the relief fund"),
        relief,
        county=Insured,
        values=("relief_fund_monthly",),
        moves_money=False,
    ),
    RuleKind(
        "buy_in",
        Text(zh="退休一次性补缴", en="Buying in missing years at retirement"),
        buy_in,
        WageFacts,
        Retiring,
        values=("buy_in_percent", "buy_in_years_male", "buy_in_years_female", "buy_in_years_paid"),
        readings=("bought_time",),
        moves_money=False,
    ),
)
