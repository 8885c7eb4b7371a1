"""Cities, their counties (县市区) and the accounts their money moves through, as dated data.

``places/<city>.yaml`` holds the units with validity and successors; ``places/<city>.accounts.yaml`` the accounts,
which every office replaces by its own (see :func:`medpool_etl.documents.find`).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, model_validator

from medpool_etl import documents
from medpool_etl.documents import Document, Text
from medpool_etl.errors import ConfigurationError, InputError

Fund = Literal["worker", "resident"]
FUNDS: dict[str, Text] = {
    "worker": Text(zh="职工医保", en="Worker fund"),
    "resident": Text(zh="城乡居民医保", en="Resident fund"),
}


class Unit(Document):
    """A county, city district or zone: the unit that levies and pays.

    ``tax_office`` is the code of its tax office as the treasury's receipts name it (征收机关).
    """

    code: str = Field(pattern=r"^\d{6}$|^\d{6}-[a-z]+$")
    name: Text
    tax_office: str = Field(pattern=r"^\d{11}$")
    parent: str | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    successor: str | None = None

    def valid_on(self, day: dt.date) -> bool:
        """Whether the unit existed on ``day``."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


class City(Document):
    """A city with every unit it has or had."""

    city: str = Field(pattern=r"^[a-z]+$")
    code: str = Field(pattern=r"^\d{6}$")
    name: Text
    source: str
    last_checked_on: dt.date
    units: tuple[Unit, ...]

    @model_validator(mode="after")
    def _consistent(self) -> City:
        codes = [unit.code for unit in self.units]
        for unit in self.units:
            if codes.count(unit.code) > 1:
                raise ValueError(f"unit {unit.code} stands twice")
            if unit.successor and unit.successor not in codes:
                raise ValueError(f"unit {unit.code}: its successor {unit.successor} is not a unit of the city")
            if unit.valid_from and unit.valid_to and unit.valid_to < unit.valid_from:
                raise ValueError(f"unit {unit.code}: valid_to lies before valid_from")
            if self._leads_back(unit):
                raise ValueError(f"unit {unit.code}: its successors lead back to a unit that ceased before")
        return self

    def _leads_back(self, unit: Unit) -> bool:
        units, seen = {item.code: item for item in self.units}, {unit.code}
        while unit.successor and unit.successor in units:
            if unit.successor in seen:
                return True
            seen.add(unit.successor)
            unit = units[unit.successor]
        return False

    def units_on(self, day: dt.date) -> tuple[Unit, ...]:
        """Return the units that exist on ``day``, by code."""
        return tuple(sorted((unit for unit in self.units if unit.valid_on(day)), key=lambda unit: unit.code))

    def heir(self, code: str, day: dt.date) -> str:
        """Return the unit that stands on ``day`` for a unit: itself while it exists, else its successor, and so on (the successor
        inherits). A unit without one, or that does not exist yet, stays itself."""
        units = {unit.code: unit for unit in self.units}
        while (unit := units.get(code)) and unit.valid_to and unit.valid_to < day and unit.successor:
            code = unit.successor
        return code


