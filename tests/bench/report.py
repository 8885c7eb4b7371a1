"""The benchmark's part on staging as Markdown: only ratios and memory of one run on one machine, and how to read them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TITLES = {
    "duckdb": "DuckDB, bare typed copy",
    "duckdb_tuned": "DuckDB, the same, written with medpool's Parquet settings",
    "duckdb_read": "DuckDB, typed reading without writing",
    "polars_typed": "Polars `scan_csv` → `sink_parquet`, typed",
    "polars_text": "Polars `scan_csv` → `sink_parquet`, all text",
    "polars_read": "Polars, typed reading without writing",
    "medpool": "**medpool**: kept, recoded, typed, checked, judged",
    "pandas": "plain pandas script",
    "gx": "Great Expectations, pandas engine",
}

_APART = (("set-up", "documents and database"), ("import of Great Expectations", "import of Great Expectations"))


@dataclass
class Measured:
    """What a contender gave, round by round, or what went wrong."""

    rounds: list[dict[str, Any]] = field(default_factory=list)
    wrong: str | None = None

    @property
    def best(self) -> dict[str, Any]:
        """The quickest round."""
        found: dict[str, Any] = min(self.rounds, key=lambda result: float(result["total"]))
        return found

    def peak(self, *phases: str) -> float:
        """Return the highest peak of memory of any round, in MB: at the end of the last of ``phases`` if named."""
        return max(
            max(mb for phase, mb in result["peaks"].items() if not phases or phase.startswith(phases))
            for result in self.rounds
        )


@dataclass(frozen=True)
class Results:
    """Everything measured: by contender and rows. ``small`` is the size for what does not get further in memory."""

    rows: int
    small: int
    sizes: list[int]
    measured: dict[tuple[str, int], Measured]
    versions: dict[str, str]

    def of(self, name: str, rows: int) -> Measured:
        """Return what a contender gave at a size."""
        return self.measured[name, rows]


def versions(measured: dict[tuple[str, int], Measured]) -> dict[str, str]:
    """Return the versions of what was compared; Polars says its own, from the interpreter it ran in."""
    found = {"Python": platform.python_version()}
    for name in ("medpool-etl", "duckdb", "pyarrow", "pandas", "great-expectations"):
        found[name] = importlib.metadata.version(name)
    polars = [result["version"] for (name, _), m in measured.items() if name == "polars_typed" for result in m.rounds]
    return found | {"polars": polars[0] if polars else "not installed"}


def write(results: Results) -> str:
    """Return the report."""
    parts = [
        _what(results),
        machine(results.versions),
        f"## Beside a bare copy, {results.rows:,} rows",
        _copies(results),
        _phases(results),
        f"## Beside what would be done without medpool, {results.small:,} rows",
        _checkers(results),
        "## Memory",
        _memory(results),
        "## How to read this",
        _reading(results),
    ]
    return "\n\n".join(parts) + "\n"


def _what(results: Results) -> str:
    return f"""## What is measured

A made-up tax month: {results.rows:,} receipts of the tax offices (20 columns) and the agency's bookings of them (7 columns, 99 of 100 receipts), as offices send them:
GB18030, CRLF, a title, a header, a 合计 line; the agency writes `2022年3月14日` and `"1,234.50"`. One row in 5,000 of each is bad: an amount that is none, an empty cell, a cell too few, an unknown county,
a repeated receipt, a day of another month, a day that does not exist.

medpool's time runs from the inbox to validated Parquet: bytes kept by SHA-256 and flushed to the disk, both files recognised, every row recoded, typed and put to every check of its contract,
every failing row written with what it fails, control totals compared, Great Expectations' verdict. The clock starts after Python's start and imports, here and for everyone else;
for medpool also after reading its documents and opening its database, and without Great Expectations' import, which are shown apart.

