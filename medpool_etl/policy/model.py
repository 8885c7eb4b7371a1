"""The schema of rulebooks."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from medpool_etl.documents import Document, Text
from medpool_etl.errors import ConfigurationError, InputError, UnspecifiedError
from medpool_etl.periods import Period
from medpool_etl.places import Fund
from medpool_etl.policy.clearing import Clearing
from medpool_etl.policy.deadline import Actor, Deadline

# What a break means for the settlement: it is as it should be, it makes the month provisional, or nothing is published.
Gate = Literal["expected", "warn", "block"]
GATES: dict[str, Text] = {
    "expected": Text(zh="正常", en="expected"),
    "warn": Text(zh="提示", en="warns"),
    "block": Text(zh="拦截", en="blocks"),
}
Owner = Literal["tax", "treasury", "finance", "agency", "county"]
OWNERS: dict[str, Text] = {
    "tax": Text(zh="税务", en="Tax"),
    "treasury": Text(zh="国库", en="Treasury"),
    "finance": Text(zh="财政", en="Finance"),
    "agency": Text(zh="市医保经办", en="City agency"),
    "county": Text(zh="县医保经办", en="County agency"),
}


# What values are measured in; numbers are exact decimals, texts are words a rule knows. A fraction (1/3) is no exact decimal and a
# date no number, so both are read from their text.
NUMBERS = (
    "percent",
    "percentage points",
    "months",
    "years",
    "working days",
    "days",
    "yuan a head a year",
    "yuan a head a month",
)
TEXTS = ("budget level", "grade", "words", "fraction", "date")


class Notice(Document):
    """The published document a rulebook states."""

    number: str
    title: str
    issuer: str
    issued_on: dt.date
    in_force_from: dt.date


class Clause(Document):
    """A clause: where it stands in the notice, a short quotation, and what it says in English. ``document``: the number of the
    document it stands in, where that is a supplement."""

    source: str
    quote: str
    gloss: str
    document: str | None = None


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
        if self.unit not in NUMBERS + TEXTS:
            raise ValueError(f"the unit {self.unit} is none of {', '.join(NUMBERS + TEXTS)}")
        if any(not item.source.strip() for item in self.dated):
            raise ValueError("a value names its source")
        if self.unit in NUMBERS:
            for item in self.dated:
                try:
                    number = Decimal(item.value)
                except InvalidOperation:
                    raise ValueError(f"{item.value!r} is no number of {self.unit}") from None
                if not number.is_finite() or number < 0:
                    raise ValueError(f"{item.value} {self.unit} is not possible")
        for item in self.dated:
            _readable(self.unit, item.value)
        return self


def _readable(unit: str, text: str) -> None:
    """Raise ValueError for a fraction that is none between 0 and 1, and for a date that does not exist."""
    wrong = False
    try:
        if unit == "fraction":
            wrong = not 0 < Fraction(text) < 1
        elif unit == "date":
            dt.date.fromisoformat(text)
    except (ValueError, ZeroDivisionError):
        wrong = True
    if wrong:
        example = "1/3, between 0 and 1" if unit == "fraction" else "2021-12-31"
        raise ValueError(f"{text!r} is no {unit}, such as {example}")


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
    account: Literal["fiscal", "income", "expenditure"] | None = None


class Pair(Document):
    """Two figures that must agree, by clause. ``scope`` says at which level they are compared (``each``: the city and every
    county), for which ``funds``; ``model`` is the SQL in ``sql/pairs`` that draws up both sides (default: the pair's name).

    ``shortfall`` and ``surplus`` are the classes of a difference by which the right side has less, or more, where nothing
    surer explains it. ``needs`` names a kind of file without which the pair is not compared. ``within_days`` is how far apart
    two items of the same amount may lie to be one. ``carries``: what is left open goes on to the next month. ``gate`` says what
    breaks of a class mean here, where that is not what the class says.
    """

    clause: str
    title: Text
    scope: Literal["county", "city", "each"]
    model: str | None = None
    funds: tuple[Fund, ...] = ("worker", "resident")
    needs: str | None = None
    within_days: int = Field(default=5, ge=0, le=92)
    carries: bool = True
    shortfall: str | None = None
    surplus: str | None = None
    gate: dict[str, Gate] = Field(default_factory=dict)
    left: Side
    right: Side


class RuleEntry(Document):
    """A rule of the city: which kind of calculation it is, its clause, and when it is applied. The order in the rulebook is that
    of the notice, and is the order of the steps.

    ``when``: every month, quarter, at the opening of a year, at its clearing, once (at the opening of its first year), or for single
    cases (``case``: asked, not settled by the calendar). ``first`` and ``last`` are the years in which the clause has it (``first``: default
    the year the notice takes force), ``months`` the only months of a monthly rule.
    """

    kind: str
    clause: str
    title: Text
    when: Literal["month", "quarter", "opening", "clearing", "once", "case"]
    funds: tuple[Fund, ...] = ("worker", "resident")
    first: int | None = None
    last: int | None = None
    months: tuple[int, ...] = tuple(range(1, 13))

    def applies(self, period: Period, in_force_from: dt.date) -> bool:
        """Whether the rule belongs to what is settled for a period."""
        first = self.first or in_force_from.year
        when = "opening" if self.when == "once" else self.when
        last = first if self.when == "once" and self.last is None else self.last
        in_years = first <= period.year and (last is None or period.year <= last)
        return when == period.kind and in_years and (when != "month" or period.number in self.months)


class Review(Document):
    """What waits for somebody's word before it is published: the transfers of ``rules``, who gives it, and the clause.

    ``basis``: the clause itself says that somebody reviews or approves it (``notice``), or the office has it approved (``own``), and the
    clause is the one that orders it."""

    clause: str
    title: Text
    by: Actor
    rules: tuple[str, ...] = Field(min_length=1)
    basis: Literal["notice", "own"] = "notice"


class Unspecified(Document):
    """What the notice leaves to a later rule (G6), by the kind of rule it would be."""

    clause: str
    what: Text


class Ledger(Document):
    """A ledger of a fund that is kept apart (分账核算): pooled part, personal accounts and what else the notice lists. ``pooled`` False: it
    is booked, but never shared between counties (G1)."""

    id: str = Field(pattern=r"^[a-z_]+$")
    title: Text
    clause: str
    pooled: bool = True


class Reconciliation(Document):
    """How a city reconciles. ``cut_off_days``: what one side booked in that many last days of a month may stand in the next
    month on the other. ``remind_after_days``: the ages at which a break that is still open is told of again.
    ``refund_within_months``: how many months back the receipt of a refund is looked for (three years, 税收征收管理法 Art. 51).
    """

    cut_off_days: int = Field(default=3, ge=0, le=15)
    remind_after_days: tuple[int, ...] = (31, 62, 93)
    refund_within_months: int = Field(default=36, ge=1, le=120)


class Rulebook(Document):
    """The rules of one city as data. ``amounts`` gives the clause of published amounts, by ``table`` or ``table.column``;
    those of pairs and transfers carry their own.

    ``rules`` by id; ``unspecified`` by the kind of rule a notice leaves to later; ``clearing`` the layers of the annual
    clearing; ``deadlines`` by id, from the document of that name; ``supplements`` the documents that were laid over the notice;
    ``ledgers`` what each fund consists of, where the notice lists it; ``reviews`` by name, what is published only once
    somebody has approved it.
    """

    city: str
    notice: Notice
    clauses: dict[str, Clause]
    values: dict[str, Value] = Field(default_factory=dict)
    readings: dict[str, Reading] = Field(default_factory=dict)
    rules: dict[str, RuleEntry] = Field(default_factory=dict)
    unspecified: dict[str, Unspecified] = Field(default_factory=dict)
    clearing: Clearing | None = None
    deadlines: dict[str, Deadline] = Field(default_factory=dict)
    reviews: dict[Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")], Review] = Field(default_factory=dict)
    supplements: tuple[Notice, ...] = ()
    ledgers: dict[Fund, tuple[Ledger, ...]] = Field(default_factory=dict)
    reconciliation: Reconciliation = Reconciliation()
    pairs: dict[str, Pair]
    amounts: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _clauses_exist(self) -> Rulebook:
        used = {name: value.clause for name, value in self.values.items()}
        used |= {name: reading.clause for name, reading in self.readings.items()}
        used |= {name: pair.clause for name, pair in self.pairs.items()}
        used |= {f"rule {name}": rule.clause for name, rule in self.rules.items()}
        used |= {f"deadline {name}": deadline.clause for name, deadline in self.deadlines.items()}
        used |= {f"unspecified {name}": item.clause for name, item in self.unspecified.items()}
        used |= {f"clearing {n}": clause for n, clause in enumerate(self.clearing.clauses if self.clearing else ())}
        used |= {f"amounts {name}": clause for name, clause in self.amounts.items()}
        used |= {f"review {name}": review.clause for name, review in self.reviews.items()}
        used |= {f"ledger {item.id}": item.clause for items in self.ledgers.values() for item in items}
        for name, clause in used.items():
            if clause not in self.clauses:
                raise ValueError(f"{name}: there is no clause {clause}")
        for name, value in self.values.items():
            # What a supplement supplies holds from the supplement's day on, which the supplement's own schema checks.
            if self.clauses[value.clause].document is None and value.dated[0].from_day > self.notice.in_force_from:
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

    def number(self, name: str, day: dt.date) -> Decimal:
        """Return the value ``name`` that holds on ``day`` as an exact number; raises as ``value`` does."""
        text = self.value(name, day)
        if self.values[name].unit not in NUMBERS:
            raise ConfigurationError(f"{name} is no number", where=f"rulebooks/{self.city}.yaml")
        return Decimal(text)

    def fraction(self, name: str, day: dt.date) -> Fraction:
        """Return the value ``name`` that holds on ``day`` as an exact fraction; raises as ``value`` does."""
        text = self.value(name, day)
        if self.values[name].unit != "fraction":
            raise ConfigurationError(f"{name} is no fraction", where=f"rulebooks/{self.city}.yaml")
        return Fraction(text)

    def rule_of(self, kind: str, fund: str | None = None) -> tuple[str, RuleEntry]:
        """Return id and entry of the first rule of a kind (for the fund).

        Raises UnspecifiedError, quoting the clause, where the notice leaves it to a later rule and no supplement is given;
        InputError where the notice has no such rule.
        """
        for name, rule in self.rules.items():
            if rule.kind == kind and (fund is None or fund in rule.funds):
                return name, rule
        self.require_specified(kind)
        raise InputError(
            f"{self.notice.number} has no rule of the kind {kind}" + (f" for the {fund} fund" if fund else ""),
            expected=f"one of {', '.join(sorted({rule.kind for rule in self.rules.values()}))}",
        )

    def deadline(self, name: str) -> Deadline:
        """Return a deadline under the readings taken; raises ConfigurationError for one the city does not have."""
        if name not in self.deadlines:
            raise ConfigurationError(f"there is no deadline {name}", where=f"policy/deadlines/{self.city}.yaml")
        deadline = self.deadlines[name]
        return deadline.read(self.reading(deadline.reading)) if deadline.reading else deadline

    def require_specified(self, kind: str) -> None:
        """Raise UnspecifiedError, quoting the clause, where the notice leaves a kind of rule to later (G6)."""
        if left := self.unspecified.get(kind):
            clause = self.clauses[left.clause]
            raise UnspecifiedError(
                f"{self.notice.number} leaves {left.what.en} to a later rule ({left.what.zh})",
                where=f"{self.cite(left.clause)}（{left.clause}）: {clause.quote}",
                expected="a supplement that supplies it, with its own document number and clauses",
                do=f"put it into policy/supplements/ in the folder MEDPOOL_CONFIG names and name it in MEDPOOL_SUPPLEMENTS "
                f"(`medpool rules {self.city}` shows what is open)",
            )

    def cite(self, clause: str) -> str:
        """Return where a clause stands, as a person cites it: document number and place."""
        found = self.clauses[clause]
        return f"{found.document or self.notice.number} {found.source}"

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
