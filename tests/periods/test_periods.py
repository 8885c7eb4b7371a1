"""Months are read from two forms, written in three, and counted across years."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.errors import InputError
from medpool_etl.periods import Month

MONTHS = st.builds(Month, st.integers(1990, 2199), st.integers(1, 12))


@pytest.mark.parametrize("text", ["2022-03", "202203", " 2022-03 "])
def test_parse(text: str) -> None:
    """A month is read with or without its dash."""
    assert Month.parse(text) == Month(2022, 3)


@pytest.mark.parametrize(
    "text",
    ["", "2022", "2022-3", "2022-13", "2022-00", "1989-12", "2200-01", "2022-03-01", "03-2022", "2022/03", "二〇二二"],
)
def test_not_a_month(text: str) -> None:
    """Anything else is an error that shows the text and an example of what is right."""
    with pytest.raises(InputError) as caught:
        Month.parse(text)
    assert repr(text) in str(caught.value)
    assert "2022-03" in caught.value.expected


def test_written() -> None:
    """A month is written for the machine, for file names and for people."""
    assert (str(Month(2022, 3)), Month(2022, 3).compact, Month(2022, 3).zh) == ("2022-03", "202203", "2022年3月")


@pytest.mark.parametrize(
    ("month", "last"), [("2022-02", 28), ("2024-02", 29), ("2100-02", 28), ("2022-12", 31), ("2022-04", 30)]
)
def test_last_day(month: str, last: int) -> None:
    """The last day knows leap years and the end of the year."""
    assert Month.parse(month).last_day.day == last


@pytest.mark.parametrize(("number", "expected"), [(1, 1), (25, 25), (28, 28), (29, 28), (31, 28)])
def test_day_of_a_short_month(number: int, expected: int) -> None:
    """A day the month lacks is its last day."""
    assert Month(2022, 2).day(number) == dt.date(2022, 2, expected)


@given(MONTHS, st.integers(-400, 400))
def test_plus_there_and_back(month: Month, months: int) -> None:
    """Going some months on and the same back arrives where it began, and later months are greater."""
    later = month.plus(months)
    assert later.plus(-months) == month
    assert (later > month) == (months > 0)


@given(MONTHS)
def test_months_follow_one_another(month: Month) -> None:
    """A month ends the day before the next begins, contains its own days, and is read back from its text."""
    assert month.last_day + dt.timedelta(days=1) == month.plus(1).first_day
    assert Month.of(month.first_day) == Month.of(month.last_day) == month
    assert Month.parse(str(month)) == Month.parse(month.compact) == month
