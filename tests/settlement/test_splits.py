"""G2, G3, G4: parts that always add up to the whole, to the fen."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpool_etl.errors import InputError
from medpool_etl.settlement.splits import largest_remainder, short_pot, two_way
from tests.settlement.reference import by_weight, half_up, paid_from
from tests.settlement.worlds import FEN, FEW, SIGNED, counties_of, many

# What a year's money, a head count or a percentage can be.
FINE = st.decimals(min_value=-10, max_value=10**6, places=6, allow_nan=False, allow_infinity=False)
WEIGHTS = st.one_of(counties_of(SIGNED), counties_of(FEW), counties_of(st.just(1)), counties_of(FINE))
TOTALS = st.one_of(FEN, FEW)

# total, weights -> parts, worked by hand
SPLITS = {
    "even": (10, {"a": 1, "b": 1}, {"a": 5, "b": 5}),
    "an odd fen goes to the lower code": (3, {"b": 1, "a": 1}, {"a": 2, "b": 1}),
    "two fen over among three": (11, {"c": 1, "a": 1, "b": 1}, {"a": 4, "b": 4, "c": 3}),
    "the larger remainder is first, whatever its code": (10, {"a": 1, "b": 2}, {"a": 3, "b": 7}),
    "a tiny weight with the largest remainder": (1, {"a": 2, "b": 3, "c": 4}, {"a": 0, "b": 0, "c": 1}),
    "0.75, 0.75 and 1.5 of 3: the lower codes": (3, {"a": 1, "b": 1, "c": 2}, {"a": 1, "b": 1, "c": 1}),
    "a negative weight counts nothing and gets nothing": (9, {"a": -5, "b": 1, "c": 2}, {"a": 0, "b": 3, "c": 6}),
    "nothing to split": (0, {"a": 1, "b": 2}, {"a": 0, "b": 0}),
    "nothing to split and nothing to split by": (0, {"a": 0, "b": -1}, {"a": 0, "b": 0}),
    "weights finer than a fen": (100, {"a": Decimal("0.001"), "b": Decimal("0.002")}, {"a": 33, "b": 67}),
    "weights of unlike places": (7, {"a": Decimal("0.5"), "b": Decimal("3")}, {"a": 1, "b": 6}),
    "more fen than a float counts exactly": (
        9_007_199_254_740_993,
        {"a": 1, "b": 1},
        {"a": 4_503_599_627_370_497, "b": 4_503_599_627_370_496},
    ),
}


@pytest.mark.parametrize(("total", "weights", "parts"), SPLITS.values(), ids=SPLITS)
def test_split_by_hand(total: int, weights: dict[str, Decimal | int], parts: dict[str, int]) -> None:
    """The parts are those worked by hand."""
    assert largest_remainder(total, weights) == parts


@many
@given(TOTALS, WEIGHTS)
def test_a_split_adds_up(total: int, weights: dict[str, Decimal | int]) -> None:
    """The parts are the reference's: together the whole, each its exact share or less than a fen beside it, in any order."""
    if total and not any(weight > 0 for weight in weights.values()):
        with pytest.raises(InputError, match="第十五条"):
            largest_remainder(total, weights, "附件第十五条")
        return
    parts = largest_remainder(total, weights)
    assert list(parts) == list(weights)
    assert sum(parts.values()) == total
    assert parts == largest_remainder(total, dict(reversed(weights.items())))
    if not total:
        return
    exact = {name: Fraction(weight) for name, weight in weights.items()}
    everything = sum(weight for weight in exact.values() if weight > 0)
    for name, part in parts.items():
        assert part >= 0
        assert abs(part - total * max(exact[name], Fraction(0)) / everything) < 1
        assert part == 0 or weights[name] > 0
    assert parts == by_weight(total, exact)


