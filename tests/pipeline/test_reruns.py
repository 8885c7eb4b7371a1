"""Interrupted and repeated runs: what is published stays whole, and running again finishes the month."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from medpool_etl import pipeline
from medpool_etl.errors import InputError
from medpool_etl.periods import Month
from medpool_etl.pipeline import steps
from medpool_etl.simulator import simulate
from medpool_etl.store import Control, Settings, Warehouse
from tests.conftest import MONTH, Settled, at


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def touched(settings: Settings) -> dict[Path, int]:
    """When each file of the warehouse was last written, but for the empty ones that hold a run while it is worked on."""
    files = (path for path in settings.warehouse.rglob("*") if path.parent.name != "locks")
    return {path: path.stat().st_mtime_ns for path in files}


def mart_rows(settings: Settings) -> list[tuple[object, ...]]:
    with duckdb.connect(str(Warehouse(settings.warehouse).current_mart), read_only=True) as connection:
        return connection.execute("SELECT month, fund, county, amount FROM remittances ORDER BY ALL").fetchall()


def test_the_same_inputs_give_the_same_bytes(sample: Settled, tmp_path: Path) -> None:
    """A run elsewhere on the same files has the same id, and every file in it the same bytes."""
    other = Settled(at(tmp_path / "somewhere" / "else"), afresh=True)
    assert other.run.run_id == sample.run.run_id
    assert tree(other.folder) == tree(sample.folder)
    assert mart_rows(other.settings) == mart_rows(sample.settings)


def test_a_second_run_changes_nothing_and_says_so(tmp_path: Path) -> None:
    """Run again, a month is reported unchanged: no file is written, nothing is published, the mart stays."""
    settled = Settled(at(tmp_path))
    before = touched(settled.settings)
    again = pipeline.run_month(settled.settings, "taizhou", MONTH)
    assert again.unchanged and not settled.run.unchanged
    assert again.run_id == settled.run.run_id
    assert touched(settled.settings) == before


def test_a_corrected_file_supersedes_and_both_runs_are_kept(tmp_path: Path) -> None:
    """A corrected file gives a new run that the month then points at; the old run and its files stay."""
    settled = Settled(at(tmp_path), "one_fen_treasury")
    folder, name = settled.simulation.folder, settled.simulation.names["treasury_receipts"]
    right = Settled(at(tmp_path / "right"))
    (folder / "更正_国库入库清单.csv").write_bytes((right.simulation.folder / name).read_bytes())
    run = pipeline.run_month(settled.settings, "taizhou", MONTH)
    assert run.run_id != settled.run.run_id
    assert settled.folder.is_dir()
    control = Control(settled.settings.control_url)
    assert control.published_run("taizhou", "2022-03") == run.run_id
    control.close()
    rows = duckdb.sql(
        f"SELECT file_name, outcome FROM '{run.folder(settled.settings)}/tables/files.parquet'"
    ).fetchall()
    outcomes = dict(rows)
    assert outcomes[name] == "superseded"
    assert outcomes["更正_国库入库清单.csv"] == "accepted"


def test_two_months_stand_side_by_side_in_the_mart(tmp_path: Path) -> None:
    """Settling a second month leaves the first as it was, and the mart has both."""
    first = Settled(at(tmp_path))
    rows = mart_rows(first.settings)
    Settled(first.settings, month=Month.parse("2022-04"))
    both = mart_rows(first.settings)
    assert [row for row in both if row[0] == "2022-03"] == rows
    assert {row[0] for row in both} == {"2022-03", "2022-04"}


def test_a_month_before_the_notice_is_in_force_is_refused(settings: Settings) -> None:
    """Taizhou's notice holds from 2022-01-01; an earlier month is an error that says so, not a guess."""
    with pytest.raises(InputError, match="not in force on 2021-12-01") as error:
        pipeline.open_month(settings, "taizhou", Month.parse("2021-12"))
    assert "2022-01" in error.value.expected


def test_a_missing_inbox_folder_is_named(settings: Settings) -> None:
    """Without the month's folder the error names it and says what to do."""
    with pytest.raises(InputError) as error:
        pipeline.open_month(settings, "taizhou", MONTH)
    assert "inbox/taizhou/2022-03" in error.value.where
    assert "medpool simulate" in error.value.do


