"""The files that come once a year: final accounts, budget, audited balances and average wage at its opening, the assessment at its
clearing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from medpool_etl.errors import InputError
from medpool_etl.periods import Month
from medpool_etl.places import FUNDS, Accounts, City, load_accounts, load_city
from medpool_etl.simulator.files import table, wage_file
from medpool_etl.simulator.plan import Plan
from medpool_etl.simulator.profile import fen, load_profile
from medpool_etl.simulator.world import Row
from medpool_etl.store.settings import YEARLY
from medpool_etl.store.warehouse import whole

Stage = Literal["opening", "clearing"]
GRADES = ("excellent", "excellent", "excellent", "very_good", "good")


def simulate_year_files(city: str, year: int, inbox: Path, stage: Stage, *, seed: int = 1) -> tuple[Path, ...]:
    """Write what comes once a year into ``<inbox>/<city>/yearly`` and return the files.

    ``opening``: the final accounts of the year before, the budget of the year, the audited balances of when pooling began (by the
    counties of the year: one that began by a merger has what those merged into it had), and the average wage of the year before.
    ``clearing``: the assessment of the year. The same arguments give the same bytes, and the months of a seed speak of the same
    year. Raises InputError for another stage, a year before the city's pooling, and a city without an entry in ``cities.yaml``.
    """
    place, accounts, plan = load_city(city), load_accounts(city), Plan(load_city(city), load_profile(city), seed)
    if year < plan.profile.pooled_from:
        raise InputError(f"{city} does not pool in {year}", expected=f"a year from {plan.profile.pooled_from}")
    writers: dict[str, Callable[[], dict[str, bytes]]] = {
        "opening": lambda: _opening(place, accounts, plan, year),
        "clearing": lambda: _assessment(place, plan, year),
    }
    if stage not in writers:
        raise InputError(f"there is no stage {stage!r}", expected=" or ".join(writers))
    folder, written = inbox / city / YEARLY, []
    for name, data in writers[stage]().items():
        with whole(folder / name) as temporary:
            temporary.write_bytes(data)
        written.append(folder / name)
    return tuple(written)


def _opening(city: City, accounts: Accounts, plan: Plan, year: int) -> dict[str, bytes]:
    return (
        _final_accounts(city, accounts, plan, year - 1)
        | _budget(city, plan, year)
        | _legacy(city, plan, year)
        | _parameters(city, plan, year)
        | wage_file(year - 1, fen(plan.profile.average_wage))
    )


def _counties(city: City, month: Month) -> list[str]:
    return [unit.code for unit in city.units_on(month.last_day)]


def _items(plan: Plan, code: str, fund: str, year: int) -> dict[str, int]:
    """Return revenue and expenditure of a county's fund in a year, by item, in fen."""
    spent, insured = plan.spent(code, fund, year), plan.critical_illness(code, fund, year)
    by_county = insured if plan.profile.critical_illness == "county" else 0
    return {
        "premium": plan.premium(code, fund, year),
        "subsidy": plan.subsidy(code, fund),
        "interest": plan.interest(code, fund),
        "transfer": 0,
        "other": 0,
        "benefits": spent - by_county,
        "critical_illness": by_county,
        "transfer_out": 0,
        "other_out": 0,
    }


def _by_city(plan: Plan, codes: list[str], fund: str, year: int) -> dict[str, int]:
    """Return what a year's expenditure has that is not split over the counties."""
    if plan.profile.critical_illness == "county":
        return {}
    return {"critical_illness": sum(plan.critical_illness(code, fund, year) for code in codes)}


def _rows(city: City, plan: Plan, codes: list[str], fund: str, year: int) -> list[tuple[str, str, int]]:
    """Return county, item and amount of everything of a fund and year."""
    whole_city = _by_city(plan, codes, fund, year)
    rows = [
        (code, item, amount)
        for code in codes
        for item, amount in _items(plan, code, fund, year).items()
        if item not in whole_city
    ]
    return rows + [(city.code, item, amount) for item, amount in whole_city.items()]


