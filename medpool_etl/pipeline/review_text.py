"""What somebody who approves reads: the figures under review, in Markdown, Chinese with an English gloss."""

from __future__ import annotations

from medpool_etl.money import grouped
from medpool_etl.pipeline.opening import MonthRun
from medpool_etl.pipeline.reviews import Reviewed
from medpool_etl.places import FUNDS
from medpool_etl.policy.deadline import ACTORS
from medpool_etl.store import Settings
from medpool_etl.store.approvals import REJECTED
from medpool_etl.store.warehouse import read_json

# Transfers that are listed one by one; behind them the workbook is easier to read.
LISTED = 200


def subject(run: MonthRun, item: Reviewed) -> str:
    """Return the headline: 台州市 2022年3月 用款计划审核 Review of the funding plans."""
    return f"{run.agreed().city.name.zh} {run.period.zh} {item.review.title.zh} {item.review.title.en}"


def body(settings: Settings, run: MonthRun, item: Reviewed) -> str:
    """Return what is asked, by which clause, whether the figures are final, who had a hand in them, the sums (yuan), the transfers, and
    where the workbook is."""
    agreed, folder = run.agreed(), run.folder(settings)
    known = read_json(folder / "summary.json")
    clause = agreed.rulebook.clauses[item.review.clause]
    state = "正式 final" if known["figures"] == "final" else f"**暂定 provisional**：{known['reasons_zh']}"
    lines = [
        f"**{ACTORS[item.review.by].zh} {ACTORS[item.review.by].en}** — {agreed.rulebook.cite(item.review.clause)}：“{clause.quote}”",
        "",
        f"数据状态 Figures: {state}",
    ]
    if item.review.basis == "own":
        lines += [
            "",
            "通知未规定由谁审核，本市自定 The notice names nobody who reviews this; the office has it reviewed.",
        ]
    if not item.lines:
        lines += ["", "**已发布的划转全部撤销 Everything of this that was published is withdrawn.**"]
    if item.makers:
        lines += ["", f"经办人（不得审批） Had a hand in it, may not approve: {'、'.join(item.makers)}"]
    if item.decision and item.state == REJECTED:
        lines += ["", f"**上次退回 Rejected before** — {item.decision.by}：{item.decision.reason}"]
    lines += ["", "| 划转 Transfers | 笔 | 金额 Amount (元) |", "|---|---:|---:|"]
    for name, total in item.totals.items():
        count = sum(f"{FUNDS[line.fund].zh} {line.what}" == name for line in item.lines)
        lines.append(f"| {name} | {count} | {grouped(total)} |")
    lines += ["", "| 基金 | 县（市、区） | 事项 | 付 → 收 | 金额 (元) | 应完成 Due |", "|---|---|---|---|---:|---|"]
    for line in item.lines[:LISTED]:
        lines.append(
            f"| {FUNDS[line.fund].zh} | {line.county_name or agreed.city.name.zh} | {line.what} | {line.payer_name} {line.payer_account} → {line.receiver_name} "
            f"{line.receiver_account} "
            f"| {grouped(line.amount)} | {line.due or '—'} |"
        )
    if len(item.lines) > LISTED:
        lines += [
            "",
            f"……另有 {len(item.lines) - LISTED} 笔，见工作簿 and {len(item.lines) - LISTED} more in the workbook",
        ]
    lines += [
        "",
        f"工作簿 Workbook: `{folder / 'reports'}`；运行 Run `{run.run_id}`；`medpool reviews {run.city} {run.month} --lines`",
        "",
        "同意后即发布；退回必须写明理由。 Approved, it is published; a rejection must give its reason.",
    ]
    return "\n".join(lines)
