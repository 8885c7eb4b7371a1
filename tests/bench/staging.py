"""`make bench`: how long a tax month takes from the inbox to validated Parquet, beside what others do with the same rows.

Every contender is a process of its own that prints its result as JSON; time begins after its imports. Whoever gives a
wrong result is named and has no time. The month's data is made first and removed at the end.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from report import Measured, Results, versions, write

from medpool_etl.staging.stage import PARQUET

HERE = Path(__file__).resolve().parent
SMALL = 1_000_000
COPIES = ["duckdb", "duckdb_tuned", "duckdb_read", "polars_typed", "polars_text", "polars_read"]


@dataclass
class Bench:
    """One run of the benchmark."""

    folder: Path
    runs: int
    polars: str | None
    done: dict[tuple[str, int], Measured] = field(default_factory=dict)

    def data(self, rows: int) -> Path:
        """Return where a month of so many rows lies."""
        return self.folder / f"rows-{rows}"

    def make(self, rows: int) -> None:
        """Make a month's data, unless it is there."""
        shutil.rmtree(self.folder / "work", ignore_errors=True)
        try:
            result = _child("generate.py", sys.executable, {"data": str(self.data(rows)), "rows": rows})
        except ContenderFailed as error:
            raise SystemExit(f"{rows:,} rows: {error}") from error
        _say(f"{rows:,} rows: " + (f"files made in {result['total']:.1f} s" if result["made"] else "files are there"))

    def compare(self, rows: int, contenders: list[str], runs: int) -> None:
        """Measure contenders in rounds, so that whatever slows the machine slows all of them."""
        for number in range(1, runs + 1):
            for name in contenders:
                measured = self.done.setdefault((name, rows), Measured())
                if measured.wrong is None:
                    self._once(name, rows, number, runs, measured)

    def _once(self, name: str, rows: int, number: int, runs: int, measured: Measured) -> None:
        script, python, more = self._contender(name)
        if python is None:
            measured.wrong = "not installed"
            return
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        os.sync()
        try:
            result = _child(script, python, {"data": str(self.data(rows)), "work": str(work), **more})
        except ContenderFailed as error:
            if name == "medpool":
                raise SystemExit(f"medpool, {rows:,} rows: {error}") from error
            measured.wrong = "wrong result" if "wrong result" in str(error) else "failed"
            _say(f"{rows:,} rows: {name} failed: {error}")
            return
        finally:
            shutil.rmtree(work, ignore_errors=True)
        measured.rounds.append(result)
        _say(f"{rows:,} rows, round {number} of {runs}: {name} {result['total']:.2f} s")

    def _contender(self, name: str) -> tuple[str, str | None, dict[str, Any]]:
        """Return a contender's script, the interpreter it needs (None: there is none), and what else it is told."""
        contenders: dict[str, tuple[str, str | None, dict[str, Any]]] = {
            "medpool": ("run_medpool.py", sys.executable, {}),
            "duckdb": ("run_duckdb.py", sys.executable, {}),
            "duckdb_tuned": ("run_duckdb.py", sys.executable, {"parquet": PARQUET}),
            "duckdb_read": ("run_duckdb.py", sys.executable, {"read": True}),
            "polars_typed": ("run_polars.py", self.polars, {"typed": True}),
            "polars_text": ("run_polars.py", self.polars, {"typed": False}),
            "polars_read": ("run_polars.py", self.polars, {"typed": True, "read": True}),
            "gx": ("run_gx.py", sys.executable, {}),
            "pandas": ("run_pandas.py", sys.executable, {}),
        }
        return contenders[name]


class ContenderFailed(Exception):
    """A measured process ended without a result."""


def _child(script: str, python: str, told: dict[str, Any]) -> dict[str, Any]:
    """Run a script in a process of its own, without anything of an office's configuration, and return its result."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDPOOL_")}
    environment |= {"PYTHONWARNINGS": "ignore", "GX_ANALYTICS_ENABLED": "false"}
    ended = subprocess.run(
        [python, str(HERE / script), json.dumps(told)],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"ended with {ended.returncode}"]
        raise ContenderFailed(lines[-1])
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the tax offices' file (10,000,000)")
    parser.add_argument("--large", action="store_true", help="measure memory at three times the rows, too")
    parser.add_argument("--runs", type=int, default=3, help="rounds of the quick contenders (3)")
    parser.add_argument("--polars", help="an interpreter that has Polars, where this one has not")
    parser.add_argument(
        "--folder", type=Path, default=HERE.parents[1] / "var" / "bench", help="where data is made (var/bench)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the data for another run")
    parser.add_argument("--output", type=Path, help="write the report here, too")
    arguments = parser.parse_args()
    if arguments.rows < 50_000 or arguments.runs < 1:
        parser.error("--rows is at least 50,000, --runs at least 1")
    if arguments.polars and not shutil.which(arguments.polars):
        parser.error(f"--polars: {arguments.polars} is no program")
    return arguments


def main() -> None:
    """Measure at every size, from small to large, and report."""
    told = _arguments()
    polars = told.polars or (sys.executable if importlib.util.find_spec("polars") else None)
    told.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(told.folder.resolve(), told.runs, polars)
    small = min(told.rows, SMALL)
    sizes = sorted({told.rows // 10, told.rows * 3 // 10, small, told.rows, *([told.rows * 3] if told.large else [])})
    try:
        for rows in sizes:
            bench.make(rows)
            contenders = ["medpool", *(COPIES if rows == told.rows else []), *(["pandas"] if rows == small else [])]
            bench.compare(rows, contenders, told.runs if len(contenders) > 1 else 1)
            if rows == small:
                # Great Expectations takes its time: once is enough to see how much.
                bench.compare(rows, ["gx"], 1)
            if not told.keep:
                shutil.rmtree(bench.data(rows))
        report = write(Results(told.rows, small, sizes, bench.done, versions(bench.done)))
    finally:
        shutil.rmtree(bench.folder / "work", ignore_errors=True)
        if not told.keep:
            for rows in sizes:
                shutil.rmtree(bench.data(rows), ignore_errors=True)
            if not any(bench.folder.iterdir()):
                bench.folder.rmdir()
    sys.stdout.write(report)
    if told.output:
        told.output.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
