"""A facts file: one small YAML document that says which rule is asked, for what, and with which facts (docs/what-if.md).

A mistake in it is named with its key and line. Amounts are never guessed at: a number YAML would read in another base, and
commas that do not stand between thousands, are mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, RootModel, ValidationError, field_validator

from medpool_etl import documents
from medpool_etl.documents import Document, Key
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.periods import Period
from medpool_etl.places import Fund, load_city
from medpool_etl.policy import RuleEntry
from medpool_etl.settlement import CountyFacts, Facts
from medpool_etl.settlement.kind import RuleKind

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_COMMAS = re.compile(r"[-+]?[\d,]*,[\d,]*(\.\d*)?")
_GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
_COUNTY = re.compile(r"[\w.-]{1,40}")
_DEEPEST, _LONGEST = 20, 2_000
_CODE = re.compile(r"\d{6}(-[a-z]+)?")
_DO = "correct the file and ask again (`medpool what-if --template RULE --city CITY` prints one that runs)"


class Expected(Document):
    """What an example says must come out: a transfer."""

    county: str = ""
    step: str = ""
    payer: str
    receiver: str
    amount: str


class Question(Document):
    """The head of a facts file: which rule of which city, for which fund and period, under which readings and supplements.

    ``rule`` is the id of a rule of the city, or the kind of rule it is; ``fund`` None: the first fund of the rule. ``supplements``
    None: those in force. ``title`` says what it is about. ``expected``, ``unfunded`` (amounts by county), ``figures`` (values by "step" or
    "step county") and ``error`` are for examples that are tested; asking ignores them.
    """

    title: str = ""
    city: str
    rule: str
    fund: Fund | None = None
    period: str
    readings: dict[str, str] = Field(default_factory=dict)
    supplements: tuple[str, ...] | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    counties: dict[str, dict[str, Any]] = Field(default_factory=dict)
    expected: tuple[Expected, ...] | None = None
    unfunded: dict[str, str] = Field(default_factory=dict)
    figures: dict[str, str] = Field(default_factory=dict)
    error: str = ""

    @field_validator("period", mode="before")
    @classmethod
    def _period(cls, given: object) -> object:
        text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
        if isinstance(text, str):
            try:
                Period.parse(text)
            except InputError as error:
                raise ValueError(f"{error.what}, expected {error.expected}") from error
        return text

    @field_validator("readings", "facts", mode="before")
    @classmethod
    def _empty(cls, given: object) -> object:
        return {} if given is None else given

    @field_validator("counties", mode="before")
    @classmethod
    def _codes(cls, given: object) -> object:
        if not isinstance(given, dict):
            return {} if given is None else given
        return {str(code) if type(code) is int else code: {} if row is None else row for code, row in given.items()}


class _Raw(RootModel[Any]):
    """A document as YAML gives it."""


def read_question(path: Path) -> Question:
    """Return what a facts file asks; its facts are not read against the rule's schema yet.

    Raises ConfigurationError naming file, key and line for a file that is not there, is empty, is not UTF-8 or not YAML, for a key
    written twice or unknown, for a number YAML reads in another base, and for commas that do not stand between thousands.
    """
    _check_shape(path)
    raw = documents.load(path, _Raw).root
    if raw is None:
        raise ConfigurationError("the file is empty", where=path.name, expected="a facts file", do=_DO)
    if not isinstance(raw, dict):
        raise ConfigurationError("no facts file", where=f"{path.name}, line 1", expected="keys and values", do=_DO)
    problems = list(_misread(path))
    if not problems:
        try:
            return Question.model_validate(raw)
        except ValidationError as error:
            problems = _problems(path, error, (), Question)
    raise _mistakes(problems)


def read_facts(path: Path, question: Question, kind: RuleKind) -> tuple[Facts, dict[str, CountyFacts]]:
    """Return the facts of a file as a kind of rule takes them: the city's, and those of its counties by code.

    Raises ConfigurationError naming key and line of every mistake: a fact that is missing or that the rule does not know, an amount
    finer than a fen or negative where it cannot be, a county that is none of the city's.
    """
    problems: list[tuple[int, str]] = []
    made: dict[str, CountyFacts] = {}
    facts: Facts = Facts()
    try:
        facts = kind.facts.model_validate(question.facts)
    except ValidationError as error:
        problems += _problems(path, error, ("facts",), kind.facts)
    if kind.county is None and question.counties:
        problems.append(_problem(path, ("counties",), f"the rule ({kind.title.en}) knows no counties"))
    if kind.county is not None and not question.counties:
        problems.append(_problem(path, ("counties",), f"the rule ({kind.title.en}) needs the facts of its counties"))
    units = {unit.code for unit in load_city(question.city).units}
    for code, row in question.counties.items() if kind.county else ():
        if said := _no_county(code, question.city, units):
            problems.append(_problem(path, ("counties", code), said))
            continue
        try:
            made[code] = kind.county.model_validate(row) if kind.county else CountyFacts()
        except ValidationError as error:
            problems += _problems(path, error, ("counties", code), kind.county or CountyFacts)
    if problems:
        raise _mistakes(problems)
    return facts, dict(sorted(made.items()))


@dataclass(frozen=True)
class _Said:
    """Which periods a rule takes, and what to write."""

    kinds: tuple[str, ...]
    such_as: str


_PERIODS = {
    "month": _Said(("month",), "a month, such as 2022-03"),
    "quarter": _Said(("quarter",), "a quarter, such as 2022-Q1"),
    "opening": _Said(("opening",), "the opening of a year: 2022-opening, its January 2022-01, or just 2022"),
    "clearing": _Said(("clearing",), "the clearing of a year: 2022-clearing, or just 2022"),
}
"""By when a rule is applied; a rule applied once or to single cases takes every form."""


def fitting(entry: RuleEntry, period: Period) -> Period:
    """Return the period as a rule takes it: a bare year stands for its opening or clearing, January for the opening.

    Raises InputError where the period does not say which month, quarter or year the rule is applied to.
    """
    said = _PERIODS.get(entry.when)
    if said is None or period.kind in said.kinds:
        return period
    if entry.when in ("opening", "clearing") and period.kind == "year":
        return Period(period.year, entry.when)
    if entry.when == "opening" and (period.kind, period.number) == ("month", 1):
        return Period(period.year, "opening")
    raise InputError(f"{period} does not fit a rule for every {entry.when}", expected=said.such_as)


def period_forms(entry: RuleEntry) -> str:
    """Return which forms of a period a rule takes, as a person reads it."""
    said = _PERIODS.get(entry.when)
    return said.such_as if said else "any: 2022-03, 2022-Q1, 2022-opening, 2022-clearing or 2022"


def described(field: Any) -> tuple[str, str]:
    """Return what a fact is (Chinese | English) and its unit."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return field.description or "", str(extra.get("unit") or "")


