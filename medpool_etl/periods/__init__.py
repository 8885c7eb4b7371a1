"""Calendar months as the pipeline speaks of them (费款所属期), and the longer periods a city settles."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal

from medpool_etl.errors import InputError


@dataclass(frozen=True, order=True)
class Month:
    """One calendar month; ``str`` gives ``2022-03``."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Return the month written ``2022-03`` or ``202203``; raises InputError on anything else."""
        match = re.fullmatch(r"(\d{4})-?(\d{2})", text.strip())
        if not match or not 1 <= int(match[2]) <= 12 or not 1990 <= int(match[1]) <= 2199:
            raise InputError(f"{text!r} is not a month", expected="year and month, such as 2022-03")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: dt.date) -> Month:
        """Return the month that contains ``day``."""
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    @property
    def compact(self) -> str:
        """The month as offices put it into file names: ``202203``."""
        return f"{self.year:04d}{self.number:02d}"

    @property
    def zh(self) -> str:
        """The month as Chinese users read it: ``2022年3月``."""
        return f"{self.year}年{self.number}月"

    @property
    def first_day(self) -> dt.date:
        """Its first calendar day."""
        return dt.date(self.year, self.number, 1)

    @property
    def last_day(self) -> dt.date:
        """Its last calendar day."""
        return self.plus(1).first_day - dt.timedelta(days=1)

    def plus(self, months: int) -> Month:
        """Return the month ``months`` later (earlier when negative)."""
        year, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, index + 1)

    def day(self, number: int) -> dt.date:
        """Return its day ``number``, or its last day where the month is shorter."""
        return min(self.first_day + dt.timedelta(days=number - 1), self.last_day)


PeriodKind = Literal["month", "quarter", "opening", "clearing", "year"]
_FORMS: tuple[tuple[PeriodKind, str], ...] = (
    ("month", r"(?P<year>\d{4})-?(?P<number>0[1-9]|1[0-2])"),
    ("quarter", r"(?P<year>\d{4})-?[Qq](?P<number>[1-4])"),
    ("opening", r"(?P<year>\d{4})-opening"),
    ("clearing", r"(?P<year>\d{4})-clearing"),
    ("year", r"(?P<year>\d{4})"),
)


@dataclass(frozen=True, order=True)
class Period:
    """What a rule is applied to: a month ``2022-03``, a quarter ``2022-Q1``, the opening of a year ``2022-opening``, its
    clearing ``2022-clearing`` (年终清算, done in the year after), or a year ``2022``. ``number`` is the month or quarter."""

    year: int
    kind: PeriodKind
    number: int = 0

    @classmethod
    def parse(cls, text: str) -> Period:
        """Return the period written in one of the forms above; raises InputError on anything else."""
        for kind, form in _FORMS:
            match = re.fullmatch(form, text.strip())
            if match and 1990 <= int(match["year"]) <= 2199:
                return cls(int(match["year"]), kind, int(match.groupdict().get("number") or 0))
        raise InputError(f"{text!r} is not a period", expected="2022-03, 2022-Q1, 2022-opening, 2022-clearing or 2022")

    @classmethod
    def of(cls, month: Month) -> Period:
        """Return the period of one month."""
        return cls(month.year, "month", month.number)

    def __str__(self) -> str:
        tails = {"month": f"-{self.number:02d}", "quarter": f"-Q{self.number}", "year": ""}
        return f"{self.year:04d}{tails.get(self.kind, f'-{self.kind}')}"

    @property
    def zh(self) -> str:
        """The period as Chinese users read it."""
        tails = {
            "month": f"{self.number}月",
            "quarter": f"第{'一二三四'[self.number - 1 : self.number]}季度",
            "opening": "年初",
            "clearing": "年终清算",
            "year": "",
        }
        return f"{self.year}年{tails[self.kind]}"

    @property
    def compact(self) -> str:
        """The period as it stands in file names: ``202203``, ``2022Q1``, ``2022opening``."""
        return str(self).replace("-", "")

    @property
    def first_month(self) -> Month:
        """Its first month; of an opening and a clearing that of the year."""
        numbers = {"month": self.number, "quarter": self.number * 3 - 2}
        return Month(self.year, numbers.get(self.kind, 1))

    @property
    def last_month(self) -> Month:
        """Its last month; an opening is of January, a clearing of the whole year."""
        numbers = {"month": self.number, "quarter": self.number * 3, "opening": 1}
        return Month(self.year, numbers.get(self.kind, 12))

    @property
    def first_day(self) -> dt.date:
        """Its first calendar day."""
        return self.first_month.first_day

    @property
    def last_day(self) -> dt.date:
        """Its last calendar day."""
        return self.last_month.last_day

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands in time among what a city settles: an opening before its January, a quarter behind its last month, the
        clearing of a year behind July of the next. Months stand at even places, the others between them."""
        places = {"month": self.number * 2, "opening": 1, "quarter": self.number * 6 + 1, "clearing": 15, "year": 25}
        return self.year + (self.kind == "clearing"), places[self.kind]
