"""What comes once a year: files that are taken whole, and figures that make a plausible year with that year's months."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from medpool_etl.contracts import load_all
from medpool_etl.errors import InputError
from medpool_etl.intake import recognise
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import staging_session
from medpool_etl.places import FUNDS, load_city
from medpool_etl.simulator import simulate_year_files
from medpool_etl.simulator.plan import Plan
from medpool_etl.simulator.profile import load_profile
from medpool_etl.staging import stage_file

YEARS = [
    ("taizhou", 2022),
    ("nantong", 2020),
    ("nantong", 2021),
    ("zhoushan", 2021),
    ("zaozhuang", 2020),
    ("hangzhou", 2022),
]
OPENING = {"final_accounts", "annual_budget", "legacy_balances", "provincial_average_wage"}
Figures = dict[tuple[str, str], dict[str, Decimal]]


def staged(city: str, year: int, stage: str, folder: Path) -> dict[str, tuple[Figures, dict[str, str]]]:
    """Write a year's files, stage them as the period would, and return amounts by county, fund and item, and titles, by contract."""
    contracts, found = load_all(), {}
    with staging_session(Agreed.load(city), Month(year, 1 if stage == "opening" else 12)) as connection:
        for path in simulate_year_files(city, year, folder, stage, seed=5):  # type: ignore[arg-type]
            (shape,) = recognise(path, contracts).shapes
            summary = stage_file(connection, path, path.stem, shape, contracts[shape.contract], folder)
            assert {name: count for name, count in summary["failures"].items() if count} == {}, path.name
            figures: Figures = defaultdict(dict)
            table = duckdb.sql(f"FROM '{folder}/{path.stem}.parquet' WHERE kind = 'data'")
            for row in table.fetchall():
                values = dict(zip(table.columns, row, strict=True))
                for name, value in values.items():
                    if isinstance(value, Decimal):
                        place = (values.get("county", ""), values.get("fund", ""))
                        figures[place][values.get("item", name) if name == "amount" else name] = value
            found[shape.contract] = (dict(figures), dict(shape.metadata))
    return found


@pytest.mark.parametrize(("city", "year"), YEARS)
def test_files_of_an_opening(city: str, year: int, tmp_path: Path) -> None:
    """Final accounts, budget, audited balances and wage are recognised, of the right year, without a finding; by the counties of January."""
    found = staged(city, year, "opening", tmp_path)
    # The share of subsidies called ahead only where a notice has the city decide it every year.
    decided = load_profile(city).subsidies.ahead is not None
    assert decided == (city == "zhoushan")
    assert found.keys() == OPENING | ({"annual_parameters"} if decided else set())
    for contract, title in (
        ("final_accounts", year - 1),
        ("annual_budget", year),
        ("provincial_average_wage", year - 1),
    ):
        assert found[contract][1] == {"year": str(title)}
    units = {unit.code for unit in load_city(city).units_on(Month(year, 1).last_day)}
    code = load_city(city).code
    for contract in ("final_accounts", "annual_budget", "legacy_balances"):
        assert {county for county, _ in found[contract][0]} - {code} == units
    accounts = found["final_accounts"][0]
    lacking = [place for place, items in accounts.items() if items.get("balance", 0) < 0]
    assert len(lacking) <= 1
    for fund in FUNDS:
        counties = {county: items for (county, name), items in accounts.items() if name == fund and county != code}
        spent = sum(items["benefits"] + items.get("critical_illness", 0) for items in counties.values())
        # Three months of expenditure, the largest reserve any notice asks for, can be had from the balances.
        assert sum(items["balance"] for items in counties.values()) > spent / 4
        assert all((items.get("prepaid_premium", 0) > 0) == (fund == "resident") for items in counties.values())


@pytest.mark.parametrize(("city", "year"), YEARS)
def test_files_of_a_clearing(city: str, year: int, tmp_path: Path) -> None:
    """The assessment names every county there was at the end of the year; most missed nothing, and not all."""
    found = staged(city, year, "clearing", tmp_path)
    assert found.keys() == {"assessment"}
    figures, title = found["assessment"]
    assert title == {"year": str(year)}
    units = {unit.code for unit in load_city(city).units_on(Month(year, 12).last_day)}
    assert figures.keys() == {(unit, fund) for unit in units for fund in FUNDS}
    missed = {county for (county, _), items in figures.items() if sum(items.values())}
    assert len(missed) == 2


def test_audited_balances_are_those_of_the_final_accounts(tmp_path: Path) -> None:
    """When pooling begins, what audit and final accounts say of a county is the same; one county lacks money."""
    found = staged("taizhou", 2022, "opening", tmp_path)
    audited, accounts = found["legacy_balances"][0], found["final_accounts"][0]
    assert {place: items["balance"] for place, items in audited.items()} == {
        place: items["balance"] for place, items in accounts.items() if "balance" in items
    }
    assert sum(items["pooled_balance"] < 0 for items in audited.values()) == 1


@pytest.mark.parametrize(("city", "year"), YEARS)
def test_a_year_is_plausible(city: str, year: int) -> None:
    """Of each fund some counties end in surplus and some in deficit, none by more than a few percent of its financing."""
    plan = Plan(load_city(city), load_profile(city), 5)
    for fund in FUNDS:
        results = []
        for unit in load_city(city).units_on(Month(year, 12).last_day):
            months = [Month(year, number) for number in range(1, 13)]
            spent = sum(plan.spent_in(unit.code, fund, month) for month in months)
            if plan.profile.critical_illness == "city":
                spent += plan.critical_illness(unit.code, fund, year)
            financing = plan.premium(unit.code, fund, year) + plan.subsidy(unit.code, fund)
            collected = plan.collected_beforehand(unit.code, fund, year)
            collected += sum(plan.collected_in(unit.code, fund, month)[0] for month in months)
            assert abs(plan.premium(unit.code, fund, year) - collected) < 100
            results.append((financing - spent) / financing)
        assert min(results) < 0 < max(results)
        assert max(map(abs, results)) < 0.05


def test_a_merged_county_has_what_those_merged_had() -> None:
    """Chongchuan of 2021 has the heads, the balance and the expenditure of the two districts before."""
    plan = Plan(load_city("nantong"), load_profile("nantong"), 5)
    before, after = ("320602", "320611"), "320613"
    assert plan.roots(after) == before
    for fund in FUNDS:
        assert plan.heads(after, fund) == sum(plan.heads(unit, fund) for unit in before)
        assert plan.balance(after, fund, 2020) == sum(plan.balance(unit, fund, 2020) for unit in before)
        assert plan.spent(after, fund, 2021) == sum(plan.spent(unit, fund, 2021) for unit in before)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """Written again, a year's files are the same; of another seed they are others."""
    bytes_of = {
        name: {
            path.name: path.read_bytes()
            for path in simulate_year_files("taizhou", 2022, tmp_path / name, "opening", seed=seed)
        }
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    }
    assert bytes_of["a"] == bytes_of["b"]
    assert bytes_of["a"].keys() == bytes_of["c"].keys()
    assert bytes_of["a"] != bytes_of["c"]


def test_a_year_before_pooling(tmp_path: Path) -> None:
    """Before pooling there is nothing to write, nor for a stage there is not."""
    with pytest.raises(InputError, match="taizhou does not pool in 2021"):
        simulate_year_files("taizhou", 2021, tmp_path, "opening")
    with pytest.raises(InputError, match="no stage 'closing'"):
        simulate_year_files("taizhou", 2022, tmp_path, "closing")  # type: ignore[arg-type]
