"""Working days follow the State Council's notices (G5), and a year without a notice is an error."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import chinese_calendar
import pytest
from chinese_calendar.constants import holidays, workdays

from medpool_etl.calendar import NAME, WorkingCalendar
from medpool_etl.documents import PACKAGE
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.periods import Month

ONE_DAY = dt.timedelta(days=1)

TINY = """\
years:
  - year: 2027
    notice: 国办发明电〔2026〕0号
    last_checked_on: 2026-11-22
    source: invented
    holidays:
      - {zh: 元旦, en: New Year's Day, first: 2027-01-01, last: 2027-01-03}
      - {zh: 劳动节, en: Labour Day, first: 2027-05-01, last: 2027-05-05}
    working_weekends:
      - 2027-05-08
      - 2027-04-25
"""


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    monkeypatch.delenv("MEDPOOL_CONFIG", raising=False)


@pytest.fixture
def calendar() -> WorkingCalendar:
    """The shipped calendar."""
    return WorkingCalendar.load()


def write(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put ``text`` where an operator puts the calendar, and return the file's path."""
    path = folder / NAME
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("MEDPOOL_CONFIG", str(folder))
    return path


def day(text: str) -> dt.date:
    """2022-02-05 as a date."""
    return dt.date.fromisoformat(text)


def test_every_day_agrees_with_an_independent_calendar(calendar: WorkingCalendar) -> None:
    """All 2,922 days of 2019 to 2026 are worked, or not, as the package chinesecalendar says."""
    days = [day("2019-01-01") + ONE_DAY * i for i in range((day("2027-01-01") - day("2019-01-01")).days)]
    assert len(days) == 2922
    assert [d for d in days if calendar.is_working_day(d) != chinese_calendar.is_workday(d)] == []


def test_holidays_and_swapped_days_are_those_of_the_notices(calendar: WorkingCalendar) -> None:
    """The days off and the swapped weekend days themselves agree, not just whether a day is worked."""
    assert calendar.years == frozenset(range(2019, 2027))
    assert calendar.days_off == {d for d in holidays if d.year in calendar.years}
    assert calendar.working_weekends == {d for d in workdays if d.year in calendar.years and d.weekday() >= 5}


@pytest.mark.parametrize(
    ("deadline", "remind", "late"),
    [
        ("2020-01-25", "2020-01-23", "2020-02-03"),  # Spring Festival, extended to 2 February
        ("2020-10-25", "2020-10-23", "2020-10-26"),  # a Sunday
        ("2022-02-05", "2022-01-30", "2022-02-07"),  # Spring Festival; Sunday the 30th is worked
        ("2022-10-05", "2022-09-30", "2022-10-08"),  # National Day; Saturday the 8th is worked
        ("2022-03-15", "2022-03-15", "2022-03-15"),  # a Tuesday: the deadline itself
        ("2022-01-15", "2022-01-14", "2022-01-17"),  # a Saturday
        ("2019-05-05", "2019-05-05", "2019-05-05"),  # a swapped Sunday: the deadline itself
    ],
)
def test_deadline_on_a_day_off(calendar: WorkingCalendar, deadline: str, remind: str, late: str) -> None:
    """Filings are reminded on the last working day before, money is late only after the next one (G5)."""
    assert calendar.remind_on(day(deadline)) == day(remind) == calendar.on_or_before(day(deadline))
    assert calendar.late_after(day(deadline)) == day(late) == calendar.on_or_after(day(deadline))


def test_working_days_of_a_month(calendar: WorkingCalendar) -> None:
    """The last two working days of Zaozhuang's January 2020, and the fifth of October 2021."""
    january = Month(2020, 1)
    until_the_festival = [calendar.nth_working_day(january, n) for n in (-2, -1)]
    assert until_the_festival == [day("2020-01-22"), day("2020-01-23")]
    assert calendar.nth_working_day(january, 1) == day("2020-01-02")
    assert calendar.nth_working_day(Month(2021, 10), 5) == day("2021-10-13")
    assert calendar.nth_working_day(Month(2026, 12), -1) == day("2026-12-31"), "needs no notice for 2027"


@pytest.mark.parametrize("n", [0, 18, -18])
def test_a_working_day_the_month_does_not_have(calendar: WorkingCalendar, n: int) -> None:
    """January 2020 has 17 working days, so there is no 18th, no 18th from the end and no 0th."""
    assert calendar.nth_working_day(Month(2020, 1), 17) == calendar.nth_working_day(Month(2020, 1), -1)
    with pytest.raises(InputError, match=rf"2020-01 has no working day number {n}\n.*±1 to ±17"):
        calendar.nth_working_day(Month(2020, 1), n)


@pytest.mark.parametrize(
    ("start", "n", "expected"),
    [
        ("2022-01-29", 1, "2022-01-30"),  # both days of that weekend are worked
        ("2022-01-29", 2, "2022-02-07"),
        ("2022-02-05", 1, "2022-02-07"),  # from a day off
        ("2022-02-05", 2, "2022-02-08"),
        ("2022-02-05", -1, "2022-01-30"),
        ("2022-02-07", -1, "2022-01-30"),
        ("2022-02-07", -3, "2022-01-28"),
        ("2021-12-31", 1, "2022-01-04"),  # across the turn of the year
    ],
)
def test_counting_working_days(calendar: WorkingCalendar, start: str, n: int, expected: str) -> None:
    """The start does not count, days off do not count, swapped weekend days do; negative counts go back."""
    assert calendar.plus(day(start), n) == day(expected)


def test_counting_zero_working_days(calendar: WorkingCalendar) -> None:
    """Nobody can say which day is meant, so it is an error."""
    with pytest.raises(InputError, match="0th working day"):
        calendar.plus(day("2022-02-05"), 0)


def test_a_moment_is_not_a_day(calendar: WorkingCalendar) -> None:
    """A datetime would never equal a holiday and so pass for a working day: it is refused."""
    with pytest.raises(InputError, match="moment"):
        calendar.is_working_day(dt.datetime(2022, 2, 1, 8, 0))


def test_a_year_without_notice(calendar: WorkingCalendar) -> None:
    """Plain weekdays are never the answer: the error names the year, the file to write and the notice."""
    asks = [
        lambda: calendar.is_working_day(day("2027-01-04")),
        lambda: calendar.on_or_after(day("2027-01-02")),
        lambda: calendar.plus(day("2026-12-31"), 1),
        lambda: calendar.nth_working_day(Month(2027, 1), 1),
        lambda: calendar.late_after(day("2027-01-04")),
        lambda: calendar.remind_on(day("2027-01-04")),
    ]
    for ask in asks:
        with pytest.raises(ConfigurationError) as error:
            ask()
        said = str(error.value)
        assert "notice of 2027 is not loaded" in said
        assert f"MEDPOOL_CONFIG/{NAME}" in said
        assert "国务院办公厅关于2027年部分节假日安排的通知" in said
    with pytest.raises(ConfigurationError, match="notice of 2018 is not loaded"):
        calendar.remind_on(day("2019-01-01"))


def test_operator_adds_a_year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way the error describes works: the shipped file with one more block, read in its place."""
    shipped = WorkingCalendar.load()
    block = TINY.removeprefix("years:\n")
    write((PACKAGE / NAME).read_text(encoding="utf-8") + "\n" + block, tmp_path, monkeypatch)
    own = WorkingCalendar.load()
    assert own.years == shipped.years | {2027}
    assert own.plus(day("2026-12-31"), 1) == day("2027-01-04")
    assert own.is_working_day(day("2027-05-08"))
    assert own.fingerprint != shipped.fingerprint


def test_fingerprint_and_frozen(calendar: WorkingCalendar) -> None:
    """The same file has the same fingerprint, 64 hex digits, and nothing can be changed after loading."""
    assert calendar.fingerprint == WorkingCalendar.load().fingerprint
    assert len(calendar.fingerprint) == 64
    with pytest.raises(dataclasses.FrozenInstanceError):
        calendar.days_off = frozenset()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "first: 2027-05-01",
            "first: 2026-05-01",
            "line 8, key years.0.holidays.1.first: the day does not lie in the year 2027 (found '2026-05-01')",
        ),
        ("last: 2027-01-03", "last: 2028-01-03", "line 7, key years.0.holidays.0.last: the day does not lie in"),
        ("last: 2027-05-05", "last: 2027-04-30", "line 8, key years.0.holidays.1.last: the last day off is before"),
        ("- 2027-04-25", "- 2026-04-25", "line 11, key years.0.working_weekends.1: the day does not lie in the year"),
        ("- 2027-05-08", "- 2027-05-07", "line 10, key years.0.working_weekends.0: a swapped workday is a Saturday or"),
        ("- 2027-04-25", "- 2027-01-03", "line 11, key years.0.working_weekends.1: the day stands among the holidays"),
        ("- 2027-04-25", "- 2027-05-08", "line 11, key years.0.working_weekends.1: the day stands twice"),
        ("    notice:", "    notcie:", "line 3, key years.0.notcie: the schema has no such key"),
        ("    source: invented\n", "", "line 2, key years.0.source: this key is missing"),
        ("last: 2027-01-03", "last: 2027-02-30", "state_council.yaml, line 7"),
        ("    holidays:", "  holidays:", "state_council.yaml, line 6"),
        ("year: 2027", "year: soon", "line 2, key years.0.year"),
    ],
)
def test_broken_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, said: str) -> None:
    """A mistake in the operator's file is an error that names the file, the line and the key."""
    assert TINY.count(right) == 1
    write(TINY, tmp_path, monkeypatch)
    assert WorkingCalendar.load().years == {2027}
    write(TINY.replace(right, wrong), tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError) as error:
        WorkingCalendar.load()
    assert "state_council.yaml" in str(error.value)
    assert said in str(error.value)


def test_every_mistake_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wrong days give two lines, so that nobody corrects the file one mistake at a time."""
    write(
        TINY.replace("2027-05-08", "2027-05-07").replace("last: 2027-01-03", "last: 2027-12-32"), tmp_path, monkeypatch
    )
    with pytest.raises(ConfigurationError, match=r"line 7.*2027-12-32"):
        WorkingCalendar.load()
    write(TINY.replace("2027-05-08", "2027-05-07").replace("2027-04-25", "2027-04-26"), tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError, match=r"line 10, (.|\n)*line 11, "):
        WorkingCalendar.load()


def test_a_year_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second block of the same year is the mistake that is named."""
    write(TINY + TINY.removeprefix("years:\n"), tmp_path, monkeypatch)
    with pytest.raises(
        ConfigurationError, match=r"line 12, key years\.1\.year: the year stands twice \(found '2027'\)"
    ):
        WorkingCalendar.load()
