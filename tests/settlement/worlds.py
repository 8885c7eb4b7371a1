"""Cities as tests draw them, and what medpool makes of them: the same flows and fen as the reference gives."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, get_args

from annotated_types import Ge, Le
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.periods import Period
from medpool_etl.places import load_city
from medpool_etl.policy import Rulebook, load_rulebook
from medpool_etl.settlement import Named, Outcome, Parties, apply_rule, kind_of
from tests.settlement.reference import GRADES, County, Flow, Result

CALENDAR = WorkingCalendar.load()
# EXAMPLES=1000 tries many more.
EXAMPLES = int(os.environ.get("EXAMPLES", "30"))
many = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

World = tuple[int, dict[str, County]]
# Single fen, odd sums, round sums, and tens of billions of yuan.
FEN = st.one_of(
    st.integers(0, 30),
    st.integers(0, 10**8),
    st.integers(0, 5 * 10**12),
    st.integers(0, 400).map(lambda millions: millions * 10**8),
)
SIGNED = st.one_of(FEN, FEN.map(lambda fen: -fen))
# So little that fen decide.
FEW = st.integers(0, 12)
CODES = [f"{331000 + number}" for number in range(2, 17)]


def counties_of(values: st.SearchStrategy[Any], least: int = 1, most: int = 15) -> st.SearchStrategy[dict[str, Any]]:
    """Draw up to fifteen counties, in any order."""
    return st.dictionaries(st.sampled_from(CODES), values, min_size=least, max_size=most)


def a_county(amounts: st.SearchStrategy[int], deficits: bool) -> st.SearchStrategy[County]:
    below = amounts.map(lambda fen: -fen)
    # Mostly nothing was assessed.
    assessed = st.one_of(st.just(0), st.just(0), amounts)
    return st.builds(
        County,
        result=below if deficits else st.one_of(amounts, below),
        under_collection=assessed,
        over_spending=assessed,
        unpaid_subsidy=assessed,
        policy_not_applied=assessed,
        balance=st.one_of(st.just(0), amounts, below),
        base_expenditure=amounts,
        financing=amounts,
        grade=st.sampled_from(GRADES),
        deficit_before=st.booleans(),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a city at its clearing: surpluses and deficits of every size, and a pot that is empty, overdrawn, short or ample."""
    counties = draw(counties_of(a_county(draw(st.sampled_from([FEN, FEW])), draw(st.booleans()))))
    deficits = sum(max(-county.result, 0) for county in counties.values())
    short = st.integers(0, deficits // 2)
    pot = draw(st.one_of(short, short, st.just(0), st.integers(-(10**10), 20), st.just(deficits), st.just(10**15)))
    return pot, counties


def yuan(fen: int) -> Decimal:
    return Decimal(fen) / 100


@cache
def rulebook_under(city: str, *readings: tuple[str, str]) -> Rulebook:
    """Return a city's rulebook under other readings."""
    rulebook = load_rulebook(city)
    for name, value in readings:
        known = rulebook.readings[name]
        assert value in known.alternatives
        taken = {**rulebook.readings, name: known.model_copy(update={"value": value})}
        rulebook = rulebook.model_copy(update={"readings": taken})
    return rulebook


def apply(
    rulebook: Rulebook,
    rule_id: str,
    fund: str,
    period: str,
    facts: Mapping[str, Any],
    counties: Mapping[str, Mapping[str, Any]],
    parties: Parties | None = None,
) -> Outcome:
    """Return what medpool gives for facts in yuan; the counties go in in the order they have here."""
    kind = kind_of(rulebook, rule_id)
    rows = {code: kind.county(**row) for code, row in counties.items()} if kind.county else {}
    return apply_rule(
        rule_id, rulebook, CALENDAR, parties or Named({}), fund, Period.parse(period), kind.facts(**facts), rows
    )


def columns(county: County) -> dict[str, Any]:
    """Return a county as the clearing takes it: amounts in yuan."""
    return {
        name: yuan(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in dataclasses.asdict(county).items()
    }


CLEARED = {"taizhou": "2022-clearing", "zhoushan": "2021-clearing", "nantong": "2020-clearing"}


def clearing_rule(city: str) -> str:
    """Return the id of the city's clearing."""
    return load_rulebook(city).rule_of("clearing")[0]


def clear(city: str, world: World, *readings: tuple[str, str], fund: str = "worker") -> Outcome:
    """Return what medpool's clearing of a city gives."""
    pot, counties = world
    rulebook = rulebook_under(city, *readings)
    rows = {code: columns(county) for code, county in counties.items()}
    return apply(rulebook, clearing_rule(city), fund, CLEARED[city], {"pot": yuan(pot)}, rows)


def as_result(outcome: Outcome) -> Result:
    """Return an outcome as the reference speaks of it; what is only told of, with no amount, is not among it."""
    flows = [Flow(t.county, t.step, t.payer.role, t.receiver.role, int(t.amount * 100)) for t in outcome.transfers]
    assert len(set(flows)) == len(flows)
    return Result(frozenset(flows), {item.county: int(item.amount * 100) for item in outcome.unfunded if item.amount})


# What a plain case of a kind needs that its schema does not say; for one fund only with a slash.
BESIDES: dict[str, dict[str, Any]] = {
    "clearing": {"result": Decimal("-12.34"), "financing": Decimal("100.00"), "base_expenditure": Decimal("12.00")},
    "subsidy_quarters": {"provincial_grant": Decimal("1.00")},
    "funding": {"budget_left": Decimal("1000.00"), "average": Decimal("12.34"), "cash": Decimal("0.00")},
    "waiting_period": {"month": "2022-03"},
    "waiting_period/resident": {"situation": "late_resident", "month": "2022-03"},
    "subsidy_advance": {"settled": Decimal("20.00")},
    "personal_account": {"standard": Decimal("100.00")},
}
REQUIRED: dict[Any, Any] = {Decimal: Decimal("12.34"), int: 7}


def plain_facts(schema: type[BaseModel], **besides: Any) -> dict[str, Any]:
    """Return small positive facts of a schema: a fen where it has a default, those named besides, nothing where it may be left out."""
    facts: dict[str, Any] = {}
    for name, field in schema.model_fields.items():
        if name in besides:
            facts[name] = besides[name]
        elif field.is_required():
            words = get_args(field.annotation)
            facts[name] = words[0] if words else REQUIRED[field.annotation]
        elif isinstance(field.default, Decimal):
            facts[name] = Decimal("0.01")
    return facts


def plain_case(
    city: str, rule_id: str, fund: str, period: str, parties: Parties | None = None, rulebook: Rulebook | None = None
) -> Outcome:
    """Return what a rule gives for plain facts, the same for each county there is in the period."""
    rulebook = rulebook or load_rulebook(city)
    kind = kind_of(rulebook, rule_id)
    besides = BESIDES.get(f"{kind.name}/{fund}", BESIDES.get(kind.name, {}))
    county = kind.county
    units = load_city(city).units_on(Period.parse(period).last_day)
    rows = {unit.code: plain_facts(county, **besides) for unit in units} if county else {}
    return apply(rulebook, rule_id, fund, period, plain_facts(kind.facts, **besides), rows, parties)


def _takes_less_than_nothing(schema: type[BaseModel], name: str) -> bool:
    try:
        schema.model_validate({name: Decimal(-1)})
    except ValidationError as error:
        return all(item["loc"] != (name,) for item in error.errors())
    return True


def _values(schema: type[BaseModel], name: str) -> st.SearchStrategy[Any]:
    """Draw what a field of a facts schema can hold."""
    field = schema.model_fields[name]
    kinds = [field.annotation, *get_args(field.annotation)]
    kinds += [inner for kind in kinds for inner in get_args(kind)]
    found: list[st.SearchStrategy[Any]] = []
    if name in ("month", "arrears"):
        found.append(st.dates(dt.date(2019, 1, 1), dt.date(2030, 12, 31)).map(lambda day: f"{day:%Y-%m}"))
    elif Decimal in kinds:
        found.append((SIGNED if _takes_less_than_nothing(schema, name) else FEN).map(yuan))
    elif bool in kinds:
        found.append(st.booleans())
    elif int in kinds:
        least = next((item.ge for item in field.metadata if isinstance(item, Ge)), 0)
        most = next((item.le for item in field.metadata if isinstance(item, Le)), 2_000_000)
        found.append(st.integers(int(str(least)), int(str(most))))
    elif dt.date in kinds:
        found.append(st.dates(dt.date(2019, 1, 1), dt.date(2030, 12, 31)))
    elif str in kinds:
        found.append(st.sampled_from(CODES))
    else:
        found.append(st.sampled_from(get_args(field.annotation)))
    if type(None) in kinds:
        found.insert(0, st.none())
    elif not field.is_required():
        found.insert(0, st.just(field.default))
    return st.one_of(found)


def facts_of(schema: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw facts of any schema: what a person could type in."""
    return st.fixed_dictionaries({name: _values(schema, name) for name in schema.model_fields})
