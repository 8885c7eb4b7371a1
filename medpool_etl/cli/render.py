"""Print results for people: Chinese labels with an English gloss, amounts grouped."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from medpool_etl.money import grouped
from medpool_etl.periods import Month
from medpool_etl.pipeline import Explanation, InboxRow
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.inbox import STATES as INBOX_STATES
from medpool_etl.reports import Summary, validation_path, workbook_path
from medpool_etl.simulator import Fault, Simulation
from medpool_etl.store import Warehouse
from medpool_etl.store.tables import ClosedMonth, GateOverride

_WIDTH = None if os.isatty(1) else 118
out = Console(width=_WIDTH, highlight=False, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)
FIGURES_SHOWN = {"final": "正式 final", "provisional": "暂定 provisional"}
_SHOWN = 12


def say(text: str) -> None:
    """Print a line."""
    out.print(text, soft_wrap=True)


def failure(text: str) -> None:
    """Print an error to standard error."""
    err.print(f"medpool: {text}", style="bold red" if err.is_terminal else "", soft_wrap=True)


def simulated(result: Simulation) -> None:
    """Print where the rehearsal files are."""
    say(f"模拟文件 Rehearsal files: {len(list(result.folder.iterdir()))} files in {result.folder}")
    say(f"所植差错 What was planted: {result.record}")


def moment(when: dt.datetime) -> str:
    """Return a moment in UTC; PostgreSQL gives it in the server's time zone, SQLite without one."""
    return f"{when.astimezone(dt.UTC) if when.tzinfo else when:%Y-%m-%d %H:%M} UTC"


def faults(listed: Iterable[Fault]) -> None:
    """Print the faults that can be planted."""
    table = Table(box=None, pad_edge=False)
    for column in ("--fault", "差错", "What it is"):
        table.add_column(column)
    for fault in listed:
        alone = " *" if fault.whole_file else ""
        table.add_row(fault.name + alone, fault.zh, fault.en)
    out.print(table)
    say("* makes a whole file useless, so it is planted alone")


def inbox(rows: tuple[InboxRow, ...], city: str, when: Month, everything: bool) -> None:
    """Print a month's inbox as a table, and what is wrong with a file below it."""
    table = Table(box=None, pad_edge=False)
    for column in ("状态 State", "文件类型 Kind", "单位或账户 Whose", "期限 Due", "收到 Received", "文件 File"):
        table.add_column(column, overflow="fold")
    for row in rows:
        if row.state == "none" and not everything:
            continue
        due = "" if row.due is None else f"{row.due}"
        if row.late_after and row.due and row.late_after != row.due:
            due += f"（顺延至 {row.late_after}）"
        version = f" 第{row.version}版" if row.version > 1 else ""
        table.add_row(
            INBOX_STATES[row.state].zh,
            row.title.zh,
            row.whose,
            due,
            f"{row.received_at:%Y-%m-%d %H:%M}" if row.received_at else "",
            row.name + version,
        )
    say(f"{city} {when} 收件情况 Inbox")
    out.print(table)
    for row in rows:
        if row.problem:
            say(f"  ✗ {row.name}: {row.problem.zh}\n    {row.problem.en}")
    counts = {state: sum(row.state == state for row in rows) for state in INBOX_STATES}
    say("；".join(f"{text.zh} {text.en}: {counts[state]}" for state, text in INBOX_STATES.items() if counts[state]))


def overridden(found: GateOverride) -> None:
    """Print what a person took upon themselves."""
    covers = len(json.loads(found.covers))
    say(f"{found.city} {found.month} 已放行 overridden: {covers} 笔差异 breaks, {found.by}: {found.reason}")
    say(f"重新运行后发布。 It is published by the next `medpool run {found.city} {found.month}`.")


def closed(month: ClosedMonth) -> None:
    """Print how a month was closed."""
    say(
        f"{month.city} {month.month} 已结账 is closed: 运行 run {month.run_id}, {month.closed_by}, {moment(month.closed_at)}"
    )
    if month.note:
        say(f"  说明 Note: {month.note}")


