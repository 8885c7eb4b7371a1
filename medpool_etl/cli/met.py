"""``medpool met``: a person's word that what a deadline asks for was done, where no file and no statement can tell."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from medpool_etl.cli.render import moment, out, say
from medpool_etl.errors import InputError
from medpool_etl.pipeline import watch
from medpool_etl.policy import load_rulebook
from medpool_etl.store import Settings


def met(
    city: Annotated[str, typer.Argument(help="The city, such as taizhou.", show_default=False)],
    deadline: Annotated[
        str | None, typer.Argument(help="The deadline, as reminders name it, such as plan_review.", show_default=False)
    ] = None,
    period: Annotated[
        str | None, typer.Argument(help="Of which period: 2022-03, 2022-Q1, 2022, or once.", show_default=False)
    ] = None,
    by: Annotated[str, typer.Option(envvar="MEDPOOL_USER", help="Who says so.", show_default=False)] = "",
    note: Annotated[str, typer.Option(help="How it is known: a voucher, a date.", show_default=False)] = "",
) -> None:
    """Say that a deadline is met: no reminder and no alert of it goes out again. With the city alone, list what was said."""
    settings = Settings.load()
    if deadline is None:
        _listed(settings, city)
        return
    if period is None:
        raise InputError("of which period?", expected=f"medpool met {city} {deadline} PERIOD --by NAME --note TEXT")
    word = watch.record_met(settings, city, deadline, period, by, note)
    title = load_rulebook(city).deadlines[word.deadline].title
    say(f"已登记 Recorded: {title.zh} {title.en} {word.period} — {word.by}: {word.note}")


def _listed(settings: Settings, city: str) -> None:
    words, deadlines = watch.met(settings, city), load_rulebook(city).deadlines
    if not words:
        say("没有 None")
        return
    table = Table(box=None, pad_edge=False)
    for label in ("事项 What", "所属期 Of", "登记人 By", "说明 Note", "时间 When"):
        table.add_column(label, overflow="fold")
    for word in words:
        title = deadlines[word.deadline].title.zh if word.deadline in deadlines else ""
        table.add_row(f"{word.deadline} {title}".strip(), word.period, word.by, word.note, moment(word.made_at))
    out.print(table)
