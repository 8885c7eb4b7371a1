"""What a rule is applied to and what comes out of it: a case with its facts, an outcome with its transfers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.documents import Document
from medpool_etl.errors import ConfigurationError, InputError, MedpoolError
from medpool_etl.money import exact, from_fen, plain, to_fen
from medpool_etl.periods import Period
from medpool_etl.policy import Rulebook, RuleEntry, due_of
from medpool_etl.settlement.parties import Parties, Role
from medpool_etl.settlement.transfers import Transfer


def _yuan(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("an amount is written in yuan, such as 1234.50")
    try:
        return exact(Decimal(str(value).replace(",", "").strip()))
    except (ArithmeticError, MedpoolError) as error:
        raise ValueError("an amount is written in yuan, exact to the fen, such as 1234.50") from error


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("this amount cannot be negative")
    return value


Yuan = Annotated[Decimal, BeforeValidator(_yuan)]
"""An amount in yuan, exact to the fen; may be negative."""
Amount = Annotated[Decimal, BeforeValidator(lambda value: _not_negative(_yuan(value)))]
"""An amount in yuan, exact to the fen, not negative."""


def fact(zh: str, en: str, unit: str = "", default: Any = ...) -> Any:
    """Return a field of a facts schema: what it is in Chinese and English, its unit, and its default where it has one."""
    return Field(default, description=f"{zh} | {en}", json_schema_extra={"unit": unit})


class Facts(Document):
    """Facts of the whole city; a rule that needs none takes this."""


class CountyFacts(Document):
    """Facts of one county."""


F = TypeVar("F", bound=Facts)
C = TypeVar("C", bound=CountyFacts)


@dataclass(frozen=True)
class Case(Generic[F, C]):
    """A rule applied: to a fund and a period, with the facts of the city and of its counties by code."""

    rule_id: str
    entry: RuleEntry
    rulebook: Rulebook
    calendar: WorkingCalendar
    parties: Parties
    fund: str
    period: Period
    facts: F
    counties: Mapping[str, C]

    @property
    def day(self) -> dt.date:
        """The day whose values hold: the last of the period."""
        return self.period.last_day

    def number(self, name: str) -> Decimal:
        """Return a value of the rulebook as it holds for the period."""
        return self.rulebook.number(name, self.day)

    def text(self, name: str) -> str:
        """Return a value of the rulebook that is a word."""
        return self.rulebook.value(name, self.day)

    def reading(self, name: str, *known: str) -> str:
        """Return the reading taken; raises ConfigurationError for one the rule does not know."""
        taken = self.rulebook.reading(name)
        if taken not in known:
            raise ConfigurationError(
                f"the reading {name} = {taken} has no rule",
                where=f"policy/rulebooks/{self.rulebook.city}.yaml",
                expected=f"one of {', '.join(known)}",
            )
        return taken

    def clause(self, name: str | None = None) -> str:
        """Return the citation of a clause (default: the rule's)."""
        return self.rulebook.cite(name or self.entry.clause)

    def by_code(self) -> list[tuple[str, C]]:
        """Return the counties in the order of their codes, which is the order of everything a rule gives."""
        return sorted(self.counties.items())

    def transfer(
        self,
        step: str,
        county: str,
        payer: Role,
        receiver: Role,
        fen: int,
        *,
        clause: str | None = None,
        due: str | None = None,
        rule_id: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> list[Transfer]:
        """Return the transfer of an amount in fen, or none of 0. ``due`` names its deadline, ``facts`` are what it rests on
        (whole numbers are shown as they are, decimals as yuan)."""
        if fen == 0:
            return []
        dates = due_of(self.rulebook, due, self.period, self.calendar) if due else None
        local = county if county else None
        return [
            Transfer(
                fund=self.fund,
                county=county,
                payer=self.parties.of(payer, self.fund, local),
                receiver=self.parties.of(receiver, self.fund, local),
                amount=from_fen(fen),
                due_date=dates.due if dates else None,
                late_after=dates.late_after if dates else None,
                rule_id=rule_id or self.rule_id,
                clause=self.clause(clause),
                facts=" ".join(f"{name}={_shown(value)}" for name, value in (facts or {}).items()),
                step=step,
            )
        ]

    def working(self, step: str, county: str, zh: str, en: str, value: object, clause: str | None = None) -> Working:
        """Return a line of the working."""
        unit = "yuan" if isinstance(value, Decimal) and value == value.quantize(Decimal("0.01")) else ""
        return Working(self.rule_id, self.fund, county, step, zh, en, _shown(value), unit, self.clause(clause))


@dataclass(frozen=True)
class Working:
    """A line of the working (计算过程): which step, for whom, what, and the value as text; ``unit`` yuan for money."""

    rule_id: str
    fund: str
    county: str
    step: str
    zh: str
    en: str
    value: str
    unit: str
    clause: str


@dataclass(frozen=True)
class Unfunded:
    """What a rule found owed but nobody to pay, or another thing a person must know of: raised as an alert."""

    rule_id: str
    fund: str
    county: str
    amount: Decimal
    zh: str
    en: str
    clause: str


@dataclass(frozen=True)
class Outcome:
    """What a rule gives: transfers, the working behind them, what stays unfunded. ``figures`` are the working lines that are
    themselves the answer, of a rule that moves no money."""

    transfers: tuple[Transfer, ...] = ()
    working: tuple[Working, ...] = ()
    unfunded: tuple[Unfunded, ...] = ()
    figures: tuple[Working, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.transfers + other.transfers,
            self.working + other.working,
            self.unfunded + other.unfunded,
            self.figures + other.figures,
        )


@dataclass
class Notes:
    """Collects an outcome while a rule goes through its steps."""

    transfers: list[Transfer] = field(default_factory=list)
    working: list[Working] = field(default_factory=list)
    unfunded: list[Unfunded] = field(default_factory=list)
    figures: list[Working] = field(default_factory=list)

    def outcome(self) -> Outcome:
        """Return what was collected."""
        return Outcome(tuple(self.transfers), tuple(self.working), tuple(self.unfunded), tuple(self.figures))


def fen_of(amount: Decimal) -> int:
    """Return an amount of the facts in fen."""
    return to_fen(amount)


def require(condition: bool, said: str, case: Case[Any, Any], expected: str = "") -> None:
    """Raise InputError with the rule's clause when facts contradict each other."""
    if not condition:
        raise InputError(said, where=case.clause(), expected=expected)


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value) if value == value.quantize(Decimal("0.01")) else str(value)
    return str(value)
