"""The sheets of the indicators: execution of the budget, payment capability, warnings of risk, assessment figures."""

from __future__ import annotations

from medpool_etl.marts import table_path
from medpool_etl.reports.sheets import FUND_NAMES, Sheets, named
from medpool_etl.reports.tables import read_table

_SIDES = {"revenue": "收入", "expenditure": "支出"}
_BASES = {"published_months": "近12个月已发布月份", "final_accounts": "上年决算", "mixed": "已发布月份及上年决算"}
_GRADES = {"excellent": "优秀", "very_good": "优良", "good": "良好", "pass": "合格", "fail": "不合格"}
_UNITS = {"months": "个月", "percent": "%", "percentage points": "个百分点", "yuan": "元"}


def write_indicators(book: Sheets) -> None:
    """Write those of the four sheets whose table the run publishes."""
    for table, write in (
        ("budget_execution", _budget),
        ("payment_capability", _capability),
        ("risk_warnings", _risks),
        ("assessment_figures", _assessed),
    ):
        if table_path(book.folder, table).is_file():
            write(book)


def _budget(book: Sheets) -> None:
    rows = read_table(book.folder, "budget_execution")
    # The city's totals come first, revenue before expenditure.
    rows = rows.assign(
        first=(rows["county"] != book.city.code).astype(int), side=(rows["budget_side"] != "revenue").astype(int)
    )
    rows = rows.sort_values(["fund", "first", "county", "side", "budget_item"])
    rows["fund"], rows["budget_side"] = rows["fund"].map(FUND_NAMES), rows["budget_side"].map(_SIDES)
    book.listing(
        "预算执行",
        named(
            rows,
            fund="基金", county_name="县（市、区）", budget_side="收支", budget_item_name="预算项目", budget="年度预算（元）",
            executed_month="本月执行（元）", executed="累计执行（元）", executed_percent="执行率（%）",
            time_percent="时间进度（%）", budget_left="未执行数（元）", months_settled="已发布月数",
        ),
        [8, 12, 8, 18, 20, 18, 20, 12, 12, 20, 10],
    )  # fmt: skip


def _capability(book: Sheets) -> None:
    rows = read_table(book.folder, "payment_capability").sort_values(["fund", "held", "county"])
    rows["fund"], rows["base"] = rows["fund"].map(FUND_NAMES), rows["base"].map(_BASES)
    book.listing(
        "支付能力",
        named(
            rows,
            fund="基金", county_name="县（市、区）", held_title="结余类别", balance="结余（元）",
            year_expenditure="年支出（统筹部分，元）", base="支出口径", base_months="口径月数",
            capability_months="支付能力（个月）",
        ),
        [8, 12, 34, 20, 20, 22, 10, 14],
    )  # fmt: skip


def _risks(book: Sheets) -> None:
    rows = read_table(book.folder, "risk_warnings")
    rows["rank"] = rows["level"].map({"red": 0, "orange": 1, "yellow": 2})
    rows = rows.sort_values(["rank", "indicator", "fund", "county"])
    rows["fund"], rows["unit"] = rows["fund"].map(FUND_NAMES), rows["unit"].map(_UNITS)
    book.listing(
        "风险预警",
        named(
            rows,
            level_title="等级", indicator_title="指标", fund="基金", county_name="县（市、区）", figure="指标值",
            threshold="预警线", unit="单位", problem_zh="情况", owner_title="责任方", clause="依据",
        ),
        [8, 24, 8, 12, 18, 12, 10, 56, 14, 36],
    )  # fmt: skip


def _assessed(book: Sheets) -> None:
    rows = read_table(book.folder, "assessment_figures").sort_values(["fund", "county"])
    rows["fund"], rows["grade"] = rows["fund"].map(FUND_NAMES), rows["grade"].map(_GRADES)
    book.listing(
        "考核指标",
        named(
            rows,
            fund="基金", county_name="县（市、区）", premium_due="应完成保费（元）", premium_collected="已征保费（元）",
            collection_percent="征缴率（%）", expenditure_budget="支出预算（元）", expenditure_executed="累计支出（元）",
            expenditure_percent="支出执行率（%）", time_percent="时间进度（%）", insured="参保人数", paying="缴费人数",
            enrolment_percent="参保完成率（%）", recovered="追回基金（元）", under_collection="测算少收（元）",
            assessed_under_collection="考核认定少收（元）", over_spending="测算多支（元）",
            assessed_over_spending="考核认定多支（元）", grade="考核等次",
        ),
        [8, 12, 18, 18, 12, 18, 18, 12, 12, 12, 12, 14, 16, 16, 18, 16, 18, 10],
    )  # fmt: skip
