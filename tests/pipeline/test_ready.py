"""What came, what is ready because of it and why, in which order; the same inputs never start twice, and nothing new is nothing."""

import datetime as dt
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from medpool_etl import pipeline
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline import watch
from medpool_etl.pipeline.ready import Intake, take_in, to_start
from medpool_etl.simulator import simulate, simulate_year_files
from medpool_etl.store import Control, Settings
from tests.conftest import MONTH, Settled, at
from tests.support import Webhook

CITY = "taizhou"
# The reports of March 2022 can be in time until Friday the 15th of April; it is settled from the Monday behind.
BEFORE, DUE = dt.date(2022, 4, 6), dt.date(2022, 4, 18)
# A fork of this process would wait for ever for what its other threads hold.
AFRESH = multiprocessing.get_context("spawn")
JANUARY, FEBRUARY, APRIL = Month(2022, 1), Month(2022, 2), Month(2022, 4)


@pytest.fixture
def published(sample: Settled, tmp_path: Path) -> Settings:
    """The sample month, published, in a place of the test's own."""
    shutil.copytree(sample.settings.data, tmp_path / "data", symlinks=True)
    return at(tmp_path / "data")


def started(found: Intake) -> list[tuple[str, str]]:
    return [(str(start.period), start.because) for start in found.starts]


def waiting(found: Intake) -> dict[str, str]:
    return {str(item.period): item.because for item in found.waiting}


def report(settings: Settings, month: Month = MONTH) -> Path:
    """The report of one county."""
    return next(path for path in settings.month_inbox(CITY, month).iterdir() if "玉环市" in path.name)


def corrected(path: Path, target: Path) -> Path:
    """Write the same report as another file, as whoever opens and saves it does."""
    book = openpyxl.load_workbook(path)
    book.properties.title = f"更正 {target.name}"
    book.save(target)
    return target


def publish_without_files(settings: Settings, periods: Iterable[str]) -> None:
    """Let periods be published as far as the control database knows."""
    control = Control(settings.control_url)
    for number, period in enumerate(periods):
        control.start_run(f"{number:016x}", CITY, period, "0")
        control.publish(f"{number:016x}", CITY, period, "final")
    control.close()


def test_an_empty_inbox_is_nothing(settings: Settings) -> None:
    """No folder at all, and a folder with nothing in it."""
    assert take_in(settings, CITY, BEFORE) == Intake(CITY)
    settings.month_inbox(CITY, MONTH).mkdir(parents=True)
    assert take_in(settings, CITY, DUE) == Intake(CITY)


def test_a_month_starts_when_its_last_file_is_in(settings: Settings, tmp_path: Path) -> None:
    """One report lacking, the month waits and names it; with it, it is complete, by the same key however often one asks."""
    simulate(CITY, MONTH, settings.inbox)
    kept = shutil.move(report(settings), tmp_path / "later.xlsx")
    first = take_in(settings, CITY, BEFORE)
    assert first.starts == () and waiting(first) == {"2022-03": "lacks"}
    assert [text.zh for text in first.waiting[0].what] == ["基金支出核算报表（玉环市）"]
    assert first.waiting[0].due == DUE
    assert [came.whose for came in first.came if came.place == "yearly"] == ["2021"] and len(first.came) > 10
    shutil.move(kept, settings.month_inbox(CITY, MONTH) / "later.xlsx")
    second = take_in(settings, CITY, BEFORE)
    assert started(second) == [("2022-03", "complete")]
    assert [(came.name, came.title and came.title.zh, came.whose) for came in second.came] == [
        ("later.xlsx", "基金支出核算报表", "玉环市")
    ]
    third = take_in(settings, CITY, DUE)
    assert third.starts == second.starts and third.came == ()


