"""Reminders and alerts of deadlines: who is told what on which day, what is known to be done, and nothing twice."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from medpool_etl import pipeline
from medpool_etl.alerts import Alert
from medpool_etl.errors import ConfigurationError, InputError, StoreError
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline import watch
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.policy import rulebooks
from medpool_etl.policy.timetable import deadlines_between
from medpool_etl.simulator import simulate
from medpool_etl.store import Control, Settings
from tests.conftest import at
from tests.support import Webhook
from tests.years import rehearse

MARCH, APRIL = Period.parse("2022-03"), Period.parse("2022-04")
DISTRICTS = "椒江区、黄岩区、路桥区、三门县、天台县、仙居县、温岭市、临海市、玉环市"


def unattended(folder: Path) -> Settings:
    """Settings of a folder of its own, where nobody is asked to approve."""
    return replace(at(folder), unattended="测试")


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two places: Taizhou with March 2022 published, and the same with April too, in which what March ordered was paid."""
    march, both = tmp_path_factory.mktemp("march"), tmp_path_factory.mktemp("both")
    settings = unattended(march)
    rehearse(settings, "taizhou", MARCH)
    pipeline.run_period(settings, "taizhou", MARCH)
    shutil.copytree(march, both, dirs_exist_ok=True, symlinks=True)
    settings = unattended(both)
    rehearse(settings, "taizhou", APRIL)
    pipeline.run_period(settings, "taizhou", APRIL)
    return march, both


@pytest.fixture
def place(years: tuple[Path, Path], tmp_path: Path) -> Callable[[int], Settings]:
    """Return the settings of a copy of one of the two places."""

    def copy(which: int) -> Settings:
        shutil.copytree(years[which], tmp_path / "copy", symlinks=True)
        return unattended(tmp_path / "copy")

    return copy


def told(settings: Settings, day: str, city: str = "taizhou") -> dict[str, Alert]:
    """What the log is told on a day, by reader."""
    return {alert.owner: alert for alert in watch.remind(settings, city, dt.date.fromisoformat(day)).messages}


def about(alert: Alert | None, title: str) -> str:
    """The passage of a message that speaks of a deadline."""
    passages = ("\n" + alert.body).split("\n■ ") if alert else []
    return next((passage for passage in passages if title in passage), "")


def test_counties_are_reminded_by_name(tmp_path: Path) -> None:
    """On the day the reports are due, the counties that have not sent theirs are named; those that have are not."""
    settings = at(tmp_path)
    simulate("taizhou", Month(2022, 3), settings.inbox)
    folder = settings.month_inbox("taizhou", MARCH)
    for county in ("椒江区", "三门县"):
        (folder / f"基金支出核算报表_{county}_202203.xlsx").unlink()
    alert = told(settings, "2022-04-15")["county"]
    assert alert.title == "【medpool】台州市 2022-04-15 期限提醒：县医保经办 到期 1 项"
    said = about(alert, "上报上月基金支出核算报表（2022年3月）")
    assert "【到期提醒】" in said and "“基金支出核算报表”未报 2/9：椒江区、三门县" in said
    assert "medpool met taizhou county_report 2022-03" in said


def test_what_has_come_raises_nothing(tmp_path: Path) -> None:
    """With every county's report there, neither the reminder nor the alert goes out."""
    settings = at(tmp_path)
    simulate("taizhou", Month(2022, 3), settings.inbox)
    assert "county" not in told(settings, "2022-04-15")
    assert "county" not in told(settings, "2022-04-18")


def test_a_reminder_is_told_once_and_what_is_overdue_every_week(tmp_path: Path) -> None:
    """Friday reminds, Monday alerts, Tuesday is silent, the week after tells it again, until the file comes."""
    settings = at(tmp_path)
    simulate("taizhou", Month(2022, 3), settings.inbox)
    report = settings.month_inbox("taizhou", MARCH) / "基金支出核算报表_椒江区_202203.xlsx"
    kept = report.read_bytes()
    report.unlink()
    title = "上报上月基金支出核算报表（2022年3月）"
    days = {day: about(told(settings, day).get("county"), title).partition("】")[0] for day in (
        "2022-04-15", "2022-04-15", "2022-04-18", "2022-04-19", "2022-04-21", "2022-04-22", "2022-04-24", "2022-04-29",
    )}  # fmt: skip
    assert days == {
        "2022-04-15": "",  # asked twice: told the first time
        "2022-04-18": "【逾期 3 天",
        "2022-04-19": "",
        "2022-04-21": "",
        "2022-04-22": "【逾期 7 天",
        "2022-04-24": "",
        "2022-04-29": "【逾期 14 天",
    }
    report.write_bytes(kept)
    assert title not in about(told(settings, "2022-05-07").get("county"), title)


def test_a_day_nobody_asked_loses_nothing(tmp_path: Path) -> None:
    """With the scheduler down over the due day, the next day that is asked tells; with it down for longer than ten working days, what
    nobody had heard of stays untold: so the first day of a city tells of ten working days, not of all that was before."""
    settings = at(tmp_path)
    title = "上报上月基金支出核算报表（2022年3月）"
    assert "逾期 13 天" in about(told(settings, "2022-04-28")["county"], title)
    # It was in time until Friday the 15th. Ten working days back from the 28th that is the 15th (Sunday the 24th is worked), from the 29th the 18th.
    assert about(told(at(tmp_path / "later"), "2022-04-29").get("county"), title) == ""