No wrong result has a time: medpool must set aside exactly the planted rows, count each check's failures right, arrive at the planted sums, keep every byte and write
every line once; the copies must have every row and the right sum, Great Expectations every planted row. The pandas script is shown with the bad rows it finds."""


def machine(versions: dict[str, str]) -> str:
    """Return what it was measured on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    system = f"{platform.system()} {platform.machine()}"
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"Machine: {cores} cores{_processor()}, {memory:.0f} GB of memory, {system}. Versions: {shown}."


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f" ({names[0]})" if names else ""


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Return a table; all columns but the first hold numbers."""
    aligned = ["---", *("---:" for _ in heads[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [heads, aligned, *rows])


def ratio(measured: Measured, to: Measured) -> list[str]:
    """Return the ratio of the best rounds, the ratios within the rounds from least to most, and that of processor time."""
    rounds = sorted(one["total"] / other["total"] for one, other in zip(measured.rounds, to.rounds, strict=False))
    worked = min(r["processor"] for r in measured.rounds) / min(r["processor"] for r in to.rounds)
    return [
        f"{measured.best['total'] / to.best['total']:.2f}",
        f"{rounds[0]:.2f}–{rounds[-1]:.2f}" if len(rounds) > 1 else "one round",
        f"{worked:.2f}",
    ]


def _lines(results: Results, names: list[str], rows: int, base: str) -> list[list[str]]:
    lines = []
    for name in names:
        measured = results.of(name, rows)
        if measured.wrong or results.of(base, rows).wrong:
            lines.append([TITLES[name], measured.wrong or "nothing to compare with", "", "", ""])
        else:
            lines.append([TITLES[name], *ratio(measured, results.of(base, rows)), f"{measured.peak():,.0f}"])
    return lines


def _copies(results: Results) -> str:
    names = ["duckdb", "duckdb_tuned", "polars_typed", "polars_text", "duckdb_read", "polars_read", "medpool"]
    shown = table(
        ["", "times DuckDB's bare copy", "by round", "processor time", "peak MB"],
        _lines(results, names, results.rows, "duckdb"),
    )
    return (
        "The copies read clean UTF-8 made for them, with every value written as plainly as can be and no bad row; they keep, recode,"
        f" check and count nothing, and wait for no disk.\n\n{shown}"
    )


def _phases(results: Results) -> str:
    best = results.of("medpool", results.rows).best
    names = {
        "receive": "receive: copy, SHA-256, recognise",
        "stage tax_collection_detail": "stage the tax offices' file",
        "stage agency_bookings": "stage the agency's file",
        "judge": "judge: start Great Expectations, both verdicts",
    }
    rows = [
        [title, f"{best['seconds'][name]:.2f}", f"{best['seconds'][name] / best['total']:.0%}"]
        for name, title in names.items()
    ]
    rows.append(["together", f"{best['total']:.2f}", "100%"])
    for name, title in _APART:
        rows.append([f"not counted: {title}", f"{best['seconds'][name]:.2f}", ""])
    return "Where medpool's time goes, in its best round:\n\n" + table(["phase", "seconds", "share"], rows)


def _checkers(results: Results) -> str:
    medpool = results.of("medpool", results.small)
    planted = medpool.best["found"]
    lines = _lines(results, ["medpool", "gx", "pandas"], results.small, "medpool")
    for line, name in zip(lines, ["medpool", "gx", "pandas"], strict=True):
        measured = results.of(name, results.small)
        line.append("" if measured.wrong else f"{measured.best['found']:,} of {planted:,}")
    gx = results.of("gx", results.small)
    checking = "" if gx.wrong else f" Checking is {gx.best['seconds']['check'] / gx.best['total']:.0%} of its time."
    return f"""{table(["", "times medpool", "by round", "processor time", "peak MB", "bad rows found"], lines)}

*Great Expectations* reads the offices' files with pandas as text and puts every row to expectations that say what the contracts say
(`tests/bench/run_gx.py`), asks for every failing row, and writes Parquet.{checking} medpool asks it too, but about counts, not rows. *The pandas script* is what is often written: amounts as floating point, unreadable
values silently none, a few masks, `to_parquet`; `1.005`, and where separators are taken out `1,23.45`, pass it as amounts."""


def _memory(results: Results) -> str:
    heads = ["rows", "at start", "peak while staging", "peak with Great Expectations", "time a row, first size = 1"]
    rows, first = [], results.of("medpool", results.sizes[0]).best["total"] / results.sizes[0]
    for size in results.sizes:
        measured = results.of("medpool", size)
        peaks = [measured.peak("start"), measured.peak("receive", "stage"), measured.peak()]
        shown = [f"{mb:,.0f}" for mb in peaks]
        rows.append([f"{size:,}", *shown, f"{measured.best['total'] / size / first:.2f}"])
    return "medpool's peak of resident memory, in MB, at growing months:\n\n" + table(heads, rows)


def _why_polars(results: Results) -> str:
    """Return where Polars' copy gains on DuckDB's: the copies less the reading alone, best rounds."""
    names = ("duckdb", "duckdb_tuned", "duckdb_read", "polars_typed", "polars_read")
    if any(results.of(name, results.rows).wrong for name in names):
        return ""
    copy, tuned, read, polars, polars_read = (results.of(name, results.rows).best["total"] for name in names)
    written = polars - polars_read
    return f"""- *Where Polars is faster.* Reading and typing alone takes Polars {polars_read / read:.2f} times what it takes DuckDB; writing (a copy less its reading) takes DuckDB
  {(copy - read) / written:.1f} times what it takes Polars, and {(tuned - read) / written:.1f} times with the settings medpool writes with. DuckDB sorts every column of text into a dictionary before it knows whether that is
  worth it; the settings give up sooner. medpool also writes columns with a list of codes as ENUM, whose dictionary is there already.
"""


def _reading(results: Results) -> str:
    small, large = results.sizes[0], results.sizes[-1]
    grown = [results.of("medpool", size).peak("stage") for size in (small, large)]
    duckdb = results.of("duckdb", results.rows)
    times = "" if duckdb.wrong else f" ({ratio(results.of('medpool', results.rows), duckdb)[0]} here)"
    return f"""- *What checking costs.* The ratio to DuckDB's bare copy{times} is the price of everything the copy does not do, in the same engine on the same machine. The copy is a floor
  to measure by, not an alternative: it would stop at the first bad row, and is spared the recoding.
{_why_polars(results)}- *Small months.* Judging takes the same time at any size, so the ratios are worse for small months than for large ones.
- *Memory.* {large // small} times the rows took {grown[1] / grown[0]:.1f} times the memory while staging. DuckDB takes at most what
  `MEDPOOL_MEMORY` says (1 GB) before it spills to disk; what grows below that is what it buffers, and the hashes by which repeated receipts are found.
- *Rounds.* Contenders take turns, and the best round of each counts; the ratios within each round show how steady the machine was. Processor time, of all cores together,
  changes less when something else runs beside; it is a ratio to the same contender's, too. Great Expectations ran once.
- *The data is made up.* Real months repeat payers, have longer names, and may have more rows that need a close look, which costs more a row; the share of bad
  rows here is one in 5,000."""
