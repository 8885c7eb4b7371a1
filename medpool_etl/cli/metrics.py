"""``medpool metrics``: what each step of the newest runs took, on how much, and how it ended."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.table import Table

from medpool_etl.cli.render import moment, out, say
from medpool_etl.documents import Text
from medpool_etl.periods import Period
from medpool_etl.pipeline.metrics import RunMetrics, metrics_of, seconds_of
from medpool_etl.places import load_city
from medpool_etl.store import Settings
from medpool_etl.store.tables import StepRun

_OUTCOMES = {
    "running": Text(zh="进行中", en="running"),
    "done": Text(zh="完成", en="done"),
    "blocked": Text(zh="拦截", en="blocked"),
    "failed": Text(zh="失败", en="failed"),
    "died": Text(zh="中断", en="died"),
}


def metrics(
    city: Annotated[str, typer.Argument(help="The city, such as taizhou.", show_default=False)],
    period: Annotated[
        str | None,
        typer.Argument(
            metavar="PERIOD", help="Only this: 2022-03, 2022-Q1, 2022-opening or 2022-clearing.", show_default=False
        ),
    ] = None,
    runs: Annotated[int, typer.Option(help="How many of the newest runs.", min=1)] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Show how long the steps of the newest runs took, on how many files and rows, what had them run, and how they ended."""
    name = load_city(city).name.zh
    found = metrics_of(Settings.load(), city, Period.parse(period) if period else None, runs)
    if as_json:
        typer.echo(json.dumps([_run_as_json(item) for item in found], ensure_ascii=False, indent=2))
        return
    say(f"{name} 运行记录 Run metrics")
    if not found:
        say("没有 None")
    for item in found:
        _shown(item)
    if found:
        outcomes = [row.outcome for item in found for row in item.steps]
        ended = "，".join(f"{_OUTCOMES[o].zh} {o} {outcomes.count(o)}" for o in _OUTCOMES if o in outcomes)
        total = sum((item.seconds for item in found), Decimal(0))
        say(f"\n合计 Total: {len(found)} 次运行 runs, {len(outcomes)} 个步骤 steps（{ended}）, {total:,.3f} s")


def _shown(item: RunMetrics) -> None:
    say(f"\n{item.month} 运行 run {item.run_id}")
    table = Table(box=None, pad_edge=False)
    table.add_column("步骤\nStep", no_wrap=True)
    table.add_column("结果\nOutcome", no_wrap=True)
    table.add_column("开始\nStarted", no_wrap=True)
    for label in ("秒\nSeconds", "文件\nFiles", "行\nRows", "剔除\nSet aside"):
        table.add_column(label, justify="right", no_wrap=True)
    table.add_column("启动\nStarted by", overflow="fold")
    for row in item.steps:
        seconds = seconds_of(row)
        table.add_row(
            row.step,
            f"{_OUTCOMES[row.outcome].zh} {row.outcome}",
            moment(row.started_at),
            "" if seconds is None else f"{seconds:,.3f}",
            *("" if count is None else f"{count:,}" for count in (row.files, row.rows, row.rows_set_aside)),
            row.started_by,
        )
    out.print(table)
    for error, _ in groupby(row.error for row in item.steps if row.error):
        say(f"  {error}")
    say(
        f"  小计 Sum: {item.seconds:,.3f} s；{_count(item.files)} 个文件 files，{_count(item.rows)} 行 rows，"
        f"剔除 set aside {_count(item.rows_set_aside)}"
    )


def _count(number: int | None) -> str:
    return "—" if number is None else f"{number:,}"


def _run_as_json(item: RunMetrics) -> dict[str, Any]:
    return {
        "city": item.city,
        "month": item.month,
        "run_id": item.run_id,
        "seconds": str(item.seconds),
        "files": item.files,
        "rows": item.rows,
        "rows_set_aside": item.rows_set_aside,
        "steps": [_step_as_json(row) for row in item.steps],
    }


def _step_as_json(row: StepRun) -> dict[str, Any]:
    seconds = seconds_of(row)
    return {
        "step": row.step,
        "outcome": row.outcome,
        "started_at": _instant(row.started_at),
        "ended_at": row.ended_at and _instant(row.ended_at),
        "seconds": None if seconds is None else str(seconds),
        "files": row.files,
        "rows": row.rows,
        "rows_set_aside": row.rows_set_aside,
        "started_by": row.started_by,
        "error": row.error or None,
    }


def _instant(when: dt.datetime) -> str:
    """Return a moment in UTC with its zone, which SQLite does not keep."""
    return (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).astimezone(dt.UTC).isoformat()
