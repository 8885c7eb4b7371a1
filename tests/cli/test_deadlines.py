"""`medpool deadlines` as its users meet it: the table of a year, JSON, the calendar file, the reminders of a day."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from medpool_etl.policy import load_rulebook
from tests.cli.test_cli import medpool

DEADLINES = """\
city: taizhou
deadlines:
  allocation:
    {clause: T10.2, title: {zh: 基金拨付, en: Money paid}, who: finance, kind: payment, every: month, months: 1, day: 5}
  plan:
    {clause: T10.1, title: {zh: 用款计划, en: Plan}, who: county, kind: filing, every: month, day: 25, funds: [resident]}
  once:
    {clause: T8.3, title: {zh: 一次性划转, en: Moved once}, who: finance, kind: payment, every: once, date: 2022-01-31}
"""
SUPPLEMENT = """\
city: hangzhou
notice: {number: 杭医保〔2022〕9号, title: 细则, issuer: 示例, issued_on: 2022-02-01, in_force_from: 2022-03-01}
invented: true
supplies: [KIND]
clauses:
  S1: {source: 第一条, quote: 每月10日前拨付, gloss: Paid by the 10th of each month.}
rules:
  S1: {kind: KIND, clause: S1, title: {zh: 拨付, en: Paid}, when: month}
deadlines:
  allocation: {clause: S1, title: {zh: 拨付, en: Paid}, who: finance, kind: payment, every: month, months: 1, day: 10}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An office's own documents: three deadlines of Taizhou."""
    path = tmp_path / "config" / "policy" / "deadlines" / "taizhou.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(DEADLINES, encoding="utf-8")
    return tmp_path / "config"


