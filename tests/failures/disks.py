"""Fill the disk before each task of a month that replaces a published one, make room, and do the task again; a line of JSON for each.

The disk is a small one in memory where this process may mount one (exit code 77 where it may not).
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.errors import MedpoolError
from medpool_etl.periods import Month
from medpool_etl.simulator import simulate
from medpool_etl.store import Warehouse
from tests.failures.worlds import CITY, World, facts, forked

NOT_ALLOWED = 77


def attempt(world: World, step: str) -> dict[str, str]:
    """Do a task, and return what it raised: the class and the words; nothing where it went well."""
    try:
        world.do(step)
    except MedpoolError as error:
        return {"error": type(error).__name__, "said": str(error)}
    return {}


def remitted(world: World) -> list[Any]:
    """Return the remittances the mart has."""
    with duckdb.connect(str(Warehouse(world.settings.warehouse).current_mart), read_only=True) as mart:
        return [
            [str(v) for v in row]
            for row in mart.execute("SELECT row_id, amount FROM remittances ORDER BY ALL").fetchall()
        ]


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return filler


def main() -> int:
    """Fill and make room; return 0."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="medpool-disks-") as name:
        folder = Path(name)
        disk = folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], capture_output=True).returncode:
            return NOT_ALLOWED
        try:
            return _on(World(folder, disk=disk), disk)
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


def _on(world: World, disk: Path) -> int:
    def settled(seed: int) -> None:
        simulate(CITY, Month.parse(world.period), world.settings.inbox, seed=seed)
        for step in world.steps if seed == 1 else ():
            world.do(step)

    world.live.mkdir()
    code, told = forked(lambda: settled(1), world.folder)
    assert code == 0, told
    _, before = forked(lambda: remitted(world), world.folder)
    code, told = forked(lambda: settled(2), world.folder)
    assert code == 0, told
    for step in world.steps:
        filler = fill(disk)
        code, full = forked(partial(attempt, world, step), world.folder)
        _, mart = forked(lambda: remitted(world), world.folder)
        filler.unlink()
        again, told = forked(partial(attempt, world, step), world.folder)
        line = {"step": step, "code": code, "full": full, "mart_stays": mart == before, "again": [again, told]}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    _, found = forked(lambda: facts(world), world.folder)
    _, after = forked(lambda: remitted(world), world.folder)
    last = {name: found[name] for name in ("events", "hidden", "unfinished", "steps", "current")}
    sys.stdout.write(json.dumps({**last, "new_mart": after != before}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
