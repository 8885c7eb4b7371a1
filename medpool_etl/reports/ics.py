"""A city's deadlines as an iCalendar file (RFC 5545), which calendars of phones and offices subscribe to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from medpool_etl.policy.deadline import ACTORS
from medpool_etl.policy.timetable import Entry

# Octets of a line without its end (RFC 5545, 3.1).
LINE = 75
# Nine o'clock in China, as calendars want it in UTC.
REMINDED_AT = "T010000Z"
KINDS = {"payment": "付款", "filing": "报送"}
_WEEKDAYS = "一二三四五六日"


def calendar_bytes(entries: Iterable[Entry], name: str, stamp: dt.date) -> bytes:
    """Return the iCalendar file of the entries: an event of a whole day each, with an alarm on the day to remind of it.

    ``name`` is what calendars show the file as, ``stamp`` the day its contents are of (the last document's day of issue): it stands
    for the clock, so that the same entries give the same bytes. Names of events (UID) depend on city, deadline and period alone,
    so that a day that moves moves the event.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//medpool//deadlines//ZH",
        "CALSCALE:GREGORIAN",
        f"NAME:{escaped(name)}",
        f"X-WR-CALNAME:{escaped(name)}",
        "X-WR-TIMEZONE:Asia/Shanghai",
        "REFRESH-INTERVAL;VALUE=DURATION:P1D",
    ]
    for entry in entries:
        lines += _event(entry, stamp)
    lines.append("END:VCALENDAR")
    return b"".join(folded(line) for line in lines)


def _event(entry: Entry, stamp: dt.date) -> Iterator[str]:
    period = f"（{entry.period.zh}）" if entry.period else ""
    summary = f"{ACTORS[entry.who].zh}：{entry.title.zh}{period}"
    yield "BEGIN:VEVENT"
    yield f"UID:{entry.city}-{entry.name}-{entry.period or 'once'}@deadlines.medpool"
    yield f"DTSTAMP:{stamp:%Y%m%d}T000000Z"
    yield f"DTSTART;VALUE=DATE:{entry.due:%Y%m%d}"
    yield f"DTEND;VALUE=DATE:{entry.due + dt.timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{escaped(summary)}"
    yield f"DESCRIPTION:{escaped(_described(entry))}"
    yield f"CATEGORIES:{escaped(KINDS[entry.kind])},{escaped(ACTORS[entry.who].zh)}"
    yield "TRANSP:TRANSPARENT"
    yield "BEGIN:VALARM"
    yield "ACTION:DISPLAY"
    yield f"TRIGGER;VALUE=DATE-TIME:{entry.remind_on:%Y%m%d}{REMINDED_AT}"
    yield f"DESCRIPTION:{escaped(f'{summary}，{said(entry.due)}前')}"
    yield "END:VALARM"
    yield "END:VEVENT"


def _described(entry: Entry) -> str:
    late = f"{said(entry.late_after)}之后" if entry.late_after != entry.due else "次日起"
    return "\n".join(
        (
            f"{entry.title.zh} {entry.title.en}",
            f"期限：{said(entry.due)}（含当日），{late}为逾期，{said(entry.remind_on)}提醒",
            f"Due {entry.due}, late after {entry.late_after}, reminded of on {entry.remind_on}",
            f"依据：{entry.clause}",
            f"“{entry.quote}”",
            entry.gloss,
        )
    )


def said(day: dt.date) -> str:
    """Return a day as Chinese readers say it, with its weekday."""
    return f"{day.year}年{day.month}月{day.day}日周{_WEEKDAYS[day.weekday()]}"


def escaped(text: str) -> str:
    """Return a text as a value of the file: backslashes, commas, semicolons and line ends escaped, other controls left out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    return "".join(sign for sign in text if sign == "\t" or (sign >= " " and sign != "\x7f"))


def folded(line: str) -> bytes:
    """Return a line with its end, cut into lines of at most 75 octets, never inside a character."""
    parts: list[bytes] = []
    part = b""
    for sign in line:
        octets = sign.encode("utf-8")
        # The space that begins a further line counts.
        if len(part) + len(octets) > LINE - (1 if parts else 0):
            parts.append(part)
            part = b""
        part += octets
    return b"\r\n ".join([*parts, part]) + b"\r\n"
