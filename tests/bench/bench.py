"""`make bench`: staging and reconciliation at ten million rows, each beside what others do with the same rows; and what Airflow adds.

Every contender is a process of its own; time begins after its imports. A wrong result has no time. Data is made first and
removed at the end. The report has three parts, and ``--only`` makes one of them and leaves the others as they stand.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path

import orchestration
import reconciliation
import report_matching
import report_orchestration
import staging

HEAD = """# Benchmarks

Made by `make bench` (`tests/bench/bench.py`), which can make one part without the others. Each part comes from one run on one machine, so read the ratios;
seconds stand only where medpool's own phases, or the cost of a task, are shown."""
PARTS = ("staging", "reconciliation", "orchestration")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the tax offices' file (10,000,000)")
    parser.add_argument("--only", choices=PARTS, help="measure this part and keep the others of --output")
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
    found = {}
    for name, heading in (("orchestration", report_orchestration.HEADING), ("reconciliation", report_matching.HEADING)):
        text, _, part = text.partition(f"\n{heading}\n")
        if part:
            found[name] = f"{heading}\n{part}".strip()
    first = text.find("\n## ")
    if first >= 0:
        found["staging"] = text[first:].strip()
    return found


def main() -> None:
    """Measure what is asked for, and report."""
    told = _arguments()
    parts = parts_of(told.output.read_text(encoding="utf-8")) if told.output and told.output.is_file() else {}
    told.folder.mkdir(parents=True, exist_ok=True)
    folder = told.folder.resolve()
    try:
        wanted = (told.only,) if told.only else PARTS
        if "staging" in wanted:
            polars = told.polars or (sys.executable if importlib.util.find_spec("polars") else None)
            parts["staging"] = staging.measure(
                folder, told.rows, told.runs, large=told.large, polars=polars, keep=told.keep
            )
        if "reconciliation" in wanted:
            parts["reconciliation"] = reconciliation.measure(folder, told.rows, told.runs, keep=told.keep)
        if "orchestration" in wanted:
            parts["orchestration"] = orchestration.measure(folder, told.runs, keep=told.keep)
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
