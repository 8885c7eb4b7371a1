"""Print what rules ordered: of a quarter, an opening or a clearing, and of a month beside its remittances."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from rich.table import Table

from medpool_etl.cli.render import FIGURES_SHOWN, command, out, say
from medpool_etl.marts import table_path
from medpool_etl.money import grouped
from medpool_etl.periods import Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.annual import STATES, Item
from medpool_etl.places import FUNDS
from medpool_etl.policy.risk import LEVELS
from medpool_etl.reports import period_workbook_path, validation_path
from medpool_etl.reports.tables import read_table
from medpool_etl.settlement import ROLES, step_zh
from medpool_etl.store import Warehouse
from medpool_etl.store.warehouse import read_json

_RISKS_SHOWN = 8
_TITLES = {
    "quarter": "季度划转 Quarterly transfers",
    "opening": "年初划拨 Opening of the year",
    "clearing": "年终清算 Annual clearing",
}


def period(agreed: Agreed, when: Period, folder: Path, warehouse: Warehouse, unchanged: bool) -> None:
    """Print a quarter, an opening or a clearing in short: what is ordered, what nobody pays, and where everything is."""
    known = read_json(folder / "summary.json")
    say(
        f"\n{agreed.city.name.zh} {when.zh} {_TITLES[when.kind].removeprefix('年终清算 ')} — {FIGURES_SHOWN[known['figures']]}"
    )
    if unchanged:
        say(
            "输入与规则未变，结果保持不变。 Nothing changed: same inputs and rules, the published results stay as they are."
        )
    if known["reasons_zh"]:
        say(f"暂定原因：{known['reasons_zh']}\nWhy provisional: {known['reasons_en']}")
    for notice in agreed.rulebook.supplements:
        say(f"适用补充规定 With the supplement {notice.number} {notice.title}")
    orders(read_table(folder, "transfers"), agreed)
    for row in read_table(folder, "rule_unfunded").to_dict("records"):
        whose = row["county_name"] if isinstance(row["county_name"], str) else agreed.city.name.zh
        say(
            f"  ! {whose} {FUNDS[row['fund']].zh}: {row['problem_zh']} {grouped(row['amount'])} 元（{row['clause']}）\n    {row['problem_en']}"
        )
    say("\n结果 Results")
    say(f"  工作簿 Workbook     {period_workbook_path(folder, agreed.city, when)}")
    say(f"  校验报告 Validation {validation_path(folder, agreed.city, when)}")
    say(f"  Parquet 文件        {folder / 'tables'}")
    say(f"  DuckDB 数据集市     {warehouse.current_mart}")
    transfers = read_table(folder, "transfers")
    if not transfers.empty:
        say(f"  追溯金额 Explain    {command()} explain {transfers['row_id'].iloc[-1]}")


def risks(folder: Path) -> None:
    """Print the warnings of a run, the most serious first; nothing where there are none."""
    if not table_path(folder, "risk_warnings").is_file():
        return
    rows = read_table(folder, "risk_warnings").to_dict("records")
    rows.sort(key=lambda row: (list(LEVELS).index(row["level"]), row["indicator"], row["fund"], row["county"]))
    if rows:
        say(f"\n基金运行风险预警 Warnings of risk: {len(rows)}（{rows[0]['clause']}）")
    for row in rows[:_RISKS_SHOWN]:
        say(f"  ! 【{row['level_title']} {row['level']}】{row['problem_zh']}\n    {row['problem_en']}")
    if len(rows) > _RISKS_SHOWN:
        say(
            f"  … 另有 {len(rows) - _RISKS_SHOWN} 条，见工作簿“风险预警” and {len(rows) - _RISKS_SHOWN} more in the workbook"
        )


def orders(transfers: pd.DataFrame, agreed: Agreed) -> None:
    """Print a line for each rule, step and fund: from whom to whom, how many transfers, how much, by when."""
    say("\n划转 Transfers ordered")
    table = Table(box=None, pad_edge=False)
    table.add_column("规则 Rule", no_wrap=True)
    table.add_column("", overflow="fold")
    table.add_column("基金 Fund", no_wrap=True)
    table.add_column("付 → 收 From → to", overflow="fold")
    table.add_column("笔", justify="right", no_wrap=True)
    table.add_column("金额 Amount (元)", justify="right", no_wrap=True)
    table.add_column("应完成 Due", no_wrap=True)
    transfers = transfers.assign(step=transfers["step"].fillna(""))
    for (rule_id, step, fund, payer, receiver), group in transfers.groupby(
        ["rule_id", "step", "fund", "payer", "receiver"], sort=False
    ):
        entry = agreed.rulebook.rules.get(rule_id)
        days = sorted({str(day) for day in group["due_date"].dropna()})
        table.add_row(
            rule_id,
            (entry.title.zh if entry else agreed.rulebook.clauses[rule_id].source)
            + (f" {step_zh(step)}" if step else ""),
            FUNDS[fund].zh,
            f"{ROLES[payer].zh} → {ROLES[receiver].zh}",
            str(len(group)),
            grouped(sum(group["amount"])),
            days[-1] if days else "",
        )
    out.print(table)
    if transfers.empty:
        say("  （无 none）")


def agenda(items: Iterable[Item]) -> None:
    """Print the periods of a year, where each stands, and the rules settled with it."""
    table = Table(box=None, pad_edge=False)
    for column in ("期间 Period", "状态 State"):
        table.add_column(column, no_wrap=True)
    table.add_column("规则 Rules", overflow="fold")
    for item in items:
        state = STATES[item.state]
        table.add_row(str(item.period), f"{state.zh} {state.en}", "、".join(item.rules))
    out.print(table)
