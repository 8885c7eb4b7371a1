"""The workbook a clerk signs: its amounts, its words, and what it refuses to be used for."""

from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pytest

from medpool_etl.money import uppercase_zh
from medpool_etl.places import load_city
from medpool_etl.reports import workbook_path
from tests.conftest import MONTH, Settled, at


def cells(settled: Settled, sheet: str) -> list[list[object]]:
    path = workbook_path(settled.folder, load_city("taizhou"), MONTH)
    found = openpyxl.load_workbook(path, data_only=True)[sheet]
    return [[cell for cell in row if cell is not None] for row in found.iter_rows(values_only=True)]


def line(rows: list[list[object]], label: str) -> list[object]:
    return next(row for row in rows if row and row[0] == label)


def test_the_sheets_a_clerk_looks_for(sample: Settled) -> None:
    """Two vouchers, the monthly settlement, reconciliations, breaks, indicators, files and set-asides, in that order."""
    path = workbook_path(sample.folder, load_city("taizhou"), MONTH)
    assert openpyxl.load_workbook(path).sheetnames == [
        "划款凭证_职工医保",
        "划款凭证_城乡居民医保",
        "月度结算表",
        "对账结果",
        "差异明细",
        "核销与认领",
        "往月调整",
        "科目余额表",
        "基金收支表",
        "资产负债表",
        "指令与执行",
        "预算执行",
        "支付能力",
        "风险预警",
        "考核指标",
        "文件",
        "剔除行与警告",
    ]


def test_the_settlement_sheet_has_the_mart_s_amounts(sample: Settled) -> None:
    """Every amount of the monthly settlement stands in the sheet, with totals that add up."""
    rows = cells(sample, "月度结算表")
    counties = [row for row in rows if row and str(row[0]).startswith("331")]
    assert len(counties) == 18
    published = duckdb.sql(
        f"SELECT county, treasury_booked, expenditure, account_closing FROM '{sample.tables}/monthly_settlement.parquet'"
    ).fetchall()
    shown = sorted((row[0], *(Decimal(str(row[i])) for i in (4, 11, 12))) for row in counties)
    assert shown == sorted(published)
    totals = [row for row in rows if row and row[0] == "合计"]
    assert len(totals) == 2
    for total, part in zip(totals, (counties[:9], counties[9:]), strict=True):
        for offset, amount in enumerate(total[1:]):
            assert Decimal(str(amount)) == sum(Decimal(str(row[2 + offset])) for row in part)


def test_nothing_to_pay_is_no_voucher(sample: Settled) -> None:
    """Where the bank already shows the month's premiums moved, the sheet says so and has no line to sign."""
    rows = cells(sample, "划款凭证_职工医保")
    assert line(rows, "本次应付（大写）")[1] == "无需开具：应划金额已划转"
    assert not any("审批" in str(row) for row in rows)


def test_the_words_are_what_is_still_to_be_paid(tmp_path: Path) -> None:
    """What was not transferred is what the voucher orders, in words; provisional figures are said not to be paid on yet."""
    settled = Settled(at(tmp_path), "not_transferred")
    rows = cells(settled, "划款凭证_职工医保")
    (outstanding,) = [item.fen for item in settled.simulation.expected.breaks if item.cls == "not_transferred"]
    assert line(rows, "本次应付（大写）")[1] == "人民币" + uppercase_zh(Decimal(outstanding) / 100)
    assert any("差异核清后方可据此划款" in str(row) for row in rows)
    assert any("审批" in str(row) for row in rows)
    assert "暂定" in str(rows[1])


@pytest.mark.parametrize(("fault", "says"), [("missing_line", "对账单未到或不可用")])
def test_no_voucher_without_its_files(fault: str, says: str, tmp_path: Path) -> None:
    """Where an input is missing, the sheet says that no voucher can be issued, instead of an amount."""
    rows = cells(Settled(at(tmp_path), fault), "划款凭证_城乡居民医保")
    assert says in str(line(rows, "本次应付（大写）")[1])


def test_every_break_and_match_stands_in_its_sheet(tmp_path: Path) -> None:
    """The sheet of breaks names id, meaning, state and age, what must be mended first; no cell says nan; matches are listed."""
    settled = Settled(at(tmp_path), "over_transferred", "missing_treasury", "manual_receipt", "refund")
    rows = cells(settled, "差异明细")
    found = {str(row[2]): row for row in rows[3:]}
    assert [str(row[3]) for row in rows[3:]] == ["拦截", "提示", "正常", "正常", "正常"]
    assert set(found) == {"多划", "一方独有（左方）", "退库", "支出户余额变动"}
    assert all("未了结" in row and "2022-03" in row for row in found.values())
    (match,) = [row for row in cells(settled, "核销与认领")[3:] if "税务征收" in str(row[0])]
    assert match[1] == "金额相同、日期相近" and "无号" in str(match)
    assert "由张三放行：演练" in str(cells(settled, "月度结算表")[1])
    for sheet in ("差异明细", "核销与认领", "对账结果"):
        assert not any(str(cell).lower() == "nan" for row in cells(settled, sheet) for cell in row)
