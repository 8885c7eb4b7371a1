"""Facts files on demand: a template of any rule that runs as it is printed."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.errors import MedpoolError
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.facts_file import described, period_forms
from medpool_etl.pipeline.facts_schema import AMOUNT, Asked, asked_rule, readings_of
from medpool_etl.places import Unit, load_city
from medpool_etl.policy import supplements_in_force
from medpool_etl.settlement import Named, Outcome, apply_rule

# What stands in a template; invented, the second county has the second figure.
_CITY = ("40_000_000", "40_000_000")
_COUNTY = ("30_000_000", "20_000_000")
_HEAD = ("650", "400")
_WAGE = ("6_000", "5_500")
_COUNTS = {"persons": ("500_000", "300_000"), "months": ("12", "12"), "percent": ("50", "50"), "days": ("30", "30")}


@dataclass(frozen=True)
class _Line:
    """A fact in a template: what stands above it and behind it, its key and value as YAML, and whether it is left out unless
    the rule asks for it."""

    about: str
    behind: str
    name: str
    value: str
    optional: bool


@dataclass(frozen=True)
class _Draft:
    """What a template may say: facts of the city and of two counties for a period."""

    period: Period
    facts: list[_Line]
    rows: Mapping[Unit, list[_Line]]

    @property
    def lines(self) -> list[_Line]:
        """The facts of the city and those of a county."""
        return [*self.facts, *next(iter(self.rows.values()), [])]


def template(city: str, rule: str, fund: str | None = None) -> str:
    """Return a facts file of a rule (of a fund, by default its first) with invented figures of two counties of the city; it has
    been run as it stands.

    Every fact has a comment: what it is in Chinese and English, its unit, whether it is needed or what it is when left out. Raises
    InputError for a rule the city does not have or a fund it does not speak of, UnspecifiedError for what its notice leaves to later.
    """
    asked = asked_rule(city, rule, fund)
    runs: list[str] = []
    errors: list[MedpoolError] = []
    for draft in _drafts(asked):
        for given in _choices([line.name for line in draft.lines if line.optional]):
            try:
                outcome = _run(asked, draft, given)
            except MedpoolError as error:
                errors.append(error)
                continue
            runs.append(_written(asked, draft, given))
            if outcome.transfers or outcome.figures:
                return runs[-1]
            # Nothing comes of it: the next draft may show more of the rule.
            break
    if not runs:
        raise errors[0]
    return runs[0]


def _periods(asked: Asked) -> Iterator[Period]:
    """Yield the periods a template may be of: the first in force that fits."""
    month = Month.of(asked.rulebook.notice.in_force_from)
    quarter = Period(month.year, "quarter", (month.number + 2) // 3)
    if asked.entry.when == "month":
        yield Period.of(month)
    elif asked.entry.when == "quarter":
        yield quarter
    elif asked.entry.when in ("opening", "clearing"):
        yield Period(month.year, asked.entry.when)
    else:
        yield from (Period(month.year, "year"), Period.of(month), quarter)


def _drafts(asked: Asked) -> Iterator[_Draft]:
    """Yield what a template may say, the plainest first: other words where the first are of another fund, figures where a fact is
    0 when left out, other counties where the rule is not of the first two, another period."""
    schemas = [schema for schema in (asked.kind.facts, asked.kind.county) if schema]
    words = max((len(_words(field)) for schema in schemas for field in schema.model_fields.values()), default=0)
    for period in _periods(asked):
        units = load_city(asked.rulebook.city).units_on(period.last_day) if asked.kind.county else ()
        pairs = [units[n : n + 2] for n in range(max(len(units) - 1, 1))]
        for word, filled, pair in itertools.product((None, *range(words)), (False, True), pairs):
            facts = _lines(asked.kind.facts, period, 0, _CITY, filled, word)
            rows = {unit: _lines(asked.kind.county, period, n, _COUNTY, filled, word) for n, unit in enumerate(pair)}
            yield _Draft(period, facts, rows)


def _words(field: Any) -> tuple[Any, ...]:
    """Return the words one of which a fact must be, where it is one that is needed."""
    kind, more = next(_types(field.annotation))
    return more if kind is Literal and field.is_required() else ()


def _choices(optional: list[str]) -> Iterator[frozenset[str]]:
    """Yield which facts that can be left out are given: none at first, then one, two and more."""
    for count in range(len(optional) + 1):
        yield from (frozenset(chosen) for chosen in itertools.combinations(optional, count))


def _lines(
    schema: type[BaseModel] | None, period: Period, which: int, yuan: tuple[str, str], filled: bool, word: int | None
) -> list[_Line]:
    """Return the facts of a schema with values; ``which`` county it is, ``filled``: no money is 0, ``word`` the same for all."""
    lines = []
    for name, field in schema.model_fields.items() if schema else ():
        about, unit = described(field)
        optional = not field.is_required() and field.default is None
        needed = "必填 needed" if field.is_required() else f"可省略 left out: {_left_out(field.default)}"
        behind = "; ".join(filter(None, (unit, _allowed(field), needed)))
        nothing = isinstance(field.default, Decimal) and not field.default
        kept = not field.is_required() and not optional and not (filled and nothing)
        invented = _invented(field, period, which, yuan, which if word is None else word)
        lines.append(_Line(about, behind, name, _plain(field.default) if kept else invented, optional))
    return lines


def _left_out(default: object) -> str:
    return "无 not known" if default is None else _plain(default)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _types(annotation: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield the types a fact may have with what reads them, without None."""
    if get_origin(annotation) is Literal or annotation is None or annotation is type(None):
        if annotation is not None and annotation is not type(None):
            yield Literal, get_args(annotation)
        return
    if hasattr(annotation, "__metadata__"):
        yield get_args(annotation)[0], tuple(annotation.__metadata__)
    elif args := get_args(annotation):
        for arg in args:
            yield from _types(arg)
    else:
        yield annotation, ()