def test_its_day_starts_a_month_and_names_what_is_missing(settings: Settings) -> None:
    """The day before, the incomplete month waits; on the working day behind the deadline it starts, and another file is another run."""
    simulate(CITY, MONTH, settings.inbox)
    path = report(settings)
    content = path.read_bytes()
    path.unlink()
    assert to_start(settings, CITY, DUE - dt.timedelta(days=1)) == ()
    (start,) = to_start(settings, CITY, DUE)
    assert start.because == "deadline" and [text.zh for text in start.missing] == ["基金支出核算报表（玉环市）"]
    assert start.name == f"deadline__2022-03__{start.key}"
    path.write_bytes(content)
    (whole,) = to_start(settings, CITY, DUE)
    assert (whole.because, whole.missing) == ("complete", ()) and whole.key != start.key


def test_a_published_month_starts_again_only_for_something_new(published: Settings) -> None:
    """Nothing new is nothing; a corrected report starts it once more; run, there is nothing again."""
    quiet = take_in(published, CITY, BEFORE)
    assert quiet.starts == () and quiet.came == () and quiet.unusable == ()
    new = corrected(report(published), published.month_inbox(CITY, MONTH) / "玉环市更正.xlsx")
    (start,) = to_start(published, CITY, BEFORE)
    assert (str(start.period), start.because) == ("2022-03", "changed")
    assert [text.zh for text in start.what] == [f"新到 {new.name}"]
    assert to_start(published, CITY, BEFORE) == (start,)
    pipeline.run_month(published, CITY, MONTH)
    assert to_start(published, CITY, BEFORE) == ()
    new.unlink()
    (back,) = to_start(published, CITY, BEFORE)
    assert back.because == "changed" and "已移走 玉环市更正.xlsx" in [text.zh for text in back.what]


def test_a_decision_starts_a_published_month_again(published: Settings) -> None:
    """What is granted of a plan is an input like a file."""
    pipeline.decide_plan(published, CITY, MONTH, "worker", "331002", Decimal("100.00"), "张三", "核减")
    (start,) = to_start(published, CITY, BEFORE)
    assert start.because == "changed" and [text.en for text in start.what] == [
        "what is granted of funding plans changed"
    ]


def test_what_is_gone_from_the_inbox_starts_nothing(published: Settings) -> None:
    """A folder that is cleared away, or not there for a while, never makes a month be settled without its files."""
    path = report(published)
    path.unlink()
    found = take_in(published, CITY, DUE)
    assert ("2022-03", "changed") not in started(found) and waiting(found)["2022-03"] == "gone"
    shutil.rmtree(published.month_inbox(CITY, MONTH))
    found = take_in(published, CITY, DUE)
    assert "2022-03" not in dict(started(found)) and waiting(found)["2022-03"] == "gone"
    shutil.rmtree(published.inbox / CITY)
    assert "2022-03" not in dict(started(take_in(published, CITY, DUE)))


def test_what_is_gone_is_told_once(published: Settings, webhook: Webhook) -> None:
    """A report overwritten by one nobody can read holds the month back, other corrections too; the operator is told which file, once."""
    path = report(published)
    path.write_bytes(b"no workbook")
    agency = next(published.month_inbox(CITY, MONTH).glob("医保系统到账*"))
    agency.with_name("更正.csv").write_bytes(agency.read_bytes() + b"\r\n")
    settings = replace(published, alert_urls=(webhook.url,))
    for _ in range(2):
        found = take_in(settings, CITY, BEFORE)
        assert found.starts == () and waiting(found)["2022-03"] == "gone"
        assert watch.tell_gone(settings, CITY, found.waiting) == 0
    (message,) = webhook.messages
    assert message["title"] == "【medpool】台州市 2022年3月 已结算的文件缺失"
    assert path.name in message["message"] and "medpool run taizhou 2022-03" in message["message"]


