"""Units that ceased: their facts go to the unit that inherits them (合并、撤销后由承继单位承担), as Nantong's and Hangzhou's in 2021."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

from medpool_etl.errors import InputError
from medpool_etl.places import Unit
from medpool_etl.settlement.case import CountyFacts

C = TypeVar("C", bound=CountyFacts)
# Figures in these units are amounts: those of two units add up. Anything else (a standard, a grade) does not.
SUMMED = ("yuan", "persons", "receipts")


def heir(code: str, units: Iterable[Unit], day: dt.date) -> str:
    """Return the code of the unit that stands for ``code`` on ``day``: itself while it exists, then its successor, and so on.

    A code that is no unit's stands for itself. Raises InputError for a unit that ceased without a successor, and for successors
    that lead back.
    """
    known = {unit.code: unit for unit in units}
    seen: list[str] = []
    while code in known and _ceased(known[code], day):
        seen.append(code)
        after = known[code].successor
        if after is None or after in seen:
            raise InputError(
                f"{code} {known[code].name.zh} ceased on {known[code].valid_to} and nothing inherits it",
                where="places",
                expected="a successor",
                do="name it in the places file of the city",
            )
        code = after
    return code


def inherited(facts: Mapping[str, C], units: Iterable[Unit], day: dt.date) -> dict[str, C]:
    """Return county facts by the units of ``day``: those of units that ceased are added to their successor's.

    Amounts, persons and receipts add up; other figures (a standard, a grade) must be the same. Facts with a field ``successor`` are
    not added: they keep their row, which names the successor there, and the rule adds what it makes of them. Raises InputError for
    figures that differ and cannot be added, and as :func:`heir` does.
    """
    known = tuple(units)
    merged: dict[str, C] = {}
    for code, county in sorted(facts.items()):
        to = heir(code, known, day)
        if to != code and "successor" in type(county).model_fields:
            merged[code] = county.model_copy(update={"successor": to})
        elif to in merged:
            merged[to] = _added(merged[to], county, to)
        else:
            merged[to] = county
    return dict(sorted(merged.items()))


def _ceased(unit: Unit, day: dt.date) -> bool:
    return unit.valid_to is not None and unit.valid_to < day


def _added(one: C, other: C, code: str) -> C:
    values = {}
    for name, field in type(one).model_fields.items():
        first, second = getattr(one, name), getattr(other, name)
        extra = field.json_schema_extra
        unit = extra.get("unit") if isinstance(extra, dict) else None
        # A truth value is an int to Python, and no amount.
        numbers = all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in (first, second))
        if unit in SUMMED and numbers:
            values[name] = first + second
        elif first != second:
            raise InputError(
                f"{name} of the units merged into {code} is {first} and {second}, which do not add up to one",
                expected="figures that are the same, or one row for the successor",
                do=f"give the facts of {code} itself in one row",
            )
    return one.model_copy(update=values)
