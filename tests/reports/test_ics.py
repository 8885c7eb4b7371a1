"""The calendar file of deadlines keeps to RFC 5545: read back with a reader of its own, it says what went in."""

from __future__ import annotations

import datetime as dt
import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medpool_etl.calendar import WorkingCalendar
from medpool_etl.documents import Text
from medpool_etl.periods import Period
from medpool_etl.policy import load_rulebook
from medpool_etl.policy.timetable import Entry, deadlines_of_year
from medpool_etl.reports.ics import calendar_bytes, escaped, folded, said

STAMP = dt.date(2021, 11, 29)
Property = tuple[str, str]


def unfolded(content: bytes) -> list[str]:
    """The lines of a file, put together again octet by octet as the RFC says (3.1)."""
    assert content.endswith(b"\r\n")
    return content.replace(b"\r\n ", b"").decode("utf-8").removesuffix("\r\n").split("\r\n")


def read_text(value: str) -> str:
    """A text value with its escapes undone (3.3.11); anything else escaped is a mistake of the file."""
    assert re.fullmatch(r"(?:[^\\;,]|\\[\\;,nN])*", value), value
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


def read(content: bytes) -> tuple[list[Property], list[list[Property]]]:
    """The properties of the calendar and of its events, those of an alarm as VALARM.NAME; every BEGIN has its END."""
    calendar: list[Property] = []
    events: list[list[Property]] = []
    stack: list[str] = []
    for line in unfolded(content):
        name, value = line.split(":", 1)
        if name == "BEGIN":
            stack.append(value)
            if value == "VEVENT":
                events.append([])
        elif name == "END":
            assert stack.pop() == value
        else:
            assert re.fullmatch(r"[A-Z-]+(;[A-Z-]+=[A-Z-]+)*", name), name
            target = events[-1] if "VEVENT" in stack else calendar
            target.append(((f"{stack[-1]}." if stack[-1] == "VALARM" else "") + name, value))
    assert stack == []
    return calendar, events


def entry(**changed: object) -> Entry:
    """Taizhou's payment by the 5th of February 2022, a day of Spring Festival."""
    values: dict[str, object] = {
        "city": "taizhou",
        "name": "allocation",
        "title": Text(zh="基金拨付", en="Money paid"),
        "who": "finance",
        "kind": "payment",
        "funds": ("worker", "resident"),
        "clause": "台政办发〔2021〕48号 附件第十条",
        "quote": "市财政部门于次月5日前将基金从市财政专户划拨至市医保经办机构支出户",
        "gloss": "City finance pays, by the 5th; the agency follows.",
        "period": Period.parse("2022-01"),
        "due": dt.date(2022, 2, 5),
        "late_after": dt.date(2022, 2, 7),
        "remind_on": dt.date(2022, 1, 30),
        **changed,
    }
    return Entry(**values)  # type: ignore[arg-type]


def written(*entries: Entry) -> bytes:
    return calendar_bytes(entries, "台州市医保基金期限", STAMP)


def test_one_event_word_for_word() -> None:
    """A whole file, as the RFC's grammar wants it, with an alarm at nine in China on the last working day before."""
    assert unfolded(written(entry())) == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//medpool//deadlines//ZH",
        "CALSCALE:GREGORIAN",
        "NAME:台州市医保基金期限",
        "X-WR-CALNAME:台州市医保基金期限",
        "X-WR-TIMEZONE:Asia/Shanghai",
        "REFRESH-INTERVAL;VALUE=DURATION:P1D",
        "BEGIN:VEVENT",
        "UID:taizhou-allocation-2022-01@deadlines.medpool",
        "DTSTAMP:20211129T000000Z",
        "DTSTART;VALUE=DATE:20220205",
        "DTEND;VALUE=DATE:20220206",
        "SUMMARY:市财政：基金拨付（2022年1月）",
        r"DESCRIPTION:基金拨付 Money paid\n期限：2022年2月5日周六（含当日），2022年2月7日周一之后为逾期，2022年1月30日周日提醒\n"
        r"Due 2022-02-05\, late after 2022-02-07\, reminded of on 2022-01-30\n依据：台政办发〔2021〕48号 附件第十条\n"
        r"“市财政部门于次月5日前将基金从市财政专户划拨至市医保经办机构支出户”\nCity finance pays\, by the 5th\; the agency follows.",
        "CATEGORIES:付款,市财政",
        "TRANSP:TRANSPARENT",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "TRIGGER;VALUE=DATE-TIME:20220130T010000Z",
        "DESCRIPTION:市财政：基金拨付（2022年1月），2022年2月5日周六前",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]