class Account(Document):
    """An account money moves through; ``number`` is how statements name it (账号).

    ``kind``: treasury (国库存款), fiscal (财政专户), income (收入户), expenditure (支出户), government (财政局, the general budget of
    city or county), upper (the province's), or payee: somebody else's, whom the
    city agency may pay directly (insurer, institution, entrusted third party). ``unit`` is the county that
    holds it, None for the city's own. ``fund`` is None for an account that holds both funds (the treasury, a government's).
    ``purpose`` names what of a fiscal account or a payee it is: pool (统筹结余), reserve (归集基金), legacy (a county's accumulated balance, 累计结余),
    former (a county's fiscal account of before pooling, 原县级财政专户, which hands its balance over),
    adjustment (风险调剂金, 调剂金), insurer (大病保险承办), institutions (定点医药机构). ``within``: it is a sub-ledger (分账) of that bank
    account, and has no statement of its own. ``statement``: whether its statement must come every month (default: of the city's own
    accounts that banks keep).
    """

    number: str = Field(pattern=r"^\d{6,30}$")
    name: str
    kind: Literal["treasury", "fiscal", "income", "expenditure", "payee", "government", "upper"]
    fund: Fund | None = None
    unit: str | None = None
    purpose: Literal["pool", "reserve", "legacy", "former", "adjustment", "insurer", "institutions"] | None = None
    within: str | None = None
    statement: Literal["always", "any"] | None = None

    @property
    def statement_needed(self) -> bool:
        """Whether a month lacks its statement when it does not come."""
        if self.statement:
            return self.statement == "always"
        return self.unit is None and self.has_statement

    @property
    def has_statement(self) -> bool:
        """Whether a bank sends a statement of it to the fund's offices."""
        return self.within is None and self.purpose != "former" and self.kind not in ("government", "upper", "payee")


class Accounts(Document):
    """The accounts of a city and its counties; ``interest_remarks`` are the exact words banks write beside interest,
    ``return_remarks`` beside payments that come back."""

    city: str
    source: str
    interest_remarks: tuple[str, ...] = ("结息", "利息")
    return_remarks: tuple[str, ...] = ("退汇", "退回", "付款退回")
    accounts: tuple[Account, ...]

    @model_validator(mode="after")
    def _unique(self) -> Accounts:
        numbers = [account.number for account in self.accounts]
        if twice := {number for number in numbers if numbers.count(number) > 1}:
            raise ValueError(f"account numbers stand twice: {', '.join(sorted(twice))}")
        shared = ("treasury", "payee", "government", "upper")
        if any(account.fund is None and account.kind not in shared for account in self.accounts):
            raise ValueError("every account but those of treasuries, governments and payees belongs to one fund")
        banks = {account.number: account for account in self.accounts if account.within is None}
        for account in self.accounts:
            if account.within is not None and (
                account.within not in banks or banks[account.within].fund != account.fund
            ):
                raise ValueError(f"account {account.number}: {account.within} is no bank account of the same fund")
        return self

    def one(self, kind: str, fund: str | None = None, unit: str | None = None, purpose: str | None = None) -> Account:
        """Return the account of that kind, fund, unit (None: the city's) and purpose; raises InputError when there is none."""
        for account in self.accounts:
            if (account.kind, account.unit, account.fund, account.purpose) == (kind, unit, fund, purpose):
                return account
        named = f"{kind} account" + (f" ({purpose})" if purpose else "")
        raise InputError(
            f"{self.city} has no {named} for fund {fund} of {unit or 'the city'}",
            do=f"add it to places/{self.city}.accounts.yaml in the folder MEDPOOL_CONFIG names",
        )


def load_city(city: str) -> City:
    """Read ``places/<city>.yaml``; raises InputError for a city medpool does not know, ConfigurationError for a mistake."""
    path = documents.find(f"places/{city}.yaml")
    if not path.is_file():
        raise InputError(f"there is no city {city!r}", expected=f"one of {', '.join(cities())}")
    return documents.load(path, City)


def load_accounts(city: str) -> Accounts:
    """Read ``places/<city>.accounts.yaml``; raises ConfigurationError for a mistake or a unit the city does not have."""
    path = documents.find(f"places/{city}.accounts.yaml")
    accounts = documents.load(path, Accounts)
    known = {unit.code for unit in load_city(city).units}
    if unknown := {account.unit for account in accounts.accounts if account.unit and account.unit not in known}:
        raise ConfigurationError(
            f"accounts of units the city does not have: {', '.join(sorted(unknown))}",
            where=path.name,
            expected=f"a unit of places/{city}.yaml",
        )
    return accounts


def cities() -> tuple[str, ...]:
    """Return the names of all cities that have a places file."""
    return tuple(path.stem for path in documents.find_all("places") if "." not in path.stem)
