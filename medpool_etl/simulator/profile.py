"""What a rehearsed city is like: the document ``simulator/cities.yaml``."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from medpool_etl import documents
from medpool_etl.documents import Document
from medpool_etl.errors import InputError

NAME = "simulator/cities.yaml"


class Share(Document):
    """The part of a year's subsidies that arrives in a month: ``percent`` of it, from a level of government, as an instalment."""

    level: Literal["central", "province", "city", "county"]
    month: int = Field(ge=1, le=12)
    percent: int = Field(ge=0, le=100)
    instalment: Literal["q1", "q2", "q3", "q4", "advance", "settlement", "year"]


class Subsidies(Document):
    """When the subsidies of a year arrive, in the order of the year; the percentages make 100. ``rules`` are those whose orders stand
    for what counties pay of it. ``ahead``: the share of last year's the city has called ahead, where it says one every year."""

    rules: tuple[str, ...] = ()
    shares: tuple[Share, ...] = Field(min_length=1)
    ahead: Decimal | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> Subsidies:
        if sum(share.percent for share in self.shares) != 100:
            raise ValueError("the percentages of the subsidies do not make 100")
        return self

    def in_month(self, number: int) -> tuple[Share, ...]:
        """Return what arrives in a month of the year."""
        return tuple(share for share in self.shares if share.month == number)

    def amounts(self, year_amount: int) -> dict[Share, int]:
        """Return what each share is of a year's amount, in fen; the last takes what rounding left."""
        parts = {share: year_amount * share.percent // 100 for share in self.shares}
        parts[self.shares[-1]] += year_amount - sum(parts.values())
        return parts


class Rates(Document):
    """Contribution rates of the worker fund, as fractions of the base."""

    employer: Decimal = Field(gt=0, lt=1)
    personal: Decimal = Field(gt=0, lt=1)
    flexible: Decimal = Field(gt=0, lt=1)


class Profile(Document):
    """A rehearsed city; ``cities.yaml`` says what each key means. Amounts in yuan."""

    pooled_from: int
    levied: Literal["city_treasury", "county_treasuries", "income_accounts"]
    level: Literal["0", "1", "2", "3", "4", "5"]
    bookings: bool
    statements: tuple[Literal["fiscal", "income", "expenditure"], ...]
    critical_illness: Literal["county", "city"]
    workers: int = Field(gt=0)
    residents: int = Field(gt=0)
    a_worker: Decimal = Field(gt=0, decimal_places=2)
    average_wage: Decimal = Field(gt=0, decimal_places=2)
    rates: Rates
    own: Decimal = Field(gt=0, decimal_places=2)
    subsidy: Decimal = Field(gt=0, decimal_places=2)
    below: dict[str, Decimal] = Field(default_factory=dict)
    subsidies: Subsidies
    on_top: tuple[str, ...] = ()
    explained: bool = False
    faults: bool = False

    def subsidy_of(self, unit: str) -> int:
        """Return the subsidy a head of a county's residents, in fen."""
        return fen(self.below.get(unit, self.subsidy))


class Profiles(Document):
    """The document ``cities.yaml``."""

    cities: dict[str, Profile]


def rehearsed_cities() -> tuple[str, ...]:
    """Return the cities there is something to rehearse by; raises ConfigurationError for a mistake in the document."""
    return tuple(documents.load(documents.find(NAME), Profiles).cities)


def load_profile(city: str) -> Profile:
    """Return what a city is like; raises InputError for one that has no entry, ConfigurationError for a mistake in the document."""
    profiles = documents.load(documents.find(NAME), Profiles).cities
    if city not in profiles:
        raise InputError(f"there is nothing to rehearse {city} by", do=f"add {city} to MEDPOOL_CONFIG/{NAME}")
    return profiles[city]


def fen(yuan: Decimal) -> int:
    """Return yuan as whole fen."""
    return int(yuan * 100)
