"""The schemas of rulebooks, budget subjects and break classes."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, model_validator

from medpool_etl.documents import Document, Text
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.places import Fund

Owner = Literal["tax", "treasury", "finance", "agency", "county"]
OWNERS: dict[str, Text] = {
    "tax": Text(zh="税务", en="Tax"),
    "treasury": Text(zh="国库", en="Treasury"),
    "finance": Text(zh="财政", en="Finance"),
    "agency": Text(zh="市医保经办", en="City agency"),
    "county": Text(zh="县医保经办", en="County agency"),
}


class Notice(Document):
    """The published document a rulebook states."""

    number: str
    title: str
    issuer: str
    issued_on: dt.date
    in_force_from: dt.date


class Clause(Document):
    """A clause: where it stands in the notice, a short quotation, and what it says in English."""

    source: str
    quote: str
    gloss: str


class DatedValue(Document):
    """One value from a day on, until the next one of its kind."""

    from_day: dt.date = Field(alias="from")
    value: str
    source: str
    last_checked_on: dt.date


class Value(Document):
    """A value of the rules: its unit, its clause and its history, oldest first."""

    unit: str
    clause: str
    dated: tuple[DatedValue, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ordered(self) -> Value:
        days = [item.from_day for item in self.dated]
        if sorted(set(days)) != days:
            raise ValueError("dated values must follow one another, oldest first, none twice")
        return self


class Reading(Document):
    """Where the notice leaves room: the reading taken, every way there is, and why this one."""

    clause: str
    value: str
    alternatives: dict[str, str]
    why: str

    @model_validator(mode="after")
    def _listed(self) -> Reading:
        if self.value not in self.alternatives:
            raise ValueError(f"{self.value} is not among the alternatives {', '.join(self.alternatives)}")
        return self


class Side(Document):
    """One side of a pair: whose figure it is, the contract it is read from, and for statements the kind of account."""

    title: Text
    owner: Owner
    contract: str
    account: Literal["fiscal", "expenditure"] | None = None


class Pair(Document):
    """Two figures that must agree, by clause. ``scope`` says at which level they are compared, for which ``funds``.

    ``shortfall`` and ``surplus`` are the classes of a difference by which the right side has less, or more, where
    nothing surer explains it.
    """

    clause: str
    title: Text
    scope: Literal["county", "city"]
    funds: tuple[Fund, ...] = ("worker", "resident")
    shortfall: str | None = None
    surplus: str | None = None
    left: Side
    right: Side


class Rulebook(Document):
    """The rules of one city as data. ``amounts`` gives the clause of published amounts, by ``table`` or ``table.column``;
    those of pairs and transfers carry their own."""

    city: str
    notice: Notice
    clauses: dict[str, Clause]
    values: dict[str, Value]
    readings: dict[str, Reading]
    pairs: dict[str, Pair]
    amounts: dict[str, str]

    @model_validator(mode="after")
    def _clauses_exist(self) -> Rulebook:
        used = {name: value.clause for name, value in self.values.items()}
        used |= {name: reading.clause for name, reading in self.readings.items()}
        used |= {name: pair.clause for name, pair in self.pairs.items()}
        used |= {f"amounts {name}": clause for name, clause in self.amounts.items()}
        for name, clause in used.items():
            if clause not in self.clauses:
                raise ValueError(f"{name}: there is no clause {clause}")
        for name, value in self.values.items():
            if value.dated[0].from_day > self.notice.in_force_from:
                raise ValueError(f"{name}: no value from {self.notice.in_force_from}, when the notice takes force")
        return self

    def value(self, name: str, day: dt.date) -> str:
        """Return the value ``name`` that holds on ``day``.

        Raises ConfigurationError for a value the rulebook lacks, InputError for a day before its first.
        """
        if name not in self.values:
            raise ConfigurationError(
                f"the rulebook of {self.city} has no value {name}", where=f"rulebooks/{self.city}.yaml"
            )
        holding = [item.value for item in self.values[name].dated if item.from_day <= day]
        if not holding:
            raise InputError(
                f"{name} has no value on {day}",
                where=f"{self.notice.number}, {self.values[name].clause}",
                expected=f"a day from {self.values[name].dated[0].from_day} on",
            )
        return holding[-1]

    def reading(self, name: str) -> str:
        """Return the reading taken; raises ConfigurationError for one the rulebook lacks."""
        if name not in self.readings:
            raise ConfigurationError(
                f"the rulebook of {self.city} has no reading {name}", where=f"rulebooks/{self.city}.yaml"
            )
        return self.readings[name].value

    def require_in_force(self, day: dt.date) -> None:
        """Raise InputError when ``day`` lies before the notice takes force."""
        if day < self.notice.in_force_from:
            raise InputError(
                f"{self.notice.number} is not in force on {day}",
                expected=f"a month from {self.notice.in_force_from:%Y-%m} on",
            )


class Subject(Document):
    """A budget subject (预算科目) of the medical funds."""

    code: str = Field(pattern=r"^\d{7}$")
    fund: Fund
    kind: Literal["premium", "subsidy", "interest", "other"]
    name: Text


class Subjects(Document):
    """The document of budget subjects."""

    source: str
    last_checked_on: dt.date
    subjects: tuple[Subject, ...]


class BreakClass(Document):
    """A class of break (差异类别): whose it is, and what that person does. ``owner`` None: the owner of the pair's side."""

    title: Text
    owner: Owner | None = None
    do: Text


class BreakClasses(Document):
    """The document of break classes."""

    classes: dict[str, BreakClass]
