"""``medpool ready``: what came, which periods would be settled now and why, and what the others wait for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from medpool_etl.cli.render import out, say
from medpool_etl.documents import Text
from medpool_etl.errors import InputError
from medpool_etl.pipeline.looking import Came
from medpool_etl.pipeline.ready import BECAUSE, Intake, take_in
from medpool_etl.places import load_city
from medpool_etl.store import Settings

# How much of what a period lacks is named before the rest is counted.
_NAMED = 12
_WAITS = {
    "lacks": Text(zh="缺", en="lacks"),
    "behind": Text(zh="排队", en="waits behind"),
    "begun": Text(zh="已按现有依据办过，未发布", en="was begun with these very inputs and is not published"),
    "gone": Text(zh="收件夹里的文件已不在", en="its files are no longer in the inbox"),
}


def ready(
    city: Annotated[str, typer.Argument(help="The city, such as taizhou.", show_default=False)],
    on: Annotated[
        str | None, typer.Option(metavar="DAY", help="As of this day (default: today).", show_default=False)
    ] = None,
) -> None:
    """Receive what is new in a city's inbox and say what would be settled now and why, and what everything else waits for."""
    found = take_in(Settings.load(), city, _day(on) if on else None)
    say(f"{load_city(city).name.zh} 收件与就绪 Inbox and readiness")
    _files("新收 New", found.came)
    _files("不可用 Unusable", found.unusable)
    for name in found.misplaced:
        say(f"⚠ {name}：不是期间文件夹，无人查看 no folder of a period (2022-03, yearly): nobody looks there")
    _starts(found)
    _waiting(found)


def _starts(found: Intake) -> None:
    say("\n应办 To be settled now")
    if not found.starts:
        say("  无 Nothing")
    for start in found.starts:
        why = BECAUSE[start.because]
        say(f"  {start.period}  {why.zh} {why.en}")
        _lines("缺 lacks", start.missing)
        _lines("变动 changed", start.what)
        say(f"    do: medpool run {found.city} {start.period}{' --ahead' if start.because == 'ahead' else ''}")


def _waiting(found: Intake) -> None:
    if not found.waiting:
        return
    say("\n等待 Waiting")
    for item in found.waiting:
        until = f"（{item.due} 起办理 settled from that day）" if item.due and item.because == "lacks" else ""
        say(f"  {item.period}  {_WAITS[item.because].zh} {_WAITS[item.because].en}{until}")
        _lines("", item.what)


def _lines(label: str, texts: tuple[Text, ...]) -> None:
    for text in texts[:_NAMED]:
        say(f"    {f'{label}: ' if label else ''}{text.zh if text.zh == text.en else f'{text.zh} {text.en}'}")
    if len(texts) > _NAMED:
        say(f"    … {len(texts) - _NAMED} more")


def _files(label: str, files: Iterable[Came]) -> None:
    rows = list(files)
    if not rows:
        return
    say(f"\n{label}: {len(rows)}")
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for came in rows:
        what = f"{came.title.zh} {came.whose}".strip() if came.title else "?"
        table.add_row(
            f"  {came.place}/{came.name}", what, f"{came.problem.zh} {came.problem.en}" if came.problem else ""
        )
    out.print(table)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is not a day", where="--on", expected="a day such as 2022-04-20") from None
