"""``medpool reviews``, ``approve`` and ``reject``: what waits for somebody's word before it is published."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from medpool_etl import pipeline
from medpool_etl.cli.render import out, say
from medpool_etl.errors import InputError
from medpool_etl.money import grouped
from medpool_etl.periods import Period
from medpool_etl.pipeline import MonthRun, Reviewed
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.places import FUNDS
from medpool_etl.policy.deadline import ACTORS
from medpool_etl.store import Control, Settings
from medpool_etl.store.approvals import Approvals

City = Annotated[str, typer.Argument(help="The city, such as taizhou.", show_default=False)]
PeriodText = Annotated[
    str,
    typer.Argument(metavar="PERIOD", help="2022-03, 2022-Q1, 2022-opening or 2022-clearing.", show_default=False),
]
By = Annotated[str, typer.Option(envvar="MEDPOOL_USER", help="Who decides.", show_default=False)]
ReviewName = Annotated[
    str | None, typer.Option("--review", help="Only this review; all that wait by default.", show_default=False)
]
_STATES = {"open": "待审批 waits", "approved": "已同意 approved", "rejected": "已退回 rejected"}


def reviews(
    city: City,
    period: PeriodText,
    lines: Annotated[bool, typer.Option("--lines", help="Print every transfer, not only the sums.")] = False,
) -> None:
    """Show what of the newest run of a period is reviewed: the figures, by which clause, whose word it waits for, what was decided."""
    settings, when = Settings.load(), Period.parse(period)
    control = Control(settings.control_url)
    try:
        newest = Approvals(control).latest_run(city, str(when))
        rows = [row for row in Approvals(control).listing() if (row.city, row.month) == (city, str(when))]
    finally:
        control.close()
    if newest is None:
        raise InputError(f"{city} {when} has no run", do=f"run `medpool run {city} {when}` first")
    run = MonthRun(city, str(when), newest)
    agreed = Agreed.load(city)
    say(f"运行 Run             {newest}")
    for item in pipeline.reviews(settings, run):
        _one(item, agreed, lines)
    for row in rows:
        how = {"unattended": "按无人值守规定 ", "carried": "沿用 "}.get(row.how, "")
        say(
            f"  {row.made_at:%Y-%m-%d %H:%M} {row.review} {_STATES[row.decision]} {how}{row.by}: {row.reason or '—'}（run {row.run_id}）"
        )
    say(f"工作簿 Workbook     {run.folder(settings) / 'reports'}")


def _one(item: Reviewed, agreed: Agreed, lines: bool) -> None:
    say(
        f"\n◇ {item.name} {item.review.title.zh} {item.review.title.en} — {_STATES[item.state]}\n"
        f"  {ACTORS[item.review.by].zh}{'' if item.review.basis == 'notice' else '（通知未规定审核，本市自定 the office’s own）'}，{agreed.rulebook.cite(item.review.clause)}：{agreed.rulebook.clauses[item.review.clause].quote}"
    )
    if item.makers:
        say(f"  经办人（不得审批） Made by, may not approve: {'、'.join(item.makers)}")
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("金额 Amount (元)", justify="right", no_wrap=True)
    for name, total in item.totals.items():
        table.add_row(f"  {name}", grouped(total))
    out.print(table)
    if lines:
        detail = Table(box=None, pad_edge=False)
        for column in ("基金", "县（市、区）", "", "付 → 收", "金额 (元)", "应完成 Due"):
            detail.add_column(column, justify="right" if "金额" in column else "left", overflow="fold")
        for line in item.lines:
            detail.add_row(
                FUNDS[line.fund].zh,
                line.county_name,
                line.what,
                f"{line.payer_name} {line.payer_account} → {line.receiver_name} {line.receiver_account}",
                grouped(line.amount),
                str(line.due or ""),
            )
        out.print(detail)


def approve(
    city: City,
    period: PeriodText,
    run: Annotated[
        str,
        typer.Option("--run", help="The run you have looked at, as `medpool reviews` names it.", show_default=False),
    ],
    by: By,
    review: ReviewName = None,
    reason: Annotated[str, typer.Option(help="What you want to say about it; needed over a rejection.")] = "",
) -> None:
    """Approve what waits of the run you have looked at; the next run of the period publishes it. Whoever had a hand in the figures
    cannot. What was rejected is approved by name only, with a reason."""
    when = Period.parse(period)
    for item in pipeline.decide(Settings.load(), city, when, True, by, reason, review, run_id=run):
        say(f"已同意 Approved: {item.name} {item.review.title.zh}，{len(item.lines)} 笔，{by}")
    say(f"  do: medpool run {city} {when}")


def reject(
    city: City,
    period: PeriodText,
    by: By,
    reason: Annotated[
        str, typer.Option(help="What is wrong: it goes back to those who made the figures.", show_default=False)
    ],
    review: ReviewName = None,
) -> None:
    """Reject what waits, with the reason: nothing is published until the figures change or somebody approves them."""
    when = Period.parse(period)
    for item in pipeline.decide(Settings.load(), city, when, False, by, reason, review):
        say(f"已退回 Rejected: {item.name} {item.review.title.zh}，{by}: {reason}")
    say(f"  do: have files, plans or breaks corrected, then medpool run {city} {when}")
