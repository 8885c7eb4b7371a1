"""``medpool deadlines``: who must have done what by when in a year, what there is to remind of, and the calendar file."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.cli.render import err, out, say
from medpool_etl.errors import InputError
from medpool_etl.places import load_city
from medpool_etl.policy import Rulebook, load_rulebook
from medpool_etl.policy.deadline import ACTORS
from medpool_etl.policy.timetable import Entry, deadlines_of_year, reminders
from medpool_etl.reports.ics import KINDS, calendar_bytes

_WEEKDAYS = "一二三四五六日"
_FUNDS: dict[tuple[str, ...], str] = {("worker",): "职工", ("resident",): "居民"}


def deadlines(
    city: Annotated[str, typer.Argument(help="The city, such as taizhou.", show_default=False)],
    year: Annotated[
        int, typer.Argument(help="The calendar year, such as 2022.", show_default=False, min=1990, max=2199)
    ],
    ics: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them as a calendar file instead.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="Only from this day of the year on.", show_default=False)
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Only up to this day, included.", show_default=False)
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", help="What to remind of on this day of the year, and what is overdue.", show_default=False
        ),
    ] = None,
    supplement: Annotated[
        list[str] | None,
        typer.Option(help="Lay this supplement over the notice; repeat for several (default: MEDPOOL_SUPPLEMENTS)."),
    ] = None,
) -> None:
    """List every deadline of a city that falls into a year, on real working days, with its clause."""
    if (ics is not None) + as_json + (on is not None) > 1:
        raise InputError("--ics, --json and --on are three answers", expected="one of them, or none for the table")
    if on is not None and (first or last):
        raise InputError("--on asks about one day", do="leave out --from and --to")
    name = load_city(city).name.zh
    rulebook = load_rulebook(city, tuple(supplement) if supplement else None)
    calendar = WorkingCalendar.load()
    if on is not None:
        _reminded(rulebook, calendar, _day(on, year, "--on"), name)
        return
    from_day = _day(first, year, "--from") if first else dt.date(year, 1, 1)
    to_day = _day(last, year, "--to") if last else dt.date(year, 12, 31)
    if to_day < from_day:
        raise InputError(f"{to_day} is before {from_day}", where="--from and --to")
    entries = [entry for entry in deadlines_of_year(rulebook, year, calendar) if from_day <= entry.due <= to_day]
    if as_json:
        typer.echo(json.dumps([_as_json(entry) for entry in entries], ensure_ascii=False, indent=2))
    elif ics is not None:
        stamp = max(notice.issued_on for notice in (rulebook.notice, *rulebook.supplements))
        ics.write_bytes(calendar_bytes(entries, f"{name}医保基金期限 {year}", stamp))
        say(f"wrote {ics}: {len(entries)} 项期限 deadlines")
    else:
        say(f"{name} {year} 年期限 Deadlines — {_documents(rulebook)}")
        _listed(rulebook, entries)
    # Beside data and files it goes where it does not get into them.
    for line in _left_open(rulebook):
        (err if as_json or ics is not None else out).print(line, soft_wrap=True)


def _day(text: str, year: int, option: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is not a day", where=option, expected=f"a day such as {year}-02-05") from None
    if day.year != year:
        raise InputError(f"{day} does not lie in {year}", where=option, expected=f"a day of {year}")
    return day


def _listed(rulebook: Rulebook, entries: Iterable[Entry]) -> None:
    entries = list(entries)
    if not entries:
        say("没有 None")
        return
    table = Table(box=None, pad_edge=False)
    # In a narrow window words wrap; a day is never cut.
    for label in ("期限\nDue", "逾期\nLate after", "提醒\nRemind on"):
        table.add_column(label, no_wrap=True)
    table.add_column("谁\nWho", overflow="fold", min_width=10)
    table.add_column("事项\nWhat", overflow="fold", min_width=24)
    table.add_column("所属期\nOf", overflow="fold", min_width=9)
    table.add_column("依据\nClause", overflow="fold", min_width=14)
    for entry in entries:
        fund = _FUNDS.get(entry.funds)
        table.add_row(
            _dated(entry.due),
            _dated(entry.late_after),
            _dated(entry.remind_on),
            ACTORS[entry.who].zh,
            f"{entry.title.zh}{f'（{fund}）' if fund else ''} {entry.title.en}",
            str(entry.period) if entry.period else "一次 once",
            # The notice stands above the table; a supplement is named in its rows.
            entry.clause.removeprefix(f"{rulebook.notice.number} "),
        )
    out.print(table)
    counts = {kind: sum(entry.kind == kind for entry in entries) for kind in KINDS}
    say(f"{len(entries)} 项 deadlines：付款 payments {counts['payment']}，报送 filings {counts['filing']}")


def _reminded(rulebook: Rulebook, calendar: WorkingCalendar, day: dt.date, name: str) -> None:
    say(f"{name} {_dated(day)} 提醒 Reminders — {_documents(rulebook)}")
    if not calendar.is_working_day(day):
        say("非工作日，没有提醒。 Not a working day: nothing is reminded of.")
        return
    found = reminders(rulebook, calendar, day)
    for label, entries in (
        ("提醒：下一工作日之前到期 Due before the next working day", found.remind),
        ("顺延的最后一天 In time today for the last time", found.last_day),
        ("今日起逾期（如尚未办理） Overdue from today, unless done", found.overdue),
    ):
        say(f"\n{label}")
        _listed(rulebook, entries)


def _documents(rulebook: Rulebook) -> str:
    """Return the numbers of the documents the deadlines stand in, an invented supplement with the word for it."""
    supplements = (clause.document for clause in rulebook.clauses.values() if clause.document)
    return "、".join(dict.fromkeys((rulebook.notice.number, *supplements)))


def _left_open(rulebook: Rulebook) -> list[str]:
    """Return which rules the notice leaves to a later document, whose days are therefore not in the list (G6), by clause."""
    if not rulebook.unspecified:
        return []
    lines = ["尚待另行规定，期限未列入 Left to later rules, so that their days are not among these (see --supplement):"]
    for name in dict.fromkeys(item.clause for item in rulebook.unspecified.values()):
        left = [item.what for item in rulebook.unspecified.values() if item.clause == name]
        lines.append(f"  {'；'.join(what.zh for what in left)} {'; '.join(what.en for what in left)}")
        lines.append(f"    {rulebook.cite(name)}：“{rulebook.clauses[name].quote}”")
    return lines


def _dated(day: dt.date) -> str:
    return f"{day} {_WEEKDAYS[day.weekday()]}"


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "city": entry.city,
        "id": entry.name,
        "period": str(entry.period) if entry.period else None,
        "title_zh": entry.title.zh,
        "title_en": entry.title.en,
        "who": entry.who,
        "kind": entry.kind,
        "funds": list(entry.funds),
        "due": entry.due.isoformat(),
        "late_after": entry.late_after.isoformat(),
        "remind_on": entry.remind_on.isoformat(),
        "clause": entry.clause,
        "quote": entry.quote,
    }
