"""A backfill publishes what settling in time publishes, whatever interrupts it; two cities of a rehearsed inbox, made once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from medpool_etl import pipeline
from medpool_etl.errors import ApprovalNeededError, InputError
from medpool_etl.marts import table_path
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.adjust import adjustments
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.backfill import Filled, backfill, cities_with_inbox, periods_between
from medpool_etl.pipeline.basis import basis_of, manifest_of
from medpool_etl.pipeline.closing import close_period
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.tables import PublicationEvent
from tests.conftest import ROOT, UNATTENDED, at
from tests.support import read, write
from tests.years import rehearse

FIRST, LAST = Period.parse("2021"), Period.parse("2022-opening")
# The range asks more months of the first city than have come.
IN_TIME = {"zhoushan": ("2021-opening", "2021-01", "2021-02"), "taizhou": ("2022-opening",)}
CITIES = tuple(IN_TIME)


def published(settings: Settings) -> dict[tuple[str, str], str]:
    control = Control(settings.control_url)
    try:
        return {(p.city, p.month): p.run_id for p in control.published()}
    finally:
        control.close()


def contents(settings: Settings) -> dict[tuple[str, str, str], bytes]:
    """Return the bytes of every published table."""
    found = {}
    for (city, period), run in published(settings).items():
        for path in (Warehouse(settings.warehouse).run(city, period, run) / "tables").iterdir():
            found[(city, period, path.name)] = path.read_bytes()
    return found


def outcomes(rows: tuple[Filled, ...]) -> dict[tuple[str, str], str]:
    return {(row.city, str(row.period)): row.outcome for row in rows}


@pytest.fixture(scope="module")
def in_time(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two cities, rehearsed and settled period by period as an operator does."""
    settings = at(tmp_path_factory.mktemp("in-time"))
    for city, periods in IN_TIME.items():
        for period in map(Period.parse, periods):
            rehearse(settings, city, period)
            pipeline.run_period(settings, city, period)
    return settings


def over(settings: Settings, folder: Path) -> Settings:
    """Return settings of an empty warehouse over the same inbox."""
    return replace(at(folder), inbox=settings.inbox)


