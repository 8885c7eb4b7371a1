"""Every kind of file there is: told from all others by its header, and its example keeps its own rules."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from medpool_etl.contracts import Contract, checks_of, load_all, load_contract
from medpool_etl.intake import Shape, expected_parts, recognise
from medpool_etl.intake.peek import clean
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import staging_session
from medpool_etl.places import load_accounts, load_city
from medpool_etl.staging import stage_file, verify_checks
from tests.contracts.test_contracts import example_of
from tests.support import TITLES

KINDS = tuple(load_all())


@pytest.fixture(scope="module")
def march() -> Iterator[duckdb.DuckDBPyConnection]:
    """A session for Taizhou's March 2022, the month of the examples."""
    with staging_session(Agreed.load("taizhou"), Month(2022, 3)) as connection:
        yield connection


def written(contract: Contract, folder: Path, *rows: dict[str, str], headers: list[str] | None = None) -> Path:
    """Write rows of a kind of file as a sender would, under its usual headers or others, and return the file."""
    path = folder / "file.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{title}\n" for title in TITLES.get(contract.contract, []))
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headers or [column.header for column in contract.columns])
        writer.writerows([row.get(column.header, "") for column in contract.columns] for row in rows)
    return path


def shape_of(path: Path) -> Shape:
    """Return the one delivery a file is recognised as."""
    (shape,) = recognise(path, load_all()).shapes
    return shape


def failing(kind: str, connection: duckdb.DuckDBPyConnection, folder: Path, *rows: dict[str, str]) -> dict[str, int]:
    """Stage rows of a kind of file and return how many fail each check that any fails."""
    contract = load_contract(kind)
    path = written(contract, folder, *rows)
    summary = stage_file(connection, path, "file", shape_of(path), contract, folder)
    return {check: count for check, count in summary["failures"].items() if count}


@pytest.mark.parametrize("kind", KINDS)
def test_example_keeps_its_contract(kind: str, march: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """The example of a contract is recognised as it, and fails none of its checks when staged."""
    contract = load_contract(kind)
    path = example_of(contract, tmp_path) if contract.form else written(contract, tmp_path, *contract.example)
    shape = shape_of(path)
    assert shape.contract == kind
    summary = stage_file(march, path, "example", shape, contract, tmp_path)
    assert summary["staged"] >= 1
    assert {check: count for check, count in summary["failures"].items() if count} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_conditions_and_patterns_are_sql(kind: str, march: duckdb.DuckDBPyConnection) -> None:
    """DuckDB takes every condition and pattern of a contract."""
    verify_checks(march, load_contract(kind))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if load_contract(kind).layout == "table"])
def test_every_alias_is_recognised(kind: str, tmp_path: Path) -> None:
    """A file is recognised under any of the headers its columns may have."""
    contract = load_contract(kind)
    for number in range(max(len(column.headers) for column in contract.columns)):
        headers = [column.headers[number % len(column.headers)] for column in contract.columns]
        shape = shape_of(written(contract, tmp_path, *contract.example, headers=headers))
        assert (shape.contract, shape.first.columns) == (kind, tuple(column.name for column in contract.columns))


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_is_part_of_another(kind: str) -> None:
    """Every other kind lacks a column of this one under any header, so that no file of it is taken for this one."""
    for other in load_all().values():
        there = {header for column in other.columns for header in column.headers}
        lacking = [column.name for column in load_contract(kind).columns if there.isdisjoint(column.headers)]
        assert lacking or other.contract == kind, other.contract


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_said_in_both_languages(kind: str) -> None:
    """The contract, its columns and its checks have Chinese and English texts; headers stand as they are compared."""
    contract = load_contract(kind)
    texts = [contract.title, contract.description, contract.sender, contract.due]
    texts += [item.description for item in (*contract.columns, *contract.metadata)]
    texts += [text for check in checks_of(contract) for text in (check.expected, check.do)]
    for text in texts:
        assert text.zh.strip(), text
        assert text.en.strip(), text
    for column in contract.columns:
        assert column.headers == tuple(clean(header) for header in column.headers)