def test_a_real_year_reads_back() -> None:
    """Every deadline of Taizhou's 2022 is an event with its days, its clause and its words, and names that are all different."""
    entries = deadlines_of_year(load_rulebook("taizhou"), 2022, WorkingCalendar.load())
    content = written(*entries)
    calendar, events = read(content)
    assert ("X-WR-CALNAME", "台州市医保基金期限") in calendar
    assert len(events) == len(entries) > 50
    for event, expected in zip(events, entries, strict=True):
        found = dict(event)
        assert len(found) == len(event)
        assert found["DTSTART;VALUE=DATE"] == f"{expected.due:%Y%m%d}"
        assert found["VALARM.TRIGGER;VALUE=DATE-TIME"] == f"{expected.remind_on:%Y%m%d}T010000Z"
        described = read_text(found["DESCRIPTION"])
        assert expected.clause in described and expected.quote in described and expected.gloss in described
        assert expected.title.zh in read_text(found["SUMMARY"])
    assert len({dict(event)["UID"] for event in events}) == len(events)
    assert written(*entries) == content


def test_lines_are_short_and_whole() -> None:
    """No line has more than 75 octets, none is cut inside a character, and only CRLF ends one."""
    content = written(entry(title=Text(zh="长" * 300, en="long " * 100)), entry(name="other", quote="𠮷" * 100))
    lines = content.split(b"\r\n")
    assert lines.pop() == b""
    assert max(len(line) for line in lines) <= 75
    assert all(b"\n" not in line and b"\r" not in line for line in lines)
    for line in lines:
        line.decode("utf-8")


def test_what_is_due_once() -> None:
    """It has no period, in its title or its name."""
    [event] = read(written(entry(period=None, late_after=dt.date(2022, 2, 5))))[1]
    found = dict(event)
    assert found["UID"] == "taizhou-allocation-once@deadlines.medpool"
    assert found["SUMMARY"] == "市财政：基金拨付"
    assert "次日起为逾期" in found["DESCRIPTION"]


def test_the_name_of_an_event_outlives_its_day() -> None:
    """When the calendar of a year moves a day, the event moves and is none beside the old one."""
    names = [dict(read(written(entry(due=day)))[1][0])["UID"] for day in (dt.date(2022, 2, 5), dt.date(2022, 2, 7))]
    assert names[0] == names[1]


def test_nothing_due() -> None:
    """A calendar without events is still a calendar."""
    calendar, events = read(written())
    assert events == [] and ("VERSION", "2.0") in calendar


@pytest.mark.parametrize("number", range(1, 13))
def test_every_month_has_a_name(number: int) -> None:
    """The period is said in Chinese in every month."""
    [event] = read(written(entry(period=Period(2022, "month", number))))[1]
    assert dict(event)["SUMMARY"].endswith(f"（2022年{number}月）")


def test_quarters_and_years_have_names() -> None:
    """So it is in quarters and years."""
    for text, zh in (("2022-Q1", "第一季度"), ("2022-Q4", "第四季度"), ("2022", "")):
        [event] = read(written(entry(period=Period.parse(text))))[1]
        assert dict(event)["SUMMARY"].endswith(f"（2022年{zh}）")


def test_weekdays() -> None:
    """A week from Monday to Sunday."""
    assert [said(dt.date(2022, 1, 3 + n))[-1] for n in range(7)] == list("一二三四五六日")


@given(st.text())
@example("a\\b;c,d\ne")
@example("a\r\nb\rc")
@example("\\n")
@example("a\x00b\x1fc\x7fd\te")
@example("\x85\u2028")
def test_any_text_comes_back(text: str) -> None:
    """Whatever is written is read again as it was, line ends as one kind, without control characters; no line breaks loose."""
    line = f"SUMMARY:{escaped(text)}"
    content = folded(line)
    assert all(len(part) <= 75 for part in content.split(b"\r\n"))
    expected = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    assert read_text(content[:-2].replace(b"\r\n ", b"").decode("utf-8").removeprefix("SUMMARY:")) == expected


@given(st.text(alphabet=st.sampled_from("aé长𠮷"), max_size=400))
def test_folding_cuts_as_late_as_it_can(text: str) -> None:
    """Every line but the last is full: the next character would not have gone into it."""
    lines = folded(f"X:{text}").removesuffix(b"\r\n").split(b"\r\n")
    for line, following in itertools.pairwise(lines):
        first = following[1:].decode("utf-8")[0]
        assert len(line) + len(first.encode("utf-8")) > 75
