"""The JSON Schema of the facts files of a rule, and the rule a facts file is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from medpool_etl.errors import InputError
from medpool_etl.pipeline.facts_file import period_forms
from medpool_etl.places import load_city
from medpool_etl.policy import Rulebook, RuleEntry, load_rulebook
from medpool_etl.settlement import RuleKind, kind_of
from medpool_etl.settlement.case import Amount, Yuan

# What reads an amount of the facts; an Amount is not negative.
YUAN, AMOUNT = get_args(Yuan)[1].func, get_args(Amount)[1].func


@dataclass(frozen=True)
class Asked:
    """A rule of a city, for one of its funds."""

    rule_id: str
    fund: str
    entry: RuleEntry
    rulebook: Rulebook
    kind: RuleKind


def json_schema(city: str, rule: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the facts files of a rule; raises as ``asked_rule`` does."""
    asked = asked_rule(city, rule)
    facts = asked.kind.facts.model_json_schema(schema_generator=_Schema)
    head: dict[str, Any] = {
        "title": {"type": "string", "description": "what it is about"},
        "city": {"const": city},
        "rule": {"enum": [asked.rule_id, asked.kind.name]},
        "fund": {"enum": list(asked.entry.funds), "default": asked.entry.funds[0]},
        "period": {"type": ["string", "integer"], "description": period_forms(asked.entry)},
        "readings": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {
                    "enum": list(asked.rulebook.readings[name].alternatives),
                    "default": asked.rulebook.readings[name].value,
                    "description": asked.rulebook.readings[name].why,
                }
                for name in readings_of(asked)
            },
        },
        "supplements": {"type": "array", "items": {"type": "string"}},
        "facts": facts,
        # Of examples that are tested.
        "expected": {"type": "array"},
        "unfunded": {"type": "object"},
        "figures": {"type": "object"},
        "error": {"type": "string"},
    }
    required = ["city", "rule", "period"] + (["facts"] if facts.get("required") else [])
    definitions = facts.pop("$defs", {})
    if asked.kind.county:
        county = asked.kind.county.model_json_schema(schema_generator=_Schema)
        definitions |= county.pop("$defs", {})
        names = "|".join(sorted(unit.code for unit in load_city(city).units))
        head["counties"] = {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": rf"^({names}|(?!\d{{6}}(-[a-z]+)?$)(?!\d+$)[\w.-]{{1,40}})$"},
            "additionalProperties": county,
        }
        required.append("counties")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{city} {asked.rule_id} {asked.entry.title.zh} {asked.entry.title.en}",
        "description": f"{asked.rulebook.cite(asked.entry.clause)}: {asked.rulebook.clauses[asked.entry.clause].quote}",
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": head,
        **({"$defs": definitions} if definitions else {}),
    }


class _Schema(GenerateJsonSchema):
    """Writes amounts as a facts file takes them: whole yuan, or text exact to the fen, thousands separated or not."""

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of an amount for the functions that read amounts."""
        function = schema["function"]["function"]
        if function not in (YUAN, AMOUNT):
            return super().function_before_schema(schema)
        sign, least = ("", {"minimum": 0}) if function is AMOUNT else ("-?", {})
        pattern = rf"^{sign}(\d[\d_]*|\d{{1,3}}(,\d{{3}})+)(\.\d{{1,2}}0*)?$"
        return {
            "anyOf": [{"type": "number", **least}, {"type": "string", "pattern": pattern}],
            "description": "yuan, exact to the fen",
        }


def asked_rule(city: str, rule: str, fund: str | None = None) -> Asked:
    """Return a rule by its id or kind, for a fund (default: its first); raises InputError where the city has none or the rule does not
    speak of the fund, UnspecifiedError, quoting the clause, for what the notice leaves to later."""
    rulebook = load_rulebook(city)
    if rule not in rulebook.rules and any(entry.kind == rule for entry in rulebook.rules.values()):
        rule = rulebook.rule_of(rule)[0]
    if rule not in rulebook.rules:
        rulebook.require_specified(rule)
        raise InputError(
            f"{city} has no rule {rule!r}",
            expected=f"one of {', '.join(rulebook.rules) or 'none'}",
            do="`medpool what-if --list` shows what every city's rules are",
        )
    entry = rulebook.rules[rule]
    if fund is not None and fund not in entry.funds:
        raise InputError(
            f"{rule} is no rule of the {fund} fund",
            where=rulebook.cite(entry.clause),
            expected=f"one of {', '.join(entry.funds)}",
        )
    return Asked(rule, fund or entry.funds[0], entry, rulebook, kind_of(rulebook, rule))


def readings_of(asked: Asked) -> list[str]:
    """Return the readings that change what the rule gives: its kind's, its clearing's, and its deadlines'."""
    names = [*asked.kind.readings]
    if asked.kind.name == "clearing" and asked.rulebook.clearing:
        names += asked.rulebook.clearing.readings
    deadlines = [asked.rulebook.deadlines.get(name) for name in asked.kind.deadlines]
    names += [deadline.reading for deadline in deadlines if deadline and deadline.reading]
    return [name for name in dict.fromkeys(names) if name in asked.rulebook.readings]
