"""Working days as the State Council's holiday notices fix them, with the swapped weekend workdays (调休); clause G5.

The notices are data: ``calendar/state_council.yaml``. A year whose notice is not loaded is an error that says how to
load it; the calendar never falls back to plain weekdays, because a deadline wrong by a week looks like any other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from medpool_etl import documents
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.periods import Month

NAME = "calendar/state_council.yaml"
ONE_DAY = dt.timedelta(days=1)
SATURDAY = 5

_Problem = tuple[documents.Key, dt.date | int, str]


class Holiday(documents.Document):
    """One run of days off, from ``first`` to ``last``, both included."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    first: dt.date
    last: dt.date

    @property
    def days(self) -> list[dt.date]:
        """Every day off of the run, weekends included."""
        return [self.first + ONE_DAY * i for i in range((self.last - self.first).days + 1)]


class Amendment(documents.Document):
    """A later notice that changed the year; the dates of the year are the amended ones."""

    notice: str = Field(min_length=1)
    about: documents.Text


class YearNotice(documents.Document):
    """What the State Council's notice says about one calendar year."""

    year: int = Field(ge=1990, le=2199)
    notice: str = Field(min_length=1)
    amendments: tuple[Amendment, ...] = ()
    last_checked_on: dt.date
    source: str = Field(min_length=1)
    holidays: list[Holiday] = Field(min_length=1)
    working_weekends: list[dt.date]

    @model_validator(mode="after")
    def _days_make_sense(self) -> YearNotice:
        _refuse(self._problems())
        return self

    def _problems(self) -> Iterator[_Problem]:
        days_off = set()
        for i, holiday in enumerate(self.holidays):
            for key, day in (("first", holiday.first), ("last", holiday.last)):
                if day.year != self.year:
                    yield ("holidays", i, key), day, f"the day does not lie in the year {self.year}"
            if holiday.last < holiday.first:
                yield ("holidays", i, "last"), holiday.last, f"the last day off is before the first, {holiday.first}"
            elif holiday.first.year == holiday.last.year == self.year:
                days_off.update(holiday.days)
        for i, day in enumerate(self.working_weekends):
            if day.year != self.year:
                yield ("working_weekends", i), day, f"the day does not lie in the year {self.year}"
            elif day.weekday() < SATURDAY:
                yield ("working_weekends", i), day, f"a swapped workday is a Saturday or Sunday, not a {day:%A}"
            if day in days_off:
                yield ("working_weekends", i), day, "the day stands among the holidays too"
            if day in self.working_weekends[:i]:
                yield ("working_weekends", i), day, "the day stands twice"


class Notices(documents.Document):
    """The document ``calendar/state_council.yaml``: one entry a year."""

    years: list[YearNotice] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_year_once(self) -> Notices:
        years = [entry.year for entry in self.years]
        twice = [(i, year) for i, year in enumerate(years) if year in years[:i]]
        _refuse((("years", i, "year"), year, "the year stands twice") for i, year in twice)
        return self


def _refuse(problems: Iterable[_Problem]) -> None:
    """Raise every problem at the key it belongs to, so that the reader gets the line of that very day."""
    found = [
        InitErrorDetails(type=PydanticCustomError("notice", "{said}", {"said": said}), loc=key, input=str(value))
        for key, value, said in problems
    ]
    if found:
        raise ValidationError.from_exception_data("holiday notice", found)


