"""The register of faults, and how a fault picks what it touches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from medpool_etl.periods import Month
from medpool_etl.simulator.expected import Expected
from medpool_etl.simulator.world import Row, World

Plant = Callable[[World, Expected], None]


@dataclass(frozen=True)
class Fault:
    """A fault: ``name`` for the command line, what it is in Chinese and English, and how it is planted.

    ``whole_file`` faults make a file useless, so they are planted alone. ``once``: it changes a sum, which another of its kind
    would change again. ``sequel``: it needs the month before.
    """

    name: str
    zh: str
    en: str
    plant: Plant
    whole_file: bool = False
    once: bool = False
    sequel: bool = False


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, zh: str, en: str, *, whole_file: bool = False, once: bool = False, sequel: bool = False
) -> Callable[[Plant], None]:
    """Register the function below as a fault."""

    def register(plant: Plant) -> None:
        FAULTS[name] = Fault(name, zh, en, plant, whole_file, once, sequel)

    return register


def pick(world: World, payer_type: str = "flexible", late: bool = False) -> Row:
    """Return a premium no fault has touched and mark it as touched: of the middle of the month, or (``late``) of its last days."""
    rows = [
        row
        for row in world.tax
        if row.values["payer_type"] == payer_type
        and row.values["levy_kind"] == "premium"
        and "touched" not in row.values
        and (row.values["booked_date"] > world.month.last_day - dt.timedelta(days=3)) == late
        and row.values["booked_date"].day > 3
    ]
    row = world.fault_rng.choice(rows)
    row.values["touched"] = True
    return row


def partner(rows: list[Row], key: str, tax: Row) -> Row:
    """Return the row of another list that has the receipt's number."""
    return next(row for row in rows if row.values[key] == tax.values["receipt_no"])


def treasury_row(world: World, tax: Row) -> Row:
    """Return the treasury's row of a receipt."""
    return partner(world.treasury, "voucher_no", tax)


def agency_row(world: World, tax: Row) -> Row:
    """Return the agency's row of a receipt."""
    return partner(world.agency, "receipt_no", tax)


def agency_pair(tax: Row) -> str:
    """Return the pair in which the agency's row of a receipt is compared."""
    return "agency_tax_employer" if tax.values["payer_type"] == "employer" else "agency_tax_county"


def next_day(world: World, day: int = 8) -> dt.date:
    """Return a working day of the next month."""
    following: Month = world.month.plus(1)
    return world.calendar.on_or_after(following.day(day))