def _no_county(code: str, city: str, units: set[str]) -> str:
    """Return why a county cannot be called that, or nothing: division codes are checked, names of one's own are free."""
    if _CODE.fullmatch(code):
        known = f"expected one of {', '.join(sorted(units))}, or a name of your own"
        return "" if code in units else f"{code} is no county of {city}, {known}"
    if code.isdigit():
        return f"{code} is no division code, expected six digits, or a name of your own"
    if not _COUNTY.fullmatch(code) or code == "市":
        return "a county is called by its code or by letters, digits, - and . (市 is the city itself)"
    return ""


def _check_shape(path: Path) -> None:
    """Raise ConfigurationError for what no facts file has and a reader of YAML stumbles over: endless nesting, endless numbers."""
    depth = 0
    try:
        for event in yaml.parse(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                said = "the file is nested too deeply"
            elif isinstance(event, yaml.ScalarEvent) and len(event.value) > _LONGEST and event.implicit[0]:
                said = f"a value of {len(event.value):,} characters"
            else:
                continue
            where = f"{path.name}, line {event.start_mark.line + 1 if event.start_mark else 1}"
            raise ConfigurationError(said, where=where, expected="a facts file", do=_DO)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        # It is read again at once, and then said in the words of every document.
        return


def _misread(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what YAML would read otherwise than it is written, with its line."""
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    stack: list[tuple[Key, yaml.Node]] = [((), root)] if root else []
    seen: set[int] = set()
    while stack:
        key, node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for name, value in node.value:
                line, here = name.start_mark.line + 1, (*key, str(name.value))
                if isinstance(name, yaml.ScalarNode) and name.tag.endswith((":bool", ":null", ":float")):
                    yield _located(path, line, here, "YAML takes this key for no text: put it in quotes")
                if here[-1] in names:
                    yield _located(path, line, here, "this key stands twice")
                names.add(str(here[-1]))
                stack += [(here, name), (here, value)]
        elif isinstance(node, yaml.SequenceNode):
            stack += [((*key, n), item) for n, item in enumerate(node.value)]
        elif said := _misread_scalar(node, key):
            yield _located(path, node.start_mark.line + 1, key, said)


def _misread_scalar(node: yaml.Node, key: Key) -> str:
    if node.tag == "tag:yaml.org,2002:int" and not _INTEGER.fullmatch(node.value):
        return (
            f"YAML does not read {node.value} as the number it looks like: write it without leading zeros, or in quotes"
        )
    facts = key[:1] in (("facts",), ("counties",))
    if facts and _COMMAS.fullmatch(node.value) and not _GROUPED.fullmatch(node.value):
        return f"commas stand between thousands, as in 1,234,567.89 (found {node.value!r})"
    return ""


def _problems(path: Path, error: ValidationError, under: Key, schema: type[BaseModel]) -> list[tuple[int, str]]:
    """Return what is wrong, with its line, in words for who wrote the file."""
    said = []
    for item in error.errors():
        key: Key = (*under, *item["loc"])
        field = schema.model_fields.get(str(item["loc"][0])) if len(item["loc"]) == 1 else None
        said.append(_problem(path, key, _words(item, field, schema)))
    return said


def _words(item: Mapping[str, Any], field: Any, schema: type[BaseModel]) -> str:
    name = str(item["loc"][-1]) if item["loc"] else ""
    if item["type"] == "missing":
        about, unit = described(field) if field is not None else ("", "")
        return f"this key is missing{f': {about}' if about else ''}{f' ({unit})' if unit else ''}"
    if item["type"] == "extra_forbidden":
        # Only keys of the schema itself can be listed; deeper down it is not at hand.
        known = list(schema.model_fields) if len(item["loc"]) == 1 else []
        close = get_close_matches(name, known, 1)
        hint = f", did you mean {close[0]}?" if close else ""
        return f"there is no such key{hint}" + (f" Known: {', '.join(known)}" if known else "")
    said, given = str(item["msg"]).removeprefix("Value error, "), item.get("input")
    return said if isinstance(given, dict | list) else f"{said} (found {'nothing' if given is None else repr(given)})"


def _problem(path: Path, key: Key, said: str) -> tuple[int, str]:
    where = documents.place_in(path, *key)
    line = int(where.removeprefix(f"{path.name}, line ").split(",", 1)[0])
    return line, f"{where}: {said}"


def _located(path: Path, line: int, key: Key, said: str) -> tuple[int, str]:
    return line, f"{path.name}, line {line}, key {'.'.join(str(part) for part in key)}: {said}"


def _mistakes(problems: list[tuple[int, str]]) -> ConfigurationError:
    return ConfigurationError("\n".join(said for _, said in sorted(problems)), do=_DO)
