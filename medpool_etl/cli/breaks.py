"""``medpool breaks``: what is open, since when and whose it is; and what people say of it."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal

import typer
from rich.table import Table

from medpool_etl.cli.render import moment, out, say
from medpool_etl.documents import Text
from medpool_etl.errors import MedpoolError
from medpool_etl.money import grouped
from medpool_etl.periods import Month
from medpool_etl.pipeline import lives
from medpool_etl.policy import load_break_classes, load_rulebook
from medpool_etl.policy.model import GATES, OWNERS
from medpool_etl.store import Settings
from medpool_etl.store.tables import Break, BreakEvent

breaks_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Breaks of all months: list, look at, explain, assign, resolve, reopen.

An id may be shortened to what begins no other. What people say takes effect with the next `medpool run`.""",
)
_STATES = {
    "open": Text(zh="未结", en="open"),
    "explained": Text(zh="已说明", en="explained"),
    "corrected": Text(zh="已更正", en="corrected"),
    "cleared": Text(zh="已核销", en="cleared"),
}
_EVENTS = {
    **_STATES,
    "opened": Text(zh="产生", en="opened"),
    "changed": Text(zh="变动", en="changed"),
    "assigned": Text(zh="指派", en="assigned"),
    "reopened": Text(zh="重开", en="reopened"),
}
BreakId = Annotated[str, typer.Argument(metavar="ID", help="The break, or how its id begins.", show_default=False)]
By = Annotated[str, typer.Option(envvar="MEDPOOL_USER", help="Who says so.", show_default=False)]
Note = Annotated[str, typer.Option(help="Why.", show_default=False)]


