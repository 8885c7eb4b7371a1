"""The part of the benchmark that settles one rehearsed month by medpool alone and by Airflow, and says what the latter costs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from contest import Contender, Contest
from report_orchestration import Orchestrated, write

from medpool_etl.periods import Month
from medpool_etl.simulator import simulate

SCRIPT = "run_month_by.py"


def measure(folder: Path, runs: int, *, keep: bool) -> str:
    """Rehearse the month, have it settled in every way in turns, and return the report."""
    postgres = os.environ.get("TEST_POSTGRES_URL")
    contenders: dict[str, Contender] = {
        how: (SCRIPT, sys.executable, {"how": how, "postgres": postgres})
        for how in ("command", "warm", "test", "scheduler")
    }
    data = folder / "month"
    shutil.rmtree(data, ignore_errors=True)
    simulate("taizhou", Month.parse("2022-03"), data / "inbox")
    contest = Contest(folder, contenders, tuple(contenders))
    try:
        contest.compare(data, 1, list(contenders), runs)
    finally:
        if not keep:
            shutil.rmtree(data, ignore_errors=True)
    measured = {name: contest.done[name, 1] for name in contenders}
    if len({result["run"] for one in measured.values() for result in one.rounds}) > 1:
        raise SystemExit("the ways do not all make the same run")
    return write(Orchestrated(measured, runs))
