"""A kind of rule: the calculation, the facts it takes, and what it needs of a rulebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from medpool_etl.documents import Text
from medpool_etl.settlement.case import Case, CountyFacts, Facts, Outcome


@dataclass(frozen=True)
class RuleKind:
    """``apply`` is the pure function; ``facts`` and ``county`` are the columns it takes (``county`` None: it knows no counties).

    ``values``, ``readings`` and ``deadlines`` are the names it asks the rulebook for; a rulebook that has a rule of the kind
    must have them, which `medpool check` says. ``{fund}`` in the name of a value stands for each fund of the rule. ``days`` are
    deadlines it takes the days of its transfers from as far as a city has them. ``ahead`` names those of either that
    can be met before the period is over, each with the files that must be in for it; ``not_ahead`` are steps that cannot.
    """

    name: str
    title: Text
    apply: Callable[[Case[Any, Any]], Outcome]
    facts: type[Facts] = Facts
    county: type[CountyFacts] | None = None
    values: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()
    deadlines: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    ahead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    not_ahead: tuple[str, ...] = ()
    moves_money: bool = True
