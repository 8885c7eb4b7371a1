"""Income accounts emptied at month-end (收入户月末上解): from the counties' to the city's, and on to the special fiscal account.

Zaozhuang Zz-4.2 (四（四）2). Counties keep no fiscal account there.
"""

from __future__ import annotations

from decimal import Decimal

from medpool_etl.documents import Text
from medpool_etl.money import from_fen
from medpool_etl.settlement.case import (
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

NIL = Decimal(0)


class CityIncome(Facts):
    """The city agency's own income account, without what counties upload to it."""

    collected: Yuan = fact(
        "市本级收入户本月收入（扣除退付）",
        "the city agency's own income of the month, net of what was paid back",
        "yuan",
        NIL,
    )
    brought_forward: Yuan = fact("市收入户上月末余额", "balance of the city's income account a month ago", "yuan", NIL)
    balance: Yuan = fact("市收入户月末余额", "balance of the city's income account at month-end", "yuan", NIL)


class CountyIncome(CountyFacts):
    """A county agency's income account in the month."""

    collected: Yuan = fact(
        "收入户本月收入（扣除退付）", "income of the month: levied, interest, other, net of what was paid back", "yuan"
    )
    brought_forward: Yuan = fact("上月末余额", "balance a month ago, which should have been nil", "yuan", NIL)
    balance: Yuan = fact("月末余额", "balance at month-end, which should be nil", "yuan", NIL)


def upload(case: Case[CityIncome, CountyIncome]) -> Outcome:
    """Return what goes up at month-end: each county's income account to the city's (step ``county``), and all of that with the city's
    own income to the special fiscal account (step ``city``).

    Zz-4.2: all of it goes, what the month before left behind included, during the last ``income_upload_days`` working days of the
    month. Amounts are what the rule asks for, whatever was sent; a balance left at month-end is told of. Raises InputError where an
    account would owe less than nothing, or kept more than it took in.
    """
    notes = Notes()
    days = int(case.number("income_upload_days"))
    window = case.calendar.nth_working_day(case.period.last_month, -days)
    notes.working.append(case.working("window", "", "上解首日", "first day of the upload", window))
    total = 0
    for code, county in case.by_code():
        owed = _owed(case, code, county)
        total += owed
        known = {"collected": county.collected, "brought_forward": county.brought_forward}
        notes.transfers += case.transfer(
            "county", code, "county_income", "city_income", owed, due="income_upload", facts=known
        )
        _leftover(case, code, county.balance, owed, notes)
    own = _owed(case, "", case.facts)
    for step, zh, en, fen in (
        ("uploaded", "各县上解合计", "uploaded by the counties", total),
        ("own", "市本级收入", "the city's own", own),
    ):
        notes.working.append(case.working(step, "", zh, en, from_fen(fen)))
    notes.transfers += case.transfer(
        "city", "", "city_income", "fiscal_account", total + own, due="income_to_fiscal",
        facts={"uploaded": from_fen(total), "own": from_fen(own)},
    )  # fmt: skip
    _leftover(case, "", case.facts.balance, total + own, notes)
    return notes.outcome()


def _owed(case: Case[CityIncome, CountyIncome], code: str, account: CityIncome | CountyIncome) -> int:
    """Return what an income account holds to be passed on, in fen."""
    owed = fen_of(account.brought_forward) + fen_of(account.collected)
    said = f"the income account of {code or 'the city'} took in less than nothing"
    require(owed >= 0, said, case, "brought_forward + collected of 0 or more")
    return owed


def _leftover(case: Case[CityIncome, CountyIncome], code: str, balance: Decimal, owed: int, notes: Notes) -> None:
    """Nil at month-end, in principle: what is left is not lost, it goes up next month, but a person must know of it."""
    require(
        0 <= fen_of(balance) <= owed,
        f"the income account of {code or 'the city'} is left with {balance} yuan",
        case,
        f"0 to {from_fen(owed)}, what it held in the month",
    )
    if balance:
        notes.unfunded.append(
            Unfunded(
                case.rule_id, case.fund, code, balance, "月末收入户仍有余额",
                "the income account is not nil at month-end", case.clause(),
            )
        )  # fmt: skip


KINDS = (
    RuleKind(
        "income_upload",
        Text(zh="收入户月末上解", en="Month-end upload of the income accounts"),
        upload,
        CityIncome,
        CountyIncome,
        values=("income_upload_days",),
        deadlines=("income_upload", "income_to_fiscal"),
    ),
)