@many
@given(TOTALS, counties_of(FEN), st.integers(1, 10**6))
def test_a_split_knows_no_unit(total: int, weights: dict[str, int], times: int) -> None:
    """Weights in fen, yuan or ten thousand yuan give the same parts."""
    if any(weights.values()):
        assert largest_remainder(total, weights) == largest_remainder(
            total, {name: weight * times for name, weight in weights.items()}
        )
        assert largest_remainder(total, weights) == largest_remainder(
            total, {name: Decimal(weight).scaleb(-6) for name, weight in weights.items()}
        )


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": -1, "b": 0}])
def test_nothing_to_split_by(weights: dict[str, Decimal | int]) -> None:
    """A split without weights is an error with the clause in its text (G3)."""
    with pytest.raises(InputError, match=r"(?s)附件第十五条.*nothing to split by"):
        largest_remainder(1, weights, "附件第十五条")


def test_less_than_nothing() -> None:
    """A negative amount is not split."""
    with pytest.raises(InputError, match="-1 fen"):
        largest_remainder(-1, {"a": 1})


# total, percent -> first, second
TWO = [
    (100, "50", (50, 50)),
    (1, "50", (1, 0)),
    (3, "50", (2, 1)),
    (1_999_999_999, "50", (1_000_000_000, 999_999_999)),
    (1, "49.999", (0, 1)),
    (10, "45", (5, 5)),
    (9, "45", (4, 5)),
    (524_390_244, "20", (104_878_049, 419_512_195)),
    (7, "0", (0, 7)),
    (7, "100", (7, 0)),
    (0, "50", (0, 0)),
    (10**18 + 1, "50", (5 * 10**17 + 1, 5 * 10**17)),
]


@pytest.mark.parametrize(("total", "percent", "parts"), TWO)
def test_two_by_hand(total: int, percent: str, parts: tuple[int, int]) -> None:
    """The first is rounded half up, the second gets the rest."""
    assert two_way(total, Decimal(percent)) == parts


@many
@given(TOTALS, st.decimals(min_value=0, max_value=100, places=3))
def test_two_add_up(total: int, percent: Decimal) -> None:
    """Together they are the whole, neither is negative, and the first is its exact share rounded half up."""
    first, second = two_way(total, percent)
    assert first + second == total
    assert min(first, second) >= 0
    assert first == half_up(total * Fraction(percent) / 100)


# pot, claims -> paid
POTS = {
    "ample": (100, {"a": 30, "b": 40}, {"a": 30, "b": 40}),
    "just enough": (70, {"a": 30, "b": 40}, {"a": 30, "b": 40}),
    "a fen short": (69, {"a": 30, "b": 40}, {"a": 30, "b": 39}),
    "half": (35, {"a": 30, "b": 40}, {"a": 15, "b": 20}),
    "policy example": (
        2_000_000_000,
        {"B": 1_500_000_000, "C": 1_575_000_000},
        {"B": 975_609_756, "C": 1_024_390_244},
    ),
    "empty": (0, {"a": 30, "b": 40}, {"a": 0, "b": 0}),
    "overdrawn": (-5, {"a": 30, "b": 40}, {"a": 0, "b": 0}),
    "nobody claims": (5, {}, {}),
    "claims of nothing": (0, {"a": 0}, {"a": 0}),
}


@pytest.mark.parametrize(("pot", "claims", "paid"), POTS.values(), ids=POTS)
def test_pot_by_hand(pot: int, claims: dict[str, int], paid: dict[str, int]) -> None:
    """A pot pays its claims, or in proportion (29.57 and 39.43 of 69 are 30 and 39)."""
    assert short_pot(pot, claims) == paid


@many
@given(SIGNED, counties_of(FEN, least=0))
def test_a_pot_pays_no_more_than_it_has(pot: int, claims: dict[str, int]) -> None:
    """Nobody gets more than the claim, the pot gives all it has or all that is claimed, as the reference says."""
    paid = short_pot(pot, claims)
    assert sum(paid.values()) == min(max(pot, 0), sum(claims.values()))
    assert all(0 <= paid[name] <= claims[name] for name in claims)
    assert paid == paid_from(pot, claims)
