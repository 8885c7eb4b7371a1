"""A person's word that a deadline is met, where nothing else can tell."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from medpool_etl.errors import InputError
from medpool_etl.periods import Period
from medpool_etl.policy import load_rulebook
from medpool_etl.store import Control, Settings
from medpool_etl.store.met import ONCE, Met

_LONGEST_NAME, _LONGEST_NOTE = 100, 500


@dataclass(frozen=True)
class MetWord:
    """Who said when and why that a deadline of a period (``once`` for what is due once) is met."""

    deadline: str
    period: str
    by: str
    note: str
    made_at: dt.datetime


def record_met(settings: Settings, city: str, deadline: str, period: str, by: str, note: str) -> MetWord:
    """Record in a person's name that a deadline is met and return what is kept of that: no reminder and no alert of it goes out again.

    ``period`` is written as reminders write it, ``once`` for what is due once. Raises InputError for a city or deadline that is not
    there, a period the deadline is not of, where nobody is named or nothing said, and where somebody has said so before.
    """
    by, note = " ".join(by.split()), " ".join(note.split())
    if not by or len(by) > _LONGEST_NAME:
        raise InputError("who says so?", do=f"name yourself with --by, in at most {_LONGEST_NAME} characters")
    if not note or len(note) > _LONGEST_NOTE:
        raise InputError(
            "how is it known to be done?",
            do=f"say it with --note (a voucher, a date), in at most {_LONGEST_NOTE} characters",
        )
    rulebook = load_rulebook(city)
    if deadline not in rulebook.deadlines:
        raise InputError(f"{city} has no deadline {deadline!r}", expected=f"one of {', '.join(rulebook.deadlines)}")
    every = rulebook.deadlines[deadline].every
    if every == ONCE:
        name = period.strip()
    else:
        parsed = Period.parse(period)
        name = str(parsed) if parsed.kind == every else ""
        if parsed.kind == "quarter" and parsed.number not in rulebook.deadlines[deadline].quarters:
            name = ""
    if not name or (every == ONCE and name != ONCE):
        example = {"month": "2022-03", "quarter": "2022-Q1", "year": "2022", ONCE: ONCE}[every]
        raise InputError(
            f"{deadline} is not due for {period!r}", expected=f"a {every}, such as {example}" if every != ONCE else ONCE
        )
    control = Control(settings.control_url)
    try:
        words = Met(control)
        new = words.record(city, deadline, name, by, note)
        kept = words.of(city)[deadline, name]
        if not new:
            raise InputError(f"{kept.by} has said so already: {kept.note}", where=f"{city} {deadline} {name}")
        return _word(kept)
    finally:
        control.close()


def met(settings: Settings, city: str) -> tuple[MetWord, ...]:
    """Return what people said of the city's deadlines, in the order they said it."""
    load_rulebook(city)
    control = Control(settings.control_url)
    try:
        return tuple(_word(row) for row in Met(control).of(city).values())
    finally:
        control.close()


def _word(row: object) -> MetWord:
    return MetWord(**{name: getattr(row, name) for name in MetWord.__dataclass_fields__})
