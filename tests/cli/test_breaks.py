"""`medpool breaks` as its users meet it: what is open, whose it is, and what they may say of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from medpool_etl.pipeline import lives
from medpool_etl.store import Control
from medpool_etl.store.breaks import Breaks, Found
from tests.cli.test_cli import medpool

MARCH = ("taizhou", "2022-03")
TRANSIT, FEN, OTHER = "1a2b000000000001", "1a2c000000000002", "ffff000000000003"


def found(break_id: str, amount_fen: int, **other: str) -> Found:
    """Return a break of March as a settlement lists it."""
    values = {"pair": "tax_treasury", "break_class": "in_transit", "owner": "treasury", "gate": "warn", **other}
    return Found(
        break_id=break_id,
        month="2022-03",
        fund="worker",
        county="331002",
        item_key=f"T{break_id[-4:]}",
        amount_fen=amount_fen,
        since=dt.date(2022, 3, 31),
        **values,
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose control database holds three open breaks and a cleared one."""
    control = Control(f"sqlite:///{tmp_path / 'control.sqlite'}")
    breaks = Breaks(control)
    control.start_run("run1", *MARCH, "1")
    items = [
        found(TRANSIT, 123456789),
        found(FEN, -1, break_class="amount_differs", owner="tax"),
        found(OTHER, 6923231, break_class="gone_class", pair="gone_pair", owner="treasury", gate="block"),
        found("eeee000000000004", 50),
    ]
    breaks.sync("run1", *MARCH, items, [])
    control.start_run("run2", "taizhou", "2022-04", "1")
    breaks.sync("run2", "taizhou", "2022-04", items[:3], ["eeee000000000004"])
    control.close()
    return tmp_path


def test_list(data: Path) -> None:
    """What has not ended is listed by owner, in words, with its age and the sums of each owner."""
    done = medpool(data, "breaks", "list", "taizhou")
    assert done.returncode == 0, done.stderr
    today = lives.today()
    assert f"age in days as of {today}" in done.stdout
    lines = [line for line in done.stdout.splitlines() if "0000000000" in line]
    assert [line.split()[0] for line in lines] == [FEN, TRANSIT, OTHER]
    age = str((today - dt.date(2022, 3, 31)).days)
    assert lines[0].split()[1:8] == ["未结", "提示", "金额不符", "税务", age, "-0.01", "2022-03"]
    assert "税务征收" in lines[0] and lines[0].split()[-2:] == ["331002", "T0002"]
    assert "在途" in lines[1] and "1,234,567.89" in lines[1]
    # What the documents no longer name keeps its id.
    assert "gone_class" in lines[2] and "gone_pair" in lines[2]
    assert "税务 Tax: 1 笔 breaks, -0.01 元" in done.stdout
    assert "国库 Treasury: 2 笔 breaks, 1,303,800.20 元" in done.stdout
    assert "合计 Total: 3 笔 breaks, 1,303,800.19 元" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        (("--owner", "tax"), [FEN]),
        (("--state", "cleared"), ["eeee000000000004"]),
        (("--all",), [FEN, TRANSIT, OTHER, "eeee000000000004"]),
        (("--month", "2022-04"), []),
        (("--month", "202203", "--state", "open", "--owner", "treasury"), [TRANSIT, OTHER]),
    ],
)
def test_list_only_some(data: Path, arguments: tuple[str, ...], listed: list[str]) -> None:
    """Options narrow the list; where nothing is left, that is said."""
    done = medpool(data, "breaks", "list", *arguments)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if "0000000000" in line] == listed
    assert listed or "没有 None" in done.stdout


def test_the_life_of_a_break(data: Path) -> None:
    """Assign, explain, reopen, resolve; each says what it did and when it counts; show tells all of it."""
    done = medpool(data, "breaks", "assign", "1a2b", "--to", "Li Si", "--by", "Wang", "--note", "please")
    assert done.returncode == 0, done.stderr
    assert "assigned to Li Si" in done.stdout and "medpool run" not in done.stdout
    done = medpool(data, "breaks", "explain", "1a2b", "--note", "月末最后一天缴款", MEDPOOL_USER="Li Si")
    assert done.returncode == 0, done.stderr
    assert f"{TRANSIT} 已说明 explained" in done.stdout and "medpool run taizhou 2022-04" in done.stdout
    done = medpool(data, "breaks", "reopen", "1a2b", "--by", "Wang", "--note", "not so")
    assert "未结 open" in done.stdout and "medpool run taizhou 2022-04" in done.stdout
    done = medpool(data, "breaks", "resolve", "1a2b", "--by", "Wang", "--note", "booked", "--as", "cleared")
    assert "已核销 cleared" in done.stdout and "medpool run taizhou 2022-04" in done.stdout
    assert "已更正 corrected" in medpool(data, "breaks", "resolve", FEN, "--by", "Wang", "--note", "typing").stdout
    shown = medpool(data, "breaks", "show", "1a2b")
    assert shown.returncode == 0, shown.stderr
    told = ["产生 opened", "指派 assigned", "已说明 explained", "重开 reopened", "已核销 cleared"]
    history = shown.stdout.partition("经过 History")[2]
    assert [text for line in history.splitlines() for text in told if text in line] == told
    for text in (
        "税务征收 ↔ 国库入库",
        "在途 In transit",
        "国库 Treasury",
        "1,234,567.89 元",
        "经办人 Assigned: Li Si",
        "了结 Ended: 2022-04, Wang",
        "说明 Note: booked",
        "Li Si: please",
        "月末最后一天缴款",
        "not so",
        "运行 run run1",
    ):
        assert text in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "hangzhou"), "there is no city 'hangzhou'"),
        (("list", "--owner", "nobody"), "there is no owner 'nobody'"),
        (("list", "--month", "2022-13"), "is not a month"),
        (("list", "--state", "closed"), "--state"),
        (("show", "1a2"), "does not name a break"),
        (("show", "nowhere"), "there is no break 'nowhere'"),
        (("explain", "1a2b", "--by", " ", "--note", "why"), "name yourself with --by"),
        (("explain", "1a2b", "--by", "Wang", "--note", ""), "say why with --note"),
        (("explain", "1a2b", "--note", "why"), "--by"),
        (("reopen", "1a2b", "--by", "Wang", "--note", "why"), "is open and cannot be reopened"),
        (("reopen", "eeee", "--by", "Wang", "--note", "why"), "because of the files"),
        (("assign", "eeee", "--to", "Li", "--by", "Wang"), "is cleared and cannot be assigned"),
    ],
)
def test_mistakes(data: Path, arguments: tuple[str, ...], says: str) -> None:
    """What the user can mend ends with 2 and a message that says what to do."""
    done = medpool(data, "breaks", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr and "Traceback" not in done.stderr