def started(settings: Settings) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own."""
    cities = [word for city in CITIES for word in ("--city", city)]
    return subprocess.Popen(
        [sys.executable, "-c", "from medpool_etl.cli import main; main()", "backfill", str(FIRST), str(LAST), *cities],
        cwd=ROOT,
        env={
            **os.environ,
            "MEDPOOL_DATA": str(settings.data),
            "MEDPOOL_INBOX": str(settings.inbox),
            "MEDPOOL_UNATTENDED": UNATTENDED,
        },
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def filled(in_time: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, tuple[Filled, ...]]:
    """The same inbox backfilled from nothing by the command, killed in the middle of a month, and gone on from by two at once."""
    settings = over(in_time, tmp_path_factory.mktemp("backfilled"))
    process = started(settings)
    january = Warehouse(settings.warehouse).work("zhoushan", "2021-01", "")
    while process.poll() is None and not list(january.rglob("verdicts.json")):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert set(published(settings)) == {("zhoushan", "2021-opening")}
    other = started(settings)
    rows = backfill(settings, CITIES, FIRST, LAST)
    # The month that has not come.
    assert other.wait() == 2
    return settings, rows


def test_killed_and_resumed_it_publishes_what_settling_in_time_does(
    in_time: Settings, filled: tuple[Settings, tuple[Filled, ...]]
) -> None:
    """The same runs and the same bytes of every table, each published once; what was done before it was killed is not made again."""
    settings, rows = filled
    assert outcomes(rows)["zhoushan", "2021-opening"] == "unchanged"
    assert published(settings) == published(in_time)
    assert contents(settings) == contents(in_time)
    control = Control(settings.control_url)
    with control.session() as session:
        switched = session.execute(sa.select(PublicationEvent.city, PublicationEvent.month)).all()
    control.close()
    assert sorted(map(tuple, switched)) == sorted(published(in_time))
    assert not list((settings.warehouse / "work").rglob("manifest.json"))


def test_a_city_that_stops_does_not_stop_the_other(filled: tuple[Settings, tuple[Filled, ...]]) -> None:
    """The month that has no folder is named with what to do, and ends its city; the other is settled all the same."""
    _, rows = filled
    found = outcomes(rows)
    assert found["zhoushan", "2021-03"] == "stopped" and ("zhoushan", "2021-Q1") not in found
    assert found["taizhou", "2022-opening"] in ("settled", "unchanged")
    (stopped,) = [row for row in rows if row.outcome == "stopped"]
    assert "no inbox folder" in stopped.why and "simulate zhoushan 2021-03" in stopped.why
    assert stopped.code == 2 and isinstance(stopped.error, InputError)
    assert [row.figures for row in rows if row.outcome != "stopped"] == ["final"] * 4


def test_again_nothing_changes(filled: tuple[Settings, tuple[Filled, ...]]) -> None:
    """Everything is passed over, no run is made, and the mart stays the same generation."""
    settings, _ = filled
    generation, runs = Warehouse(settings.warehouse).generation(), sorted(settings.warehouse.glob("runs/*/*/*"))
    again = outcomes(backfill(settings, CITIES, FIRST, LAST))
    assert set(again.values()) == {"unchanged", "stopped"}
    assert Warehouse(settings.warehouse).generation() == generation
    assert sorted(settings.warehouse.glob("runs/*/*/*")) == runs


def test_a_corrected_file_of_a_closed_month_is_adjusted_once(in_time: Settings, tmp_path: Path) -> None:
    """The closed month keeps run and bytes; the open month behind it adjusts by what the file changes; a further open month does not."""
    shutil.copytree(in_time.data, tmp_path / "data", symlinks=True)
    settings, city, january = at(tmp_path / "data"), "zhoushan", Period.parse("2021-01")
    (closed,) = close_period(settings, city, january, "张三")
    before = contents(settings)
    folder = settings.month_inbox(city, january)
    source = next(path for path in sorted(folder.iterdir()) if "国库入库" in path.name)
    rows = read(source, "utf-8-sig")
    at_amount = rows[0].index("金额")
    rows[1][at_amount] = str(Decimal(rows[1][at_amount].replace(",", "")) + 1)
    write(folder / "更正.csv", rows, "utf-8-sig")

    found = backfill(settings, [city], FIRST, Period.parse("2021-02"))
    assert [row.outcome for row in found] == ["unchanged", "closed", "settled"]
    assert found[1].run_id == closed.run_id
    after = contents(settings)
    assert {k: v for k, v in after.items() if k[1] == "2021-01"} == {
        k: v for k, v in before.items() if k[1] == "2021-01"
    }
    table = table_path(pipeline.published_folder(settings, city, Period.parse("2021-02")), "adjustments")
    adjusted = duckdb.execute("SELECT of_month, item, adjustment FROM read_parquet(?)", [str(table)]).fetchall()
    assert ("2021-01", "treasury_booked", Decimal("1.00")) in adjusted
    assert {amount for _, _, amount in adjusted} == {Decimal("1.00")}
    assert {row.outcome for row in backfill(settings, [city], FIRST, Period.parse("2021-02"))} == {
        "unchanged",
        "closed",
    }
    _march_adjusts_nothing(settings, city, found[2].run_id)


def _march_adjusts_nothing(settings: Settings, city: str, february: str) -> None:
    """Of two open months behind a closed one the first adjusts: the second rests on it."""
    control, warehouse = Control(settings.control_url), Warehouse(settings.warehouse)
    try:
        march = basis_of(control, warehouse, city, Month(2021, 3))
    finally:
        control.close()
    assert {"period": "2021-02", "run_id": february} in march.done
    folder = warehouse.run(city, "2021-02", february)
    ((aside,),) = duckdb.execute(
        "SELECT DISTINCT corrected_run_id FROM read_parquet(?)", [str(table_path(folder, "adjustments"))]
    ).fetchall()
    agreed, corrected = Agreed.load(city), warehouse.locate(city, "2021-01", aside)
    assert manifest_of(corrected)["month"] == "2021-01"

    def resettled(*_inputs: object) -> tuple[str, Path]:
        return aside, corrected

    given = adjustments(settings, agreed, Month(2021, 3), march.adjusts, march.done, resettled)
    assert given.rows.num_rows == 0 and given.entries == []
    alone = adjustments(settings, agreed, Month(2021, 3), march.adjusts, [], resettled)
    assert alone.rows.num_rows > 0 and alone.entries != []


def test_without_a_policy_it_stops_at_what_waits_for_somebodys_word(in_time: Settings, tmp_path: Path) -> None:
    """The opening waits, its city stops there with code 5, and says how it is approved; approved, it is published."""
    settings = replace(over(in_time, tmp_path), unattended="")
    (row,) = backfill(settings, ["taizhou"], LAST, LAST, by="赵")
    assert (row.outcome, row.code) == ("stopped", 5) and isinstance(row.error, ApprovalNeededError)
    assert "medpool approve taizhou 2022-opening" in row.why
    assert published(settings) == {}
    with pytest.raises(InputError, match="had a hand"):
        pipeline.decide(settings, "taizhou", LAST, True, "赵")
    pipeline.decide(settings, "taizhou", LAST, True, "钱")
    assert outcomes(backfill(settings, ["taizhou"], LAST, LAST)) == {("taizhou", "2022-opening"): "settled"}


def test_each_period_is_closed_where_asked_to(in_time: Settings, tmp_path: Path) -> None:
    """Final figures are closed in the person's name; the next backfill leaves them alone, whatever came."""
    shutil.copytree(in_time.data, tmp_path / "data", symlinks=True)
    settings = at(tmp_path / "data")
    (row,) = backfill(settings, ["taizhou"], LAST, LAST, close="张三")
    assert (row.outcome, row.why) == ("unchanged", "")
    yearly = settings.month_inbox("taizhou", "yearly") / "基金决算_2021.csv"
    yearly.write_bytes(yearly.read_bytes() + b"\r\n")
    (row,) = backfill(settings, ["taizhou"], LAST, LAST)
    assert (row.outcome, row.run_id) == ("closed", published(in_time)["taizhou", "2022-opening"])


