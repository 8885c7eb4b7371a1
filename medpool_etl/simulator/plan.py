"""What a rehearsed city's years come to: heads, premiums, subsidies, expenditure and balances of its counties, in fen.

All of it follows from city and seed, so that months and yearly files of one seed speak of the same year. A county that others
were merged into has what they had together.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass

from medpool_etl.periods import Month
from medpool_etl.places import City
from medpool_etl.simulator.profile import Profile, fen

# Of the year's resident premiums: what is collected at the end of the year before, by month, and in the year itself, per mille.
BEFOREHAND = {9: 80, 10: 240, 11: 340, 12: 220}
LATER = {1: 40, 2: 25, 3: 15, 4: 10, 5: 10, 6: 10, 7: 5, 8: 5}
# Of resident expenditure what is paid as critical-illness insurance, percent.
CRITICAL_ILLNESS = 7
# Of worker expenditure what goes through personal accounts, percent.
PERSONAL = 35
# Per-head amounts grow by so many percent a year from 2020 on.
GROWTH = 2
BASE_YEAR = 2020


@dataclass(frozen=True)
class Plan:
    """The years of a city. ``unit`` is a county's code throughout."""

    city: City
    profile: Profile
    seed: int

    def roots(self, unit: str) -> tuple[str, ...]:
        """Return the counties a county is made of: itself, unless it began by a merger, and those merged into it."""
        before = [other.code for other in self.city.units if other.successor == unit]
        itself = () if unit in _made(self) else (unit,)
        return (*itself, *(root for code in before for root in self.roots(code)))

    def heads(self, unit: str, fund: str) -> int:
        """Return how many are insured."""
        return sum(_heads(self, root, fund) for root in self.roots(unit))

    def premium(self, unit: str, fund: str, year: int) -> int:
        """Return the premiums that belong to a year."""
        return sum(_premium(self, root, fund, year) for root in self.roots(unit))

    def subsidy(self, unit: str, fund: str) -> int:
        """Return the subsidies of all levels for a year."""
        return sum(_subsidy(self, root, fund) for root in self.roots(unit))

    def standards(self, unit: str) -> tuple[int, int]:
        """Return what a resident of a county pays, and the subsidy a head, a year."""
        return fen(self.profile.own), self.subsidy(unit, "resident") // self.heads(unit, "resident")

    def spent(self, unit: str, fund: str, year: int) -> int:
        """Return what a county's agency spends in a year: its financing and up to four percent more or less, every second county in
        deficit."""
        return sum(_spent(self, root, fund, year) for root in self.roots(unit))

    def spent_in(self, unit: str, fund: str, month: Month) -> int:
        """Return the expenditure of a month: of a twelfth up to four percent more or less."""
        return sum(_spent_in(self, root, fund, month) for root in self.roots(unit))

    def critical_illness(self, unit: str, fund: str, year: int) -> int:
        """Return what critical-illness insurance costs for a county's insured in a year."""
        return sum(_critical_illness(self, root, fund, year) for root in self.roots(unit))

    def collected_in(self, unit: str, fund: str, month: Month) -> tuple[int, int]:
        """Return the premiums collected in a month, those of its year and those of the next."""
        if fund == "worker":
            return self.premium(unit, fund, month.year) // 12, 0
        now, then = self.premium(unit, fund, month.year), self.premium(unit, fund, month.year + 1)
        return now * LATER.get(month.number, 0) // 1000, then * BEFOREHAND.get(month.number, 0) // 1000

    def collected_beforehand(self, unit: str, fund: str, year: int) -> int:
        """Return the premiums of a year that were collected in the year before."""
        return self.premium(unit, fund, year) * sum(BEFOREHAND.values()) // 1000 if fund == "resident" else 0

    def audited(self, unit: str, fund: str) -> tuple[int, int]:
        """Return a county's balance when pooling began: pooled, negative for one county, and in personal accounts."""
        parts = [_audited(self, root, fund) for root in self.roots(unit)]
        return sum(pooled for pooled, _ in parts), sum(personal for _, personal in parts)

    def balance(self, unit: str, fund: str, year: int) -> int:
        """Return what a county's fund has accumulated by the end of a year."""
        total = sum(self.audited(unit, fund))
        for number in range(self.profile.pooled_from, year + 1):
            total += self.premium(unit, fund, number) + self.subsidy(unit, fund) - self.spent(unit, fund, number)
        return total

    def interest(self, unit: str, fund: str) -> int:
        """Return a year's interest on a county's balance, 1.2 percent."""
        return max(sum(self.audited(unit, fund)), 0) * 12 // 1000

    def adjustment_fund(self, fund: str) -> int:
        """Return what the old risk-adjustment fund holds: half a month of the city."""
        return sum(_spent(self, root, fund, self.profile.pooled_from - 1) for root in _first(self)) // 24


