"""What a city's documents lack for its rules, and what they have without need: sentences for `medpool check`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from medpool_etl import documents
from medpool_etl.contracts import load_all
from medpool_etl.errors import MedpoolError
from medpool_etl.places import City, Unit, load_city
from medpool_etl.policy import Rulebook, load_rulebook, load_supplement
from medpool_etl.policy.deadline import Deadline
from medpool_etl.policy.due import chain
from medpool_etl.policy.risk import RISK_VALUES, risk_gaps
from medpool_etl.settlement.kinds import RULE_KINDS
from medpool_etl.settlement.ordering import deadline_names, ordering_rules
from medpool_etl.settlement.steps import STEPS

ONE_DAY = dt.timedelta(days=1)
# No rule needs these: the budget level at which the treasury books premiums is of the reconciliation, and whose treasury it is the
# remittance asks only where a city says so; thresholds are of the indicators.
ELSEWHERE = {"premium_budget_level", "premium_treasury", *RISK_VALUES}


def city_gaps(city: str) -> list[str]:
    """Return what is wrong with a city's units, its rulebook, and its rulebook under each supplement there is for it.

    Raises ConfigurationError, naming file, key and line, for a document that cannot be read at all.
    """
    said = [f"places/{city}.yaml: {gap}" for gap in unit_gaps(load_city(city))]
    alone = gaps(load_rulebook(city, ()))
    said += [f"policy/rulebooks/{city}.yaml: {gap}" for gap in alone]
    for path in documents.find_all("policy/supplements"):
        if load_supplement(path.stem).city == city:
            under = gaps(load_rulebook(city, (path.stem,)))
            said += [f"policy/supplements/{path.stem}.yaml: {gap}" for gap in under if gap not in alone]
    return said


def gaps(rulebook: Rulebook) -> list[str]:
    """Return what a rulebook lacks for its rules, and what it has without need, as sentences; none when it is whole.

    Unknown kinds, values, readings and deadlines that are missing, values and readings nothing uses, a clearing without its rule or
    the other way round, and deadlines that cannot be told.
    """
    said: list[str] = []
    used: dict[str, set[str]] = {"values": set(ELSEWHERE), "readings": set(), "deadlines": set()}
    for rule_id, entry in rulebook.rules.items():
        if entry.kind not in RULE_KINDS:
            said.append(f"rule {rule_id}: medpool knows no kind {entry.kind}")
            continue
        kind = RULE_KINDS[entry.kind]
        values = tuple(name.format(fund=fund) for name in kind.values for fund in entry.funds)
        needed = (("values", values), ("readings", kind.readings), ("deadlines", kind.deadlines))
        for part, names in needed:
            used[part] |= set(names)
            missing = [name for name in dict.fromkeys(names) if name not in getattr(rulebook, part)]
            said += [f"rule {rule_id}: no {part[:-1]} {name}" for name in missing]
    said += risk_gaps(rulebook)
    said += _clearing(rulebook, used)
    said += _deadlines(rulebook, used)
    said += _reviews(rulebook)
    said += [
        f"unspecified {kind}: medpool knows no such kind" for kind in rulebook.unspecified if kind not in RULE_KINDS
    ]
    for part in ("values", "readings"):
        said += [f"{part[:-1]} {name}: no rule uses it" for name in getattr(rulebook, part) if name not in used[part]]
    return said


def _clearing(rulebook: Rulebook, used: dict[str, set[str]]) -> Iterator[str]:
    bound = any(entry.kind == "clearing" for entry in rulebook.rules.values())
    if bound and rulebook.clearing is None:
        yield "a rule clears the year, but the key clearing is missing"
    if rulebook.clearing is None:
        return
    if not bound:
        yield "the key clearing: no rule uses it"
    used["values"] |= set(rulebook.clearing.values)
    used["readings"] |= set(rulebook.clearing.readings)
    for part in ("values", "readings"):
        for name in getattr(rulebook.clearing, part):
            if name not in getattr(rulebook, part):
                yield f"clearing: no {part[:-1]} {name}"


def _deadlines(rulebook: Rulebook, used: dict[str, set[str]]) -> Iterator[str]:
    for name, deadline in rulebook.deadlines.items():
        if deadline.clause not in rulebook.clauses:
            yield f"deadline {name}: there is no clause {deadline.clause}"
        if deadline.reading is not None:
            used["readings"].add(deadline.reading)
            if deadline.reading not in rulebook.readings:
                yield f"deadline {name}: no reading {deadline.reading}"
                continue
            ways = rulebook.readings[deadline.reading].alternatives
            for way in deadline.by_reading:
                if way not in ways:
                    yield f"deadline {name}: {way} is no alternative of the reading {deadline.reading}"
        try:
            chain(rulebook, name)
        except MedpoolError as error:
            yield f"deadline {name}: {error.what}"
        yield from _known_to_be_met(rulebook, name)


def _known_to_be_met(rulebook: Rulebook, name: str) -> Iterator[str]:
    """Say what is wrong with how a deadline is known to be met: files nobody knows, steps that are none or of no rule, and a payment of
    which nobody could tell which transfers of a rule it is."""
    deadline, contracts = rulebook.deadlines[name], load_all()
    for shown in deadline.shown_by:
        contract = contracts.get(shown.contract)
        if contract is None:
            yield f"deadline {name}: there is no contract {shown.contract}"
        elif shown.account and shown.account not in contract.expected.account_kinds:
            yield f"deadline {name}: {shown.contract} comes for no {shown.account} account"
        elif shown.years and contract.expected.every != "year":
            yield f"deadline {name}: {shown.contract} comes for no year"
        elif contract.expected.every == "month" and deadline.every != "month":
            yield f"deadline {name}: {shown.contract} comes every month, the deadline every {deadline.every}"
    yield from (f"deadline {name}: there is no step {step}" for step in deadline.steps if step not in STEPS)
    ordering = ordering_rules(rulebook, name)
    if deadline.steps and not ordering:
        yield f"deadline {name}: it has steps, but no rule names it"
    for rule_id in ordering if deadline.kind == "payment" and not deadline.steps else ():
        others = [
            other
            for other in deadline_names(rulebook.rules[rule_id].kind)
            if other != name and ((rest := rulebook.deadlines.get(other)) is None or _same_time(deadline, rest))
        ]
        if others:
            yield (
                f"deadline {name}: the rule {rule_id} has {', '.join(others)} too; steps must say which of its transfers "
                "this one is of"
            )


def _same_time(one: Deadline, other: Deadline) -> bool:
    return other.kind == "payment" and bool(set(one.quarters) & set(other.quarters))


def _reviews(rulebook: Rulebook) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name, review in rulebook.reviews.items():
        for rule_id in review.rules:
            entry = rulebook.rules.get(rule_id)
            if entry is None:
                yield f"review {name}: there is no rule {rule_id}"
            elif entry.kind in RULE_KINDS and not RULE_KINDS[entry.kind].moves_money:
                yield f"review {name}: the rule {rule_id} moves no money"
            if rule_id in seen:
                yield f"review {name}: the rule {rule_id} is of the review {seen[rule_id]} already"
            seen[rule_id] = name


def unit_gaps(city: City) -> list[str]:
    """Return where a unit that ended has no successor on the next day, or one that was there already beside it.

    A successor takes over on the day after ``valid_to``. It may have been there before, as a district that absorbs another is; but
    one that was newly made must have been made on the day after one of its predecessors ended.
    """
    units = {unit.code: unit for unit in city.units}
    said = []
    for unit in city.units:
        if unit.valid_to is None:
            if unit.successor is not None:
                said.append(f"unit {unit.code} has the successor {unit.successor}, but no valid_to")
            continue
        if unit.successor is None:
            said.append(f"unit {unit.code} ended on {unit.valid_to} and has no successor")
            continue
        successor, next_day = units[unit.successor], unit.valid_to + ONE_DAY
        named = f"unit {unit.code} ended on {unit.valid_to}, its successor {successor.code}"
        if successor.valid_from is not None and successor.valid_from > next_day:
            said.append(f"{named} began only on {successor.valid_from}: nobody has the days between")
        elif successor.valid_to is not None and successor.valid_to < next_day:
            said.append(f"{named} ended itself on {successor.valid_to}")
        elif successor.valid_from is not None and successor.valid_from not in _next_days(city, successor):
            said.append(f"{named} began on {successor.valid_from} already: both have the days between")
    return said


def _next_days(city: City, successor: Unit) -> set[dt.date]:
    """Return the days after its predecessors ended."""
    return {u.valid_to + ONE_DAY for u in city.units if u.successor == successor.code and u.valid_to is not None}