def test_what_nothing_came_for_is_passed_over_and_said(settings: Settings) -> None:
    """An opening without a file, and a quarter or clearing whose months are before the range, are left with what they lack."""
    rows = backfill(settings, ["taizhou"], Period.parse("2022-opening"), Period.parse("2022-01"))
    assert [(str(row.period), row.outcome) for row in rows] == [("2022-opening", "left"), ("2022-01", "stopped")]
    assert "final accounts" in rows[0].why.lower()
    (quarter,) = backfill(settings, ["taizhou"], Period.parse("2022-Q1"), Period.parse("2022-Q1"))
    assert quarter.outcome == "left" and "2022-01 is not published" in quarter.why
    (clearing,) = backfill(settings, ["taizhou"], Period.parse("2022-clearing"), Period.parse("2022-clearing"))
    assert clearing.outcome == "left" and "2022-12 is not published" in clearing.why
    assert published(settings) == {}


def test_what_a_later_rule_is_left_to(settings: Settings) -> None:
    """A clearing no rule orders is passed over; months no rule orders stop the city, and the clause is named."""
    clearing = Period.parse("2020-clearing")
    (row,) = backfill(settings, ["zaozhuang"], clearing, clearing)
    assert (row.outcome, row.code) == ("unspecified", 0)
    rows = backfill(settings, ["hangzhou"], Period.parse("2022-02"), Period.parse("2022-03"))
    assert [row.outcome for row in rows] == ["stopped"] and "H-" in rows[0].why


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [
        ("2022-12", "2023-01", ["2022-12", "2022-Q4", "2023-opening", "2023-01"]),
        ("2022-01", "2022-01", ["2022-opening", "2022-01"]),
        ("2022-02", "2022-Q1", ["2022-02", "2022-03", "2022-Q1"]),
        ("2023-07", "2023-08", ["2023-07", "2022-clearing", "2023-08"]),
        ("2022-12", "2022", ["2022-12", "2022-Q4", "2022-clearing"]),
        ("2022-clearing", "2022-clearing", ["2022-clearing"]),
        ("2020", "2022-02", ["2022-opening", "2022-01", "2022-02"]),
        ("2020", "2021", []),
    ],
)
def test_what_a_range_takes_in(settings: Settings, first: str, last: str, names: list[str]) -> None:
    """In the order in which periods rest on each other; nothing before the notice; the last year with its clearing."""
    found = periods_between(settings, "taizhou", Period.parse(first), Period.parse(last))
    assert [str(item.period) for item in found] == names


def test_ranges_and_cities_that_cannot_be(settings: Settings) -> None:
    """The later period first, and a city there is not, are refused before anything is done."""
    with pytest.raises(InputError, match="comes behind"):
        backfill(settings, ["taizhou"], Period.parse("2022-03"), Period.parse("2022-02"))
    with pytest.raises(InputError, match="atlantis"):
        backfill(settings, ["atlantis"], FIRST, LAST)
    assert cities_with_inbox(settings) == ()