def _final_accounts(city: City, accounts: Accounts, plan: Plan, year: int) -> dict[str, bytes]:
    codes = _counties(city, Month(year + 1, 1))
    rows = []
    for fund in FUNDS:
        lines = _rows(city, plan, codes, fund, year)
        for code in codes:
            lines.append((code, "balance", plan.balance(code, fund, year)))
            if prepaid := plan.collected_beforehand(code, fund, year + 1):
                lines.append((code, "prepaid_premium", prepaid))
        held = any(account.purpose == "adjustment" and account.fund == fund for account in accounts.accounts)
        if held and year + 1 == plan.profile.pooled_from:
            lines.append((city.code, "adjustment_fund", plan.adjustment_fund(fund)))
        rows += [
            Row({"county": code, "fund": fund, "item": item, "amount": amount}) for code, item, amount in sorted(lines)
        ]
    title = f"{city.name.zh}{year}年度基本医疗保险基金决算表（演练数据）"
    return {f"基金决算_{year}.csv": table("final_accounts", rows, title)}


def _budget(city: City, plan: Plan, year: int) -> dict[str, bytes]:
    """The budget leaves expenditure three percent of room; of revenue it has what the year's plan has."""
    codes = _counties(city, Month(year, 1))
    rows = []
    for fund in FUNDS:
        for code, item, amount in sorted(_rows(city, plan, codes, fund, year)):
            budgeted = amount * 103 // 100 if item in ("benefits", "critical_illness") else amount
            rows.append(Row({"county": code, "fund": fund, "item": item, "amount": budgeted}))
    title = f"{city.name.zh}{year}年度基本医疗保险基金预算表（演练数据）"
    return {f"基金预算_{year}.csv": table("annual_budget", rows, title)}


def _legacy(city: City, plan: Plan, year: int) -> dict[str, bytes]:
    """One file, whatever the year: a newer one of the same name says the same by the counties there are now."""
    began = plan.profile.pooled_from
    rows = []
    for code in _counties(city, Month(year, 1)):
        for fund in FUNDS:
            pooled, personal = plan.audited(code, fund)
            values = {
                "county": code,
                "fund": fund,
                "audited_date": Month(began - 1, 12).last_day,
                "balance": pooled + personal,
                "pooled_balance": pooled,
                "document": f"演练审〔{began}〕3号",
            }
            rows.append(Row(values | {"personal_balance": personal}))
    return {"历年累计结余审计结果.csv": table("legacy_balances", rows, total=True)}


def _parameters(city: City, plan: Plan, year: int) -> dict[str, bytes]:
    """What the city has to say every year, where there is something."""
    if plan.profile.subsidies.ahead is None:
        return {}
    values = {
        "parameter": "subsidy_advance_share",
        "share": plan.profile.subsidies.ahead,
        "document": f"演练〔{year}〕5号",
    }
    title = f"{city.name.zh}{year}年度医疗保险基金年度参数表（演练数据）"
    return {f"年度参数_{year}.csv": table("annual_parameters", [Row(values)], title)}


def _assessment(city: City, plan: Plan, year: int) -> dict[str, bytes]:
    """Most counties are excellent and missed nothing; what one missed is some percent of its premiums, or of its expenditure."""
    rng = random.Random(f"{city.city} {year} {plan.seed} assessment")
    codes = _counties(city, Month(year, 12))
    grades = {code: rng.choice(GRADES) for code in codes}
    missed = dict(zip(rng.sample(codes, 2), ("under_collection", "over_spending"), strict=True))
    rows = []
    for code in codes:
        for fund in FUNDS:
            values = {"county": code, "fund": fund, "grade": grades[code], "under_collection": 0, "over_spending": 0}
            if code in missed:
                base = (
                    plan.premium(code, fund, year)
                    if missed[code] == "under_collection"
                    else plan.spent(code, fund, year)
                )
                values[missed[code]] = base * rng.randint(2, 9) // 1000
            rows.append(Row(values))
    title = f"{city.name.zh}{year}年度基本医疗保险市级统筹考核结果（演练数据）"
    return {f"考核结果_{year}.csv": table("assessment", rows, title, total=True)}