def test_what_nobody_can_use_is_named(published: Settings) -> None:
    """An unknown file, one in a folder nobody reads, and one beside them: named, never an error."""
    (published.month_inbox(CITY, MONTH) / "说明.xlsx").write_bytes(b"no workbook")
    (published.inbox / CITY / "yearly" / "通知.csv").write_text("甲,乙\n1,2\n", encoding="utf-8")
    (published.inbox / CITY / "202204").mkdir()
    (published.inbox / CITY / "202204" / "a.csv").write_text("a\n", encoding="utf-8")
    (published.inbox / CITY / "loose.csv").write_text("a\n", encoding="utf-8")
    found = take_in(published, CITY, BEFORE)
    assert {(bad.place, bad.name) for bad in found.unusable} == {("2022-03", "说明.xlsx"), ("yearly", "通知.csv")}
    assert all(bad.problem for bad in found.unusable)
    assert found.misplaced == ("202204", "loose.csv")
    # In its own folder it belongs to the month, whose run tells its owner; in the yearly one it would belong to every period.
    assert [[text.zh for text in start.what] for start in found.starts] == [["新到 说明.xlsx"]]


def as_nobody(settings: Settings) -> Intake:
    """Look as a user who may not read everything, which root may."""
    if os.geteuid() == 0:
        with tempfile.TemporaryDirectory(prefix="medpool-") as folder:
            # Python itself may lie where only root reads: what a look imports is imported before.
            take_in(at(shutil.copytree(settings.data, Path(folder) / "data")), CITY, BEFORE)
        os.setuid(65534)
    return take_in(settings, CITY, BEFORE)


def test_a_file_that_may_not_be_read_is_named() -> None:
    """Whoever put it there forgot to let others read it; the others are received."""
    with tempfile.TemporaryDirectory(prefix="medpool-") as folder:
        settings = at(Path(folder))
        simulate(CITY, MONTH, settings.inbox)
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o777)
        report(settings).chmod(0)
        with ProcessPoolExecutor(max_workers=1, mp_context=AFRESH) as pool:
            found = pool.submit(as_nobody, settings).result()
        assert [bad.name for bad in found.unusable] == [report(settings).name] and found.starts == ()
        assert [text.zh for text in found.waiting[0].what] == ["基金支出核算报表（玉环市）"]
        report(settings).chmod(0o644)
        assert started(take_in(settings, CITY, BEFORE)) == [("2022-03", "complete")]


def test_what_is_known_is_not_read_again(settings: Settings) -> None:
    """A file of the same name, size and time is taken as it was; a control database that has not heard of it is told once more."""
    simulate(CITY, MONTH, settings.inbox)
    (start,) = to_start(settings, CITY, BEFORE)
    path = report(settings)
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert to_start(settings, CITY, BEFORE) == (start,)
    control = Path(settings.control_url.removeprefix("sqlite:///"))
    control.unlink()
    Path(f"{control}.lock").unlink()  # begun anew, as the message about a database that is gone says
    found = take_in(settings, CITY, BEFORE)
    assert found.starts == () and [bad.name for bad in found.unusable] == [path.name]


def test_periods_start_in_their_order(settings: Settings) -> None:
    """Of two complete months the earlier starts and the later waits; one that was begun holds the next only until that one's day."""
    for month in (FEBRUARY, JANUARY):
        simulate(CITY, month, settings.inbox)
    found = take_in(settings, CITY, dt.date(2022, 3, 4))
    assert started(found) == [("2022-01", "complete")]
    assert waiting(found)["2022-02"] == "behind"
    pipeline.open_month(settings, CITY, JANUARY)
    found = take_in(settings, CITY, dt.date(2022, 3, 4))
    assert started(found) == [] and waiting(found)["2022-01"] == "begun" and waiting(found)["2022-02"] == "behind"
    # 2022-03-15 is a Tuesday: February's reports are in time until then.
    assert started(take_in(settings, CITY, dt.date(2022, 3, 15))) == []
    assert started(take_in(settings, CITY, dt.date(2022, 3, 16))) == [("2022-02", "complete")]


