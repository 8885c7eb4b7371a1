"""N-2: the difference to 1,200 yuan a head, paid in five years."""

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
from medpool_etl.settlement import Facts, Named, Transfer, apply_rule
from medpool_etl.settlement.rules.make_up import MakeUpCounty

NANTONG, CALENDAR = load_rulebook("nantong", ()), WorkingCalendar.load()


def make_up(year: int, standard: Decimal, insured: int, fund: str = "resident") -> tuple[Transfer, ...]:
    """Apply the rule to one county."""
    return apply_rule(
        "N-2", NANTONG, CALENDAR, Named({}), fund, Period.parse(f"{year}-opening"), Facts(),
        {"A": MakeUpCounty(standard=standard, insured=insured)},
    ).transfers  # fmt: skip


@given(st.integers(0, 130_000), st.integers(0, 2_000_000))
def test_five_years_are_the_whole_difference(fen: int, insured: int) -> None:
    """2020 to 2024 together are (1,200 − standard) × insured, nothing where the standard is met, and the years differ by fen only."""
    standard = Decimal(fen) / 100
    paid = [sum((t.amount for t in make_up(year, standard, insured)), Decimal(0)) for year in range(2020, 2026)]
    owed = max(Decimal(1200) - standard, Decimal(0)) * insured
    assert sum(paid) == owed
    assert paid[5] == 0
    assert all(abs(amount - owed / 5) <= Decimal("0.03") for amount in paid[:5])


def test_due() -> None:
    """Each year's fifth by the end of the year, counted as late after the next working day."""
    (transfer,) = make_up(2022, Decimal(1100), 1)
    assert (transfer.due_date, transfer.late_after) == (dt.date(2022, 12, 31), dt.date(2023, 1, 3))
    assert transfer.facts == "total=100.00 year=3 of=5"


def test_only_residents() -> None:
    """The clause speaks of the residents' fund."""
    with pytest.raises(InputError, match="N-2 is no rule of the worker fund"):
        make_up(2020, Decimal(1100), 1, "worker")


def test_the_new_chongchuan_owes_what_both_owed() -> None:
    """Standards do not add up, so the rows of merged units stay and name the successor, and the rule adds what they owe: no fen is lost."""
    amounts = {}
    for year in range(2020, 2026):
        heir = "320613" if year > 2020 else None
        rows = {
            "320602": MakeUpCounty(standard=Decimal("1199.99"), insured=2, successor=heir),
            "320611": MakeUpCounty(standard=Decimal("1199.97"), insured=1, successor=heir),
            "320612": MakeUpCounty(standard=Decimal("1100"), insured=1),
        }
        transfers = apply_rule(
            "N-2", NANTONG, CALENDAR, Named({}), "resident", Period.parse(f"{year}-opening"), Facts(), rows,
        ).transfers  # fmt: skip
        amounts[year] = {t.county: str(t.amount) for t in transfers}
    # 2 fen of Chongchuan: a fifth rounds to none, so all in the last year. 3 fen of Gangzha: a fifth rounds up to one, for three years.
    assert amounts == {
        2020: {"320611": "0.01", "320612": "20.00"},
        2021: {"320613": "0.01", "320612": "20.00"},
        2022: {"320613": "0.01", "320612": "20.00"},
        2023: {"320612": "20.00"},
        2024: {"320613": "0.02", "320612": "20.00"},
        2025: {},
    }
