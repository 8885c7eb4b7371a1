"""Whatever fails, the next run finishes the month: nothing twice, no half mart, and what happened is said.

Each test runs a program of this folder, whose forks settle a month; `make soak-failures` runs them at length.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MONTH, ROOT, UNATTENDED, Settled, at
from tests.failures.disks import NOT_ALLOWED
from tests.pipeline.test_reruns import mart_rows

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "")
# How often two runs are started at once.
TIMES = int(os.environ.get("TIMES", "1"))
HERE = Path(__file__).parent
# Tasks that do what they do without asking the control database: that they cannot be measured is no failure.
UNASKED = ("stage", "judge", "reconcile")


def told_by(program: str, *arguments: str) -> list[dict[str, Any]]:
    """Return what a program of this folder prints, line by line; skips the test where the machine does not allow it."""
    done = subprocess.run(
        [sys.executable, HERE / f"{program}.py", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600 * TIMES,
    )
    if done.returncode == NOT_ALLOWED:
        pytest.skip("this process may not mount a disk of its own")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0 and lines, f"{lines}\n{done.stderr}"
    return lines


def test_every_task_killed_in_the_middle() -> None:
    """Each task of the month, and a review, is killed at its most telling write: finished, all is as if nothing had happened."""
    lines = told_by("kills", "--periods", "2022-03")
    assert {line["step"] for line in lines} >= {"open", "stage", "settle", "gate", "review", "publish", "notify"}
    assert [line for line in lines if line["different"]] == []


def test_the_disk_full_before_each_task() -> None:
    """The error names the disk and what to do, the mart of before is read, and with room the task goes on."""
    *tasks, last = told_by("disks")
    for line in tasks:
        assert line["code"] == 0 and line["again"] == [0, {}], line
        if line["step"] == "notify":
            # Nothing is new, so that nothing is written.
            continue
        assert line["full"]["error"] == "StoreError" and line["mart_stays"], line
        assert "there is no room left" in line["full"]["said"] or "disk is full" in line["full"]["said"]
        assert "room" in line["full"]["said"].split("do:")[1]
    assert len(last["events"]) == 2 and last["new_mart"] and last["current"]
    assert last["hidden"] == last["unfinished"] == []


def test_a_full_disk_on_the_command_line(sample: Settled, tmp_path: Path) -> None:
    """Whoever runs a month on a full disk reads which disk and what to do, not a traceback; then it is settled."""
    settings = at(shutil.copytree(sample.settings.data, tmp_path / "data", symlinks=True))
    rows = mart_rows(settings)
    program = "from medpool_etl.cli import main; main()"
    # No file of this one's may grow beyond 60 kB.
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); {program}"
    run = [sys.executable, "-c", program, "run", "taizhou", str(MONTH)]
    environment = {**os.environ, "MEDPOOL_DATA": str(settings.data), "MEDPOOL_UNATTENDED": UNATTENDED}
    simulate = [sys.executable, "-c", program, "simulate", "taizhou", str(MONTH), "--seed", "2"]
    subprocess.run(simulate, env=environment, check=True, capture_output=True)
    failed = subprocess.run(
        [sys.executable, "-c", limited, *run[3:]], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    said = failed.stdout + failed.stderr
    assert failed.returncode == 2 and "Traceback" not in said, said
    assert "no room left on the disk" in said and "make room" in said and str(tmp_path) in said
    assert mart_rows(settings) == rows
    subprocess.run(run, env=environment, check=True, capture_output=True, cwd=ROOT)
    assert mart_rows(settings) != rows


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        pytest.param(
            ("--postgres",),
            marks=pytest.mark.skipif(not POSTGRES, reason="TEST_POSTGRES_URL names no database"),
        ),
    ],
    ids=["sqlite", "postgresql"],
)
def test_the_control_database_away(arguments: tuple[str, ...]) -> None:
    """A task without the control database says so and what to do, or waits; with it again it goes on, and nothing is there twice."""
    *tasks, last = told_by("stores", *arguments)
    for line in tasks:
        assert line["code"] == 0, line
        if line["how"] in ("again", "a moment"):
            assert line["told"] == {}, line
        elif line["step"] not in UNASKED or line["told"]:
            assert line["told"]["error"] == "StoreError" and "do: " in line["told"]["said"], line
            assert "control database" in line["told"]["said"], line
    assert last == {
        "publication_events": 1,
        "publications": 1,
        "runs": 1,
        "approvals": 1,
        "running": 0,
        "hidden": [],
        "mart": True,
    }


def test_the_same_month_twice_at_once() -> None:
    """Two processes settle a month from the same inputs, and from different ones: the newest is published, once, in one mart."""
    for line in told_by("together", str(TIMES)):
        well_together(line)


def well_together(line: dict[str, Any]) -> None:
    """Insist that two at once ended well."""
    assert line["codes"] == [0, 0] and line["ended"][1] == [], line
    older = line["ended"][0]
    if older:
        # The older one came last.
        assert (
            older[0]["step"] == "publish" and "a newer run of taizhou 2022-03 is published already" in older[0]["said"]
        )
    first, second = line["begun"]
    assert line["published"] == [["2022-03", second]] and (first != second) == line["differ"]
    runs = [run for _, run, _ in line["events"]]
    assert len(runs) == len(set(runs)) and runs[-1] == second, line
    assert line["current"] and line["generations"] <= len(runs) and line["hidden"] == [], line
    reviewed = [(run, digest) for run, _, digest, *_ in line["approvals"]]
    told = [tuple(item) for item in line["told"]]
    assert len(reviewed) == len(set(reviewed)) and len(told) == len(set(told))
    assert len(line["sent"]) == len(set(line["sent"])) > 0, line["sent"]
    assert not [step for step in line["steps"] if step[1] not in ("done", "failed", "died")]