def ask(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask `medpool deadlines` with the office's own documents."""
    return medpool(config.parent, "deadlines", *arguments, MEDPOOL_CONFIG=str(config), COLUMNS="160")


def test_table(config: Path) -> None:
    """A year from January to December: day with weekday, late after, remind on, who, what, of which period, by which clause."""
    done = ask(config, "taizhou", "2022")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "台州市 2022 年期限 Deadlines — 台政办发〔2021〕48号"
    february = next(line for line in lines if line.startswith("2022-02-05"))
    assert february.split() == [
        "2022-02-05", "六", "2022-02-07", "一", "2022-01-30", "日", "市财政", "基金拨付", "Money", "paid", "2022-01", "附件第十条",
    ]  # fmt: skip
    days = [line[:10] for line in lines if line.startswith("2022-")]
    assert days == sorted(days) and len(days) == 24
    assert "用款计划（居民） Plan" in done.stdout and "一次 once" in done.stdout
    assert lines[-1] == "24 项 deadlines：付款 payments 12，报送 filings 12"


def test_json(config: Path) -> None:
    """Every deadline as data, with the words of its clause."""
    done = ask(config, "taizhou", "2022", "--json", "--from", "2022-01-31", "--to", "2022-02-05")
    assert done.returncode == 0, done.stderr
    once, allocation = json.loads(done.stdout)
    assert (once["id"], once["period"], once["due"]) == ("once", None, "2022-01-31")
    assert allocation == {
        "city": "taizhou",
        "id": "allocation",
        "period": "2022-01",
        "title_zh": "基金拨付",
        "title_en": "Money paid",
        "who": "finance",
        "kind": "payment",
        "funds": ["worker", "resident"],
        "due": "2022-02-05",
        "late_after": "2022-02-07",
        "remind_on": "2022-01-30",
        "clause": "台政办发〔2021〕48号 附件第十条",
        "quote": load_rulebook("taizhou").clauses["T10.2"].quote,
    }


def test_calendar_file(config: Path) -> None:
    """The same events as the table, the same bytes every time."""
    file = config.parent / "taizhou.ics"
    done = ask(config, "taizhou", "2022", "--ics", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"wrote {file}: 24 项期限 deadlines\n"
    content = file.read_bytes()
    assert content.count(b"BEGIN:VEVENT\r\n") == 24
    assert "X-WR-CALNAME:台州市医保基金期限 2022\r\n".encode() in content
    assert b"DTSTAMP:20211129T000000Z\r\n" in content
    ask(config, "taizhou", "2022", "--ics", str(file))
    assert file.read_bytes() == content


def test_on_a_day(config: Path) -> None:
    """What to remind of, what is in time for the last time, what is overdue from today; nothing on a day off."""
    before = ask(config, "taizhou", "2022", "--on", "2022-01-30").stdout
    assert (
        before.index("Due before the next working day") < before.index("2022-01-31 一") < before.index("2022-02-05 六")
    )
    assert before.index("2022-02-05 六") < before.index("for the last time") and before.count("没有 None") == 2
    after = ask(config, "taizhou", "2022", "--on", "2022-02-07").stdout
    assert after.index("for the last time") < after.index("2022-02-05 六") < after.index("Overdue from today")
    overdue = ask(config, "taizhou", "2022", "--on", "2022-02-08").stdout
    assert overdue.index("Overdue from today") < overdue.index("2022-01-31 一") < overdue.index("2022-02-05 六")
    assert "Not a working day" in ask(config, "taizhou", "2022", "--on", "2022-02-05").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("atlantis", "2022"), "atlantis"),
        (("taizhou", "2027"), "国务院办公厅关于2027年部分节假日安排的通知"),
        (("taizhou", "2022", "--from", "2022-02-30"), "'2022-02-30' is not a day"),
        (("taizhou", "2022", "--to", "2023-01-01"), "2023-01-01 does not lie in 2022"),
        (("taizhou", "2022", "--from", "2022-03-01", "--to", "2022-02-01"), "2022-02-01 is before 2022-03-01"),
        (("taizhou", "2022", "--on", "soon"), "'soon' is not a day"),
        (("taizhou", "2022", "--on", "2022-01-04", "--json"), "three answers"),
        (("taizhou", "2022", "--ics", "x.ics", "--json"), "three answers"),
        (("taizhou", "2022", "--on", "2022-01-04", "--from", "2022-01-01"), "asks about one day"),
        (("taizhou", "2022", "--supplement", "nothing"), "there is no supplement 'nothing'"),
        (("taizhou", "2022", "--ics", "/nowhere/x.ics"), "/nowhere/x.ics"),
    ],
)
def test_refused(config: Path, arguments: tuple[str, ...], said: str) -> None:
    """What cannot be answered ends with 2 and says why, without a traceback."""
    done = ask(config, *arguments)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_year_before_the_notice(config: Path) -> None:
    """Nothing is due before the notice, and that is said."""
    done = ask(config, "taizhou", "2020")
    assert done.returncode == 0 and "没有 None" in done.stdout


def test_what_a_notice_leaves_open(config: Path) -> None:
    """Hangzhou's funding calendar is left to a later rule: the list says so with the clause, beside the data too (G6), until a
    supplement gives it, from the day that takes force."""
    done = ask(config, "hangzhou", "2022")
    assert done.returncode == 0, done.stderr
    assert "用款计划和基金拨付规则" in done.stdout and "杭政函〔2021〕77号" in done.stdout and "另行制定" in done.stdout
    as_data = ask(config, "hangzhou", "2022", "--json")
    assert "另行制定" in as_data.stderr and json.loads(as_data.stdout) is not None
    path = config / "policy" / "supplements" / "own.yaml"
    path.parent.mkdir()
    path.write_text(SUPPLEMENT.replace("KIND", "funding"), encoding="utf-8")
    given = ask(config, "hangzhou", "2022", "--supplement", "own")
    assert given.returncode == 0, given.stderr
    days = [line[:10] for line in given.stdout.splitlines() if "拨付 Paid" in line]
    assert days[0] == "2022-04-10" and len(days) == 9
    assert "杭医保〔2022〕9号（示例，虚构）" in given.stdout
    assert "用款计划和基金拨付规则" not in given.stdout
