"""``medpool rules``: a city's rulebook as people read it, with the supplements laid over it and what is still open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from medpool_etl.cli.render import out, say
from medpool_etl.documents import Text
from medpool_etl.errors import InputError
from medpool_etl.pipeline import lives
from medpool_etl.places import FUNDS, load_city
from medpool_etl.policy import Rulebook, load_rulebook, load_supplement, supplements_in_force
from medpool_etl.policy.deadline import ACTORS
from medpool_etl.policy.model import Reading
from medpool_etl.settlement import RULE_KINDS, CountyFacts, Facts, gaps

WHEN = {
    "month": Text(zh="每月", en="month"),
    "quarter": Text(zh="每季", en="quarter"),
    "opening": Text(zh="年初", en="opening"),
    "clearing": Text(zh="年终清算", en="clearing"),
    "once": Text(zh="一次", en="once"),
    "case": Text(zh="按需", en="case"),
}


def rules(
    city: Annotated[str, typer.Argument(help="The city, such as taizhou.", show_default=False)],
    rule: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this rule, with its facts and clause.", show_default=False)
    ] = None,
    supplement: Annotated[
        list[str] | None,
        typer.Option(help="Lay this supplement over the notice; repeat for several (default: MEDPOOL_SUPPLEMENTS)."),
    ] = None,
    day: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="The day whose values are shown; today by default.", show_default=False),
    ] = None,
) -> None:
    """Show a city's rules in the notice's order, the values in force, the readings taken and what is left open."""
    names = tuple(supplement) if supplement else supplements_in_force(city)
    rulebook = load_rulebook(city, names)
    on = _day(day) if day else lives.today()
    _heading(rulebook, names)
    if rule is not None:
        _one(rulebook, rule, on)
        return
    _rules(rulebook)
    _values(rulebook, rulebook.values, on)
    _readings(rulebook, rulebook.readings)
    _deadlines(rulebook, rulebook.deadlines)
    _ledgers(rulebook)
    for kind, left in rulebook.unspecified.items():
        say(f"\n未规定 Unspecified: {kind} {left.what.zh} {left.what.en}\n  {_cited(rulebook, left.clause)}")
    if found := gaps(rulebook):
        say("\n缺漏 Gaps")
        for gap in found:
            say(f"  ✗ {gap}")
    else:
        say("\n规则齐全，无缺漏。 The rulebook is whole: every rule has what it needs.")


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is not a day", where="--day", expected="a day such as 2022-02-05") from None


def _heading(rulebook: Rulebook, names: tuple[str, ...]) -> None:
    notice = rulebook.notice
    say(f"{load_city(rulebook.city).name.zh} {notice.number} {notice.title}")
    say(f"  {notice.issuer}，{notice.issued_on} 印发 issued，{notice.in_force_from} 起施行 in force")
    for name in names:
        found = load_supplement(name)
        mark = "（示例，虚构 an invented example, no published rule）" if found.invented else ""
        say(f"补充规定 Supplement {name}: {found.notice.number} {found.notice.title}{mark}")
        say(f"  {found.notice.in_force_from} 起施行 in force；补充 supplies {', '.join(found.supplies)}")


def _rules(rulebook: Rulebook) -> None:
    say("\n规则 Rules")
    if not rulebook.rules:
        say("没有 None")
        return
    table = _table("规则\nRule", "名称\nTitle", "类型\nKind", "何时\nWhen", "险种\nFunds", "依据\nClause", kept=(0, 2))
    for rule_id, entry in rulebook.rules.items():
        funds = " ".join(FUNDS[fund].zh for fund in entry.funds)
        table.add_row(
            rule_id, _both(entry.title), entry.kind, _both(WHEN[entry.when]), funds, _place(rulebook, entry.clause)
        )
    out.print(table)


def _one(rulebook: Rulebook, rule_id: str, on: dt.date) -> None:
    """Print one rule: its clause in full, the facts it takes, and the values, readings and deadlines it rests on."""
    if rule_id not in rulebook.rules:
        rulebook.require_specified(rule_id)
        known = ", ".join(rulebook.rules) or "none"
        raise InputError(f"{rulebook.city} has no rule {rule_id!r}", where="--rule", expected=f"one of {known}")
    entry = rulebook.rules[rule_id]
    say(f"\n{rule_id} {_both(entry.title)}")
    say(f"  类型 kind {entry.kind}；{_both(WHEN[entry.when])}；{' '.join(_both(FUNDS[fund]) for fund in entry.funds)}")
    say(f"  {_cited(rulebook, entry.clause)}\n  {rulebook.clauses[entry.clause].gloss}")
    if entry.kind not in RULE_KINDS:
        say(f"  ✗ medpool knows no kind {entry.kind}")
        return
    kind = RULE_KINDS[entry.kind]
    _facts("市级数据 Facts of the city", kind.facts)
    if kind.county is not None:
        _facts("分县（逐项）数据 Facts of a county, or of a row", kind.county)
    values = [name.format(fund=fund) for name in kind.values for fund in entry.funds]
    readings = list(kind.readings)
    if entry.kind == "clearing" and rulebook.clearing is not None:
        values += rulebook.clearing.values
        readings += rulebook.clearing.readings
    _values(rulebook, values, on)
    _readings(rulebook, readings)
    _deadlines(rulebook, kind.deadlines)
    for gap in gaps(rulebook):
        if gap.startswith(f"rule {rule_id}:"):
            say(f"  ✗ {gap}")


def _facts(label: str, schema: type[Facts | CountyFacts]) -> None:
    if not schema.model_fields:
        return
    say(f"\n{label}")
    table = _table("键\nKey", "中文", "English", "单位\nUnit", "缺省\nDefault", kept=(0,))
    for name, field in schema.model_fields.items():
        zh, _, en = (field.description or "").partition(" | ")
        extra = field.json_schema_extra
        unit = extra.get("unit", "") if isinstance(extra, dict) else ""
        default = "必填 needed" if field.is_required() else "" if field.default is None else str(field.default)
        table.add_row(name, zh, en, str(unit), default)
    out.print(table)


def _values(rulebook: Rulebook, names: Iterable[str], on: dt.date) -> None:
    known = [name for name in dict.fromkeys(names) if name in rulebook.values]
    if not known:
        return
    say(f"\n{on} 的数值 Values on that day")
    table = _table("名称\nName", "数值\nValue", "单位\nUnit", "自\nFrom", "至\nUntil", "依据\nClause", kept=(0, 3, 4))
    for name in known:
        value = rulebook.values[name]
        holding = [item for item in value.dated if item.from_day <= on]
        following = [item.from_day - dt.timedelta(days=1) for item in value.dated if item.from_day > on]
        place = _place(rulebook, value.clause)
        if holding:
            until = f"{following[0]}" if following else ""
            table.add_row(name, holding[-1].value, value.unit, f"{holding[-1].from_day}", until, place)
        else:
            table.add_row(name, "尚无 none yet", value.unit, f"{value.dated[0].from_day}", "", place)
    out.print(table)


def _readings(rulebook: Rulebook, names: Iterable[str]) -> None:
    known = {name: rulebook.readings[name] for name in dict.fromkeys(names) if name in rulebook.readings}
    if not known:
        return
    say("\n口径 Readings, where the text leaves room (● taken)")
    for name, reading in known.items():
        _reading(rulebook, name, reading)


def _reading(rulebook: Rulebook, name: str, reading: Reading) -> None:
    say(f"  {name}（{_place(rulebook, reading.clause)}）")
    for way, meaning in reading.alternatives.items():
        say(f"    {'●' if way == reading.value else '○'} {way}: {meaning}")
    say(f"    why: {reading.why.strip()}")


def _deadlines(rulebook: Rulebook, names: Iterable[str]) -> None:
    known = [name for name in names if name in rulebook.deadlines]
    if not known:
        return
    say(f"\n期限 Deadlines (`medpool deadlines {rulebook.city} YEAR` tells the days)")
    table = _table("期限\nDeadline", "事项\nWhat", "谁\nWho", "依据\nClause", kept=(0,))
    for name in known:
        deadline = rulebook.deadlines[name]
        table.add_row(name, _both(deadline.title), _both(ACTORS[deadline.who]), _place(rulebook, deadline.clause))
    out.print(table)


def _ledgers(rulebook: Rulebook) -> None:
    for fund, ledgers in rulebook.ledgers.items():
        say(f"\n分账 Ledgers — {_both(FUNDS[fund])}（{_place(rulebook, ledgers[0].clause)}）")
        for ledger in ledgers:
            say(f"  {ledger.id} {_both(ledger.title)}{'' if ledger.pooled else '（不统筹 not pooled）'}")


def _place(rulebook: Rulebook, clause: str) -> str:
    """Return the place of a clause; the notice stands above, a supplement is named."""
    return rulebook.cite(clause).removeprefix(f"{rulebook.notice.number} ") if clause in rulebook.clauses else clause


def _cited(rulebook: Rulebook, clause: str) -> str:
    return f"依据 Clause: {rulebook.cite(clause)}（{clause}）\n  “{rulebook.clauses[clause].quote}”"


def _both(text: Text) -> str:
    return f"{text.zh} {text.en}"


def _table(*columns: str, kept: tuple[int, ...] = ()) -> Table:
    """Return a table whose words wrap in a narrow window; ids, names and days (``kept``) never do."""
    table = Table(box=None, pad_edge=False)
    for n, column in enumerate(columns):
        table.add_column(column, no_wrap=n in kept, overflow="fold")
    return table