@dataclass(frozen=True)
class WorkingCalendar:
    """Answers which days are working days in the years whose notices are loaded.

    Every method raises ConfigurationError as soon as it has to look at a day of another year, and InputError when it
    is given a moment (``datetime``) for a day. Days are calendar days in China; counts are working days.
    """

    years: frozenset[int]
    """The calendar years whose notices are loaded."""
    days_off: frozenset[dt.date]
    """Every day of the notices' holidays, weekends inside them included."""
    working_weekends: frozenset[dt.date]
    """The Saturdays and Sundays worked in exchange (调休)."""
    fingerprint: str
    """SHA-256 (hex) of the document, for the record of what a settlement was computed with."""

    @classmethod
    def load(cls) -> WorkingCalendar:
        """Return the calendar of ``calendar/state_council.yaml``, the operator's own before the shipped one.

        Raises ConfigurationError naming file, line and key when the document does not make sense.
        """
        path = documents.find(NAME)
        notices = documents.load(path, Notices)
        return cls(
            years=frozenset(entry.year for entry in notices.years),
            days_off=frozenset(day for entry in notices.years for holiday in entry.holidays for day in holiday.days),
            working_weekends=frozenset(day for entry in notices.years for day in entry.working_weekends),
            fingerprint=documents.fingerprint(path),
        )

    def is_working_day(self, day: dt.date) -> bool:
        """Return whether ``day`` is worked: a swapped weekend day, or Monday to Friday outside the holidays (G5)."""
        if isinstance(day, dt.datetime):
            raise InputError(f"{day} is a moment", expected="a calendar day in China")
        if day.year not in self.years:
            raise _not_loaded(day, self.years)
        return day in self.working_weekends or (day.weekday() < SATURDAY and day not in self.days_off)

    def on_or_after(self, day: dt.date) -> dt.date:
        """Return ``day`` when it is a working day, else the next working day."""
        while not self.is_working_day(day):
            day += ONE_DAY
        return day

    def on_or_before(self, day: dt.date) -> dt.date:
        """Return ``day`` when it is a working day, else the last working day before it."""
        while not self.is_working_day(day):
            day -= ONE_DAY
        return day

    def plus(self, day: dt.date, n: int) -> dt.date:
        """Return the ``n``-th working day after ``day``, which itself does not count; negative ``n`` goes back.

        "Within two working days of receipt" (Taizhou, art. 10) is ``plus(received_on, 2)``. Raises InputError for
        ``n`` = 0: whether that means the working day before or after is for ``on_or_before`` and ``on_or_after``.
        """
        if n == 0:
            raise InputError("the 0th working day after a day does not exist", expected="1, 2, … or -1, -2, …")
        step = ONE_DAY if n > 0 else -ONE_DAY
        for _ in range(abs(n)):
            day += step
            while not self.is_working_day(day):
                day += step
        return day

    def nth_working_day(self, month: Month, n: int) -> dt.date:
        """Return the ``n``-th working day of ``month``; -1 is the last, -2 the last but one.

        Raises InputError when the month has no such working day (0, or more than it has).
        """
        worked = [day for number in range(month.last_day.day) if self.is_working_day(day := month.day(number + 1))]
        if not 1 <= abs(n) <= len(worked):
            raise InputError(f"{month} has no working day number {n}", expected=f"±1 to ±{len(worked)}")
        return worked[n - 1 if n > 0 else n]

    def late_after(self, deadline: dt.date) -> dt.date:
        """Return the day after which money due "by ``deadline``" counts as late (G5).

        That is the deadline itself when it is a working day, else the next working day, since banks are shut. Money
        that arrives on the returned day is in time.
        """
        return self.on_or_after(deadline)

    def remind_on(self, deadline: dt.date) -> dt.date:
        """Return the day to remind of a filing due "by ``deadline``": the last working day on or before it (G5)."""
        return self.on_or_before(deadline)


def _not_loaded(day: dt.date, years: frozenset[int]) -> ConfigurationError:
    loaded = ", ".join(str(year) for year in sorted(years)) or "none"
    return ConfigurationError(
        f"the holiday notice of {day.year} is not loaded, so nobody can say whether {day} is a working day",
        where=NAME,
        expected=f"a year whose notice is loaded ({loaded})",
        do=f"copy the shipped state_council.yaml to MEDPOOL_CONFIG/{NAME} and add the year {day.year} from the State "
        f"Council's notice (国务院办公厅关于{day.year}年部分节假日安排的通知)",
    )
