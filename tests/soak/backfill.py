"""`make soak-backfill`: two rehearsed years of five cities, settled in time; then backfilled over the same inbox from nothing, and killed on the way.

First every period is rehearsed and settled as an operator does, month by month, so that banks pay what was ordered. Then an empty
warehouse and an empty control database are filled from that inbox by `medpool backfill`, which is killed (SIGKILL) at random points and
started again. Both must publish the very same runs, the same bytes of every table and the same rows of the mart; a third backfill must
change nothing. On one core it takes about an hour and a half, and 1 GB; `--cities taizhou --months 3` shows in some minutes how it goes.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from medpool_etl import pipeline
from medpool_etl.documents import PACKAGE
from medpool_etl.errors import MedpoolError
from medpool_etl.marts import load_registry
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.backfill import periods_between
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.warehouse import read_json
from tests.years import FIRST, rehearse

ROOT = PACKAGE.parent
COMMAND = (sys.executable, "-c", "from medpool_etl.cli import main; main()", "backfill")
POLICY = "soak：rehearsal files, nobody is asked"
# What a city's own notice leaves open, and the shipped example that goes on from there.
SUPPLEMENTS = "hangzhou-example,zaozhuang-example"


@dataclass(frozen=True)
class Range:
    """What is filled of a city."""

    city: str
    first: Period
    last: Period


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cities", nargs="+", default=sorted(FIRST), choices=sorted(FIRST), help="which (all five)")
    parser.add_argument("--months", type=int, default=24, help="how many months each, from its notice's first (24)")
    parser.add_argument("--kills", type=int, default=3, help="how often the backfill is killed (3)")
    parser.add_argument("--seed", type=int, default=1, help="when it is killed")
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "soak", help="where data is made (var/soak)")
    parser.add_argument("--keep", action="store_true", help="keep the data")
    told = parser.parse_args()
    if told.months < 1 or told.kills < 0:
        parser.error("--months is at least 1, --kills at least 0")
    return told


def range_of(city: str, months: int) -> Range:
    """Return what is filled of a city: from the opening of its notice's first year; whole years end with their clearing."""
    last = Month(FIRST[city], 1).plus(months - 1)
    end = Period(last.year, "year") if last.number == 12 else Period.of(last)
    # A quarter stands behind its last month.
    if end.kind == "month" and last.number % 3 == 0:
        end = Period(last.year, "quarter", last.number // 3)
    return Range(city, Period(FIRST[city], "year"), end)


def settings_of(folder: Path, inbox: Path) -> Settings:
    """Return settings whose data lies in ``folder``, over an inbox that may lie elsewhere."""
    return Settings(
        data=folder,
        inbox=inbox,
        warehouse=folder / "warehouse",
        control_url=f"sqlite:///{folder / 'control.sqlite'}",
        alert_urls=(),
        unattended=POLICY,
    )


def settle_in_time(settings: Settings, filled: Range) -> float:
    """Rehearse and settle a city period by period; return the seconds settling took."""
    seconds = 0.0
    for item in periods_between(settings, filled.city, filled.first, filled.last):
        rehearse(settings, filled.city, item.period)
        began = time.perf_counter()
        pipeline.run_period(settings, filled.city, item.period)
        seconds += time.perf_counter() - began
        _say(f"  {filled.city} {item.period} settled in {time.perf_counter() - began:.0f} s")
    return seconds


def backfilled(settings: Settings, ranges: list[Range], kill_at: list[float]) -> Iterator[str]:
    """Backfill city after city, each by a process of its own, and kill it when so many seconds have passed in all; yield what happened."""
    began = time.perf_counter()
    for filled in ranges:
        while True:
            process = subprocess.Popen(
                [*COMMAND, str(filled.first), str(filled.last), "--city", filled.city, "--unattended", POLICY],
                cwd=ROOT,
                env={
                    **os.environ,
                    "MEDPOOL_DATA": str(settings.data),
                    "MEDPOOL_INBOX": str(settings.inbox),
                    "PYTHONPATH": str(ROOT),
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            left = kill_at[0] - (time.perf_counter() - began) if kill_at else None
            try:
                printed, _ = process.communicate(timeout=max(left, 0.1) if left is not None else None)
            except subprocess.TimeoutExpired:
                kill_at.pop(0)
                os.killpg(process.pid, signal.SIGKILL)
                printed, _ = process.communicate()
                periods = [line for line in printed.splitlines() if line.startswith(("✓", "="))]
                yield f"  {filled.city}: killed behind {periods[-1].strip() if periods else 'nothing'}"
                continue
            last = printed.strip().splitlines()[-1] if printed.strip() else ""
            yield f"  {last} (exit {process.returncode})"
            if process.returncode not in (0, 1):
                yield printed
            break


def published(settings: Settings, city: str) -> dict[str, str]:
    """Return the run each period of a city publishes."""
    control = Control(settings.control_url)
    try:
        return {p.month: p.run_id for p in control.published() if p.city == city}
    finally:
        control.close()


def tables_of(settings: Settings, city: str, period: str, run: str) -> dict[str, str]:
    """Return the SHA-256 of each table a run publishes."""
    folder = Warehouse(settings.warehouse).run(city, period, run) / "tables"
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def mart_counts(settings: Settings) -> dict[tuple[str, str], int]:
    """Return the rows of each city in each table of the mart that is made of runs."""
    found: dict[tuple[str, str], int] = {}
    with duckdb.connect(str(Warehouse(settings.warehouse).current_mart), read_only=True) as mart:
        for name, table in load_registry().tables.items():
            if table.made_from == "runs":
                rows = mart.execute(f"SELECT city, count(*) FROM {name} GROUP BY city").fetchall()
                found |= {(name, city): count for city, count in rows}
    return found


def why_different(first: Settings, second: Settings, city: str, period: str, runs: tuple[str, str]) -> str:
    """Return which inputs of two runs of a period differ."""
    manifests = [
        read_json(Warehouse(s.warehouse).run(city, period, run) / "manifest.json")
        for s, run in zip((first, second), runs, strict=True)
    ]
    parts = [name for name in manifests[0] if name != "run_id" and manifests[0][name] != manifests[1].get(name)]
    names = [{(a["name"], a["sha256"][:12], a["state"], a["version"]) for a in m["arrivals"]} for m in manifests]
    return f"{', '.join(parts)}; files only then {sorted(names[0] - names[1])}, only now {sorted(names[1] - names[0])}"


def compare(first: Settings, second: Settings, filled: Range) -> list[str]:
    """Return what differs between a city settled in time and the same city backfilled."""
    was, now = published(first, filled.city), published(second, filled.city)
    different = [f"{period} is published once only" for period in sorted(was.keys() ^ now.keys())]
    moved = sorted((p for p in was.keys() & now.keys() if was[p] != now[p]), key=lambda p: Period.parse(p).order)
    if moved:
        why = why_different(first, second, filled.city, moved[0], (was[moved[0]], now[moved[0]]))
        different.append(f"{len(moved)} runs are others, the first {moved[0]}: {why}")
    for period in was.keys() & now.keys():
        tables = [tables_of(s, filled.city, period, runs[period]) for s, runs in ((first, was), (second, now))]
        names = sorted(name for name in tables[0] if tables[0][name] != tables[1].get(name))
        if names and period not in moved:
            different.append(f"{period}: other bytes in {', '.join(names)}")
    return different


def main() -> int:
    """Settle, backfill, compare; return 0 where nothing differs."""
    told = _arguments()
    os.environ |= {"MEDPOOL_SUPPLEMENTS": SUPPLEMENTS, "MEDPOOL_UNATTENDED": POLICY}
    logging.disable(logging.ERROR)
    folder = told.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    first = settings_of(folder / "in-time", folder / "in-time" / "inbox")
    second = settings_of(folder / "backfilled", first.inbox)
    ranges, different, seconds = [range_of(city, told.months) for city in told.cities], [], 0.0
    for filled in list(ranges):
        _say(f"{filled.city} {filled.first} … {filled.last}: rehearsed and settled in time")
        try:
            seconds += settle_in_time(first, filled)
        except MedpoolError as error:
            _say(f"  {filled.city} goes no further: {error}")
            ranges.remove(filled)
            different.append(f"{filled.city} cannot be settled in time")
    rng = random.Random(told.seed)
    kill_at = sorted(rng.uniform(0.02, 0.9) * seconds for _ in range(told.kills))
    _say(f"Backfilled from nothing, killed {told.kills} times within {seconds:.0f} s")
    began = time.perf_counter()
    for line in backfilled(second, ranges, kill_at):
        _say(line)
    took = time.perf_counter() - began
    generation = Warehouse(second.warehouse).generation()
    _say("Once more")
    began = time.perf_counter()
    for line in backfilled(second, ranges, []):
        _say(line)
    again = time.perf_counter() - began
    if Warehouse(second.warehouse).generation() != generation:
        different.append("passing over made another mart")
    if kill_at:
        different.append(f"{len(kill_at)} kills came too late")
    counts = [mart_counts(settings) for settings in (first, second)]
    for filled in ranges:
        found = compare(first, second, filled)
        runs = published(second, filled.city)
        rows = [sum(n for (_, city), n in count.items() if city == filled.city) for count in counts]
        if rows[0] != rows[1]:
            found.append(f"the mart has {rows[1]:,} rows, not {rows[0]:,}")
        _say(f"{filled.city}: {len(runs)} runs, {rows[1]:,} rows in the mart: {'; '.join(found) or 'the same'}")
        different += found
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    _say(
        f"{'DIFFERENT' if different else 'THE SAME'}: settled in {seconds:.0f} s, backfilled in {took:.0f} s with {told.kills} kills, "
        f"passed over in {again:.0f} s; {size / 1e9:.1f} GB"
    )
    if not told.keep and not different:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if different else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
