"""Any rule on facts typed into one small YAML file: what it gives, under this city's rules, another's, or another reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medpool_etl import documents
from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import ConfigurationError, InputError, MedpoolError
from medpool_etl.money import plain
from medpool_etl.periods import Period
from medpool_etl.pipeline.facts_file import Expected, Question, fitting, read_facts, read_question
from medpool_etl.places import load_city
from medpool_etl.policy import Rulebook, RuleEntry, load_rulebook, load_supplement, supplements_in_force
from medpool_etl.settlement import (
    RULE_KINDS,
    CountyFacts,
    Facts,
    Named,
    Outcome,
    RuleKind,
    Transfer,
    Working,
    apply_rule,
    kind_of,
)

__all__ = ["Answer", "Expected", "Question", "Refused", "answer_as_json", "as_json", "ask", "ask_all", "figure_as_json"]


@dataclass(frozen=True)
class Answer:
    """What came out: the rule it was asked of, for which fund and period, and the outcome.

    ``label`` is the city, and the readings it was asked with; ``names`` what counties are called, by code.
    """

    city: str
    rule_id: str
    label: str
    outcome: Outcome
    kind: RuleKind
    entry: RuleEntry
    rulebook: Rulebook
    fund: str
    period: Period
    names: Mapping[str, str]


@dataclass(frozen=True)
class Refused:
    """What did not come out, and why: a city that leaves the rule to later, or has none of the kind."""

    city: str
    label: str
    error: MedpoolError


@dataclass(frozen=True)
class _Read:
    """A facts file, read."""

    path: Path
    question: Question
    own: Rulebook
    kind: RuleKind
    facts: Facts
    counties: Mapping[str, CountyFacts]


def ask(path: Path, city: str | None = None, readings: Mapping[str, str] | None = None) -> Answer:
    """Return what the rule of a facts file gives.

    ``city``: under that city's first rule of the same kind instead; ``readings``: under these readings besides the file's, which hold
    for the file's own city. Raises ConfigurationError naming file, key and line for a mistake in the file, UnspecifiedError for what a
    notice leaves to later, and what the rule raises, with its clause.
    """
    return _answer(_read(path), city, readings or {})


def ask_all(
    path: Path, cities: Iterable[str] = (), readings: Iterable[Mapping[str, str]] = ()
) -> tuple[Answer | Refused, ...]:
    """Return answers side by side: the file's own, then under the other cities; each city also under each set of readings that
    its rulebook knows.

    A city that cannot answer is Refused and does not hold up the others. Raises ConfigurationError for a mistake in the file and
    for readings none of the cities knows, InputError for a city without a rulebook, and the first refusal when none can answer.
    """
    read = _read(path)
    asked = list(dict.fromkeys((read.question.city, *cities)))
    combinations = [{}, *readings]
    books = {city: _rulebook(read, city) for city in asked}
    found: dict[str, Answer | Refused] = {}
    for city in asked:
        for taken in combinations:
            if all(_knows(books[city], name, value) for name, value in taken.items()):
                label = _label(city, taken)
                try:
                    found[label] = _answer(read, city, taken)
                except MedpoolError as error:
                    if error.exit_code != InputError.exit_code:
                        raise
                    found[label] = Refused(city, label, error)
    for taken in combinations:
        if not any(_label(city, taken) in found for city in asked):
            # Says which name or value it is that the file's own city does not know.
            for name, value in taken.items():
                _taking(read.own, name, value, "--reading")
    if all(isinstance(answer, Refused) for answer in found.values()):
        raise next(answer.error for answer in found.values() if isinstance(answer, Refused))
    return tuple(found.values())


def answer_as_json(answer: Answer | Refused) -> list[dict[str, str | None]] | dict[str, dict[str, str]]:
    """Return an answer as JSON-ready data: its transfers, or the figures of a rule that moves no money; of a refusal an object
    with the key ``error``."""
    if isinstance(answer, Refused):
        error = answer.error
        told = {"what": error.what, "where": error.where, "expected": error.expected, "do": error.do}
        return {"error": {name: text for name, text in told.items() if text}}
    if not answer.kind.moves_money:
        return [figure_as_json(line) for line in answer.outcome.figures]
    return [as_json(transfer) for transfer in answer.outcome.transfers]


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


def figure_as_json(line: Working) -> dict[str, str | None]:
    """Return a figure as JSON-ready data; ``value`` is text, of money a decimal string in yuan (``unit`` yuan)."""
    return {
        "fund": line.fund,
        "county": line.county,
        "step": line.step,
        "value": line.value,
        "unit": line.unit,
        "rule": line.rule_id,
        "clause": line.clause,
        "zh": line.zh,
        "en": line.en,
    }


def _read(path: Path) -> _Read:
    question = read_question(path)
    try:
        load_rulebook(question.city, ())
    except InputError as error:
        raise _at(path, error, "city") from error
    own = _own_rulebook(path, question)
    if question.rule in own.rules:
        kind = kind_of(own, question.rule)
    elif question.rule in RULE_KINDS:
        kind = RULE_KINDS[question.rule]
    else:
        own.require_specified(question.rule)
        raise ConfigurationError(
            f"{question.city} has no rule {question.rule!r}",
            where=documents.place_in(path, "rule"),
            expected=f"one of {', '.join(own.rules) or 'none'}",
            do="`medpool what-if --list` shows what every city's rules are",
        )
    facts, counties = read_facts(path, question, kind)
    return _Read(path, question, own, kind, facts, counties)


def _answer(read: _Read, city: str | None, readings: Mapping[str, str]) -> Answer:
    """Return the answer of one city under the readings."""
    city = city or read.question.city
    rulebook = _rulebook(read, city)
    for name, value in readings.items():
        rulebook = _taking(rulebook, name, value, "--reading")
    rule_id, entry, fund = _rule(read, rulebook)
    try:
        period = fitting(entry, Period.parse(read.question.period))
    except InputError as error:
        place = documents.place_in(read.path, "period")
        # For another city it is the rule that does not fit, not the file that is wrong.
        where = place if city == read.question.city else f"{rulebook.cite(entry.clause)}, {place}"
        raise InputError(error.what, where=where, expected=error.expected) from error
    names = {unit.code: unit.name.zh for each in (city, read.question.city) for unit in load_city(each).units}
    try:
        outcome = apply_rule(
            rule_id, rulebook, WorkingCalendar.load(), Named(names), fund, period, read.facts, read.counties
        )
    except MedpoolError as error:
        raise _citing(error, rulebook, entry) from error
    label = _label(city, readings)
    return Answer(city, rule_id, label, outcome, read.kind, entry, rulebook, fund, period, names)


def _rule(read: _Read, rulebook: Rulebook) -> tuple[str, RuleEntry, str]:
    """Return id, entry and fund of the rule that is asked: the file's own, in another city the first of its kind."""
    question = read.question
    if rulebook.city == question.city and question.rule in rulebook.rules:
        entry = rulebook.rules[question.rule]
        return question.rule, entry, question.fund or entry.funds[0]
    fund = question.fund
    if fund is None and question.rule in read.own.rules:
        fund = read.own.rules[question.rule].funds[0]
    rule_id, entry = rulebook.rule_of(read.kind.name, fund)
    return rule_id, entry, fund or entry.funds[0]