# (kind, what is written instead in the example, the checks that then fail)
MISTAKES = [
    ("annual_budget", {"行政区划": "331001"}, {"county_or_city"}),
    ("annual_budget", {"预算金额": "-1"}, {"amount_not_negative"}),
    ("final_accounts", {"行政区划": "331001"}, {"county_or_city"}),
    ("final_accounts", {"决算金额": "-1"}, set()),
    ("final_accounts", {"决算项目": "待遇支出", "决算金额": "-1"}, {"amount_not_negative"}),
    ("assessment", {"征收未完成金额": "-0.01"}, {"amounts_not_negative"}),
    ("assessment", {"考核等次": "一般"}, {"grade__unknown"}),
    ("deposits", {"到期日": "20220310"}, {"matures_after_start"}),
    ("deposits", {"年利率": "2.75"}, {"rate_of_a_deposit"}),
    ("deposits", {"存放金额": "0"}, {"principal_is_positive"}),
    ("deposits", {"起息日": "20210201", "到期日": "20220228"}, {"stands_in_month"}),
    ("deposits", {"行政区划": "331001"}, {"county_or_city"}),
    ("enrolment", {"参保人数": "-1"}, {"counts_not_negative", "paying_are_insured"}),
    ("enrolment", {"缴费人数": "318463"}, {"paying_are_insured"}),
    ("enrolment", {"财政补助标准": "1120.01"}, {"own_share_of_residents"}),
    ("enrolment", {"财政补助标准": ""}, {"standards_of_residents"}),
    ("funding_plan", {"计划月份": "202203"}, {"plan_of_next_month"}),
    ("funding_plan", {"计划用款": "-1"}, {"planned_not_negative"}),
    ("funding_plan", {"支出户余额": "(0.01)"}, {"account_not_negative"}),
    ("legacy_balances", {"统筹结余": "905330118.21"}, {"parts_add_up"}),
    ("legacy_balances", {"险种": "城乡居民医保"}, {"residents_have_no_accounts"}),
    ("legacy_balances", {"审计截止日": "20220401"}, {"audited_before_settled"}),
    ("other_income", {"险种": "城乡居民医保"}, {"account_of_fund"}),
    ("other_income", {"收入日期": "20220401"}, {"received_in_month"}),
    ("other_income", {"收入金额": "-1"}, {"amount_is_positive"}),
    ("other_income", {"行政区划": "331001"}, {"county_or_city"}),
    ("provincial_average_wage", {"月平均工资": "0"}, {"wage_is_positive", "wage_of_a_month"}),
    ("provincial_average_wage", {"月平均工资": "82512"}, {"wage_of_a_month"}),
    ("subsidy_receipts", {"补助级次": "县级"}, {"county_pays_for_itself"}),
    ("subsidy_receipts", {"行政区划": "331001"}, {"county_or_city"}),
    ("subsidy_receipts", {"到账日期": "20220228"}, {"arrived_in_month"}),
    ("subsidy_receipts", {"到位金额": "0"}, {"amount_is_positive"}),
    ("subsidy_receipts", {"所属年度": "2020"}, {"year_is_near"}),
    ("transfer_vouchers", {"收款账号": "331000100300002"}, {"payee_of_fund"}),
    ("transfer_vouchers", {"付款账号": "331000100300001"}, {"payer_is_treasury"}),
    ("transfer_vouchers", {"所属期": "202204"}, {"period_has_begun"}),
    ("transfer_vouchers", {"开具日期": "20220401"}, {"issued_in_month"}),
    ("transfer_vouchers", {"金额": "0"}, {"amount_is_positive"}),
    ("treasury_corrections", {"原级次": "3"}, {"something_changes"}),
    ("treasury_corrections", {"现级次": "2"}, {"level_of_the_rules"}),
    ("treasury_corrections", {"原科目": "1010101", "现科目": "1010102"}, {"subject_of_the_funds"}),
    ("treasury_corrections", {"原征收机关": "13301020000", "现征收机关": "13301030000"}, {"office_of_city"}),
    ("treasury_corrections", {"更正日期": "20220401"}, {"corrected_in_month"}),
    ("treasury_corrections", {"更正金额": "-1"}, {"amount_is_positive"}),
    ("treasury_daily_income", {"报表日期": "20220401"}, {"reported_in_month"}),
    ("treasury_daily_income", {"征收机关": "000000000000"}, {"office_of_city"}),
    ("treasury_daily_income", {"本月": "1284530.67"}, {"month_is_sum_of_days"}),
    ("treasury_refunds", {"退库日期": "20220401"}, {"refunded_in_month"}),
    ("treasury_refunds", {"退库金额": "-1316.40"}, {"amount_is_positive"}),
    ("treasury_refunds", {"级次": "4"}, {"level_of_the_rules"}),
    ("treasury_refunds", {"科目": "1020399"}, {"premium_subject"}),
    ("treasury_stock", {"日期": "20220401"}, {"stock_in_month"}),
    ("treasury_stock", {"今日余额": "49328.96"}, {"balance_of_day"}),
    ("treasury_stock", {"本日支出": "4049328.96", "今日余额": "-0.01"}, {"balance_not_negative"}),
]