def _made(plan: Plan) -> set[str]:
    """Return the counties that began by a merger."""
    successors = {unit.successor for unit in plan.city.units}
    return {unit.code for unit in plan.city.units if unit.code in successors and unit.valid_from is not None}


def _first(plan: Plan) -> tuple[str, ...]:
    """Return the counties that are none of these: whatever holds of a merged county is reckoned from them."""
    return tuple(sorted({unit.code for unit in plan.city.units} - _made(plan)))


@functools.lru_cache(maxsize=64)
def _sizes(city: str, seed: int, fund: str, roots: tuple[str, ...], total: int) -> dict[str, int]:
    rng = random.Random(f"{city} {seed} heads {fund}")
    weights = {root: rng.randint(60, 160) for root in roots}
    return {root: total * weight // sum(weights.values()) for root, weight in weights.items()}


def _heads(plan: Plan, root: str, fund: str) -> int:
    total = plan.profile.workers if fund == "worker" else plan.profile.residents
    return _sizes(plan.city.city, plan.seed, fund, _first(plan), total)[root]


def _premium(plan: Plan, root: str, fund: str, year: int) -> int:
    if fund == "resident":
        return _heads(plan, root, fund) * fen(plan.profile.own)
    return _heads(plan, root, fund) * (fen(plan.profile.a_worker) * (100 + GROWTH * (year - BASE_YEAR)) // 100)


def _subsidy(plan: Plan, root: str, fund: str) -> int:
    return _heads(plan, root, fund) * plan.profile.subsidy_of(root) if fund == "resident" else 0


def _critical_illness(plan: Plan, root: str, fund: str, year: int) -> int:
    financing = _premium(plan, root, fund, year) + _subsidy(plan, root, fund)
    return financing * CRITICAL_ILLNESS // 100 if fund == "resident" else 0


def _spent(plan: Plan, root: str, fund: str, year: int) -> int:
    financing = _premium(plan, root, fund, year) + _subsidy(plan, root, fund)
    more = _deviations(plan.city.city, plan.seed, fund, year, _first(plan))[root]
    by_city = _critical_illness(plan, root, fund, year) if plan.profile.critical_illness == "city" else 0
    return financing * (10_000 + more) // 10_000 - by_city


def _spent_in(plan: Plan, root: str, fund: str, month: Month) -> int:
    rng = random.Random(f"{plan.city.city} {plan.seed} months {root} {fund} {month.year}")
    weights = [rng.randint(960, 1040) for _ in range(12)]
    return _spent(plan, root, fund, month.year) * weights[month.number - 1] // sum(weights)


def _audited(plan: Plan, root: str, fund: str) -> tuple[int, int]:
    month = _spent(plan, root, fund, plan.profile.pooled_from - 1) // 12
    rng = random.Random(f"{plan.city.city} {plan.seed} balance {root} {fund}")
    months, personal = rng.randint(350, 900), rng.randint(150, 400)
    if (root, fund) == _lacking(plan):
        months = -months // 10
    return month * months // 100, month * personal * PERSONAL // 10_000 if fund == "worker" else 0


@functools.lru_cache(maxsize=256)
def _deviations(city: str, seed: int, fund: str, year: int, roots: tuple[str, ...]) -> dict[str, int]:
    rng = random.Random(f"{city} {seed} result {fund} {year}")
    mixed = list(roots)
    rng.shuffle(mixed)
    # Of 10,000: how much more than its financing a county spends.
    return {root: rng.randint(40, 400) * (1 if index % 2 else -1) for index, root in enumerate(mixed)}


def _lacking(plan: Plan) -> tuple[str, str]:
    """Return the county and fund whose balance was negative when pooling began."""
    return random.Random(f"{plan.city.city} {plan.seed} lacking").choice(_first(plan)), "resident"
