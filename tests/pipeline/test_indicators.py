"""Budget execution, payment capability, warnings and assessment figures, against numbers worked by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from medpool_etl import pipeline
from medpool_etl.documents import PACKAGE, load
from medpool_etl.errors import ConfigurationError
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline import indicators
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.indicators import half_up, percent
from medpool_etl.pipeline.risks import Budgeted, Standing, warn
from medpool_etl.policy import Rulebook, load_rulebook
from medpool_etl.policy.risk import RISK_VALUES, RiskRules, risk_gaps
from medpool_etl.simulator import simulate
from medpool_etl.store import Settings
from medpool_etl.store.models import model_sql
from tests.conftest import Settled, at, settle_month
from tests.support import write

D = Decimal
CITY = "331000"
BUDGET_TITLE = ["台州市2022年度基本医疗保险基金预算表"]
BUDGET_HEAD = ["行政区划", "险种", "预算项目", "预算金额"]
WORKER, RESIDENT = "职工医保", "城乡居民医保"
# Of the sample month (Taizhou 2022-03, seed 1): worker premiums 49,912,382.46 in 331002 and 427,185,102.62 in all; worker
# expenditure 67,324,382.96 in 331002 (of it 8,078,753.09 from personal accounts), 54,634,117.10 in 331083 (6,555,853.44), and
# 454,957,569.53 in all (54,595,395.28); residents' 55,913,621.32 in 331002 (critical illness 3,913,818.59), 44,241,969.91 in 331083
# (3,096,957.14) and 436,328,909.61 in all (30,545,047.27).
BUDGET = [
    ["331002", WORKER, "保费收入", "199,649,529.84"],  # four times March
    [CITY, WORKER, "保费收入", "1,509,090,880.64"],  # with it four times the city's March
    ["331002", WORKER, "待遇支出", "269,297,531.84"],  # four times March
    ["331083", WORKER, "待遇支出", "182,113,723.67"],  # March is 30.00% of it
    [CITY, WORKER, "待遇支出", "1,400,000,000.00"],
    [CITY, WORKER, "转移支出", "1,000,000.00"],
    [CITY, RESIDENT, "保费收入", "58,512,000.00"],  # four times the city's March
    [CITY, RESIDENT, "财政补贴收入", "1,200,000,000.00"],
    ["331002", RESIDENT, "利息收入", "10,000.00"],
    ["331002", RESIDENT, "待遇支出", "150,000,000.00"],
    ["331083", RESIDENT, "待遇支出", "40,000,000.00"],
    [CITY, RESIDENT, "待遇支出", "1,500,000,000.00"],
    ["331002", RESIDENT, "大病保险支出", "10,000,000.00"],
    [CITY, RESIDENT, "大病保险支出", "110,000,000.00"],
]
LEGACY_HEAD = ["行政区划", "险种", "审计截止日", "审计结余", "统筹结余", "个人账户结余", "审计文号"]
LEGACY = [
    ["331002", WORKER, "100,000,000.00"],
    ["331083", WORKER, "144,234,790.98"],  # three times 54,634,117.10 − 6,555,853.44
    ["331002", RESIDENT, "-5,000,000.00"],
    ["331083", RESIDENT, "88,483,939.82"],  # twice 44,241,969.91
]


def put(settings: Settings, name: str, rows: list[list[str]]) -> None:
    folder = settings.inbox / "taizhou" / "yearly"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / name, rows)


def rows(folder: Path, table: str, *columns: str, where: str = "true") -> list[Any]:
    path = folder / "tables" / f"{table}.parquet"
    return duckdb.execute(f"SELECT {', '.join(columns)} FROM '{path}' WHERE {where} ORDER BY ALL").fetchall()


@pytest.fixture(scope="module")
def march(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """The sample month with a budget and audited balances, and no month of its year before it."""
    settings = at(tmp_path_factory.mktemp("march"))
    put(settings, "预算.csv", [BUDGET_TITLE, BUDGET_HEAD, *BUDGET])
    legacy = [[county, fund, "2021年12月31日", held, held, "", "台审〔2022〕3号"] for county, fund, held in LEGACY]
    put(settings, "审计结余.csv", [LEGACY_HEAD, *legacy])
    return Settled(settings)


# What the opening of 2022 rests on: workers spent 120 and 240 million, residents 12 and 6; residents of 331002 paid 7 million in 2021
# for 2022.
ACCOUNTS = [
    ["331002", WORKER, "待遇支出", "120,000,000.00"],
    ["331083", WORKER, "待遇支出", "240,000,000.00"],
    ["331002", RESIDENT, "待遇支出", "12,000,000.00"],
    ["331083", RESIDENT, "待遇支出", "6,000,000.00"],
    ["331002", RESIDENT, "预收下年度保费", "7,000,000.00"],
    [CITY, WORKER, "风险调剂金结余", "1,500,000.00"],
]
OPENING_LEGACY = [
    ["331002", WORKER, "60,000,000.00"],
    ["331083", WORKER, "120,000,000.00"],
    ["331002", RESIDENT, "5,000,000.00"],
    ["331083", RESIDENT, "400,000.00"],
]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The opening of 2022, January, of which no county reported, February, and the clearing, with an assessment of 331002."""
    settings = at(tmp_path_factory.mktemp("year"))
    budget = [
        ["331002", WORKER, "保费收入", "1,200,000,000.00"],
        ["331002", WORKER, "待遇支出", "60,000,000.00"],
        ["331083", WORKER, "保费收入", "12.01"],
        ["331002", RESIDENT, "保费收入", "14,000,000.00"],
    ]
    put(settings, "预算.csv", [BUDGET_TITLE, BUDGET_HEAD, *budget])
    legacy = [
        [county, fund, "2021年12月31日", held, held, "", "台审〔2022〕3号"] for county, fund, held in OPENING_LEGACY
    ]
    put(settings, "审计结余.csv", [LEGACY_HEAD, *legacy])
    head = ["行政区划", "险种", "决算项目", "决算金额"]
    put(settings, "决算.csv", [["台州市2021年度基本医疗保险基金决算表"], head, *ACCOUNTS])
    pipeline.run_period(settings, "taizhou", Period.parse("2022-opening"))
    for number in (1, 2):
        month = Month(2022, number)
        made = simulate("taizhou", month, settings.inbox, seed=1)
        for key, name in made.names.items():
            if number == 1 and key.startswith("county_expenditure_report/"):
                (made.folder / name).unlink()
        enrolled = [["331002", WORKER, "310,000", "200,000", "", ""]]
        head = ["行政区划", "险种", "参保人数", "缴费人数", "个人缴费标准", "财政补助标准"]
        write(made.folder / "参保人数.csv", [["参保人数统计表"], [f"所属期：2022年{number}月"], head, *enrolled])
        settle_month(settings, month)
    assessed = [["331002", WORKER, "良好", "300,000,000.00", "1,250,000.00"]]
    head = ["行政区划", "险种", "考核等次", "征收未完成金额", "超支金额"]
    put(settings, "考核.csv", [["台州市2022年度基本医疗保险市级统筹考核结果"], head, *assessed])
    pipeline.run_period(settings, "taizhou", Period.parse("2022-clearing"))
    return settings