@pytest.mark.parametrize(("kind", "instead", "checks"), MISTAKES)
def test_mistake_in_a_row(
    kind: str, instead: dict[str, str], checks: set[str], march: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """A mistake in the example fails the checks that are about it, and no others."""
    row = load_contract(kind).example[0]
    assert set(failing(kind, march, tmp_path, {**row, **instead})) == checks


@pytest.mark.parametrize(
    ("kind", "second", "checks"),
    [
        ("annual_budget", {"行政区划": "331000"}, {"split_or_whole": 2}),
        ("annual_budget", {"行政区划": "331003"}, {}),
        ("final_accounts", {"行政区划": "331000"}, {"split_or_whole": 2}),
        ("assessment", {"险种": "城乡居民医保", "考核等次": "优良"}, {"one_grade_a_county": 2}),
        ("funding_plan", {}, {"row__duplicate": 1}),
        ("provincial_average_wage", {"指标": "在岗职工月平均工资"}, {"one_row": 2}),
        ("treasury_daily_income", {"报表日期": "20220302", "本日": "-0.66", "本月": "1284530.00"}, {}),
        ("treasury_daily_income", {"报表日期": "20220303", "本月": "2569061.33"}, {"month_is_sum_of_days": 1}),
        ("treasury_stock", {"日期": "20220330", "今日余额": "3204118.60", "本日支出": "845210.35"}, {}),
        ("treasury_stock", {"日期": "20220330"}, {"balance_chain": 1}),
    ],
)
def test_mistake_between_rows(
    kind: str, second: dict[str, str], checks: dict[str, int], march: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Rows that contradict each other fail the check that compares them."""
    row = load_contract(kind).example[0]
    assert failing(kind, march, tmp_path, row, {**row, **second}) == checks


def test_enrolment_of_another_month(march: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Enrolment whose title names another month is not taken for this month's; one whose title names none is."""
    contract = load_contract("enrolment")
    found = []
    for title in ("所属期：2022年2月", "参保人数"):
        path = written(contract, tmp_path, *contract.example)
        path.write_text(path.read_text(encoding="utf-8").replace("所属期：2022年3月", title), encoding="utf-8")
        summary = stage_file(march, path, "file", shape_of(path), contract, tmp_path)
        found.append(summary["failures"]["month_reported"])
    assert found == [1, 0]


@pytest.mark.parametrize(
    ("kind", "year"),
    [
        ("annual_budget", "2022"),
        ("annual_parameters", "2022"),
        ("final_accounts", "2021"),
        ("provincial_average_wage", "2021"),
    ],
)
def test_year_of_the_title(kind: str, year: str, tmp_path: Path) -> None:
    """A yearly file is of the year its title names, not of the year in a date beside it; it serves the month settled."""
    contract = load_contract(kind)
    assert shape_of(written(contract, tmp_path, *contract.example)).metadata == {"year": year}
    assert contract.expected.year_of(Month(2022, 3)) == year


def test_an_assessment_serves_the_clearing_of_its_year_and_no_month(tmp_path: Path) -> None:
    """The assessment of 2021 is wanted by the clearing of 2021, by no month and no other period."""
    contract = load_contract("assessment")
    assert shape_of(written(contract, tmp_path, *contract.example)).metadata == {"year": "2021"}
    city, accounts = load_city("taizhou"), load_accounts("taizhou")
    assert expected_parts(contract, city, Month(2022, 3), accounts) == ()
    wanted = contract.expected.serving(Period.parse("2021-clearing"))
    assert wanted is not None
    assert wanted.year_of(Month(2021, 12)) == "2021"
    assert contract.expected.serving(Period.parse("2022-opening")) is None
