"""Taizhou's flows by month, quarter and year: their days, clauses and sums (T8.2, T8.3, T9, T10, T11, T19.6)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.money import from_fen
from medpool_etl.periods import Period
from medpool_etl.places import load_accounts
from medpool_etl.policy import Rulebook, load_rulebook
from medpool_etl.settlement import Facts, Outcome, Registered, apply_rule
from medpool_etl.settlement.rules.funding import FundingCounty, FundingFacts
from medpool_etl.settlement.rules.income import IncomeCounty
from medpool_etl.settlement.rules.premiums import PrepaidCounty
from medpool_etl.settlement.rules.recovered import RecoveredCounty
from medpool_etl.settlement.rules.revolving import RecoveryCounty, RevolvingCounty
from medpool_etl.settlement.rules.subsidies import SubsidyCounty, shares_of

RULEBOOK, CALENDAR = load_rulebook("taizhou"), WorkingCalendar.load()
PARTIES = Registered(load_accounts("taizhou"))
A, B, C = "331002", "331003", "331004"
FEN = st.integers(0, 10**13)


def apply(
    rule: str,
    period: str,
    counties: Mapping[str, Any],
    *,
    fund: str = "worker",
    facts: Facts | None = None,
    rulebook: Rulebook = RULEBOOK,
) -> Outcome:
    """Apply a rule of the city."""
    return apply_rule(rule, rulebook, CALENDAR, PARTIES, fund, Period.parse(period), facts or FundingFacts(), counties)


def with_reading(name: str, value: str) -> Rulebook:
    """Return the rulebook with another reading."""
    taken = RULEBOOK.readings[name].model_copy(update={"value": value})
    return RULEBOOK.model_copy(update={"readings": {**RULEBOOK.readings, name: taken}})


def with_value(name: str, value: str) -> Rulebook:
    """Return the rulebook with another value."""
    old = RULEBOOK.values[name]
    new = old.model_copy(update={"dated": (old.dated[0].model_copy(update={"value": value}),)})
    return RULEBOOK.model_copy(update={"values": {**RULEBOOK.values, name: new}})


def grant(period: str) -> Decimal | None:
    """Return a provincial grant for the quarter that takes one."""
    return Decimal(0) if period.endswith("Q4") else None


EARNED = {A: IncomeCounty(agency_interest=Decimal(1))}
PLANNED = {A: FundingCounty(plan=Decimal(100))}
PAID = {A: RevolvingCounty(payments=Decimal(110), months=11)}
OUT = {A: RecoveryCounty(advanced=Decimal(10))}
# rule, period, fund, facts -> step, due, late after, and where the notice says so; days worked out from the notices by hand.
DAYS: list[tuple[str, str, str, Mapping[str, Any], list[tuple[str, str, str, str]]]] = [
    ("T9", "2022-Q1", "worker", EARNED, [
        ("county", "2022-04-30", "2022-05-05", "附件第九条"), ("city", "2022-04-30", "2022-05-05", "附件第九条"),
    ]),
    # The 5th of February lies in the Spring Festival, the 7th is the first working day; two more make the 9th.
    ("T10", "2022-01", "worker", PLANNED, [
        ("allocation", "2022-02-05", "2022-02-07", "附件第十条"), ("distribution", "2022-02-09", "2022-02-09", "附件第十条"),
    ]),
    # The 5th of October lies in the National Day holidays, banks work again on the 8th, a Saturday; then the 9th and the 10th.
    ("T10", "2022-09", "worker", PLANNED, [
        ("allocation", "2022-10-05", "2022-10-08", "附件第十条"), ("distribution", "2022-10-10", "2022-10-10", "附件第十条"),
    ]),
    ("T10", "2022-12", "resident", PLANNED, [
        ("allocation", "2023-01-05", "2023-01-05", "附件第十条"), ("distribution", "2023-01-09", "2023-01-09", "附件第十条"),
    ]),
    ("T11", "2023-opening", "worker", PAID, [
        ("payment", "2023-01-10", "2023-01-10", "附件第十一条"), ("distribution", "2023-01-12", "2023-01-12", "附件第十一条"),
    ]),
    ("T11.2", "2022-12", "worker", OUT, [
        ("county", "2022-12-31", "2023-01-03", "附件第十一条"), ("city", "2022-12-31", "2023-01-03", "附件第十一条"),
    ]),
    ("T8.3", "2022-opening", "resident", {A: PrepaidCounty(collected=Decimal(5))}, [
        ("", "2022-01-31", "2022-02-07", "附件第八条第三款"),
    ]),
]  # fmt: skip
# The day each quarter's subsidy is due, and is late after: 30 April 2022 is a Saturday before the holidays of May, 31 July a Sunday.
QUARTERS = [
    ("2022-Q1", "2022-02-28", "2022-02-28"),
    ("2024-Q1", "2024-02-29", "2024-02-29"),
    ("2022-Q2", "2022-04-30", "2022-05-05"),
    ("2022-Q3", "2022-07-31", "2022-08-01"),
    ("2022-Q4", "2022-09-30", "2022-09-30"),
]


@pytest.mark.parametrize(("rule", "period", "fund", "counties", "expected"), DAYS)
def test_days_and_clauses(
    rule: str, period: str, fund: str, counties: Mapping[str, Any], expected: list[tuple[str, str, str, str]]
) -> None:
    """Each step is due on its day, late after the next working day, and cites its place in the notice."""
    found = [
        (t.step, str(t.due_date), str(t.late_after), t.clause.removeprefix("台政办发〔2021〕48号 "))
        for t in apply(rule, period, counties, fund=fund).transfers
    ]
    assert found == expected


@pytest.mark.parametrize(("period", "due", "late"), QUARTERS)
def test_days_of_the_quarters(period: str, due: str, late: str) -> None:
    """The subsidy and its arrears are due on the quarter's own day."""
    counties = {A: SubsidyCounty(year_amount=Decimal(4), provincial_grant=grant(period))}
    found = apply("T8.2", period, counties, fund="resident").transfers
    assert {(str(t.due_date), str(t.late_after)) for t in found} == {(due, late)}
    assert {t.clause for t in found} == {"台政办发〔2021〕48号 附件第八条第二款"}
    assert [t.step for t in found] == (["quarter"] if period.endswith("Q1") else ["arrears", "quarter"])