def folder_of(settings: Settings, period: str) -> Path:
    return pipeline.published_folder(settings, "taizhou", Period.parse(period))


def test_rounding_is_half_up() -> None:
    """Halves go away from zero, of nothing there is no share."""
    assert [half_up(Fraction(n, 2)) for n in (1, 3, -1, -3, 4)] == [1, 2, -1, -2, 2]
    assert percent(1, 3) == 3333
    assert percent(1, 20_000) == 1  # 0.005%
    assert percent(-1, 20_000) == -1
    assert percent(5, 0) is None


def test_what_a_month_executed_of_the_budget(march: Settled) -> None:
    """Every item against its budget, with the share of the year that has passed; no file tells of transfers out of the fund."""
    found = {
        row[:3]: row[3:]
        for row in rows(
            march.folder,
            "budget_execution",
            *(
                "fund",
                "county",
                "budget_item",
                "budget",
                "executed_month",
                "executed",
                "executed_percent",
                "budget_left",
            ),
        )
    }
    assert found["worker", "331002", "premium"] == (
        D("199649529.84"), D("49912382.46"), D("49912382.46"), D("25.00"), D("149737147.38")
    )  # fmt: skip
    # The city's is the sum of all counties against what is budgeted for it and for its counties.
    assert found["worker", CITY, "premium"] == (
        D("1708740410.48"), D("427185102.62"), D("427185102.62"), D("25.00"), D("1281555307.86")
    )  # fmt: skip
    assert found["worker", "331083", "benefits"][2:4] == (D("54634117.10"), D("30.00"))
    # 454,957,569.53 of 269,297,531.84 + 182,113,723.67 + 1,400,000,000.
    assert found["worker", CITY, "benefits"][0] == D("1851411255.51")
    assert found["worker", CITY, "benefits"][3] == D("24.57")
    assert found["worker", CITY, "transfer_out"] == (D("1000000.00"), None, None, None, None)
    # Critical illness has an item of its own: 55,913,621.32 − 3,913,818.59 of 150 million, and 3,913,818.59 of 10.
    assert found["resident", "331002", "benefits"][2:4] == (D("51999802.73"), D("34.67"))
    assert found["resident", "331002", "critical_illness"][2:4] == (D("3913818.59"), D("39.14"))
    assert found["resident", CITY, "critical_illness"][2:4] == (D("30545047.27"), D("25.45"))
    assert found["resident", "331083", "benefits"][2:] == (D("41145012.77"), D("102.86"), D("-1145012.77"))
    assert found["resident", "331002", "interest"][2:4] == (D("3735.91"), D("37.36"))
    assert found["resident", CITY, "subsidy"][2:4] == (D("0.00"), D("0.00"))
    # A county has a row only where it has a budget.
    assert ("resident", "331002", "premium") not in found
    assert rows(march.folder, "budget_execution", "DISTINCT time_percent", "months_settled") == [(D("25.00"), 1)]