def test_a_closed_month_is_adjusted_by_the_next_open_one(published: Settings) -> None:
    """What is published anew reaches the month behind; a file for the closed month starts the next one that is published."""
    simulate(CITY, APRIL, published.inbox)
    assert started(take_in(published, CITY, BEFORE)) == [("2022-04", "complete")]
    pipeline.run_month(published, CITY, APRIL)
    corrected(report(published), published.month_inbox(CITY, MONTH) / "更正.xlsx")
    found = take_in(published, CITY, BEFORE)
    assert started(found) == [("2022-03", "changed")]
    pipeline.run_month(published, CITY, MONTH)
    (behind,) = to_start(published, CITY, BEFORE)
    assert (str(behind.period), behind.because) == ("2022-04", "changed")
    assert [text.en for text in behind.what] == ["2022-03 was published since"]
    pipeline.run_month(published, CITY, APRIL)
    pipeline.close_month(published, CITY, MONTH, "张三")
    assert to_start(published, CITY, BEFORE) == ()
    corrected(report(published), published.month_inbox(CITY, MONTH) / "迟到.xlsx")
    (start,) = to_start(published, CITY, BEFORE)
    assert (str(start.period), start.because) == ("2022-04", "adjustment")
    assert [text.zh for text in start.what] == ["已结账的 2022-03 新到 迟到.xlsx"]
    pipeline.run_month(published, CITY, APRIL)
    assert to_start(published, CITY, BEFORE) == ()


def test_a_quarter_starts_when_its_months_are_published(settings: Settings) -> None:
    """Two of three and it waits; at its day it starts and names the third; three and it is complete."""
    publish_without_files(settings, ["2022-01", "2022-02"])
    found = take_in(settings, CITY, BEFORE)
    assert started(found) == [] and waiting(found)["2022-Q1"] == "lacks"
    (start,) = to_start(settings, CITY, DUE)
    assert (str(start.period), start.because) == ("2022-Q1", "deadline")
    assert [text.en for text in start.missing] == ["2022-03 is not published"]
    # Long after, it is not the latest quarter: its months are being put in, and it waits for them.
    assert to_start(settings, CITY, dt.date(2022, 12, 1)) == ()
    publish_without_files(settings, ["2022-01", "2022-02", "2022-03"])
    assert started(take_in(settings, CITY, BEFORE)) == [("2022-Q1", "complete")]


def test_an_opening_starts_when_its_files_are_in(settings: Settings) -> None:
    """It needs what its rules take: final accounts and balances; the budget alone says only which year is meant."""
    files = simulate_year_files(CITY, 2022, settings.inbox, "opening")
    accounts = next(path for path in files if "决算" in path.name)
    content = accounts.read_bytes()
    accounts.unlink()
    found = take_in(settings, CITY, dt.date(2022, 1, 4))
    assert started(found) == [] and [text.zh for text in found.waiting[0].what] == ["基金决算（2021）"]
    accounts.write_bytes(content)
    assert started(take_in(settings, CITY, dt.date(2022, 1, 4))) == [("2022-opening", "complete")]


def test_a_clearing_starts_when_the_year_is_published_and_the_assessment_is_in(settings: Settings) -> None:
    """The last thing it waits for is the assessment."""
    year = [f"2022-{n:02d}" for n in range(1, 13)] + [f"2022-Q{n}" for n in range(1, 5)]
    publish_without_files(settings, year)
    found = take_in(settings, CITY, dt.date(2023, 3, 1))
    assert started(found) == [] and [text.zh for text in found.waiting[-1].what] == ["年度考核结果（2022）"]
    simulate_year_files(CITY, 2022, settings.inbox, "clearing")
    assert started(take_in(settings, CITY, dt.date(2023, 3, 1))) == [("2022-clearing", "complete")]


def test_two_looks_at_once_are_one(settings: Settings) -> None:
    """Several processes that look at the same time record each file once, and name the same start."""
    simulate(CITY, MONTH, settings.inbox)
    with ProcessPoolExecutor(max_workers=3, mp_context=AFRESH) as pool:
        found = list(pool.map(take_in, [settings] * 3, [CITY] * 3, [BEFORE] * 3))
    assert len({each.starts for each in found}) == 1 and started(found[0]) == [("2022-03", "complete")]
    assert sorted(len(each.came) for each in found)[:2] == [0, 0]
    control = Control(settings.control_url)
    rows = control.received(CITY, str(Period.of(MONTH)))
    control.close()
    assert {row.scan for row in rows} == {1}
