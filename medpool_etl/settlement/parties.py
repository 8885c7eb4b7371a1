"""Who pays and receives: the roles a notice speaks of, and the accounts they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from medpool_etl.documents import Text
from medpool_etl.errors import InputError
from medpool_etl.places import Accounts

Role = Literal[
    "treasury",
    "county_treasury",
    "fiscal_account",
    "pool",
    "reserve",
    "adjustment_fund",
    "county_fiscal_account",
    "county_balance",
    "city_income",
    "county_income",
    "city_agency",
    "county_agency",
    "city_finance",
    "county_finance",
    "county_government",
    "province",
    "insurer",
    "institutions",
]
ROLES: dict[str, Text] = {
    "treasury": Text(zh="市级国库", en="City treasury"),
    "county_treasury": Text(zh="县级国库", en="County treasury"),
    "fiscal_account": Text(zh="市财政专户", en="City special fiscal account"),
    "pool": Text(zh="统筹基金结余", en="Accumulated balance of the pool"),
    "reserve": Text(zh="归集基金", en="Reserve"),
    "adjustment_fund": Text(zh="风险调剂金", en="Old risk-adjustment fund"),
    "county_fiscal_account": Text(zh="县财政专户", en="County special fiscal account"),
    "county_balance": Text(zh="县基金累计结余", en="County's accumulated balance"),
    "city_income": Text(zh="市经办收入户", en="City agency's income account"),
    "county_income": Text(zh="县经办收入户", en="County agency's income account"),
    "city_agency": Text(zh="市经办支出户", en="City agency's expenditure account"),
    "county_agency": Text(zh="县经办支出户", en="County agency's expenditure account"),
    "city_finance": Text(zh="市财政", en="City finance"),
    "county_finance": Text(zh="县财政", en="County finance"),
    "county_government": Text(zh="县政府", en="County government"),
    "province": Text(zh="中央、省财政", en="Central and provincial finance"),
    "insurer": Text(zh="大病保险承办机构", en="Contracted insurer"),
    "institutions": Text(zh="定点医药机构", en="Designated institutions"),
}
# Kind, whether it is the county's, whether it is the fund's, purposes in the order they are looked for.
_ACCOUNTS: dict[str, tuple[str, bool, bool, tuple[str | None, ...]]] = {
    "treasury": ("treasury", False, False, (None,)),
    "county_treasury": ("treasury", True, False, (None,)),
    "fiscal_account": ("fiscal", False, True, (None,)),
    "pool": ("fiscal", False, True, ("pool",)),
    "reserve": ("fiscal", False, True, ("reserve",)),
    "adjustment_fund": ("fiscal", False, True, ("adjustment",)),
    "county_fiscal_account": ("fiscal", True, True, ("former", None)),
    "county_balance": ("fiscal", True, True, ("legacy", None)),
    "city_income": ("income", False, True, (None,)),
    "county_income": ("income", True, True, (None,)),
    "city_agency": ("expenditure", False, True, (None,)),
    "county_agency": ("expenditure", True, True, (None,)),
    "city_finance": ("government", False, False, (None,)),
    "county_finance": ("government", True, False, (None,)),
    "county_government": ("government", True, False, (None,)),
    "province": ("upper", False, False, (None,)),
    "insurer": ("payee", False, False, ("insurer",)),
    "institutions": ("payee", False, False, ("institutions",)),
}


@dataclass(frozen=True)
class Party:
    """One side of a transfer: the role it has in the rule, and number and name of the account."""

    role: str
    number: str
    name: str


class Parties(Protocol):
    """Says which account a role stands for."""

    def of(self, role: Role, fund: str, county: str | None = None) -> Party:
        """Return the party of a role, fund and county; raises InputError where there is no such account."""


@dataclass(frozen=True)
class Registered:
    """The accounts an office has registered (``places/<city>.accounts.yaml``)."""

    accounts: Accounts

    def of(self, role: Role, fund: str, county: str | None = None) -> Party:
        """Return the registered account of a role; raises InputError naming what to register."""
        kind, local, funded, purposes = _ACCOUNTS[role]
        unit, of_fund = county if local else None, fund if funded else None
        for purpose in purposes[:-1]:
            for account in self.accounts.accounts:
                if (account.kind, account.unit, account.fund, account.purpose) == (kind, unit, of_fund, purpose):
                    return Party(role, account.number, account.name)
        account = self.accounts.one(kind, of_fund, unit, purposes[-1])
        return Party(role, account.number, account.name)


@dataclass(frozen=True)
class Named:
    """Parties by name alone, for rules applied to facts that were typed in: any county, no account numbers. ``names``: what
    counties are called, by code; others are called by what stands for them."""

    names: dict[str, str]

    def of(self, role: Role, fund: str, county: str | None = None) -> Party:
        """Return a party named by its role and county; raises InputError for a county's role without a county."""
        if not _ACCOUNTS[role][1]:
            return Party(role, "", ROLES[role].zh)
        if county is None:
            raise InputError(f"{role} is a county's", expected="a county")
        called = self.names.get(county, county)
        return Party(role, "", called + ROLES[role].zh.removeprefix("县"))
