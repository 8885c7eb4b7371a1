"""Legacy balances and old deficits: T13, T-IV.7, Z-3.3, N-3.9. Nothing is paid that is not there, and nothing is lost in parts."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import InputError
from medpool_etl.periods import Period
from medpool_etl.policy import Rulebook, RuleEntry, load_rulebook
from medpool_etl.settlement import CountyFacts, Facts, Named, Outcome, apply_rule
from medpool_etl.settlement.case import Case
from medpool_etl.settlement.instalments import instalment
from medpool_etl.settlement.rules import legacy
from medpool_etl.settlement.rules.legacy import AuditedCounty, BearingCounty, OldDeficitCounty

CALENDAR = WorkingCalendar.load()
TAIZHOU, ZHOUSHAN, NANTONG = (load_rulebook(city, ()) for city in ("taizhou", "zhoushan", "nantong"))
FEN = st.integers(0, 10**13).map(lambda fen: Decimal(fen) / 100)


def case(rulebook: Rulebook, kind: str, clause: str, period: str, **counties: CountyFacts) -> Case[Facts, CountyFacts]:
    """Return a case of a kind under a rulebook, whether or not the city's rules bind it."""
    entry = RuleEntry.model_validate(
        {"kind": kind, "clause": clause, "title": {"zh": "规则", "en": "rule"}, "when": "once"}
    )
    return Case("R", entry, rulebook, CALENDAR, Named({}), "worker", Period.parse(period), Facts(), counties)


def bear(**county: str) -> Outcome:
    """Return what a balance of Taizhou bears."""
    return legacy.bear(
        case(TAIZHOU, "legacy_bears", "T13", "2022-03", A=BearingCounty.model_validate(county))  # type: ignore[arg-type]
    )


# balance, asked for each step -> borne by each step, what is told of; worked by hand.
BORNE = {
    "enough for all": (("100", "30", "20", "10"), ("30.00", "20.00", "10.00"), None),
    "just enough": (("60", "30", "20", "10"), ("30.00", "20.00", "10.00"), None),
    "the last step falls short": (("55.55", "30", "20", "10"), ("30.00", "20.00", "5.55"), "4.45"),
    "expenditure takes all": (("25", "30", "20", "10"), ("25.00", None, None), "35.00"),
    "an empty balance": (("0", "0", "20", "0"), (None, None, None), "20.00"),
    "an overdrawn balance": (("-5", "1", "0", "0"), (None, None, None), "1.00"),
}
STEPS = ("old_expenditure", "offsite_prepayment", "hospital_advance")


@pytest.mark.parametrize(("given_", "borne", "lacking"), BORNE.values(), ids=BORNE)
def test_a_balance_bears_in_order(given_: tuple[str, ...], borne: tuple[str | None, ...], lacking: str | None) -> None:
    """Expenditure first, then the prepayment, then the advance; what the balance cannot bear is told of."""
    outcome = bear(**dict(zip(("balance", *STEPS), given_, strict=True)))
    found = {t.step: str(t.amount) for t in outcome.transfers}
    assert found == {step: amount for step, amount in zip(STEPS, borne, strict=True) if amount}
    assert {(t.payer.role, t.receiver.role) for t in outcome.transfers} <= {("county_balance", "county_agency")}
    assert [str(item.amount) for item in outcome.unfunded] == ([lacking] if lacking else [])


@given(FEN, FEN, FEN, FEN)
def test_a_balance_is_ring_fenced(balance: Decimal, first: Decimal, second: Decimal, third: Decimal) -> None:
    """Never more than the balance, and all that is asked is either borne or told of."""
    outcome = bear(
        balance=str(balance), old_expenditure=str(first), offsite_prepayment=str(second), hospital_advance=str(third)
    )
    borne = sum((t.amount for t in outcome.transfers), Decimal(0))
    told = sum((item.amount for item in outcome.unfunded), Decimal(0))
    assert borne == min(balance, first + second + third)
    assert borne + told == first + second + third