def test_income_by_the_end_of_the_quarter() -> None:
    """Under the other reading a quarter's income is moved by the quarter's last day."""
    rulebook = with_reading("income_due", "quarter_end")
    found = apply("T9", "2022-Q1", EARNED, rulebook=rulebook).transfers
    assert {str(t.due_date) for t in found} == {"2022-03-31"}


def test_recovered_money_has_no_day() -> None:
    """The notice names no day for what the city recovers; the transfer has none either."""
    (transfer,) = apply("T19.6", "2022-09", {A: RecoveredCounty(recovered=Decimal(1))}).transfers
    assert (transfer.due_date, transfer.late_after) == (None, None)
    assert transfer.clause == "台政办发〔2021〕48号 附件第十九条第三款"


@pytest.mark.parametrize(("rule", "fund", "county"), [
    ("T8.2", "resident", SubsidyCounty(year_amount=Decimal(4))), ("T9", "worker", IncomeCounty()),
])  # fmt: skip
def test_not_a_quarter(rule: str, fund: str, county: Any) -> None:
    """What is done by the quarter is refused for a month, with an example of a quarter."""
    with pytest.raises(InputError, match=r"(?s)2022-03 is no quarter.*2022-Q1"):
        apply(rule, "2022-03", {A: county}, fund=fund)


@pytest.mark.parametrize(("rule", "period", "name", "fund", "county"), [
    ("T10", "2022-03", "plan_review", "worker", PLANNED),
    ("T11", "2022-opening", "revolving_average", "worker", PAID),
    ("T8.2", "2022-Q4", "subsidy_overpaid", "resident",
     {A: SubsidyCounty(year_amount=Decimal(4), provincial_grant=Decimal(5))}),
])  # fmt: skip
def test_reading_nobody_knows(rule: str, period: str, name: str, fund: str, county: Mapping[str, Any]) -> None:
    """A reading without a calculation is an error that lists those that have one."""
    with pytest.raises(ConfigurationError, match=rf"(?s){name} = somehow.*one of"):
        apply(rule, period, county, fund=fund, rulebook=with_reading(name, "somehow"))