def test_for_how_many_months_a_balance_lasts(march: Settled) -> None:
    """Balance ÷ a month's expenditure without personal accounts; of workers 67,324,382.96 − 8,078,753.09 in 331002."""
    found = {
        row[:3]: row[3:]
        for row in rows(
            march.folder,
            "payment_capability",
            *("fund", "county", "held", "balance", "year_expenditure", "base", "base_months", "capability_months"),
        )
    }
    assert found["worker", "331002", "county"] == (
        D("100000000.00"), D("710947558.44"), "published_months", 1, D("1.69")
    )  # fmt: skip
    assert found["worker", "331083", "county"][4] == D("3.00")
    assert found["resident", "331002", "county"][4] == D("-0.09")
    assert found["resident", "331083", "county"][4] == D("2.00")
    # 6,356,229,476.58 on the fiscal account and 3,253.21 on the agency's, over 454,957,569.53 − 54,595,395.28 a month.
    assert found["worker", CITY, "bank"] == (
        D("6356232729.79"), D("4804346091.00"), "published_months", 1, D("15.88")
    )  # fmt: skip


def test_what_the_month_is_warned_of(march: Settled) -> None:
    """Only what passes a threshold, the most serious first; at a threshold nothing is wrong. With January and February
    unpublished, nobody is told that collection lags or that the funds are in deficit."""
    found = rows(
        march.folder, "risk_warnings", "level", "indicator", "fund", "county", "figure", "threshold", "unit", "owner"
    )
    assert found == [
        ("orange", "county_capability", "worker", "331002", D("1.69"), D("2.00"), "months", "agency"),
        ("red", "county_capability", "resident", "331002", D("-0.09"), D("1.00"), "months", "agency"),
        ("red", "over_budget", "resident", "331083", D("102.86"), D("100.00"), "percent", "county"),
        ("yellow", "county_capability", "resident", "331083", D("2.00"), D("3.00"), "months", "agency"),
        # 55,913,621.32 of 160 million is 34.95%.
        ("yellow", "expenditure_ahead", "resident", "331002", D("9.95"), D("5.00"), "percentage points", "county"),
    ]
    ((text, clause),) = rows(march.folder, "risk_warnings", "problem_zh", "clause", where="indicator = 'over_budget'")
    assert text == "玉环市城乡居民医保支出为全年预算的102.86%，超预算1,145,012.77元"
    assert clause == "台政办发〔2021〕48号 四、主要任务（二）8"