def test_nobody_is_told_on_a_day_off(tmp_path: Path) -> None:
    """Nothing on a Saturday and in a holiday, but on a Sunday that is worked in exchange."""
    settings = at(tmp_path)
    assert told(settings, "2022-04-16") == {} and told(settings, "2022-04-05") == {}
    assert told(settings, "2022-04-24") != {}


def test_plans_are_known_by_their_rows(tmp_path: Path) -> None:
    """A plan for the whole city that leaves a county out names that county; without the file all are named."""
    settings = at(tmp_path)
    assert DISTRICTS in about(told(settings, "2022-03-25")["county"], "上报下月用款计划（2022年3月）")
    settings = at(tmp_path / "some")
    rehearse(settings, "taizhou", MARCH)
    path = next(settings.month_inbox("taizhou", MARCH).glob("用款计划*"))
    lines = path.read_text(encoding="gb18030").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "331024" not in line), encoding="gb18030")
    said = about(told(settings, "2022-03-25")["county"], "上报下月用款计划（2022年3月）")
    assert "未报 1/9：仙居县" in said


def test_payments_wait_for_the_period_that_orders_them(tmp_path: Path) -> None:
    """Before March is published its amounts are not known, and the message says by when it will be; late itself, it says so, and the
    agency is told to publish it."""
    settings = at(tmp_path)
    before = about(told(settings, "2022-03-31")["finance"], "保险费划款至市财政专户（2022年3月）")
    assert "2022年3月结算尚未发布" in before and "最迟于 2022-04-29 发布" in before
    after = told(settings, "2022-05-05")
    assert "发布2022年3月结算" in about(after["agency"], "发布2022年3月结算") and "尚未开始" in after["agency"].body


def test_amounts_are_named_before_and_execution_after(place: Callable[[int], Settings]) -> None:
    """With March published, the allocation due on 5 April is named in yuan by fund; whether it was paid nobody knows before April's statements."""
    settings = place(0)
    title = "基金拨付市经办支出户（2022年3月）"
    said = about(told(settings, "2022-04-02")["finance"], title)
    assert "【到期提醒】" in said and "应付 居民医保 9 笔" in said.replace("城乡", "") and "2022年3月结算已发布" in said
    assert "2022年4月结算未发布，对账单尚未入账" in said
    assert "【顺延至今日，最后一天】" in about(told(settings, "2022-04-06")["finance"], title)
    assert "【逾期 1 天】" in about(told(settings, "2022-04-07")["finance"], title)


def test_what_the_statements_show_is_done(place: Callable[[int], Settings]) -> None:
    """With April's statements in the books, what March ordered is known to be paid: nothing is told of it, nor of March's remittance."""
    settings = place(1)
    day = told(settings, "2022-04-07")
    assert about(day.get("finance"), "基金拨付市经办支出户（2022年3月）") == ""
    assert about(day.get("finance"), "保险费划款至市财政专户（2022年3月）") == ""
    assert about(day.get("agency"), "审核用款计划并向市财政申请（2022年3月）") == "", "published, so reviewed"
    assert about(day.get("agency"), "汇总报表报市财政备案（2022年2月）") != "", (
        "only a person knows whether it was filed"
    )


def test_what_was_not_paid_is_named(place: Callable[[int], Settings]) -> None:
    """Where the statements show less than was ordered, the alert names what is open, and whose."""
    settings = place(1)
    control = Control(settings.control_url)
    run = control.published_run("taizhou", "2022-04")
    control.close()
    path = settings.warehouse / "runs" / "taizhou" / "2022-04" / str(run) / "tables" / "instructed_executed.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE seen AS FROM read_parquet('{path}')")
        connection.execute("UPDATE seen SET executed_amount = 0 WHERE county = '331002' AND flow LIKE 'distribution%'")
        connection.execute(f"COPY seen TO '{path}' (FORMAT parquet)")
    said = about(told(settings, "2022-04-11")["agency"], "基金拨付县经办支出户（2022年3月）")
    assert "对账单中未见执行" in said and "椒江区" in said and "黄岩区" not in said


def test_a_persons_word_ends_it(tmp_path: Path) -> None:
    """Once somebody says that the compiled report is filed, neither reminder nor alert speaks of it, and who said so is kept."""
    settings = at(tmp_path)
    title = "汇总报表报市财政备案（2022年2月）"
    assert about(told(settings, "2022-03-31")["agency"], title)
    word = watch.record_met(settings, "taizhou", "compiled_report", "2022-02", " 张三 ", "市财政 3月31日签收")
    assert (word.by, word.period) == ("张三", "2022-02")
    assert about(told(settings, "2022-04-01").get("agency"), title) == ""
    assert [(w.deadline, w.by, w.note) for w in watch.met(settings, "taizhou")] == [
        ("compiled_report", "张三", "市财政 3月31日签收")
    ]


