"""A year's periods in the order they are settled, and where each stands."""

from __future__ import annotations

from dataclasses import dataclass

from medpool_etl.documents import Text
from medpool_etl.periods import Period
from medpool_etl.pipeline.done import is_ahead
from medpool_etl.policy import Rulebook, load_rulebook
from medpool_etl.settlement import rules_of
from medpool_etl.store import Control, Settings, Warehouse

STATES: dict[str, Text] = {
    "open": Text(zh="未发布", en="not published"),
    "provisional": Text(zh="已发布（暂定）", en="published, provisional"),
    "ahead": Text(zh="已先行发布期内到期款项", en="only what is due before it is over is published"),
    "final": Text(zh="已发布（正式）", en="published, final"),
    "closed": Text(zh="已结账", en="closed"),
    "unspecified": Text(zh="办法未规定", en="left to a later rule"),
}


@dataclass(frozen=True)
class Item:
    """A period of the year: ``state`` is a key of ``STATES``, ``rules`` the ids of what is settled with it."""

    period: Period
    state: str
    rules: tuple[str, ...]


def agenda(settings: Settings, city: str, year: int) -> tuple[Item, ...]:
    """Return the periods of a year the city's rulebook has something to settle for, in the order of time: the opening, each month,
    the quarters behind their last months, the clearing.

    What the notice leaves to a later rule stands there as unspecified. Raises InputError for a year before the notice is in force.
    """
    rulebook = load_rulebook(city)
    rulebook.require_in_force(Period(year, "year").last_day)
    every = [Period(year, "opening"), Period(year, "clearing")]
    every += [Period(year, "month", number) for number in range(1, 13)]
    every += [Period(year, "quarter", number) for number in range(1, 5)]
    control, warehouse = Control(settings.control_url), Warehouse(settings.warehouse)
    try:
        items = []
        for period in sorted(every, key=lambda period: period.order):
            rules = rules_of(rulebook, period)
            state = _state(control, warehouse, city, period)
            if not rules and _left_open(rulebook, period):
                items.append(Item(period, "unspecified", ()))
            elif rules or state != "open":
                items.append(Item(period, state, rules))
        return tuple(items)
    finally:
        control.close()


def _left_open(rulebook: Rulebook, period: Period) -> bool:
    """Whether the notice leaves what a period settles to a later rule: a clearing, or the months where no rule is monthly."""
    if period.kind == "clearing":
        return "clearing" in rulebook.unspecified
    return period.kind == "month" and bool(rulebook.unspecified)


def _state(control: Control, warehouse: Warehouse, city: str, period: Period) -> str:
    if control.closed_month(city, str(period)):
        return "closed"
    run = control.published_run(city, str(period))
    if run is None:
        return "open"
    if is_ahead(warehouse, city, period, run):
        return "ahead"
    return control.figures(run) or "provisional"
