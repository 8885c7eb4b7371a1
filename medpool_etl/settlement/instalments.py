"""An amount paid in yearly instalments: equal ones, and the last takes the rounding. Amounts are whole fen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instalment:
    """``due``: what this year asks for; ``arrears``: what earlier years asked for and is not paid; both in fen."""

    due: int
    arrears: int


def instalment(total: int, yearly: int, years: int, number: int, paid: int | None = None) -> Instalment:
    """Return the instalment of the year ``number`` (1 is the first) of ``total`` fen at ``yearly`` fen for ``years`` years.

    The last year takes whatever the rounding leaves, and together they are never more than the total. ``paid`` is what was paid
    before the year (None: as it should): what was paid early is not asked for again, what is in arrears is already owed by the
    earlier years and only told of. Outside the years nothing is due.
    """
    before, until = (_asked(total, yearly, years, n) for n in (number - 1, number))
    had = before if paid is None else paid
    return Instalment(max(until - max(had, before), 0), max(before - had, 0))


def _asked(total: int, yearly: int, years: int, number: int) -> int:
    """Return what the years up to ``number`` ask for together."""
    if number <= 0:
        return 0
    return total if number >= years else min(number * yearly, total)
