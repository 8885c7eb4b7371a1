"""Any rule on facts typed into one small YAML file: what it gives, under this city's rules, another's, or another reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, create_model, model_validator

from medpool_etl import documents
from medpool_etl.calendar import WorkingCalendar
from medpool_etl.documents import Document
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.money import plain
from medpool_etl.periods import Period
from medpool_etl.places import Fund, load_city
from medpool_etl.policy import Rulebook, load_rulebook, supplements_in_force
from medpool_etl.settlement import CountyFacts, Facts, Named, Outcome, Transfer, apply_rule, kind_of


class Expected(Document):
    """What an example says must come out: a transfer."""

    county: str = ""
    step: str = ""
    payer: str
    receiver: str
    amount: str


class Question(Document):
    """The head of a facts file: which rule of which city, for which fund and period, under which readings and supplements.

    ``title`` says what it is about. ``expected``, ``unfunded`` (amounts by county), ``figures`` (values by "step" or "step county") and
    ``error`` are for examples that are tested; asking ignores them.
    """

    title: str = ""
    city: str
    rule: str
    fund: Fund = "worker"
    period: str
    readings: dict[str, str] = Field(default_factory=dict)
    supplements: tuple[str, ...] | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    counties: dict[str, dict[str, Any]] = Field(default_factory=dict)
    expected: tuple[Expected, ...] | None = None
    unfunded: dict[str, str] = Field(default_factory=dict)
    figures: dict[str, str] = Field(default_factory=dict)
    error: str = ""

    @model_validator(mode="after")
    def _periods(self) -> Question:
        try:
            Period.parse(self.period)
        except InputError as error:
            raise ValueError(f"{error.what}, expected {error.expected}") from error
        return self


@dataclass(frozen=True)
class Answer:
    """What came out: the rulebook and rule it was asked of, and the outcome."""

    city: str
    rule_id: str
    label: str
    outcome: Outcome


def ask(path: Path, city: str | None = None, readings: Mapping[str, str] | None = None) -> Answer:
    """Return what the rule of a facts file gives.

    ``city``: under that city's rule of the same kind instead; ``readings``: under these readings besides the file's. Raises
    ConfigurationError naming file, key and line for a mistake in the file, and what the rule raises.
    """
    question = documents.load(path, Question)
    rulebook = _rulebook(path, question, question.city, question.readings)
    if question.rule not in rulebook.rules:
        rulebook.require_specified(question.rule)
        raise ConfigurationError(
            f"{question.city} has no rule {question.rule!r}",
            where=documents.place_in(path, "rule"),
            expected=f"one of {', '.join(rulebook.rules)}",
        )
    kind = kind_of(rulebook, question.rule)
    facts, counties = _facts(path, question, kind.facts, kind.county)
    rule_id, label = question.rule, question.city
    if city is not None and city != question.city:
        rulebook = load_rulebook(city)
        rule_id, label = rulebook.rule_of(kind.name, question.fund)[0], city
    for name, value in (readings or {}).items():
        rulebook = _reading(rulebook, name, value, "--reading")
        label += f" {name}={value}"
    names = {unit.code: unit.name.zh for unit in load_city(rulebook.city).units}
    outcome = apply_rule(
        rule_id,
        rulebook,
        WorkingCalendar.load(),
        Named(names),
        question.fund,
        Period.parse(question.period),
        facts,
        counties,
    )
    return Answer(rulebook.city, rule_id, label, outcome)


def as_json(transfer: Transfer) -> dict[str, str | None]:
    """Return a transfer as JSON-ready data; ``amount`` is a decimal string in yuan with two places."""
    return {
        "fund": transfer.fund,
        "county": transfer.county,
        "step": transfer.step,
        "payer": transfer.payer.role,
        "receiver": transfer.receiver.role,
        "amount": plain(transfer.amount),
        "rule": transfer.rule_id,
        "clause": transfer.clause,
        "payer_name": transfer.payer.name,
        "receiver_name": transfer.receiver.name,
        "due_date": transfer.due_date.isoformat() if transfer.due_date else None,
        "late_after": transfer.late_after.isoformat() if transfer.late_after else None,
        "facts": transfer.facts,
    }


def _rulebook(path: Path, question: Question, city: str, readings: Mapping[str, str]) -> Rulebook:
    named = question.supplements if question.supplements is not None else supplements_in_force(city)
    rulebook = load_rulebook(city, named)
    for name, value in readings.items():
        rulebook = _reading(rulebook, name, value, documents.place_in(path, "readings", name))
    return rulebook


def _reading(rulebook: Rulebook, name: str, value: str, where: str) -> Rulebook:
    if name not in rulebook.readings:
        raise ConfigurationError(
            f"{rulebook.city} has no reading {name}",
            where=where,
            expected=f"one of {', '.join(rulebook.readings) or 'none'}",
        )
    known = rulebook.readings[name]
    if value not in known.alternatives:
        raise ConfigurationError(
            f"{value} is no reading of {name}", where=where, expected=f"one of {', '.join(known.alternatives)}"
        )
    taken = {**rulebook.readings, name: known.model_copy(update={"value": value})}
    return rulebook.model_copy(update={"readings": taken})


def _facts(
    path: Path, question: Question, facts: type[Facts], county: type[CountyFacts] | None
) -> tuple[Facts, dict[str, CountyFacts]]:
    """Return the facts of a file as the rule takes them; a mistake is named with its key and line."""
    rows: Any = dict[str, Any] if county is None else dict.__class_getitem__((str, county))
    counties: Any = (rows, Field(min_length=1) if county else Field(default={}, max_length=0))
    needed = any(field.is_required() for field in facts.model_fields.values())
    whole = create_model(
        f"FactsOf{facts.__name__}",
        __base__=Question,
        facts=(facts, ... if needed else Field(default_factory=facts)),
        counties=counties,
    )
    read: Any = documents.load(path, whole)
    units = {unit.code for unit in load_city(question.city).units}
    for code in read.counties:
        if code[:6].isdigit() and len(code) >= 6 and code not in units:
            raise ConfigurationError(
                f"{code} is no county of {question.city}",
                where=documents.place_in(path, "counties", code),
                expected=f"one of {', '.join(sorted(units))}, or a name of your own",
            )
    return read.facts, dict(read.counties)
