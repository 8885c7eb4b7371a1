"""Months are read from two forms, written in three, and counted across years."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.errors import InputError
from medpool_etl.periods import Month, Period

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


@pytest.mark.parametrize(
    ("text", "kind", "zh", "compact", "first", "last"),
    [
        ("2022-03", "month", "2022年3月", "202203", "2022-03-01", "2022-03-31"),
        ("202203", "month", "2022年3月", "202203", "2022-03-01", "2022-03-31"),
        ("2022-Q1", "quarter", "2022年第一季度", "2022Q1", "2022-01-01", "2022-03-31"),
        ("2022-opening", "opening", "2022年年初", "2022opening", "2022-01-01", "2022-01-31"),
        ("2022-clearing", "clearing", "2022年年终清算", "2022clearing", "2022-01-01", "2022-12-31"),
        ("2022", "year", "2022年", "2022", "2022-01-01", "2022-12-31"),
    ],
)
def test_periods_are_read_and_named(text: str, kind: str, zh: str, compact: str, first: str, last: str) -> None:
    """Each form gives its period, what people call it, and its first and last day."""
    period = Period.parse(text)
    assert (period.kind, period.zh, period.compact) == (kind, zh, compact)
    assert (str(period.first_day), str(period.last_day)) == (first, last)
    assert Period.parse(str(period)) == period


@pytest.mark.parametrize("text", ["", "2022-13", "2022-Q5", "2022-Q0", "22-01", "2022-closing", "2022-1", "1889"])
def test_what_is_no_period_is_refused(text: str) -> None:
    """It is named, with the forms there are."""
    with pytest.raises(InputError, match="is not a period") as error:
        Period.parse(text)
    assert "2022-clearing" in error.value.expected


def test_periods_in_the_order_they_are_settled() -> None:
    """An opening before its January, a quarter behind its last month, a clearing behind July of the next year."""
    order = [
        "2022-opening",
        "2022-01",
        "2022-02",
        "2022-03",
        "2022-Q1",
        "2022-12",
        "2022-Q4",
        "2023-opening",
        "2023-07",
        "2022-clearing",
        "2023-08",
    ]
    assert sorted(map(Period.parse, reversed(order)), key=lambda period: period.order) == [
        Period.parse(t) for t in order
    ]
