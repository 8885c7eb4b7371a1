"""Every city reconciles by its own notice; a city whose settlement rules are not in yet says so."""

from __future__ import annotations

import re

import pytest

from medpool_etl import pipeline
from medpool_etl.contracts import load_all
from medpool_etl.errors import UnspecifiedError
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.places import FUNDS, load_accounts, load_city
from medpool_etl.policy import cities, load_break_classes, load_rulebook, rulebooks
from medpool_etl.store import Settings

CITIES = ("hangzhou", "nantong", "taizhou", "zaozhuang", "zhoushan")
# Pairs for which a notice has no words are left out, not guessed.
LEFT_OUT = {
    "hangzhou": {"tax_treasury", "treasury_fiscal", "fiscal_agency", "agency_county"},
    "nantong": {"agency_county", "agency_tax_county", "agency_tax_employer"},
    "zhoushan": {"voucher_transfer", "agency_tax_county", "allocation_expenditure"},
    "zaozhuang": {"tax_treasury", "treasury_fiscal", "allocation_expenditure"},
}
TREASURY = {"tax_treasury", "treasury_fiscal"}
INCOME = {"income_upload", "income_fiscal", "income_nil"}


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    monkeypatch.delenv("MEDPOOL_CONFIG", raising=False)


def first_month(city: str) -> Month:
    """The month from which a city's notice is in force."""
    return Month.of(load_rulebook(city).notice.in_force_from)


def test_five_cities_of_which_four_settle_by_their_notice_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """All five have a rulebook; Hangzhou's notice leaves the months to a later rule, which a supplement can supply."""
    assert rulebooks() == CITIES
    assert cities() == ("nantong", "taizhou", "zaozhuang", "zhoushan")
    monkeypatch.setenv("MEDPOOL_SUPPLEMENTS", "hangzhou-example")
    assert cities() == CITIES


@pytest.mark.parametrize("city", CITIES)
def test_a_city_holds_together(city: str) -> None:
    """Rulebook, places, accounts, contracts and models fit one another from the first month of the notice."""
    agreed = Agreed.load(city)
    assert agreed.city.city == agreed.accounts.city == agreed.rulebook.city == city
    pipeline.verify(agreed, first_month(city))


@pytest.mark.parametrize("city", CITIES)
def test_every_pair_stands_on_words_of_the_notice(city: str) -> None:
    """A pair's clause has its place, a short quotation in Chinese and its meaning."""
    rulebook = load_rulebook(city)
    used = {pair.clause for pair in rulebook.pairs.values()} | set(rulebook.amounts.values())
    assert used <= set(rulebook.clauses)
    for name in used:
        clause = rulebook.clauses[name]
        assert re.search("[一二三四五六七八九十]", clause.source), name
        assert 8 <= len(re.findall("[\u4e00-\u9fff]", clause.quote)) <= 120, name
        assert re.fullmatch(r"[^\u4e00-\u9fff]+", clause.gloss), name


@pytest.mark.parametrize("city", CITIES)
def test_pairs_name_files_and_classes_that_exist(city: str) -> None:
    """Both sides have a contract; the classes of differences exist; only a statement is of an account."""
    contracts, classes = load_all(), load_break_classes()
    for name, pair in load_rulebook(city).pairs.items():
        assert {pair.left.contract, pair.right.contract} <= set(contracts), name
        assert {pair.shortfall, pair.surplus, *pair.gate} <= {None, *classes}, name
        for side in (pair.left, pair.right):
            assert side.account is None or side.contract == "account_statement", name


@pytest.mark.parametrize("city", CITIES)
def test_every_unit_has_its_accounts(city: str) -> None:
    """A treasury, per fund the city's fiscal and expenditure account, and an expenditure account of every county there is."""
    accounts = load_accounts(city)
    assert accounts.one("treasury").fund is None
    for fund in FUNDS:
        assert accounts.one("fiscal", fund).statement_needed
        assert accounts.one("expenditure", fund).statement_needed
        for unit in load_city(city).units_on(first_month(city).last_day):
            assert not accounts.one("expenditure", fund, unit.code).statement_needed


def test_no_account_number_and_no_tax_office_is_of_two_cities() -> None:
    """Accounts begin with the code of whoever holds them; tax offices are distinct within a city and between cities."""
    offices = [unit.tax_office for city in CITIES for unit in load_city(city).units]
    assert len(offices) == len(set(offices))
    for city in CITIES:
        for account in load_accounts(city).accounts:
            assert account.number.startswith((account.unit or load_city(city).code)[:6])


@pytest.mark.parametrize(
    ("city", "month", "there", "gone"),
    [
        ("nantong", "2020-12", {"320602", "320611", "320684", "320612-tongzhouwan"}, {"320613", "320614"}),
        ("nantong", "2021-01", {"320613", "320614", "320612-tongzhouwan"}, {"320602", "320611", "320684"}),
        ("hangzhou", "2022-01", {"330113", "330114"}, {"330103", "330104"}),
        ("zhoushan", "2021-01", {"330902-xincheng", "330903-puzhu"}, set()),
    ],
)
def test_units_of_the_month(city: str, month: str, there: set[str], gone: set[str]) -> None:
    """Merged units go and their successors come; zones stand under a parent the city has."""
    place = load_city(city)
    units = {unit.code: unit for unit in place.units_on(Month.parse(month).last_day)}
    assert there <= set(units)
    assert not gone & set(units)
    ended = {unit.successor for unit in place.units if unit.valid_to and unit.code not in units}
    assert ended <= set(units)
    assert {unit.parent for unit in units.values() if unit.parent} == {code[:6] for code in units if "-" in code}


@pytest.mark.parametrize("city", LEFT_OUT)
def test_what_a_notice_does_not_say_is_left_out(city: str) -> None:
    """No pair without words of the notice; premiums have a budget level only where it names one."""
    rulebook = load_rulebook(city)
    assert not LEFT_OUT[city] & set(rulebook.pairs)
    assert ("premium_budget_level" in rulebook.values) == (city == "nantong")
    assert (set(rulebook.pairs) >= TREASURY) == (city in ("nantong", "zhoushan"))
    assert (set(rulebook.pairs) >= INCOME) == (city == "zaozhuang")


def test_zaozhuang_has_income_accounts_and_no_county_fiscal_account() -> None:
    """City and counties each have an income account a fund, whose statement must come; only the city has fiscal accounts."""
    accounts = load_accounts("zaozhuang")
    for fund in FUNDS:
        for unit in (None, *(unit.code for unit in load_city("zaozhuang").units)):
            assert accounts.one("income", fund, unit).statement_needed
    fiscal = [account for account in accounts.accounts if account.kind == "fiscal" and account.has_statement]
    assert {account.unit for account in fiscal} == {None}


def test_a_city_whose_notice_leaves_the_months_open_says_so(settings: Settings) -> None:
    """Opening its month names the notice, quotes the clause and says how to go on; nothing is received or recorded."""
    inbox = settings.month_inbox("hangzhou", Month.parse("2022-03"))
    inbox.mkdir(parents=True)
    (inbox / "a.csv").write_text("a", encoding="utf-8")
    with pytest.raises(UnspecifiedError) as caught:
        pipeline.open_month(settings, "hangzhou", Month.parse("2022-03"))
    message = str(caught.value)
    assert "杭政函〔2021〕77号" in message
    assert "实施细则由市医疗保障部门会同财政、税务和审计等部门另行制定" in message
    assert "MEDPOOL_SUPPLEMENTS" in message
    assert not settings.warehouse.exists()
    assert not (settings.data / "control.sqlite").exists()