@breaks_app.command("list")
def list_(
    city: Annotated[str | None, typer.Argument(help="The city; all by default.", show_default=False)] = None,
    state: Annotated[
        Literal["open", "explained", "corrected", "cleared"] | None,
        typer.Option(help="Only these; by default what has not ended.", show_default=False),
    ] = None,
    owner: Annotated[str | None, typer.Option(help=f"Only theirs: {', '.join(OWNERS)}.", show_default=False)] = None,
    month: Annotated[
        str | None, typer.Option(help="Only those that arose in this month, such as 2022-03.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
) -> None:
    """List the breaks by owner and age, with the number and the sum of each owner's."""
    when = Month.parse(month) if month else None
    rows = lives.list_breaks(
        Settings.load(), city, state=state, owner=owner, month=when, ended_too=everything or state is not None
    )
    _listed(rows, lives.today())


@breaks_app.command()
def show(break_id: BreakId) -> None:
    """Show a break and everything that happened to it."""
    _shown(*lives.show_break(Settings.load(), break_id), lives.today())


@breaks_app.command()
def explain(break_id: BreakId, by: By, note: Note) -> None:
    """Say why an open break is there; the word holds until its amount changes."""
    _done(lives.explain_break(Settings.load(), break_id, by, note), effective=True)


@breaks_app.command()
def assign(
    break_id: BreakId,
    to: Annotated[str, typer.Option(help="Who takes it.", show_default=False)],
    by: By,
    note: Annotated[str, typer.Option(help="What there is to say of it.", show_default=False)] = "",
) -> None:
    """Give a break to somebody."""
    _done(lives.assign_break(Settings.load(), break_id, to, by, note), effective=False)


@breaks_app.command()
def resolve(
    break_id: BreakId,
    by: By,
    note: Note,
    as_: Annotated[
        Literal["corrected", "cleared"],
        typer.Option("--as", help="corrected: the month no longer has it; cleared: a later month made up for it."),
    ] = "corrected",
) -> None:
    """End a break in your name; another amount reopens it."""
    _done(lives.resolve_break(Settings.load(), break_id, by, note, as_), effective=True)


@breaks_app.command()
def reopen(break_id: BreakId, by: By, note: Note) -> None:
    """Take back what a person said of a break."""
    _done(lives.reopen_break(Settings.load(), break_id, by, note), effective=True)


def _listed(rows: tuple[Break, ...], today: dt.date) -> None:
    say(f"对账差异 Breaks（账龄天数截至 age in days as of {today}；金额 amounts in 元 yuan）")
    if not rows:
        say("没有 None")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("编号\nID", no_wrap=True)
    # In a narrow window words wrap; an id or an amount is never cut.
    table.add_column("状态\nState", no_wrap=True)
    table.add_column("结算\nGate", no_wrap=True)
    table.add_column("类别\nClass", overflow="fold", min_width=12)
    table.add_column("责任方\nOwner", overflow="fold", min_width=6)
    table.add_column("账龄\nAge", justify="right", no_wrap=True)
    table.add_column("金额\nAmount", justify="right", no_wrap=True)
    table.add_column("月份\nMonth", no_wrap=True)
    table.add_column("对账项\nPair", overflow="fold", min_width=14)
    for column in ("县\nCounty", "业务键\nKey", "经办人\nAssigned"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row.break_id,
            _STATES[row.state].zh,
            GATES[row.gate].zh,
            _class(row.break_class).zh,
            _owner(row.owner).zh,
            str((today - row.since).days),
            _yuan(row.amount_fen),
            row.month,
            _pair_title(row.city, row.pair),
            row.county,
            row.item_key,
            row.assigned_to or "",
        )
    out.print(table)
    say("")
    for owner in dict.fromkeys(row.owner for row in rows):
        _sum(_both(_owner(owner)), [row for row in rows if row.owner == owner])
    _sum("合计 Total", rows)


def _sum(label: str, rows: Iterable[Break]) -> None:
    amounts = [row.amount_fen for row in rows]
    say(f"{label}: {len(amounts):,} 笔 breaks, {_yuan(sum(amounts))} 元")


def _shown(row: Break, history: tuple[BreakEvent, ...], today: dt.date) -> None:
    ended = f"{row.ended_in}, {row.ended_by}" if row.ended_in else ""
    for label, value in (
        ("编号 ID", row.break_id),
        ("状态 State", _both(_STATES[row.state])),
        ("城市 City", row.city),
        ("月份 Month", row.month),
        ("对账项 Pair", _pair_title(row.city, row.pair)),
        ("险种 Fund", row.fund),
        ("县 County", row.county),
        ("业务键 Key", row.item_key),
        ("类别 Class", _both(_class(row.break_class))),
        ("责任方 Owner", _both(_owner(row.owner))),
        ("发布关口 Gate", _both(_text(GATES, row.gate))),
        ("金额 Amount", f"{_yuan(row.amount_fen)} 元"),
        ("起算日 Since", f"{row.since}（截至 as of {today}: {(today - row.since).days} 天 days）"),
        ("经办人 Assigned", row.assigned_to or ""),
        ("最近列出 Last listed", f"{row.seen_in}, 运行 run {row.seen_run}"),
        ("了结 Ended", ended),
        ("说明 Note", row.note),
        ("第几次产生 Lives", str(row.lives)),
    ):
        if value:
            say(f"{label}: {value}")
    say("\n经过 History")
    for event in history:
        say(
            f"  {moment(event.happened_at)}  {_both(_EVENTS[event.event])}  {_yuan(event.amount_fen)} 元  {event.by}"
            + (f"  运行 run {event.run_id}" if event.run_id else "")
        )
        if event.note:
            say(f"    {event.note}")


def _done(row: Break, *, effective: bool) -> None:
    assigned = f", 经办人 assigned to {row.assigned_to}" if row.assigned_to else ""
    say(f"{row.break_id} {_both(_STATES[row.state])}: {_yuan(row.amount_fen)} 元{assigned}")
    if effective:
        say(f"下次结算后生效 It takes effect with the next: medpool run {row.city} {row.seen_in}")


@functools.cache
def _pair_titles(city: str) -> dict[str, str]:
    try:
        return {name: pair.title.zh for name, pair in load_rulebook(city).pairs.items()}
    except MedpoolError:
        return {}


def _pair_title(city: str, pair: str) -> str:
    """Return a pair's Chinese title, or its id where the rulebook no longer has it."""
    return _pair_titles(city).get(pair, pair)


def _class(name: str) -> Text:
    found = _break_classes().get(name)
    return found or Text(zh=name, en=name)


@functools.cache
def _break_classes() -> dict[str, Text]:
    return {name: known.title for name, known in load_break_classes().items()}


def _owner(name: str) -> Text:
    return _text(OWNERS, name)


def _text(known: dict[str, Text], name: str) -> Text:
    return known.get(name) or Text(zh=name, en=name)


def _both(text: Text) -> str:
    return text.zh if text.zh == text.en else f"{text.zh} {text.en}"


def _yuan(fen: int) -> str:
    return grouped(Decimal(fen).scaleb(-2))
