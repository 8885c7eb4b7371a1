"""`make bench`: staging and reconciliation at ten million rows, each beside what others do with the same rows.

Every contender is a process of its own; time begins after its imports. A wrong result has no time. Data is made first and
removed at the end. The report has two parts, and ``--only`` makes one of them and leaves the other as it stands.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path

import reconciliation
import staging
from report_matching import HEADING

HEAD = """# Benchmarks

Made by `make bench` (`tests/bench/bench.py`), which can make one part without the other. Each part comes from one run on one machine, so read the ratios;
seconds stand only where medpool's own phases are shown."""
PARTS = ("staging", "reconciliation")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the tax offices' file (10,000,000)")
    parser.add_argument("--only", choices=PARTS, help="measure this part and keep the other of --output")
    parser.add_argument("--large", action="store_true", help="measure memory of staging at three times the rows, too")
    parser.add_argument("--runs", type=int, default=3, help="rounds of the quick contenders (3)")
    parser.add_argument("--polars", help="an interpreter that has Polars, where this one has not")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(__file__).resolve().parents[2] / "var" / "bench",
        help="where data is made (var/bench)",
    )
    parser.add_argument("--keep", action="store_true", help="keep the data for another run")
    parser.add_argument("--output", type=Path, help="write the report here, too")
    arguments = parser.parse_args()
    if arguments.rows < 50_000 or arguments.runs < 1:
        parser.error("--rows is at least 50,000, --runs at least 1")
    if arguments.polars and not shutil.which(arguments.polars):
        parser.error(f"--polars: {arguments.polars} is no program")
    return arguments


def parts_of(text: str) -> dict[str, str]:
    """Return the parts a report already has, by name."""
    before, _, matching = text.partition(f"\n{HEADING}\n")
    first, found = before.find("\n## "), {}
    if first >= 0:
        found["staging"] = before[first:].strip()
    if matching:
        found["reconciliation"] = f"{HEADING}\n{matching}".strip()
    return found


def main() -> None:
    """Measure what is asked for, and report."""
    told = _arguments()
    parts = parts_of(told.output.read_text(encoding="utf-8")) if told.output and told.output.is_file() else {}
    told.folder.mkdir(parents=True, exist_ok=True)
    folder = told.folder.resolve()
    try:
        if told.only != "reconciliation":
            polars = told.polars or (sys.executable if importlib.util.find_spec("polars") else None)
            parts["staging"] = staging.measure(
                folder, told.rows, told.runs, large=told.large, polars=polars, keep=told.keep
            )
        if told.only != "staging":
            parts["reconciliation"] = reconciliation.measure(folder, told.rows, told.runs, keep=told.keep)
    finally:
        shutil.rmtree(folder / "work", ignore_errors=True)
        if not any(folder.iterdir()):
            folder.rmdir()
    report = "\n\n".join([HEAD, *(parts[name].strip() for name in PARTS if name in parts)]) + "\n"
    sys.stdout.write(report)
    if told.output:
        told.output.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
