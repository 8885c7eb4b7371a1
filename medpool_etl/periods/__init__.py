"""Calendar months as the pipeline speaks of them (费款所属期)."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

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
