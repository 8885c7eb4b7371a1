"""The part of the benchmark that takes a tax month from the inbox to validated Parquet, beside what others do with the same rows."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from contest import Contender, Contest
from report import Results, versions, write

from medpool_etl.staging.stage import PARQUET

SMALL = 1_000_000
COPIES = ["duckdb", "duckdb_tuned", "duckdb_read", "polars_typed", "polars_text", "polars_read"]


def _contenders(polars: str | None) -> dict[str, Contender]:
    return {
        "medpool": ("run_medpool.py", sys.executable, {}),
        "duckdb": ("run_duckdb.py", sys.executable, {}),
        "duckdb_tuned": ("run_duckdb.py", sys.executable, {"parquet": PARQUET}),
        "duckdb_read": ("run_duckdb.py", sys.executable, {"read": True}),
        "polars_typed": ("run_polars.py", polars, {"typed": True}),
        "polars_text": ("run_polars.py", polars, {"typed": False}),
        "polars_read": ("run_polars.py", polars, {"typed": True, "read": True}),
        "gx": ("run_gx.py", sys.executable, {}),
        "pandas": ("run_pandas.py", sys.executable, {}),
    }


def measure(folder: Path, rows: int, runs: int, *, large: bool, polars: str | None, keep: bool) -> str:
    """Measure at every size, from small to large, and return the report."""
    contest = Contest(folder, _contenders(polars), ("medpool",))
    small = min(rows, SMALL)
    sizes = sorted({rows // 10, rows * 3 // 10, small, rows, *([rows * 3] if large else [])})
    for size in sizes:
        data = folder / f"rows-{size}"
        try:
            contest.make("generate.py", data, size)
            names = ["medpool", *(COPIES if size == rows else []), *(["pandas"] if size == small else [])]
            contest.compare(data, size, names, runs if len(names) > 1 else 1)
            if size == small:
                # Great Expectations takes its time: once is enough to see how much.
                contest.compare(data, size, ["gx"], 1)
        finally:
            if not keep:
                shutil.rmtree(data, ignore_errors=True)
    return write(Results(rows, small, sizes, contest.done, versions(contest.done)))