def test_a_month_without_a_budget_has_no_rows(sample: Settled) -> None:
    """Nothing is made up where no budget came; what needs none is there."""
    assert rows(sample.folder, "budget_execution", "*") == []
    assert rows(sample.folder, "assessment_figures", "*") == []
    assert rows(sample.folder, "risk_warnings", "*") == []
    assert rows(sample.folder, "payment_capability", "fund", "held") == [("resident", "bank"), ("worker", "bank")]


def test_an_opening_measures_by_final_accounts(year: Settings) -> None:
    """Balances are those after what the opening orders: half of the workers' 180 million is called for three months of 30 million, which the old
    adjustment fund of 1.5 million joins; a month of each county's residents from it, 0.1 million of 331083 from its government."""
    opening = folder_of(year, "2022-opening")
    columns = ("fund", "held", "county", "balance", "year_expenditure", "base", "capability_months")
    assert rows(opening, "payment_capability", *columns) == [
        ("resident", "county", "331002", D("4000000.00"), D("12000000.00"), "final_accounts", D("4.00")),
        ("resident", "county", "331083", D("0.00"), D("6000000.00"), "final_accounts", D("0.00")),
        ("resident", "reserve", CITY, D("1500000.00"), D("18000000.00"), "final_accounts", D("1.00")),
        ("worker", "county", "331002", D("30000000.00"), D("120000000.00"), "final_accounts", D("3.00")),
        ("worker", "county", "331083", D("60000000.00"), D("240000000.00"), "final_accounts", D("3.00")),
        ("worker", "reserve", CITY, D("91500000.00"), D("360000000.00"), "final_accounts", D("3.05")),
    ]
    assert rows(opening, "risk_warnings", "level", "indicator", "fund", "county") == [
        ("red", "county_capability", "resident", "331083")
    ]


def test_a_month_without_reports_is_measured_by_final_accounts(year: Settings) -> None:
    """Of January nothing is known to be spent, so last year's final accounts stay the measure; in February the month reported is."""
    base = "DISTINCT base", "base_months"
    assert rows(folder_of(year, "2022-01"), "payment_capability", *base) == [("final_accounts", 12)]
    assert rows(folder_of(year, "2022-02"), "payment_capability", *base) == [("published_months", 1)]


