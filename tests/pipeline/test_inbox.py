"""The inbox table names everything that is expected: what came, which version, what is missing, what is late."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from medpool_etl import pipeline
from medpool_etl.pipeline import InboxRow
from medpool_etl.simulator import simulate
from medpool_etl.store import Settings
from tests.conftest import MONTH, at


@pytest.fixture
def month(tmp_path: Path) -> Settings:
    """A simulated month that nobody has looked at."""
    settings = at(tmp_path)
    simulate("taizhou", MONTH, settings.inbox)
    return settings


def rows(settings: Settings, today: dt.date = dt.date(2022, 4, 1)) -> dict[tuple[str, str], list[InboxRow]]:
    """Return the table by kind of file and whose it is."""
    found: dict[tuple[str, str], list[InboxRow]] = {}
    for row in pipeline.inbox(settings, "taizhou", MONTH, today):
        found.setdefault((row.title.zh, row.whose), []).append(row)
    return found


def test_everything_is_there(month: Settings) -> None:
    """A whole month: each expected file with its sender and day, and what need not come is said to be so."""
    table = rows(month)
    assert {row.state for items in table.values() for row in items} == {"late", "none"}
    (report,) = table[("基金支出核算报表", "椒江区")]
    assert (report.due, report.late_after, report.version) == (dt.date(2022, 4, 15), dt.date(2022, 4, 15), 1)
    (tax,) = table[("税务征收明细", "台州市")]
    # The 5th is a holiday: late only after the next working day.
    assert (tax.due, tax.late_after) == (dt.date(2022, 4, 5), dt.date(2022, 4, 6))
    assert ("全省平均工资", "2021") in table


def test_nothing_came(tmp_path: Path) -> None:
    """Before the day everything is awaited, after it overdue; a folder that is not there is an empty one."""
    before, after = rows(at(tmp_path)), rows(at(tmp_path), dt.date(2022, 4, 16))
    assert {row.state for items in before.values() for row in items} == {"awaited", "none"}
    assert {row.state for items in after.values() for row in items} == {"overdue", "none"}


def test_missing_versions_and_strangers(month: Settings) -> None:
    """A missing file, a second version and a file nobody knows are told apart."""
    folder = month.month_inbox("taizhou", MONTH)
    pipeline.inbox(month, "taizhou", MONTH)
    name = next(path for path in folder.iterdir() if path.name.startswith("国库入库"))
    name.with_name("国库_更正.csv").write_bytes(name.read_bytes() + b"\r\n")
    (folder / "基金支出核算报表_椒江区_202203.xlsx").unlink()
    (folder / "说明.txt").write_text("这是说明", encoding="utf-8")
    table = rows(month, dt.date(2022, 4, 20))
    assert [(row.name, row.version) for row in table[("国库入库清单（3139）", "台州市")]] == [
        ("国库_更正.csv", 2),
        (name.name, 1),
    ]
    assert [row.state for row in table[("基金支出核算报表", "椒江区")]] == ["overdue"]
    strangers = [row for items in table.values() for row in items if row.state == "unknown"]
    assert [row.name for row in strangers] == ["说明.txt"]
    assert strangers[0].problem is not None
