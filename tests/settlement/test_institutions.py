"""Z-3.2: what institutions have had over a year is what the city agency settled, and when each part is due."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.periods import Period
from medpool_etl.policy import load_rulebook
from medpool_etl.settlement import CountyFacts, Facts, Named, Transfer, apply_rule
from medpool_etl.settlement.rules.institutions import ClaimsCounty, ClearedCounty, QuotaCounty

ZHOUSHAN, CALENDAR = load_rulebook("zhoushan", ()), WorkingCalendar.load()
FEN = st.integers(0, 10**13).map(lambda fen: Decimal(fen) / 100)


def apply(rule: str, period: str, county: CountyFacts) -> tuple[Transfer, ...]:
    """Apply a rule of Zhoushan to one county."""
    return apply_rule(
        rule, ZHOUSHAN, CALENDAR, Named({}), "worker", Period.parse(period), Facts(), {"A": county}
    ).transfers


def paid(transfers: tuple[Transfer, ...]) -> Decimal:
    """Return what institutions have of it, negative where they pay back."""
    return sum((t.amount if t.receiver.role == "institutions" else -t.amount for t in transfers), Decimal(0))


def test_due() -> None:
    """Claims of a month are paid by the 25th of the next, the year is cleared by the end of March, the advance has no day."""
    (claim,) = apply("Z-3.2.2", "2021-06", ClaimsCounty(claimed=Decimal(1)))
    assert (claim.due_date, claim.late_after) == (dt.date(2021, 7, 25), dt.date(2021, 7, 26))
    (rest,) = apply("Z-3.2.3", "2021-clearing", ClearedCounty(cleared=Decimal(1)))
    assert rest.due_date == dt.date(2022, 3, 31)
    (ahead,) = apply("Z-3.2.1", "2021-opening", QuotaCounty(quota=Decimal(12)))
    assert ahead.due_date is None


@given(FEN, st.lists(FEN, min_size=12, max_size=12), FEN)
def test_a_year_adds_up(quota: Decimal, claims: list[Decimal], cleared: Decimal) -> None:
    """Advance, twelve months and the clearing together are the amount settled, whichever way the clearing goes."""
    ahead = paid(apply("Z-3.2.1", "2021-opening", QuotaCounty(quota=quota)))
    months = sum(
        (
            paid(apply("Z-3.2.2", f"2021-{number:02d}", ClaimsCounty(claimed=claim)))
            for number, claim in enumerate(claims, 1)
        ),
        Decimal(0),
    )
    last = paid(apply("Z-3.2.3", "2021-clearing", ClearedCounty(cleared=cleared, advance=ahead, paid=months)))
    assert ahead + months + last == cleared