def test_a_fund_without_expenditure_has_no_number_of_months(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing tells what is spent, there is a balance and no months, and so no warning."""
    models = {
        "spent": "SELECT '' AS fund, '' AS county, '' AS base, 0.00 AS amount, 1 AS months WHERE false",
        "held": "SELECT 'bank' AS held, 'worker' AS fund, '' AS county, CAST(5 AS DECIMAL(18, 2)) AS amount",
    }
    monkeypatch.setattr(indicators, "model_sql", lambda _stage, name: models[name])
    with duckdb.connect() as connection:
        (found,) = indicators._capability(connection, AGREED)
    assert (found["balance"], found["year_expenditure"], found["base"], found["capability_months"]) == (
        D("5.00"), None, None, None
    )  # fmt: skip
    assert levels(found) == []


def test_the_year_to_date_is_january_and_february(year: Settings) -> None:
    """Executed in the month is February's, to date both months'."""
    months = [folder_of(year, f"2022-0{number}") for number in (1, 2)]
    booked = [
        rows(month, "monthly_settlement", "treasury_booked", where="fund = 'worker' AND county = '331002'")[0][0]
        for month in months
    ]
    ((spent,),) = rows(months[1], "monthly_settlement", "expenditure", where="fund = 'worker' AND county = '331002'")
    found = rows(
        months[1],
        "budget_execution",
        *("budget_item", "executed_month", "executed", "time_percent", "months_settled"),
        where="county = '331002' AND fund = 'worker'",
    )
    assert found == [
        ("benefits", spent, spent, D("16.67"), 2),
        ("premium", booked[1], booked[0] + booked[1], D("16.67"), 2),
    ]
    # What residents paid in 2021 for 2022 is of 2022, and of neither month.
    where = "county = '331002' AND fund = 'resident'"
    month, to_date = rows(months[1], "budget_execution", "executed_month", "executed", where=where)[0]
    paid = [rows(folder, "monthly_settlement", "treasury_booked", where=where)[0][0] for folder in months]
    assert (month, to_date) == (paid[1], D(7_000_000) + paid[0] + paid[1])


def test_collection_behind_and_deficit_need_every_month(year: Settings) -> None:
    """With January and February published, 331002 has collected less of its 1,200 million than two twelfths less five points; its spending
    is over its budget; and the funds' revenue is less than what they spent where it is."""
    february = folder_of(year, "2022-02")
    behind = rows(february, "risk_warnings", "county", "owner", where="indicator = 'collection_behind'")
    collected = rows(
        february,
        "budget_execution",
        "executed_percent",
        where="county = '331002' AND fund = 'worker' AND budget_item = 'premium'",
    )
    expected = [("331002", "tax")] if D("16.67") - collected[0][0] > 5 else []
    assert expected and [row for row in behind if row[0] == "331002"] == expected
    settled = [folder_of(year, f"2022-0{number}") for number in (1, 2)]
    results = {"worker": D(0), "resident": D(7_000_000)}
    for folder in settled:
        for fund, booked, interest, spent in rows(
            folder, "monthly_settlement", "fund", "treasury_booked", "account_interest", "expenditure"
        ):
            results[fund] += booked + interest - spent
    deficits = rows(february, "risk_warnings", "fund", "county", "figure", "level", where="indicator = 'deficit'")
    assert deficits == [(fund, CITY, result, "orange") for fund, result in sorted(results.items()) if result < 0]
    assert deficits != []


def test_assessment_in_a_month(year: Settings) -> None:
    """Collected against two twelfths of the budget, half up to the fen; enrolment without a year before has no share."""
    february = folder_of(year, "2022-02")
    columns = ("county", "premium_due", "insured", "paying", "insured_before", "enrolment_percent", "grade")
    assert rows(february, "assessment_figures", *columns, where="fund = 'worker'") == [
        ("331002", D("200000000.00"), 310_000, 200_000, None, None, None),
        # 12.01 × 2 ÷ 12 = 2.00166…
        ("331083", D("2.00"), None, None, None, None, None),
    ]
    ((due, collected, rate, under),) = rows(
        february,
        "assessment_figures",
        *("premium_due", "premium_collected", "collection_percent", "under_collection"),
        where="county = '331002' AND fund = 'worker'",
    )
    assert rate == (collected * 100 / due).quantize(D("0.01"))
    assert under == max(due - collected, D(0))


def test_the_clearing_shows_what_was_assessed_beside_what_is_computed(year: Settings) -> None:
    """The whole year against the whole budget; computed shortfalls stand beside the assessed amounts and do not replace them."""
    cleared, months = folder_of(year, "2022-clearing"), [folder_of(year, f"2022-0{n}") for n in (1, 2)]
    where = "fund = 'worker' AND county = '331002'"
    collected = sum(rows(month, "monthly_settlement", "treasury_booked", where=where)[0][0] for month in months)
    spent = sum(rows(month, "monthly_settlement", "expenditure", where=where)[0][0] for month in months)
    columns = (
        "premium_due", "premium_collected", "expenditure_executed", "under_collection", "over_spending", "grade",
        "assessed_under_collection", "assessed_over_spending", "time_percent", "months_settled",
    )  # fmt: skip
    assert rows(cleared, "assessment_figures", *columns, where=where) == [
        (
            D("1200000000.00"), collected, spent, D(1_200_000_000) - collected, spent - D(60_000_000), "good",
            D("300000000.00"), D("1250000.00"), D("100.00"), 2,
        )
    ]  # fmt: skip
    assert rows(cleared, "budget_execution", "DISTINCT executed_month") == [(None,)]


@pytest.mark.parametrize(("lost", "expected"), [("", "175.00"), ("1", None)])
def test_what_banks_hold(lost: str, expected: str | None) -> None:
    """An account that sent no statement in the newest month holds what its last one says; deposits count until they mature; a statement of
    the city's own fiscal account that is missing leaves the fund out. 100 + 50 of February, 25 placed until April, 7 until March."""
    with duckdb.connect() as connection:
        connection.execute(
            """
            CREATE TABLE context AS SELECT 'month' AS period_kind, DATE '2022-03-01' AS period_start, DATE '2022-03-31' AS period_end;
            CREATE TABLE accounts AS SELECT * FROM (VALUES
              ('1', 'worker', 'fiscal', NULL, NULL), ('2', 'worker', 'fiscal', '331002', NULL), ('3', 'worker', 'fiscal', NULL, '1'),
              ('4', 'worker', 'expenditure', NULL, NULL)) AS a(number, fund, kind, county, within);
            CREATE TABLE account_statement__done AS SELECT * FROM (VALUES
              ('1', '2022-02', 90.00), ('1', '2022-03', 100.00), ('2', '2022-01', 40.00), ('2', '2022-02', 50.00), ('4', '2022-03', 0.00),
              ('1', '2022-04', 999.00)) AS s(account_no, done_in, closing_balance);
            CREATE TABLE deposits__done AS SELECT * FROM (VALUES
              ('worker', 25.00, DATE '2022-01-01', DATE '2022-04-01', '2022-03'),
              ('worker', 7.00, DATE '2022-01-01', DATE '2022-03-31', '2022-03')) AS d(fund, principal, start_date, maturity_date, done_in);
            CREATE TABLE positions (role VARCHAR, fund VARCHAR, county VARCHAR, amount DECIMAL(18, 2));
            """
        )
        connection.execute("DELETE FROM account_statement__done WHERE account_no = ? AND done_in = '2022-03'", [lost])
        found = connection.execute(model_sql("indicators", "held")).fetchall()
    assert found == ([("bank", "worker", "", D(expected))] if expected else [])


AGREED = Agreed.load("taizhou")
RULES = RiskRules.of(AGREED.rulebook, Month(2022, 3).last_day)


def capability(months: str | None, held: str = "county", fund: str = "worker") -> dict[str, Any]:
    return {"fund": fund, "county": "331002", "held": held, "capability_months": None if months is None else D(months)}


def budgeted(what: str, executed: int, time_percent: int = 2500, complete: bool = True) -> Budgeted:
    share = percent(executed, 100_00)
    assert share is not None
    return Budgeted(what, "worker", "331002", 100_00, executed, share, time_percent, complete)


def levels(*capabilities: dict[str, Any], budgets: tuple[Budgeted, ...] = (), **results: int) -> list[tuple[str, str]]:
    found = warn(AGREED, RULES, Standing(capabilities, budgets, results), Period.parse("2022-03"))
    return [(row["level"], row["indicator"]) for row in found]


@pytest.mark.parametrize(
    ("months", "level"),
    [
        ("0.99", "red"), ("1.00", "orange"), ("1.99", "orange"), ("2.00", "yellow"), ("2.99", "yellow"), ("3.00", None),
        ("-1.00", "red"), (None, None),
    ],
)  # fmt: skip
def test_capability_at_its_thresholds(months: str | None, level: str | None) -> None:
    """Below a threshold is its level, at it the next."""
    assert levels(capability(months)) == ([(level, "county_capability")] if level else [])


@pytest.mark.parametrize(
    ("months", "fund", "level"),
    [
        ("2.70", "worker", None), ("2.69", "worker", "yellow"), ("2.25", "worker", "yellow"), ("2.24", "worker", "orange"),
        ("1.50", "worker", "orange"), ("1.49", "worker", "red"), ("0.90", "resident", None), ("0.89", "resident", "yellow"),
    ],
)  # fmt: skip
def test_a_reserve_is_measured_by_its_own_rule(months: str, fund: str, level: str | None) -> None:
    """Three months are demanded of the workers' reserve, one of the residents': 90, 75 and 50 percent of it."""
    assert levels(capability(months, "reserve", fund)) == ([(level, "reserve")] if level else [])


def test_budgets_at_their_thresholds() -> None:
    """Five points are allowed, more are not; over the whole budget is another warning."""
    assert levels(budgets=(budgeted("expenditure", 30_00),)) == []
    assert levels(budgets=(budgeted("expenditure", 30_01),)) == [("yellow", "expenditure_ahead")]
    assert levels(budgets=(budgeted("expenditure", 100_00, 10_000),)) == []
    assert levels(budgets=(budgeted("expenditure", 100_01, 10_000),)) == [("red", "over_budget")]
    assert levels(budgets=(budgeted("premium", 20_00),)) == []
    assert levels(budgets=(budgeted("premium", 19_99),)) == [("yellow", "collection_behind")]
    # What months unpublished have spent could only add, what they have collected may be all that lacks.
    assert levels(budgets=(budgeted("expenditure", 30_01, complete=False),)) == [("yellow", "expenditure_ahead")]
    assert levels(budgets=(budgeted("premium", 0, complete=False),)) == []


def test_a_deficit_is_less_than_nothing() -> None:
    """A fund that breaks even is not warned of."""
    assert levels(worker=0, resident=-1) == [("orange", "deficit")]


def test_a_rulebook_without_thresholds_warns_of_nothing() -> None:
    """A city that has set none has none."""
    values = {name: value for name, value in AGREED.rulebook.values.items() if name not in RISK_VALUES}
    silent = RiskRules.of(AGREED.rulebook.model_copy(update={"values": values}), Month(2022, 3).last_day)
    standing = Standing([capability("0.10"), capability("0.10", "reserve")], (budgeted("premium", 0),), {"worker": -1})
    assert warn(AGREED, silent, standing, Period.parse("2022-03")) == []


@pytest.mark.parametrize("city", ["hangzhou", "nantong", "taizhou", "zaozhuang", "zhoushan"])
def test_every_city_has_its_thresholds(city: str) -> None:
    """Each rulebook names them as the office's own setting, with a clause of its notice."""
    rulebook = load_rulebook(city, ())
    for name in RISK_VALUES - {name for name in RISK_VALUES if "reserve" in name}:
        assert rulebook.values[name].dated[0].source == "通知未规定，系统初始设置，须由当地确认"
    assert list(risk_gaps(rulebook)) == []


def changed(folder: Path, name: str, old: str, new: str) -> Rulebook:
    text = (PACKAGE / "policy/rulebooks/taizhou.yaml").read_text(encoding="utf-8")
    begin = text.index(name)
    assert text.count(name) == 1
    path = folder / "taizhou.yaml"
    path.write_text(text[:begin] + text[begin:].replace(f'value: "{old}"', f'value: "{new}"', 1), encoding="utf-8")
    return load(path, Rulebook)


def test_thresholds_that_make_no_sense_are_said(tmp_path: Path) -> None:
    """A level there is not, and thresholds that do not rise from red to yellow, are told by `medpool check`."""
    wrong = changed(tmp_path, "risk_deficit_level:", "orange", "pink")
    assert list(risk_gaps(wrong)) == ["value risk_deficit_level: pink is no level (red, orange, yellow)"]
    with pytest.raises(ConfigurationError, match="risk_deficit_level is 'pink'"):
        RiskRules.of(wrong, Month(2022, 3).last_day)
    (said,) = risk_gaps(changed(tmp_path, "risk_capability_months_red:", "1", "4"))
    assert said.endswith("on 2022-01-01 they do not rise from red to yellow")