def _rulebook(read: _Read, city: str) -> Rulebook:
    """Return a city's rulebook: the file's own under its readings, another under the supplements the file names for it."""
    if city == read.question.city:
        return read.own
    named = read.question.supplements
    if named is None:
        return load_rulebook(city)
    return load_rulebook(city, tuple(name for name in named if load_supplement(name).city == city))


def _own_rulebook(path: Path, question: Question) -> Rulebook:
    named = question.supplements if question.supplements is not None else supplements_in_force(question.city)
    try:
        mine = tuple(name for name in named if load_supplement(name).city == question.city)
        rulebook = load_rulebook(question.city, mine)
    except MedpoolError as error:
        if question.supplements is None:
            raise
        raise _at(path, error, "supplements") from error
    for name, value in question.readings.items():
        rulebook = _taking(rulebook, name, value, documents.place_in(path, "readings", name))
    return rulebook


def _taking(rulebook: Rulebook, name: str, value: str, where: str) -> Rulebook:
    """Return the rulebook under another reading; raises ConfigurationError for one it does not have."""
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


def _knows(rulebook: Rulebook, name: str, value: str) -> bool:
    return name in rulebook.readings and value in rulebook.readings[name].alternatives


def _label(city: str, readings: Mapping[str, str]) -> str:
    return " ".join((city, *(f"{name}={value}" for name, value in readings.items())))


def _at(path: Path, error: MedpoolError, key: str) -> ConfigurationError:
    """Return an error with the key of the file it comes from."""
    where = ", ".join(filter(None, (documents.place_in(path, key), error.where)))
    return ConfigurationError(error.what, where=where, expected=error.expected, do=error.do)


def _citing(error: MedpoolError, rulebook: Rulebook, entry: RuleEntry) -> MedpoolError:
    """Return an error a rule raised, with the rule's clause where it does not cite one."""
    cited = rulebook.cite(entry.clause)
    if rulebook.notice.number in f"{error.where}" or cited in f"{error.where}":
        return error
    where: Any = ", ".join(filter(None, (cited, error.where)))
    return type(error)(error.what, where=where, expected=error.expected, do=error.do)