def make_good(rulebook: Rulebook, clause: str, period: str, **county: str | None) -> Outcome:
    """Return what a county makes up of its old deficit."""
    return legacy.make_good(
        case(rulebook, "old_deficit", clause, period, A=OldDeficitCounty.model_validate(county))  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("year", "paid", "due", "told"),
    [
        (2022, None, "20.01", None),
        (2025, None, "20.01", None),
        (2026, None, "19.99", None),
        (2026, "80.04", "19.99", None),
        (2026, "60.00", "19.99", "20.04"),
        (2023, "50.00", None, None),
        (2024, "100.03", None, None),
        (2027, None, None, None),
        (2027, "100.00", None, "0.03"),
    ],
)
def test_five_years_of_taizhou(year: int, paid: str | None, due: str | None, told: str | None) -> None:
    """A fifth of 100.03 is 20.006, so the last year takes 19.99; arrears are told of, and nothing is asked for after the fifth."""
    outcome = make_good(TAIZHOU, "T-IV.7", f"{year}-opening", deficit="100.03", paid_before=paid)
    assert [str(t.amount) for t in outcome.transfers] == ([due] if due else [])
    assert [str(item.amount) for item in outcome.unfunded] == ([told] if told else [])


def test_more_made_up_than_lacks() -> None:
    """What was made up cannot be more than the deficit."""
    with pytest.raises(InputError, match=r"A made up 100\.04 of 100\.03"):
        make_good(TAIZHOU, "T-IV.7", "2023-opening", deficit="100.03", paid_before="100.04")


@given(st.integers(0, 10**12), st.integers(1, 12), st.data())
def test_instalments_add_up(total: int, years: int, data: st.DataObject) -> None:
    """Whatever the yearly part is, the years together ask for the total, never a negative part, and nothing outside them."""
    yearly = data.draw(st.integers(0, total // years + 1))
    parts = [instalment(total, yearly, years, number).due for number in range(-1, years + 3)]
    assert sum(parts) == total
    assert min(parts) >= 0
    assert parts[:2] == [0, 0]
    assert parts[-2:] == [0, 0]


@given(st.integers(0, 10**9), st.integers(1, 9), st.data())
def test_what_is_paid_is_not_asked_for_twice(total: int, years: int, data: st.DataObject) -> None:
    """Paid, arrears, this year's and the later years' parts are the total together, unless more was paid ahead."""
    yearly, number = total // years, data.draw(st.integers(1, years))
    paid = data.draw(st.integers(0, total))
    part = instalment(total, yearly, years, number, paid)
    later = sum(instalment(total, yearly, years, n).due for n in range(number + 1, years + 1))
    over = max(paid - (total - later), 0)
    assert paid + part.arrears + part.due + later - over == total


@pytest.mark.parametrize(
    ("rulebook", "clause", "period", "due"),
    [
        (ZHOUSHAN, "Z-3.3.2", "2021-opening", dt.date(2021, 1, 31)),
        (NANTONG, "N-3.9", "2020-opening", dt.date(2020, 6, 30)),
    ],
)
def test_upload_is_due(rulebook: Rulebook, clause: str, period: str, due: dt.date) -> None:
    """Zhoushan's balances by the end of January 2021, Tongzhou's with the audit of June 2020."""
    counties: dict[str, CountyFacts] = {"320612": AuditedCounty(audited=Decimal("1.00"))}
    (transfer,) = legacy.upload(case(rulebook, "legacy_upload", clause, period, **counties)).transfers  # type: ignore[arg-type]
    assert transfer.due_date == due


def test_tongzhou_by_the_end_of_the_year() -> None:
    """The other reading gives Tongzhou until the end of 2020."""
    taken = NANTONG.readings["legacy_upload_due"].model_copy(update={"value": "year_end"})
    other = NANTONG.model_copy(update={"readings": {**NANTONG.readings, "legacy_upload_due": taken}})
    facts = {"320612": AuditedCounty(audited=Decimal(1))}
    (transfer,) = apply_rule(
        "N-3.9", other, CALENDAR, Named({}), "worker", Period.parse("2020-opening"), Facts(), facts
    ).transfers
    assert transfer.due_date == dt.date(2020, 12, 31)
