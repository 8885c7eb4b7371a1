"""When the funds are warned of (基金运行风险预警): thresholds and levels, dated values of each rulebook.

The notices ask for a warning mechanism and give no figures, so the values are an office's own setting. A rulebook without them has no
warnings of that kind.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from medpool_etl.documents import Text
from medpool_etl.errors import ConfigurationError
from medpool_etl.policy.model import Rulebook

# The most serious first.
LEVELS: dict[str, Text] = {
    "red": Text(zh="红色", en="red"),
    "orange": Text(zh="橙色", en="orange"),
    "yellow": Text(zh="黄色", en="yellow"),
}
_BELOW = {
    "capability": "risk_capability_months_{level}",
    "reserve": "risk_reserve_percent_{level}",
}
# Thresholds that are passed by more than so many points, and the level each of the other warnings has.
_POINTS = {"expenditure_ahead": "risk_expenditure_ahead_points", "collection_behind": "risk_collection_behind_points"}
_LEVEL_OF = {
    name: f"risk_{name}_level" for name in ("expenditure_ahead", "over_budget", "collection_behind", "deficit")
}
RISK_VALUES: frozenset[str] = frozenset(
    [
        *(form.format(level=level) for form in _BELOW.values() for level in LEVELS),
        *_POINTS.values(),
        *_LEVEL_OF.values(),
    ]
)


@dataclass(frozen=True)
class Step:
    """A level, the threshold it begins at, and the clause of the value that names it."""

    level: str
    threshold: Decimal
    clause: str


@dataclass(frozen=True)
class RiskRules:
    """The thresholds that hold on a day. ``below``: for capability in months, and for the reserve in percent of the months its rule demands,
    the steps of the levels, red first. ``beyond``: the points by which expenditure may run ahead of the year, or collection behind it.
    ``levels``: the level of each other warning, with its clause."""

    below: dict[str, tuple[Step, ...]]
    beyond: dict[str, Step]
    levels: dict[str, tuple[str, str]]

    @classmethod
    def of(cls, rulebook: Rulebook, day: dt.date) -> RiskRules:
        """Return what a rulebook has on a day; raises ConfigurationError for a level there is not."""
        below = {
            name: tuple(
                Step(level, rulebook.number(value, day), rulebook.values[value].clause)
                for level in LEVELS
                if (value := form.format(level=level)) in rulebook.values
            )
            for name, form in _BELOW.items()
        }
        levels = {}
        for name, value in _LEVEL_OF.items():
            if value in rulebook.values:
                level = rulebook.value(value, day)
                if level not in LEVELS:
                    raise ConfigurationError(
                        f"{value} is {level!r}",
                        where=f"policy/rulebooks/{rulebook.city}.yaml",
                        expected=f"one of {', '.join(LEVELS)}",
                    )
                levels[name] = (level, rulebook.values[value].clause)
        beyond = {
            name: Step(levels[name][0], rulebook.number(value, day), rulebook.values[value].clause)
            for name, value in _POINTS.items()
            if value in rulebook.values and name in levels
        }
        return cls(below, beyond, levels)

    def level_below(self, name: str, figure: Decimal) -> Step | None:
        """Return the most serious step whose threshold the figure lies below, or None: at a threshold nothing is wrong."""
        return next((step for step in self.below[name] if figure < step.threshold), None)

    def passes(self, name: str, points: Decimal) -> Step | None:
        """Return the step that ``points`` pass by more than its threshold, or None: at it nothing is wrong."""
        step = self.beyond.get(name)
        return step if step is not None and points > step.threshold else None


def risk_gaps(rulebook: Rulebook) -> Iterator[str]:
    """Say what is wrong with a rulebook's thresholds: a level there is not, points without a level, steps out of order."""
    for name in _LEVEL_OF.values():
        for item in rulebook.values[name].dated if name in rulebook.values else ():
            if item.value not in LEVELS:
                yield f"value {name}: {item.value} is no level ({', '.join(LEVELS)})"
    for name, points in _POINTS.items():
        if points in rulebook.values and _LEVEL_OF[name] not in rulebook.values:
            yield f"value {points}: there is no {_LEVEL_OF[name]}"
    for form in _BELOW.values():
        names = [form.format(level=level) for level in LEVELS]
        known = [name for name in names if name in rulebook.values]
        days = sorted({item.from_day for name in known for item in rulebook.values[name].dated})
        for day in days:
            numbers = [rulebook.number(name, day) for name in known if rulebook.values[name].dated[0].from_day <= day]
            if numbers != sorted(numbers):
                yield f"values {', '.join(known)}: on {day} they do not rise from red to yellow"
