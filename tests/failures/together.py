"""Settle the same month in two processes at once, of the same inputs and of different ones; a line of JSON for each time.

Of different inputs: the second begins with corrected files as soon as the first has received its own. `make soak-failures` does it five times.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medpool_etl.periods import Month
from medpool_etl.simulator import simulate
from tests.failures.disks import attempt
from tests.failures.kills import Listener
from tests.failures.worlds import CITY, FAULTS, World, facts, forked


def beside(work: Callable[[], Any], answer: Path) -> int:
    """Do some work in a process of its own, without waiting for it; what it returns goes into a file."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            answer.write_text(json.dumps(work()), encoding="utf-8")
            code = 0
        finally:
            os._exit(code)
    return child


def settled(world: World, steps: tuple[str, ...]) -> list[dict[str, str]]:
    """Do tasks one after another, until one raises something; return what."""
    for step in steps:
        if told := attempt(world, step):
            return [{"step": step, **told}]
    return []


def both(folder: Path, listener: Listener, differ: bool) -> dict[str, Any]:
    """Let two processes settle a month, and return how each ended and what there is then."""
    shutil.rmtree(folder, ignore_errors=True)
    # Each has its own word from task to task, as two DAG runs have.
    worlds = [World(folder, handed=f"run{number}.json", alert_urls=(listener.url,)) for number in (1, 2)]
    worlds[0].live.mkdir(parents=True)
    inbox = worlds[0].settings.inbox
    simulate(CITY, Month.parse(worlds[0].period), inbox, seed=1, faults=FAULTS)
    answers = [folder / f"answer{number}" for number in (1, 2)]
    children = [beside(lambda: settled(worlds[0], worlds[0].steps), answers[0])]
    if differ:
        while not (worlds[0].live / worlds[0].handed).is_file() and not answers[0].is_file():
            time.sleep(0.02)
        simulate(CITY, Month.parse(worlds[0].period), inbox, seed=2)
    children.append(beside(lambda: settled(worlds[1], worlds[1].steps), answers[1]))
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    ended = [json.loads(answer.read_text()) if answer.is_file() else None for answer in answers]
    code, found = forked(lambda: facts(worlds[1]), folder)
    if code or None in ended:
        return {"codes": codes, "ended": ended, "nothing to be seen": found}
    runs = [json.loads((worlds[0].live / world.handed).read_text())[2] for world in worlds]
    kept = (
        "published",
        "events",
        "approvals",
        "hidden",
        "unfinished",
        "generations",
        "current",
        "steps",
        "break_events",
        "told",
    )
    sent = listener.taken()
    return {
        "differ": differ,
        "sent": sent,
        "codes": codes,
        "ended": ended,
        "begun": runs,
        **{name: found[name] for name in kept},
    }


def main() -> int:
    """Settle at once; return 0."""
    logging.disable(logging.CRITICAL)
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="medpool-together-") as name:
        listener = Listener(Path(name) / "sent.jsonl")
        try:
            for _ in range(times):
                # tests/pipeline/test_reruns.py does it with the same files.
                for differ in (False, True) if times > 1 else (True,):
                    line = both(Path(name) / "world", listener, differ)
                    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
                    sys.stdout.flush()
        finally:
            listener.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
