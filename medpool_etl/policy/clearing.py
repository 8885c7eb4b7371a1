"""The schema of an annual clearing (年终清算): the layers a county's surplus or deficit goes through, in the notice's order.

Percentages and months are names of values of the rulebook, so that they are dated; each layer has its clause.
"""

from __future__ import annotations

from typing import Literal

from medpool_etl.documents import Document


class Assessed(Document):
    """What missed targets caused (考核少收、多支) is the county government's, all of it, before anything else. ``facts`` names the
    columns whose sum it is."""

    clause: str
    facts: tuple[Literal["under_collection", "over_spending", "unpaid_subsidy", "policy_not_applied"], ...]


class Surplus(Document):
    """A surplus: ``percent`` of it joins the pot, the rest is returned to the county for later deficits."""

    clause: str
    percent: str


class OwnBalance(Document):
    """The county's own accumulated balance comes first: all of it, or what exceeds ``above_months`` of the base year's spending."""

    clause: str
    above_months: str | None = None


class Shared(Document):
    """What is left is shared between pot and county finance: ``percent`` is the pot's. ``first`` is rounded half up, the other gets
    the rest (G2). A short pot pays in proportion to the claims (G4). ``pot``: the reserve (归集基金) or the pool's balance (统筹结余)."""

    clause: str
    pot: Literal["reserve", "pool"]
    percent: str
    first: Literal["pot", "county"] = "pot"


class Shortfall(Document):
    """Where the pot is short: city finance bears ``percent``, county finance the rest. ``base``: the reading that says of what.
    ``halved_in_a_row``: the city's percentage halves for a county in deficit two years running. ``cap_percent``: of the county's
    financing of the year, the most the city bears; the county bears what exceeds it."""

    clause: str
    percent: str
    base: str | None = None
    halved_in_a_row: bool = False
    cap_percent: str | None = None


class Grade(Document):
    """A county whose assessment is below ``required`` (a value) bears ``points`` percentage points more of every share."""

    clause: str
    required: str
    points: str


class Clearing(Document):
    """The layers of a city's clearing. A layer that is absent does not exist there: without ``shortfall``, what the pot cannot
    pay is unfunded and told of. ``surplus_joins``: the reading that says whether the year's surpluses join the pot before
    or after its claims are paid; ``pool_counts``: where surpluses stay in the pool, the reading that says whether those of the year
    itself are there to pay with (``counted``) or those of earlier years alone (``not_counted``)."""

    assessed: Assessed | None = None
    surplus: Surplus | None = None
    surplus_joins: str | None = None
    pool_counts: str | None = None
    own_balance: OwnBalance | None = None
    shared: Shared
    shortfall: Shortfall | None = None
    unfunded_clause: str | None = None
    grade: Grade | None = None

    @property
    def clauses(self) -> tuple[str, ...]:
        """The clauses of its layers, in order."""
        layers = (self.assessed, self.surplus, self.own_balance, self.shared, self.shortfall, self.grade)
        named = tuple(layer.clause for layer in layers if layer is not None)
        return (*named, self.unfunded_clause) if self.unfunded_clause else named

    @property
    def values(self) -> tuple[str, ...]:
        """The names of the values it uses."""
        found = [self.surplus.percent if self.surplus else None, self.shared.percent]
        found += [self.own_balance.above_months] if self.own_balance else []
        found += [self.shortfall.percent, self.shortfall.cap_percent] if self.shortfall else []
        found += [self.grade.required, self.grade.points] if self.grade else []
        return tuple(name for name in found if name)

    @property
    def readings(self) -> tuple[str, ...]:
        """The names of the readings it uses."""
        found = [self.surplus_joins, self.pool_counts, self.shortfall.base if self.shortfall else None]
        return tuple(name for name in found if name)
