"""Z-2.2: which quarter asks for what, when it is due, and that the parts of a year add up."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import InputError
from medpool_etl.periods import Period
from medpool_etl.policy import load_rulebook
from medpool_etl.settlement import Named, Outcome, apply_rule
from medpool_etl.settlement.rules.subsidy_advance import AdvanceCounty, AdvanceFacts

ZHOUSHAN, CALENDAR = load_rulebook("zhoushan", ()), WorkingCalendar.load()


def call(period: str, share: str, **county: str | None) -> Outcome:
    """Apply the rule to one county."""
    return apply_rule(
        "Z-2.2", ZHOUSHAN, CALENDAR, Named({}), "resident", Period.parse(period),
        AdvanceFacts(share=Decimal(share)), {"A": AdvanceCounty.model_validate(county)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("period", "step", "due", "late"),
    [
        ("2021-Q2", "advance", dt.date(2021, 6, 30), dt.date(2021, 6, 30)),
        ("2024-Q2", "advance", dt.date(2024, 6, 30), dt.date(2024, 7, 1)),
        ("2021-Q3", "rest", dt.date(2021, 9, 30), dt.date(2021, 9, 30)),
        ("2023-Q3", "rest", dt.date(2023, 9, 30), dt.date(2023, 10, 7)),
    ],
)
def test_due(period: str, step: str, due: dt.date, late: dt.date) -> None:
    """The advance is due by the end of June, the rest by the end of September; a day off moves only what counts as late."""
    (transfer,) = call(period, "50", last_year="1000", settled="1200", paid="0").transfers
    assert (transfer.step, transfer.due_date, transfer.late_after) == (step, due, late)


@pytest.mark.parametrize("period", ["2021-Q1", "2021-Q4"])
def test_nothing_in_other_quarters(period: str) -> None:
    """The first and the last quarter ask for nothing."""
    assert call(period, "50", last_year="1000", settled="1200", paid="0").transfers == ()


def test_no_quarter() -> None:
    """A month is no period of this rule."""
    with pytest.raises(InputError, match=r"2021-06 is no quarter"):
        call("2021-06", "50", last_year="1000")


@pytest.mark.parametrize("share", ["0", "100.01", "-5"])
def test_impossible_share(share: str) -> None:
    """A share is more than nothing and at most all of it."""
    with pytest.raises(ValueError, match="share"):
        AdvanceFacts(share=Decimal(share))


FEN = st.integers(0, 10**12).map(lambda fen: Decimal(fen) / 100)


@given(FEN, FEN, st.decimals(min_value="0.01", max_value=100, places=2))
def test_advance_and_rest_are_the_year(last_year: Decimal, settled: Decimal, share: Decimal) -> None:
    """Once the advance is paid, the rest brings the year to what was settled, repaid where it was too much."""
    ahead = call("2021-Q2", str(share), last_year=str(last_year)).transfers
    paid = sum((t.amount for t in ahead), Decimal(0))
    rest = call("2021-Q3", str(share), last_year=str(last_year), settled=str(settled), paid=str(paid)).transfers
    moved = sum((t.amount if t.payer.role == "county_finance" else -t.amount for t in (*ahead, *rest)), Decimal(0))
    assert moved == settled
    assert 0 <= paid <= last_year