def month(summary: Summary, agreed: Agreed, when: Month, folder: Path, warehouse: Warehouse, unchanged: bool) -> None:
    """Print a month in short: received, set aside, reconciled, to be remitted, and where everything is."""
    say(f"\n{agreed.city.name.zh} {when.zh} 医保基金月度结算 Monthly settlement — {FIGURES_SHOWN[summary.figures]}")
    if unchanged:
        say(
            "输入与规则未变，结果保持不变。 Nothing changed: same inputs and rules, the published results stay as they are."
        )
    if summary.reasons_zh:
        say(f"暂定原因：{summary.reasons_zh}\nWhy provisional: {summary.reasons_en}")
    if summary.override_by:
        say(f"已拦截，人工放行 Blocked, and overridden by {summary.override_by}: {summary.override_reason}")
    _files(summary)
    _findings(summary)
    _pairs(summary)
    _remittances(summary, agreed)
    for row in summary.adjustments.to_dict("records"):
        say(
            f"往月调整 Adjustment of {row['of_month']}: {row['county_name']} {row['fund_name']} {row['item_name']} "
            f"{grouped(row['adjustment'])} 元（{row['late_files']}）"
        )
    say("\n结果 Results")
    say(f"  工作簿 Workbook     {workbook_path(folder, agreed.city, when)}")
    say(f"  校验报告 Validation {validation_path(folder, agreed.city, when)}")
    say(f"  Parquet 文件        {folder / 'tables'}")
    say(f"  DuckDB 数据集市     {warehouse.current_mart}")
    if not summary.remittances.empty:
        say(f"  追溯金额 Explain    {command()} explain {summary.remittances['row_id'].iloc[-1]}")


def command() -> str:
    """Return how this program was called, with the data it was told to use, so that a line can be copied."""
    data = os.environ.get("MEDPOOL_DATA")
    called = os.path.relpath(sys.argv[0]) if os.sep in sys.argv[0] else sys.argv[0]
    return f"MEDPOOL_DATA={os.path.relpath(data)} {called}" if data else called


def _files(summary: Summary) -> None:
    rows = summary.files
    came = rows[rows["outcome"] != "missing"]
    used = came[came["outcome"].str.startswith("accepted")]
    aside = int(used["rows_set_aside"].sum() or 0)
    say(
        f"\n收到文件 Received: {len(came)} files, {len(used)} accepted; "
        f"{int(used['rows_read'].sum() or 0):,} rows read, {int(used['rows_accepted'].sum() or 0):,} used, {aside:,} set aside 剔除"
    )
    for row in rows[rows["problem_zh"].notna()].to_dict("records"):
        say(f"  ✗ {row['file_name'] or '（未到）'}: {row['problem_zh']}\n    {row['problem_en']}")


def _findings(summary: Summary) -> None:
    rows = summary.findings
    if rows.empty:
        return
    say("\n剔除行与警告 Rows set aside (✗) and warned of (!)")
    for row in rows.head(_SHOWN).to_dict("records"):
        mark = "!" if row["severity"] == "info" else "✗"
        say(f"  {mark} {row['file_name']} 第{row['row_no']}行 {row['column_headers'] or '整行'}: {row['found']}")
        say(f"    应为 expected: {row['expected_zh']} ({row['expected_en']}); {row['do_zh']}")
    if len(rows) > _SHOWN:
        say(f"  … {len(rows) - _SHOWN} more in the workbook (剔除行与警告)")