@pytest.mark.parametrize(
    ("deadline", "period", "by", "note", "says"),
    [
        ("compiled", "2022-02", "张三", "已报", "has no deadline 'compiled'"),
        ("compiled_report", "2022", "张三", "已报", "is not due for '2022'"),
        ("compiled_report", "soon", "张三", "已报", "is not a period"),
        ("subsidy_q2", "2022-Q1", "张三", "已付", "is not due for '2022-Q1'"),
        ("prepaid", "2022-01", "张三", "已付", "is not due for '2022-01'"),
        ("compiled_report", "2022-02", " ", "已报", "who says so"),
        ("compiled_report", "2022-02", "张三", "", "how is it known"),
    ],
)
def test_words_that_do_not_count(settings: Settings, deadline: str, period: str, by: str, note: str, says: str) -> None:
    """A word is about a deadline there is, of a period it is due for, by somebody, with a reason."""
    with pytest.raises(InputError, match=says):
        watch.record_met(settings, "taizhou", deadline, period, by, note)
    assert watch.met(settings, "taizhou") == ()


def test_a_word_is_given_once(settings: Settings) -> None:
    """A second word changes nothing and says who gave the first; what is due once has the period `once`."""
    watch.record_met(settings, "taizhou", "prepaid", "once", "张三", "凭证 12 号")
    with pytest.raises(InputError, match="张三 has said so already: 凭证 12 号"):
        watch.record_met(settings, "taizhou", "prepaid", "once", "李四", "又一次")


def test_every_address_is_told_for_itself(settings: Settings, webhook: Webhook) -> None:
    """An address that refused is told by the next call, one message an actor; the log, which heard it, is not told again."""
    reached = replace(settings, alert_urls=(webhook.url,))
    webhook.refuse = True
    with pytest.raises(StoreError, match="reminders could not be delivered"):
        told(reached, "2022-03-31")
    webhook.refuse = False
    assert told(reached, "2022-03-31") == {}, "the log knows it"
    titles = [message["title"] for message in webhook.messages]
    assert titles and len(titles) == len(set(titles)) and any("市财政" in title for title in titles)
    assert told(reached, "2022-03-31") == {} and len(webhook.messages) == len(titles)


def test_a_year_without_notice_stops_it(settings: Settings) -> None:
    """In a year whose holidays are not loaded nobody can say what is due: that is an error, not silence."""
    with pytest.raises(ConfigurationError, match="notice of 2027 is not loaded"):
        watch.remind(settings, "taizhou", dt.date(2027, 1, 4))


@pytest.mark.parametrize("city", rulebooks())
def test_every_deadline_of_every_notice_is_reminded_of_and_alerted(city: str, tmp_path: Path) -> None:
    """The first year of each notice in a place where nothing ever happens, asked on every day on which a deadline is to be told of: each is
    told before and after, each time to its actor."""
    settings, agreed = at(tmp_path), Agreed.load(city)
    start, calendar = agreed.rulebook.notice.in_force_from, agreed.calendar
    entries = deadlines_between(agreed.rulebook, start, dt.date(start.year, 12, 31), calendar)
    due = [entry for entry in entries if entry.remind_on >= start]
    assert len(due) > 30 or city == "hangzhou"
    said: dict[str, list[str]] = {}
    for day in sorted({day for entry in due for day in (entry.remind_on, calendar.plus(entry.late_after, 1))}):
        for alert in watch.remind(settings, city, day).messages:
            for passage in ("\n" + alert.body).split("\n■ ")[1:]:
                phase, _, rest = passage.partition("】")
                said.setdefault(f"{alert.owner} {rest.partition('：期限')[0]}", []).append(phase.removeprefix("【"))
    for entry in due:
        name = f"{entry.title.zh}（{entry.period.zh}）" if entry.period else entry.title.zh
        phases = said[f"{entry.who} {name}"]
        assert phases[0] in ("到期提醒", "顺延至今日，最后一天") and any(p.startswith("逾期") for p in phases), name


def test_what_is_published_ahead_meets_what_it_ordered(tmp_path: Path) -> None:
    """With March's plans ordered before March is settled, the plans are reviewed and their allocation is named; nothing is known of the
    premiums' remittance, and March is still to be published."""
    settings = unattended(tmp_path)
    rehearse(settings, "taizhou", MARCH)
    pipeline.run_period(settings, "taizhou", MARCH, ahead=True)
    day = told(settings, "2022-04-06")
    assert about(day.get("agency"), "审核用款计划并向市财政申请（2022年3月）") == ""
    said = about(day["finance"], "基金拨付市经办支出户（2022年3月）")
    assert "应付 " in said and "2022年3月结算仅先行发布了期内到期款项" in said
    said = about(day["finance"], "保险费划款至市财政专户（2022年3月）")
    assert "2022年3月结算仅先行发布了期内到期款项" in said and "应付金额以发布为准" in said
    late = told(settings, "2022-05-05")
    said = about(late["agency"], "发布2022年3月结算")
    assert "仅先行发布了期内到期款项" in said and "medpool inbox" in said