class Crash(BaseException):
    """Stands for the process ending there and then."""


def crash(*_arguments: object, **_named: object) -> None:
    raise Crash


@pytest.mark.parametrize(
    "point",
    [
        "stage_file",
        "Judge",
        "compare",
        "apply_rules",
        "keep_month",
        "build_tables",
        "reports.write_workbook",
        "Warehouse.complete",
        "Control.publish",
        "build_mart",
        "alerts.tell",
    ],
)
def test_a_crash_at_any_point_leaves_the_old_month_and_a_rerun_finishes(
    point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a run ends, readers see the month as it was (or whole as it will be), and running again finishes it."""
    settings = at(tmp_path)
    old = Settled(settings)
    published = mart_rows(settings)
    simulate("taizhou", MONTH, settings.inbox, seed=2)
    with monkeypatch.context() as patch:
        patch.setattr(f"{steps.__name__}.{point}", crash)
        with pytest.raises(Crash):
            pipeline.run_month(settings, "taizhou", MONTH)
    if point != "alerts.tell":
        assert mart_rows(settings) == published
    run = pipeline.run_month(settings, "taizhou", MONTH)
    fresh = Settled(at(tmp_path / "fresh"), seed=2)
    assert run.run_id == fresh.run.run_id != old.run.run_id
    assert tree(run.folder(settings)) == tree(fresh.folder)
    assert mart_rows(settings) == mart_rows(fresh.settings) != published


@pytest.mark.parametrize("name", ["settle", "gate", "publish", "notify"])
def test_another_process_finishes_the_month_while_a_step_waits_for_the_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever step a process is at when another completes the same run and moves its folder, it goes on to the end."""
    settings = at(tmp_path)
    simulate("taizhou", MONTH, settings.inbox)
    run = pipeline.open_month(settings, "taizhou", MONTH)
    todo = list(steps.STEPS.items())
    reached = list(steps.STEPS).index(name)
    for _, step in todo[:reached]:
        step(settings, run)
    held = Warehouse.exclusive

    @contextmanager
    def late(warehouse: Warehouse, run_id: str) -> Iterator[None]:
        monkeypatch.setattr(Warehouse, "exclusive", held)
        for _, step in todo[reached:]:
            step(settings, run)
        with held(warehouse, run_id):
            yield

    monkeypatch.setattr(Warehouse, "exclusive", late)
    for _, step in todo[reached:]:
        step(settings, run)
    with sqlite3.connect(settings.data / "control.sqlite") as database:
        assert database.execute("SELECT count(*) FROM publication_events").fetchone() == (1,)
    assert len(mart_rows(settings)) == 18


def test_a_killed_process_leaves_nothing_half_made(tmp_path: Path) -> None:
    """kill -9 at random moments: the mart always opens and shows the old month or the new one, never something between."""
    settings = at(tmp_path)
    Settled(settings)
    old = mart_rows(settings)
    simulate("taizhou", MONTH, settings.inbox, seed=2)
    new = mart_rows(Settled(at(tmp_path / "fresh"), seed=2).settings)
    code = "from medpool_etl.cli import main; import sys; sys.argv = ['medpool', 'run', 'taizhou', '2022-03']; main()"
    environment = {**os.environ, "MEDPOOL_DATA": str(tmp_path)}
    moments = random.Random(5)
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(moments.uniform(0.5, 5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert mart_rows(settings) in (old, new)
    pipeline.run_month(settings, "taizhou", MONTH)
    assert mart_rows(settings) == new
    leftovers = [path.name for path in (tmp_path / "warehouse" / "marts").iterdir() if path.name.startswith(".current")]
    assert leftovers == []


def test_two_processes_at_once_settle_the_month_once(tmp_path: Path) -> None:
    """Two runs of the same month at the same time both end well, with one publication and one mart."""
    settings = at(tmp_path)
    simulate("taizhou", MONTH, settings.inbox)
    code = "from medpool_etl.cli import main; import sys; sys.argv = ['medpool', 'run', 'taizhou', '2022-03']; main()"
    environment = {**os.environ, "MEDPOOL_DATA": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    with sqlite3.connect(tmp_path / "control.sqlite") as database:
        assert database.execute("SELECT count(*) FROM publication_events").fetchone() == (1,)
    assert len(mart_rows(settings)) == 18
