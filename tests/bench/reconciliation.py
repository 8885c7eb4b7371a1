"""The part of the benchmark that matches ten million receipts with what the treasury booked, beside reading and beside other matchers."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from contest import Contender, Contest
from report_matching import Matching, write

# Below, batches have so few lines that one can stand for most of its receipts.
SMALLEST = 50_000
CONTENDERS: dict[str, Contender] = {
    "stage": ("run_staging_sides.py", sys.executable, {}),
    "reconcile": ("run_reconcile.py", sys.executable, {}),
    "scan": ("run_match_sql.py", sys.executable, {"what": "scan"}),
    "copy": ("run_match_sql.py", sys.executable, {"what": "copy"}),
    "sql": ("run_match_sql.py", sys.executable, {"what": "match"}),
    "sql_limited": ("run_match_sql.py", sys.executable, {"what": "match", "memory": "1GB"}),
    "pandas": ("run_match_pandas.py", sys.executable, {}),
}


def measure(folder: Path, rows: int, runs: int, *, keep: bool) -> str:
    """Measure both scenes, at fewer rows (medpool alone) and at all of them, and return the report."""
    measured, small = {}, max(rows // 10, SMALLEST)
    for scene in ("batches", "vouchers"):
        contest = Contest(folder, CONTENDERS, ("stage", "reconcile"))
        for size in sorted({small, rows}):
            data = folder / f"{scene}-{size}"
            try:
                contest.make("generate_sides.py", data, size, scene=scene)
                names = list(CONTENDERS) if size == rows else ["stage", "reconcile"]
                contest.compare(data, size, names, runs if size == rows else 1)
            finally:
                if not keep:
                    shutil.rmtree(data, ignore_errors=True)
        measured[scene] = contest.done
    return write(Matching(rows, small, measured))
