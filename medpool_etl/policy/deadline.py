"""The schema of a city's deadlines: who must have done what by when, by which clause."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, model_validator

from medpool_etl.documents import Document, Text
from medpool_etl.errors import ConfigurationError

Actor = Literal["tax", "treasury", "finance", "agency", "county", "county_finance", "city", "steering_group"]
ACTORS: dict[Actor, Text] = {
    "tax": Text(zh="税务", en="tax"),
    "treasury": Text(zh="国库", en="treasury"),
    "finance": Text(zh="市财政", en="city finance"),
    "agency": Text(zh="市医保经办", en="city agency"),
    "county": Text(zh="县医保经办", en="county agency"),
    "county_finance": Text(zh="县财政", en="county finance"),
    "city": Text(zh="市医保、财政", en="city bureaus"),
    "steering_group": Text(zh="市级统筹工作领导小组办公室", en="office of the pooling steering group"),
}


class Moved(Document):
    """What another reading changes of a deadline: the month, and either the day or the working day."""

    months: int | None = Field(default=None, ge=-12, le=24)
    day: int | None = Field(default=None, ge=1, le=31)
    working_day: int | None = Field(default=None, ge=-23, le=23)


class Shown(Document):
    """A kind of file whose arrival shows that a filing was made: its ``contract``; of statements the kind of ``account``; of a yearly
    file how many ``years`` its own lies behind the deadline's (the draft of next year's budget: 1)."""

    contract: str
    account: Literal["fiscal", "income", "expenditure"] | None = None
    years: int = Field(default=0, ge=-1, le=1)


class Deadline(Document):
    """A deadline of the notice. ``every`` says of which periods there is one, ``who`` acts.

    Exactly one of these says which day it is: ``day`` (of the month ``months`` after the last one of the period; 31: its last),
    ``working_day`` (of that month; -1: its last), ``after`` (the id of another deadline) with ``working_days`` (counted from the day
    that one is late after, as receipt is no earlier known), or ``date`` (for ``once``).

    ``kind``: a payment is late after the next working day when its day is none; a filing is reminded of on the last working day
    before (G5). ``shift: before``: the notice itself moves the day forward over holidays. ``first`` and ``last``: the years in which the
    clause has it. ``starts``: the first day one is due, where that is none of the first period in force (the payment of the first
    days, say, that is counted from the month before). ``funds``: whose. ``reading`` and ``by_reading``: a reading of the
    rulebook moves it.

    How it is known to be met: a filing by the files that show it (``shown_by``); a payment by the transfers of the rules whose kind
    names the deadline, of these ``steps`` where a rule has several; anything else by a person's word. ``rests_on``: the kind of
    period that must be published before the filing can be made.
    """

    clause: str
    title: Text
    who: Actor
    kind: Literal["payment", "filing"]
    every: Literal["month", "quarter", "year", "once"]
    months: int = Field(default=0, ge=-12, le=24)
    day: int | None = Field(default=None, ge=1, le=31)
    working_day: int | None = Field(default=None, ge=-23, le=23)
    after: str | None = None
    working_days: int | None = Field(default=None, ge=1, le=60)
    date: dt.date | None = None
    shift: Literal["before"] | None = None
    quarters: tuple[Literal[1, 2, 3, 4], ...] = (1, 2, 3, 4)
    first: int | None = None
    last: int | None = None
    starts: dt.date | None = None
    funds: tuple[Literal["worker", "resident"], ...] = ("worker", "resident")
    reading: str | None = None
    by_reading: dict[str, Moved] = Field(default_factory=dict)
    shown_by: tuple[Shown, ...] = ()
    steps: tuple[str, ...] = ()
    rests_on: Literal["month", "quarter", "opening", "clearing"] | None = None

    def read(self, taken: str) -> Deadline:
        """Return the deadline under a reading; raises ConfigurationError for one that says nothing of it."""
        if taken not in self.by_reading:
            raise ConfigurationError(
                f"the reading {self.reading} = {taken} says nothing of the deadline {self.title.en!r}",
                where="policy/deadlines",
                expected=f"one of {', '.join(self.by_reading)}",
            )
        moved = self.by_reading[taken]
        changes = moved.model_dump(exclude_none=True)
        if "day" in changes or "working_day" in changes:
            changes = {"day": None, "working_day": None, **changes}
        return self.model_copy(update=changes)

    @model_validator(mode="after")
    def _one_way(self) -> Deadline:
        ways = [name for name in ("day", "working_day", "after", "date") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError("exactly one of day, working_day, after and date says which day it is")
        if (self.after is None) != (self.working_days is None):
            raise ValueError("after and working_days go together")
        if (self.date is not None) != (self.every == "once"):
            raise ValueError("a date is for what is due once, and only that")
        if self.working_day == 0:
            raise ValueError("there is no working day number 0")
        if self.after is not None and self.months:
            raise ValueError("what is due after another deadline counts from its day: it takes no months")
        if self.shift is not None and self.day is None:
            raise ValueError("only a day of the month moves forward over holidays")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError(f"the years go from {self.first} to {self.last}, backwards")
        if self.every != "quarter" and self.quarters != (1, 2, 3, 4):
            raise ValueError("quarters are for what is due every quarter")
        if (self.reading is None) != (not self.by_reading):
            raise ValueError("reading and by_reading go together")
        if self.by_reading and self.day is None and self.working_day is None:
            raise ValueError("a reading moves a day or a working day of a month, nothing else")
        return self

    @model_validator(mode="after")
    def _known_to_be_met(self) -> Deadline:
        if self.kind == "payment" and (self.shown_by or self.rests_on):
            raise ValueError("shown_by and rests_on are of a filing; a payment is shown by the transfers of its rules")
        if self.kind == "filing" and self.steps:
            raise ValueError("steps are of a payment")
        if self.rests_on in ("month", "quarter") and self.rests_on != self.every:
            raise ValueError(f"what rests on a {self.rests_on} is due every {self.rests_on}")
        return self

    @model_validator(mode="after")
    def _moves_one_way(self) -> Deadline:
        for name, moved in self.by_reading.items():
            if moved.day is not None and moved.working_day is not None:
                raise ValueError(f"by_reading {name}: either day or working_day")
            if moved.working_day == 0:
                raise ValueError(f"by_reading {name}: there is no working day number 0")
        return self


class Deadlines(Document):
    """The document ``policy/deadlines/<city>.yaml``."""

    city: str
    deadlines: dict[str, Deadline]

    @model_validator(mode="after")
    def _known(self) -> Deadlines:
        names = list(self.deadlines)
        for name, deadline in self.deadlines.items():
            if deadline.after is not None and deadline.after not in names[: names.index(name)]:
                raise ValueError(f"{name}: there is no deadline {deadline.after} above it")
            if deadline.after is not None and self.deadlines[deadline.after].every != deadline.every:
                raise ValueError(f"{name}: it is due as often as {deadline.after}, which it follows")
        return self
