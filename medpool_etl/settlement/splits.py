"""Splits of an amount that always add up to it, to the fen (G2, G3, G4). Amounts are whole fen."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from medpool_etl.errors import InputError


def largest_remainder(total: int, weights: Mapping[str, Decimal | int], where: str = "") -> dict[str, int]:
    """Return ``total`` fen split in proportion to the weights, by largest remainder on the fen, ties to the lower code (G2).

    A negative weight counts 0 and gets 0 (G3). Raises InputError, with ``where`` (the clause) in its text, when nothing has a
    weight, and for a negative total.
    """
    if total < 0:
        raise InputError(f"{total} fen cannot be split", where=where)
    positive = {name: max(Decimal(weight), Decimal(0)) for name, weight in weights.items()}
    whole = _integers(positive)
    over = sum(whole.values())
    if over == 0:
        if total == 0:
            return dict.fromkeys(weights, 0)
        raise InputError(
            "there is nothing to split by: every weight is 0 or negative",
            where=where,
            expected="at least one county with a positive figure",
        )
    parts = {name: total * weight // over for name, weight in whole.items()}
    left = total - sum(parts.values())
    # Integer remainders, so that no rounding decides who is first.
    order = sorted(whole, key=lambda name: (-(total * whole[name] % over), name))
    for name in order[:left]:
        parts[name] += 1
    return {name: parts[name] for name in weights}


def two_way(total: int, percent: Decimal) -> tuple[int, int]:
    """Return ``total`` fen split in two: ``percent`` to the first, rounded half up on the fen, the rest to the second (G2)."""
    first = int((Decimal(total) * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))
    return first, total - first


def short_pot(pot: int, claims: Mapping[str, int], where: str = "") -> dict[str, int]:
    """Return what each claimant is paid out of ``pot`` fen: its claim, or in proportion to the claims when the pot is short (G4)."""
    pot = max(pot, 0)
    if sum(claims.values()) <= pot:
        return dict(claims)
    return largest_remainder(pot, claims, where)


def _integers(weights: Mapping[str, Decimal]) -> dict[str, int]:
    """Return the weights as whole numbers in the same proportion, so that shares are exact."""
    scale = max((-int(weight.as_tuple().exponent) for weight in weights.values()), default=0)
    return {name: int(weight.scaleb(max(scale, 0))) for name, weight in weights.items()}