def _pairs(summary: Summary) -> None:
    say("\n对账 Reconciliations")
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    # In a narrow window the name wraps; an amount is never cut.
    table.add_column("对账项 Pair", overflow="fold")
    for column in ("左方 Left", "右方 Right", "往月 Before", "差额 Difference", "未了结 Open"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("笔 Items", justify="right", no_wrap=True)
    for row in summary.pairs.to_dict("records"):
        table.add_row(
            "–" if row["item_count"] == 0 else "✓" if row["open_count"] == 0 else "✗",
            row["pair_title"],
            grouped(row["left_total"]),
            grouped(row["right_total"]),
            grouped(row["brought_forward"]),
            grouped(row["difference"]),
            grouped(row["open_difference"]),
            f"{row['open_count']:,} / {row['item_count']:,}",
        )
    out.print(table)
    shown = summary.breaks[(summary.breaks["state"] == "open") & (summary.breaks["gate"] != "expected")]
    shown = shown.assign(rank=shown["gate"].map({"block": 0}).fillna(1)).sort_values(["rank", "pair", "row_id"])
    for row in shown.head(_SHOWN).to_dict("records"):
        mark = "⛔" if row["gate"] == "block" else "✗"
        old = f"，{row['origin_month']} 起 since" if row["origin_month"] != row["month"] else ""
        say(
            f"  {mark} {row['break_id']} {row['pair_title']}: {row['class_title']} {grouped(row['difference'])} 元, "
            f"{row['county_name']} {row['item_key']}{old}"
        )
        say(f"    责任方 owner: {row['owner_title']}; {row['do_zh']}")
    if len(shown) > _SHOWN:
        say(f"  … {len(shown) - _SHOWN} more in the workbook (差异明细)")
    if rest := len(summary.breaks) - len(shown):
        say(
            f"  另有 {rest} 笔正常或已说明的差异 and {rest} breaks that are expected or explained, in the workbook (差异明细)"
        )


def _remittances(summary: Summary, agreed: Agreed) -> None:
    vouchers = {row["fund"]: row for row in summary.vouchers.to_dict("records")}
    if not vouchers:
        # Where premiums take another way than the treasury, there is nothing to remit from it.
        return
    first = summary.vouchers.to_dict("records")[0]
    say(
        f"\n应划财政专户 Remittances — {first['rule_id']} {first['clause']}; "
        f"应完成 due {first['due_date']}, late after {first['late_after']}"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("县（市、区） County", no_wrap=True)
    for voucher in vouchers.values():
        table.add_column(f"{voucher['fund_name']} (元)", justify="right", no_wrap=True)
    amounts: dict[tuple[str, str], Any] = {
        (row["county"], row["fund"]): row["amount"] for row in summary.remittances.to_dict("records")
    }
    for code, name in dict.fromkeys(
        zip(summary.remittances["county"], summary.remittances["county_name"], strict=True)
    ):
        table.add_row(f"{code} {name}", *(grouped(amounts[(code, fund)]) for fund in vouchers))
    for label, column in (
        ("往月待划 Before", "amount_brought_forward"),
        ("合计 Due", "amount_due"),
        ("已划 Transferred", "amount_transferred"),
        ("待划 Outstanding", "amount_outstanding"),
    ):
        table.add_row(label, *(grouped(voucher[column]) for voucher in vouchers.values()), style="bold")
    out.print(table)
    say(f"  “{agreed.rulebook.clauses[agreed.rulebook.rules[first['rule_id']].clause].quote}”")


def explanation(found: Explanation, limit: int) -> None:
    """Print an amount, its clauses, and the file rows that add up to it."""
    say(f"{found.row['row_id']}\n{found.title} {found.column} = {grouped(found.amount)} 元")
    for name, place, quote in found.clauses:
        say(f"依据 Clause {name}: {place}\n  “{quote}”")
    if found.facts:
        _worked_out(found, limit)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("文件 File")
    table.add_column("工作表 Sheet")
    table.add_column("行 Row", justify="right")
    table.add_column("金额 Amount (元)", justify="right", no_wrap=True)
    shown = found.sources if limit == 0 else found.sources[:limit]
    for source in shown:
        table.add_row(source.file_name, source.sheet, str(source.row_no or ""), grouped(source.amount))
    rest = found.sources[len(shown) :]
    if rest:
        table.add_row(
            f"… {len(rest):,} more rows (--limit 0 prints all)",
            "",
            "",
            grouped(sum((s.amount for s in rest), rest[0].amount * 0)),
        )
    table.add_row(f"合计 Sum of {len(found.sources):,} rows", "", "", grouped(found.amount), style="bold")
    out.print(table)


def _worked_out(found: Explanation, limit: int) -> None:
    say(
        f"付款方 Payer: {found.row['payer_name']} → 收款方 Receiver: {found.row['receiver_name']}; 应完成 due {found.row['due_date'] or '—'}"
    )
    say("\n计算过程 Working")
    for text, value in found.working:
        say(f"  {text}: {value}")
    say("\n计算依据 Facts")
    table = Table(box=None, pad_edge=False)
    for column in ("数据项 Fact", "县（市、区） County"):
        table.add_column(column)
    table.add_column("数值 Value", justify="right", no_wrap=True)
    table.add_column("来源 Source", overflow="fold")
    shown = found.facts if limit == 0 else found.facts[:limit]
    for line in shown:
        table.add_row(*(str(cell) for cell in line))
    if len(found.facts) > len(shown):
        table.add_row(f"… {len(found.facts) - len(shown)} more (--limit 0 prints all)", "", "", "")
    out.print(table)
