"""The month's workbook: 划款凭证, 月度结算表, reconciliations, breaks, files. The same run gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from medpool_etl.money import uppercase_zh
from medpool_etl.periods import Month
from medpool_etl.places import City
from medpool_etl.policy import Rulebook
from medpool_etl.policy.model import GATES
from medpool_etl.reports.indicator_sheets import write_indicators
from medpool_etl.reports.ledger_sheets import LedgerSheets
from medpool_etl.reports.rule_sheets import RuleSheets
from medpool_etl.reports.sheets import named, write_book
from medpool_etl.reports.tables import read_table

STATES = {"open": "未了结", "explained": "已说明", "corrected": "已更正", "cleared": "已核销"}
SETTLEMENT_COLUMNS = {
    "tax_collected": "税务征收（已入库）",
    "tax_in_transit": "税务在途",
    "treasury_booked": "国库入库",
    "agency_booked": "系统到账",
    "remittance_due": "应划专户",
    "allocation_sent": "市级拨付",
    "account_opening": "支出户期初",
    "account_received": "本月拨入",
    "account_interest": "利息收入",
    "expenditure": "基金支出",
    "account_closing": "支出户期末",
}


def workbook_path(folder: Path, city: City, month: Month) -> Path:
    """Return where a run keeps its workbook."""
    return folder / "reports" / f"{city.name.zh}医保基金月度结算_{month.compact}.xlsx"


def write_workbook(folder: Path, city: City, rulebook: Rulebook, month: Month) -> Path:
    """Write the workbook of a run whose tables are there and return its path."""
    return write_book(
        workbook_path(folder, city, month), lambda book: _Writer(book, folder, city, rulebook, month).write()
    )


class _Writer(LedgerSheets, RuleSheets):
    def write(self) -> None:
        vouchers, remittances = read_table(self.folder, "vouchers"), read_table(self.folder, "remittances")
        for voucher in vouchers.sort_values("fund", ascending=False).to_dict("records"):
            self._voucher(voucher, remittances[remittances["fund"] == voucher["fund"]])
        if not (settled := read_table(self.folder, "monthly_settlement")).empty:
            self._settlement(settled)
        transfers = read_table(self.folder, "transfers")
        # The remittances stand on the vouchers; what else the month orders has sheets of its own.
        others = transfers[~transfers["rule_id"].isin(list(vouchers["rule_id"]))]
        if not others.empty:
            self.rules(others)
        self.listing("对账结果", self._pairs(), [40, 30, 12, 12, 18, 18, 16, 16, 16, 16, 10, 10, 8])
        self.listing("差异明细", self._breaks(), [18, 34, 14, 10, 8, 10, 8, 12, 22, 16, 16, 16, 10, 8, 24, 32, 32, 36])
        self.listing("核销与认领", self._matches(), [34, 22, 8, 12, 24, 24, 16, 10, 32, 32])
        self.listing("往月调整", self._adjustments(), [10, 8, 12, 22, 18, 18, 18, 18, 40])
        self.trial_balance()
        self.fund_statement()
        self.balance_sheet()
        self.instructed_executed()
        write_indicators(self)
        self.listing("文件", self.files(), [44, 20, 18, 16, 10, 10, 10, 60])
        self.listing("剔除行与警告", self.findings(), [44, 10, 8, 10, 22, 26, 40, 40])

    def _voucher(self, voucher: dict[str, Any], rows: pd.DataFrame) -> None:
        sheet = self.sheet(f"划款凭证_{voucher['fund_name']}", 4, landscape=False)
        sheet.write_string(0, 0, f"{self.city.name.zh}医疗保险费划款凭证（{voucher['fund_name']}）", self.title)
        self.standing(sheet, 1, 4)
        sheet.set_column(0, 0, 16)
        sheet.set_column(1, 3, 26)
        named = self.rulebook.rules[voucher["rule_id"]].clause
        clause = self.rulebook.clauses[named]
        due, late = voucher["due_date"], voucher["late_after"]
        words, payable = self._to_pay(voucher)
        lines: list[tuple[str, str]] = [
            ("凭证编号", f"{voucher['rule_id']}-{self.month.compact}-{voucher['fund']}-{self.known['run_id'][:6]}"),
            ("付款方", f"{voucher['payer_name']}　账号 {voucher['payer_account']}"),
            ("收款方", f"{voucher['receiver_name']}　账号 {voucher['receiver_account']}"),
            ("用途", f"划转{self.month.zh}{voucher['fund_name']}保险费"),
            ("本次应付（大写）", words),
            (
                "应完成日",
                f"{due:%Y-%m-%d}" + ("" if due == late else f"（非工作日，顺延至{late:%Y-%m-%d}，其后为逾期）"),
            ),
            ("依据", f"{self.rulebook.cite(named)}：{clause.quote}"),
        ]
        row = 2
        for label, text in lines:
            sheet.write_string(row, 0, label, self.label)
            sheet.merge_range(row, 1, row, 3, text, self.text)
            sheet.set_row(row, 62 if label == "依据" else 22)
            row += 1
        sheet.write_row(row, 0, ["行政区划", "县（市、区）", "凭证张数", "金额（元）"], self.head)
        first = row + 1
        for item in rows.sort_values("county").to_dict("records"):
            row += 1
            sheet.write_string(row, 0, item["county"], self.text)
            sheet.write_string(row, 1, item["county_name"], self.text)
            sheet.write_number(row, 2, item["receipts"], self.count)
            sheet.write_number(row, 3, item["amount"], self.money)
        row += 1
        sheet.merge_range(row, 0, row, 1, "合计（应划金额）", self.label)
        self.sum_of(sheet, row, 2, first, sum(rows["receipts"]), self.count)
        self.sum_of(sheet, row, 3, first, voucher["amount_due"], self.total)
        for label, amount in (
            ("往月待划金额", "amount_brought_forward"),
            ("已划金额（对账单）", "amount_transferred"),
            ("待划金额", "amount_outstanding"),
        ):
            row += 1
            sheet.merge_range(row, 0, row, 2, label, self.label)
            sheet.write_number(row, 3, voucher[amount], self.total)
        if payable:
            if self.known["figures"] == "provisional":
                sheet.merge_range(row + 2, 0, row + 2, 3, "数据为暂定：差异核清后方可据此划款。", self.warn)
            sheet.merge_range(
                row + 3, 0, row + 3, 3, "开具日期：　　　　制单：　　　　复核：　　　　审批：", self.plain
            )

    def _to_pay(self, voucher: dict[str, Any]) -> tuple[str, bool]:
        """Return the amount still to be paid in words, or why there is no voucher to issue, and whether there is one."""
        files = read_table(self.folder, "files")
        there = files[files["outcome"].str.startswith("accepted")]
        if not (there["contract"] == "treasury_receipts").any():
            return "不能开具：国库入库清单未到或不可用", False
        if not (there["part"] == voucher["receiver_account"]).any():
            return "不能开具：财政专户对账单未到或不可用，已划金额不明", False
        if voucher["amount_outstanding"] <= 0:
            return "无需开具：应划金额已划转", False
        return f"人民币{uppercase_zh(voucher['amount_outstanding'])}", True

    def _settlement(self, rows: pd.DataFrame) -> None:
        width = 2 + len(SETTLEMENT_COLUMNS)
        sheet = self.sheet("月度结算表", width)
        sheet.write_string(0, 0, f"{self.city.name.zh}基本医疗保险基金月度结算表", self.title)
        self.standing(sheet, 1, width)
        sheet.write_string(2, width - 1, "单位：元", self.plain)
        sheet.set_column(0, 1, 13)
        sheet.set_column(2, width - 1, 17)
        row = 3
        for fund in ("worker", "resident"):
            part = rows[rows["fund"] == fund].sort_values("county")
            sheet.merge_range(row, 0, row, width - 1, part["fund_name"].iloc[0], self.label)
            sheet.write_row(row + 1, 0, ["行政区划", "县（市、区）", *SETTLEMENT_COLUMNS.values()], self.head)
            row, first = row + 2, row + 2
            for item in part.to_dict("records"):
                sheet.write_string(row, 0, item["county"], self.text)
                sheet.write_string(row, 1, item["county_name"], self.text)
                for position, name in enumerate(SETTLEMENT_COLUMNS, 2):
                    sheet.write_number(row, position, item[name], self.money)
                row += 1
            sheet.merge_range(row, 0, row, 1, "合计", self.label)
            for position, name in enumerate(SETTLEMENT_COLUMNS, 2):
                self.sum_of(sheet, row, position, first, sum(part[name]), self.total)
            row += 2
        sheet.freeze_panes(3, 2)

    def _pairs(self) -> pd.DataFrame:
        rows = read_table(self.folder, "reconciliations")
        order = {pair: position for position, pair in enumerate(self.rulebook.pairs)}
        rows = rows.assign(position=rows["pair"].map(order)).sort_values(["position", "fund", "county"])
        rows["agrees"] = rows["agrees"].map({True: "一致", False: "不一致"})
        rows["fund"] = rows["fund"].map({"worker": "职工", "resident": "居民"})
        return named(
            rows,
            pair_title="对账项", clause="依据条款", fund="基金", county_name="县（市、区）", left_total="左方合计",
            right_total="右方合计", brought_forward="往月结转", difference="差额", expected_difference="其中：正常或已说明",
            open_difference="其中：未了结", item_count="核对笔数", open_count="未了结笔数", agrees="结果",
        )  # fmt: skip

    def _breaks(self) -> pd.DataFrame:
        rows = _placed(read_table(self.folder, "breaks"))
        # What must be mended comes first, what is as it should be last.
        rows["rank"] = rows["gate"].map({"block": 0, "warn": 1}).fillna(2) + rows["state"].map({"open": 0}).fillna(2)
        rows = rows.sort_values(["rank", "pair", "row_id"])
        rows["gate"] = rows["gate"].map({name: text.zh for name, text in GATES.items()})
        rows["state"] = rows["state"].map(STATES)
        rows["said"] = [
            None if pd.isna(by) else f"{by}：{note}"
            for by, note in zip(rows["decided_by"], rows["decision_note"], strict=True)
        ]
        return named(
            rows,
            break_id="编号", pair_title="对账项", class_title="类别", gate="结算", state="状态", owner_title="责任方",
            fund="基金", county_name="县（市、区）",
            item_key="票据号（或账号/日期/流水号）", left_amount="左方金额", right_amount="右方金额", difference="差额",
            origin_month="产生月份", age_days="账龄（天）", said="说明", left="左方位置", right="右方位置", do_zh="处理办法",
        )  # fmt: skip

    def _matches(self) -> pd.DataFrame:
        return named(
            _placed(read_table(self.folder, "matched_items")),
            pair_title="对账项", pass_title="核对方式",  # noqa: S106
            fund="基金", county_name="县（市、区）", left_item="左方号码",
            right_item="右方号码", matched_amount="金额", origin_month="产生月份", left="左方位置", right="右方位置",
        )  # fmt: skip

    def _adjustments(self) -> pd.DataFrame:
        rows = read_table(self.folder, "adjustments")
        rows["fund"] = rows["fund"].map({"worker": "职工", "resident": "居民"})
        return named(
            rows,
            of_month="已结账月份", fund="基金", county_name="县（市、区）", item_name="项目", closed_amount="结账时金额",
            adjusted_before="以前月份已调整", corrected_amount="重算金额", adjustment="本月调整额", late_files="迟到文件",
        )  # fmt: skip


def _placed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of two sides with the place of each in words, and the fund in Chinese."""
    for side in ("left", "right"):
        rows[side] = [
            None if pd.isna(name) else f"{name} 第{row}行"
            for name, row in zip(rows[f"{side}_file"], rows[f"{side}_row"], strict=True)
        ]
    rows["fund"] = rows["fund"].map({"worker": "职工", "resident": "居民"})
    return rows