@pytest.mark.parametrize(("fen", "shares"), [
    (0, (0, 0, 0, 0)), (1, (0, 0, 0, 1)), (2, (1, 1, 0, 0)), (3, (1, 1, 1, 0)), (4, (1, 1, 1, 1)),
    (5, (1, 1, 1, 2)), (6, (2, 2, 2, 0)), (7, (2, 2, 2, 1)), (1_000_000_001, (250_000_000,) * 3 + (250_000_001,)),
])  # fmt: skip
def test_quarters_to_the_fen(fen: int, shares: tuple[int, ...]) -> None:
    """A quarter is rounded half up, the last takes the rest, and none is negative."""
    assert shares_of(fen) == shares


@given(FEN)
def test_quarters_add_up(fen: int) -> None:
    """The four quarters are the year's amount, and no two of the first three differ by more than a fen."""
    shares = shares_of(fen)
    assert sum(shares) == fen
    assert min(shares) >= 0
    assert max(shares[:3]) - min(shares[:3]) <= (fen == 2)


@given(FEN, FEN, st.lists(st.integers(0, 10**13), min_size=3, max_size=3), st.sampled_from(["returned", "next_year"]))
def test_the_year_is_settled(year: int, provincial: int, paid: list[int], taken: str) -> None:
    """After the fourth quarter the fund has the year's amount less the grant from the county, no matter what was paid before."""
    county = SubsidyCounty(
        year_amount=from_fen(year), paid_q1=from_fen(paid[0]), paid_q2=from_fen(paid[1]), paid_q3=from_fen(paid[2]),
        provincial_grant=from_fen(provincial),
    )  # fmt: skip
    outcome = apply("T8.2", "2022-Q4", {A: county}, fund="resident", rulebook=with_reading("subsidy_overpaid", taken))
    had = from_fen(sum(paid))
    for transfer in outcome.transfers:
        had += transfer.amount if transfer.payer.role == "county_finance" else -transfer.amount
    assert had - sum(item.amount for item in outcome.unfunded) == from_fen(year - provincial)
    assert len({t.payer.role for t in outcome.transfers}) <= 1, "nobody pays and is paid back at once"


@given(st.lists(FEN, min_size=1, max_size=3), st.integers(-(10**13), 3 * 10**13))
def test_allocation_is_passed_on(approved: list[int], balance: int) -> None:
    """What the city agency gets it passes on to the same county; no more than there is, and the rest is told of."""
    plans = dict(zip((A, B, C), approved, strict=False))
    counties = {code: FundingCounty(plan=Decimal(0), approved=from_fen(fen)) for code, fen in plans.items()}
    outcome = apply("T10", "2022-06", counties, facts=FundingFacts(fiscal_balance=from_fen(balance)))
    steps = {
        step: {t.county: t.amount for t in outcome.transfers if t.step == step}
        for step in ("allocation", "distribution")
    }
    assert steps["allocation"] == steps["distribution"]
    assert sum(steps["allocation"].values()) == from_fen(min(sum(approved), max(balance, 0)))
    short = {item.county: item.amount for item in outcome.unfunded}
    for code, fen in plans.items():
        assert steps["allocation"].get(code, Decimal(0)) + short.get(code, Decimal(0)) == from_fen(fen)


@given(FEN, st.integers(-(10**13), 10**13), FEN, st.integers(-(10**13), 10**13), FEN)
def test_review_only_cuts(plan: int, budget: int, average: int, cash: int, revolving: int) -> None:
    """A proposal is never more than planned; a stricter reading never proposes more; what is cut is the whole difference."""
    county = FundingCounty(
        plan=from_fen(plan), budget_left=from_fen(budget), average=from_fen(average), cash=from_fen(cash),
        revolving=from_fen(revolving),
    )  # fmt: skip
    proposals = []
    for review in ("as_planned", "cap_by_budget", "cap_by_budget_and_need"):
        outcome = apply(
            "T10", "2022-06", {A: county},
            facts=FundingFacts(), rulebook=with_reading("plan_review", review),
        )  # fmt: skip
        (proposal,) = (Decimal(line.value) for line in outcome.working if line.step == "proposal")
        cut = sum(Decimal(line.value) for line in outcome.working if line.step.startswith("cut_"))
        assert proposal + cut == from_fen(plan)
        assert min(proposal, cut) >= 0
        proposals.append(proposal)
    assert proposals == sorted(proposals, reverse=True)


