"""``medpool backfill``: settle months, quarters, openings and clearings of the past, city by city, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

import typer

from medpool_etl.cli.progress import progress
from medpool_etl.cli.render import FIGURES_SHOWN, say
from medpool_etl.errors import InputError
from medpool_etl.periods import Period
from medpool_etl.pipeline.backfill import OUTCOMES, Filled, backfill, cities_with_inbox
from medpool_etl.store import Settings

_MARKS = {"settled": "✓", "unchanged": "=", "closed": "▣", "unspecified": "–", "left": "!", "stopped": "⛔"}
# Of several reasons to end badly, the one to look at first: a fault, what somebody must mend, what blocks, what waits, what is provisional.
_FIRST = (3, 2, 4, 5, 1, 0)


def fill(
    first: Annotated[
        str,
        typer.Argument(
            metavar="FIRST", help="The first period: 2022, 2022-01, 2022-Q1, 2022-opening …", show_default=False
        ),
    ],
    last: Annotated[
        str,
        typer.Argument(
            metavar="LAST", help="The last one, likewise; a year ends with its clearing.", show_default=False
        ),
    ],
    city: Annotated[
        list[str] | None,
        typer.Option(help="A city; repeat for several. Default: all that have an inbox.", show_default=False),
    ] = None,
    unattended: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="By whose order nobody is asked to approve, this time; recorded with every approval it stands for.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(envvar="MEDPOOL_USER", help="Who has it run, and so may not approve it.", show_default=False),
    ] = None,
    close: Annotated[
        str | None,
        typer.Option(
            metavar="BY", help="Close each period with final figures, in this person's name.", show_default=False
        ),
    ] = None,
) -> None:
    """Settle every period from FIRST to LAST of each city, in order, from what lies in the inbox.

    What is published from the same inputs is passed over, so that a backfill that was stopped or killed goes on when it is run again. Closed
    periods are left alone. A period that cannot be settled stops its city, and says what to do; the other cities go on. What is reviewed
    stops it too, unless `--unattended` or MEDPOOL_UNATTENDED says by whose order nobody is asked.
    """
    settings = Settings.load()
    if unattended is not None:
        settings = replace(settings, unattended=_sentence(unattended))
    if close is not None:
        close = _sentence(close)
    cities = tuple(city or cities_with_inbox(settings))
    if not cities:
        raise InputError("no city has an inbox", where=str(settings.inbox), do="put files there, or name cities")
    if settings.unattended:
        say(f"无人值守 Unattended: {settings.unattended}")
    rows = backfill(
        settings, cities, Period.parse(first), Period.parse(last), by=by, close=close, told=_line, progress=progress
    )
    for name in cities:
        _sum(name, [row for row in rows if row.city == name])
    if code := next(code for code in _FIRST if code in {row.code for row in rows} | {0}):
        raise typer.Exit(code)


def _sentence(text: str) -> str:
    if not text.strip():
        raise InputError("nothing is said", expected="a sentence for --unattended, a name for --close")
    return " ".join(text.split())


def _line(row: Filled) -> None:
    what = OUTCOMES[row.outcome]
    figures = f" {FIGURES_SHOWN[row.figures]}" if row.figures else ""
    run = f" run {row.run_id}" if row.run_id else ""
    say(f"{_MARKS[row.outcome]} {row.city} {row.period}  {what.zh} {what.en}{figures}{run}  {row.seconds:.1f} s")
    for line in row.why.splitlines():
        say(f"    {line}")


def _sum(city: str, rows: Iterable[Filled]) -> None:
    rows = list(rows)
    counts = Counter(row.outcome for row in rows)
    said = "，".join(f"{text.zh} {text.en} {counts[key]}" for key, text in OUTCOMES.items() if counts[key])
    seconds = sum(row.seconds for row in rows)
    say(f"{city}: {said or '此期间无可办 nothing to settle there'}  {seconds:.0f} s")