def _allowed(field: Any) -> str:
    """Return what values a fact may have, where its unit does not say it."""
    for kind, more in _types(field.annotation):
        functions = [getattr(item, "func", None) for item in (*more, *field.metadata)]
        if kind is Literal:
            return f"one of {', '.join(str(item) for item in more)}"
        if kind is bool:
            return "true or false"
        if AMOUNT in functions:
            return "not negative"
    return ""


def _invented(field: Any, period: Period, which: int, yuan: tuple[str, str], word: int) -> str:
    """Return an invented value of a fact that has no default."""
    about, unit = described(field)
    kind, more = next(_types(field.annotation))
    if kind is Literal:
        return str(more[word % len(more)])
    if kind is bool:
        return "false"
    if kind is dt.date:
        return f"{period.first_day}"
    if unit == "month":
        return f'"{period.first_month}"'
    if unit in _COUNTS:
        return _COUNTS[unit][which]
    if kind not in (int, Decimal):
        return '""'
    if "a head" in f"{unit} {about}":
        return _HEAD[which]
    if "wage" in about:
        return _WAGE[which]
    return f"-{yuan[which]}" if "negative for" in about and which else yuan[which]


def _run(asked: Asked, draft: _Draft, given: frozenset[str]) -> Outcome:
    """Return what the rule gives on what the template says; raises what the rule raises."""

    def values(lines: list[_Line]) -> dict[str, str]:
        return {line.name: line.value.strip('"') for line in lines if not line.optional or line.name in given}

    county = asked.kind.county
    return apply_rule(
        asked.rule_id,
        asked.rulebook,
        WorkingCalendar.load(),
        Named({unit.code: unit.name.zh for unit in draft.rows}),
        asked.fund,
        draft.period,
        asked.kind.facts.model_validate(values(draft.facts)),
        {unit.code: county.model_validate(values(lines)) for unit, lines in draft.rows.items() if county},
    )


def _written(asked: Asked, draft: _Draft, given: frozenset[str]) -> str:
    rulebook, entry = asked.rulebook, asked.entry
    lines = [
        f"# {entry.title.zh} {entry.title.en}",
        f"# 依据 Clause: {rulebook.cite(entry.clause)}",
        f"# “{rulebook.clauses[entry.clause].quote}”",
        "# 数字均为虚构。 All figures are invented. Ask with: medpool what-if FILE",
        f"city: {rulebook.city}",
        f"rule: {asked.rule_id}",
        f"fund: {asked.fund}" + (f"  # {' | '.join(entry.funds)}" if len(entry.funds) > 1 else ""),
        f'period: "{draft.period}"  # {period_forms(entry)}',
    ]
    if named := supplements_in_force(rulebook.city):
        lines.append(f"supplements: [{', '.join(named)}]")
    if names := readings_of(asked):
        first = rulebook.readings[names[0]]
        lines += ["# 口径 Readings. Another is taken by a line such as:"]
        lines += [
            f"# readings: {{{names[0]}: {next((v for v in first.alternatives if v != first.value), first.value)}}}"
        ]
        for name in names:
            reading = rulebook.readings[name]
            lines.append(f"#   {name} ({rulebook.cite(reading.clause)})")
            for value, means in reading.alternatives.items():
                lines.append(f"#     {value}{' (默认 default)' if value == reading.value else ''}: {means}")
    if draft.facts:
        block = list(_block(draft.facts, given, "  ", explained=True))
        said = _said(draft.facts, given)
        lines += ["facts:", *block] if said else ["# facts:", *(f"# {line}" for line in block)]
    for n, (unit, county) in enumerate(draft.rows.items()):
        lines += [] if n else ["# 县（市、区）代码，或自定名称 Codes of counties, or names of your own", "counties:"]
        nothing = "" if _said(county, given) else " {}"
        lines += [f'  "{unit.code}":{nothing}  # {unit.name.zh} {unit.name.en}']
        lines += _block(county, given, "    ", explained=n == 0)
    return "\n".join(lines) + "\n"


def _said(lines: list[_Line], given: frozenset[str]) -> bool:
    return any(not line.optional or line.name in given for line in lines)


def _block(lines: list[_Line], given: frozenset[str], indent: str, *, explained: bool) -> Iterator[str]:
    """Yield facts as YAML, each with its comment where they are explained; what is left out stands as a comment."""
    for line in lines:
        left_out = line.optional and line.name not in given
        if explained:
            yield f"{indent}# {line.about}"
        behind = f"  # {line.behind}" if explained else ""
        yield f"{indent}{'# ' if left_out else ''}{line.name}: {line.value}{behind}"