def test_what_was_ordered_stands() -> None:
    """T10: what an earlier run ordered is neither cut nor asked for again; the rest shares what the account holds beside it, and what was
    granted and not paid is told of."""
    counties = {
        A: FundingCounty(plan=Decimal(100), approved=Decimal(100), ordered=Decimal(80)),
        B: FundingCounty(plan=Decimal(60)),
        C: FundingCounty(plan=Decimal(30)),
    }
    for balance, rest in ((Decimal(140), (40, 20)), (Decimal(50), (0, 0)), (None, (60, 30))):
        outcome = apply("T10", "2022-06", counties, facts=FundingFacts(fiscal_balance=balance))
        paid = {t.county: t.amount for t in outcome.transfers if t.step == "allocation"}
        assert (paid[A], paid.get(B, 0), paid.get(C, 0)) == (80, *rest)
        assert {u.county: u.amount for u in outcome.unfunded}[A] == 20


def test_decision_stands_in_the_working() -> None:
    """Proposal, decision and difference are shown with the clause of the review; without a decision the proposal alone."""
    county = FundingCounty(plan=Decimal(100), budget_left=Decimal(80), approved=Decimal(95))
    lines = apply("T10", "2022-06", {A: county}).working
    shown = {line.step: (line.value, line.clause) for line in lines}
    cited = "台政办发〔2021〕48号 附件第十条"
    assert shown["proposal"] == ("80.00", cited)
    assert shown["decision"] == ("95.00", cited)
    assert shown["difference"] == ("15.00", cited)
    undecided = apply("T10", "2022-06", {A: county.model_copy(update={"approved": None})})
    assert not {"decision", "difference"} & {line.step for line in undecided.working}
    assert {t.amount for t in undecided.transfers} == {Decimal("80.00")}


@pytest.mark.parametrize(("tolerance", "need"), [("0", "100.00"), ("10", "110.00"), ("12.5", "112.50")])
def test_tolerance_is_a_value(tolerance: str, need: str) -> None:
    """How far an average month may be passed is a value of the rulebook."""
    county = FundingCounty(plan=Decimal(500), average=Decimal(100), cash=Decimal(0))
    rulebook = with_value("plan_tolerance", tolerance)
    outcome = apply("T10", "2022-06", {A: county}, rulebook=rulebook)
    assert {str(t.amount) for t in outcome.transfers} == {need}


@pytest.mark.parametrize(("months", "payments", "amount"), [
    ("2", "0.33", "0.06"), ("1", "110000000", "10000000.00"), ("1.5", "110000000", "15000000.00"),
    # 0.11 x 0.5 / 11 is half a fen, and goes up; 0.10 x 0.5 / 11 is less.
    ("0.5", "0.11", "0.01"), ("0.5", "0.10", ""),
])  # fmt: skip
def test_revolving_months_are_a_value(months: str, payments: str, amount: str) -> None:
    """So many average months as the rulebook says are advanced, rounded half up once."""
    counties = {A: RevolvingCounty(payments=Decimal(payments), months=11)}
    found = apply("T11", "2023-opening", counties, rulebook=with_value("revolving_months", months)).transfers
    assert {str(t.amount) for t in found} == ({amount} if amount else set())


def test_city_without_days() -> None:
    """A city whose notice names no day has transfers without one, on the clause of the rule."""
    bare = RULEBOOK.model_copy(update={"deadlines": {}})
    for rule, period, counties in (
        ("T10", "2022-06", PLANNED),
        ("T11", "2022-opening", PAID),
        ("T11.2", "2022-12", OUT),
    ):
        found = apply(rule, period, counties, rulebook=bare).transfers
        assert len(found) == 2
        assert {t.due_date for t in found} == {None}
        assert {t.clause for t in found} == {RULEBOOK.cite(RULEBOOK.rules[rule].clause)}


def test_parties() -> None:
    """Money goes between the accounts the notice names, of the fund the rule was applied to."""
    found = apply("T10", "2022-06", PLANNED, fund="resident").transfers
    assert [(t.payer.number, t.receiver.number) for t in found] == [
        ("331000100300002", "331000100400002"),
        ("331000100400002", "331002100400002"),
    ]
    found = apply("T9", "2022-Q1", EARNED).transfers
    assert [(t.payer.number, t.receiver.number) for t in found] == [
        ("331002100400001", "331002100300001"),
        ("331002100300001", "331000100300001"),
    ]
