"""Kill every task of a period at its durable writes, finish the period, and say what is otherwise than undisturbed.

`make soak-failures` kills at every point, before and after; the tests at some of them. Run as a program, it prints a line of JSON for every kill.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from medpool_etl.periods import Month
from medpool_etl.simulator import simulate, simulate_year_files
from tests.failures.worlds import CITY, FAULTS, Points, World, differences, facts, forked


class Listener:
    """A webhook in a process of its own that keeps what it is sent in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with file.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(f"{told['title']}\n{told['message']}") + "\n")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                return None

        server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{server.server_port}/hook"
        self._process = os.fork()
        if self._process == 0:
            server.serve_forever()
        server.server_close()

    def taken(self) -> list[str]:
        """Return what was sent since the last time this was asked."""
        if not self._file.is_file():
            return []
        lines = [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]
        self._file.unlink()
        return lines

    def close(self) -> None:
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)


def prepare(world: World, first: str = "open") -> dict[str, Any]:
    """Settle the world's period undisturbed from a task on, keeping what it was before each; return the durable writes of each, and facts."""
    counted = {}
    for step in world.steps[world.steps.index(first) :]:
        world.keep(step)

        def watched(step: str = step) -> list[str]:
            points = Points().watch()
            world.do(step)
            return points.seen

        code, told = forked(watched, world.folder)
        if code:
            raise RuntimeError(f"{step} fails undisturbed: {told}")
        counted[step] = told
    code, found = forked(lambda: facts(world), world.folder)
    if code:
        raise RuntimeError(f"nothing to be seen: {found}")
    return {"writes": counted, "facts": found}


def kill(
    world: World, listener: Listener, undisturbed: dict[str, Any], step: str, number: int, after: bool, whole: bool
) -> list[str]:
    """Kill a task at one of its durable writes, finish the period, and return what is otherwise than undisturbed."""
    world.restore(step)
    listener.taken()

    def dying() -> None:
        Points(number, after).watch()
        world.do(step)

    code, told = forked(dying, world.folder)
    if code != -signal.SIGKILL:
        return [f"it was not killed: {code} {told}"]
    # What was left half received is removed a day later.
    for left in (world.live / "warehouse" / "received").glob(".*"):
        os.utime(left, times=(0, 0))

    def finishing() -> dict[str, Any]:
        world.finish(step, whole)
        return facts(world)

    code, now = forked(finishing, world.folder)
    if code:
        return [f"it cannot be finished: {str(now)[-600:]}"]
    return differences(undisturbed, {**now, "sent": listener.taken()}, step)


def every(writes: list[str]) -> Iterator[tuple[int, bool]]:
    """Yield (number, after) of the writes a task is killed at: before each, and after each but a file, which is the same as before the next."""
    for number, write in enumerate(writes, 1):
        yield number, False
        if not write.startswith("replace") or number == len(writes):
            yield number, True


def sample(step: str, writes: list[str]) -> Iterator[tuple[int, bool]]:
    """Yield the most telling of them."""
    wanted = {
        "stage": ("replace", False),
        "settle": ("replace", False),
        "gate": ("rename", True),
        "review": ("commit", True),
        "publish": ("symlink", True),
        "notify": ("send", True),
    }
    if step == "open":
        # What was received is written down, all of it or nothing.
        yield next(n for n, write in enumerate(writes, 1) if write == "replace manifest.json") - 2, False
    elif step in wanted:
        how, after = wanted[step]
        places = [number for number, write in enumerate(writes, 1) if write.startswith(how)]
        yield places[len(places) // 2], after


def inbox(folder: Path, url: str, period: str) -> World:
    """Make a world with its inbox."""
    world = World(folder / period, period, alert_urls=(url,))
    world.live.mkdir(parents=True)
    if period.endswith("opening"):
        simulate_year_files(CITY, 2022, world.settings.inbox, "opening", seed=1)
    else:
        simulate(CITY, Month.parse(period), world.settings.inbox, seed=1, faults=FAULTS)
    return world


def killed(
    world: World, listener: Listener, first: str, last: str, all_: bool, only: list[str] | None
) -> Iterator[dict[str, Any]]:
    """Settle a world undisturbed from a task on, then kill those as far as ``last``; yield what came of each kill."""
    prepared = prepare(world, first)
    undisturbed = {**prepared["facts"], "sent": listener.taken()}
    for step in world.steps[world.steps.index(first) : world.steps.index(last) + 1]:
        writes = prepared["writes"][step]
        if only and step not in only:
            continue
        for place, (number, after) in enumerate(every(writes) if all_ else sample(step, writes)):
            # As the command line does, now and then: that settles the whole period again.
            whole = place % 5 == 4 or (not all_ and step == "publish")
            yield {
                "period": f"{world.period}{'' if world.unattended else ' asked'}",
                "step": step,
                "at": f"{'after' if after else 'before'} {number}/{len(writes)} {writes[number - 1]}",
                "finished": "medpool run" if whole else "task again",
                "different": kill(world, listener, undisturbed, step, number, after, whole),
            }


def main() -> int:
    """Kill and finish; return 0 where nothing was otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--periods", nargs="+", default=["2022-03", "2022-opening"])
    parser.add_argument("--steps", nargs="*", help="only these tasks")
    parser.add_argument("--every", action="store_true", help="at every durable write, before and after")
    parser.add_argument("--folder", type=Path, help="where data is made (a temporary folder)")
    told = parser.parse_args()
    logging.disable(logging.CRITICAL)
    folder = told.folder or Path(tempfile.mkdtemp(prefix="medpool-kills-"))
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    tempfile.tempdir = str(folder / "tmp")
    listener, kills, bad = Listener(folder / "sent.jsonl"), 0, 0
    try:
        for period in told.periods:
            world = inbox(folder, listener.url, period)
            parts = [killed(world, listener, "open", "notify", told.every, told.steps)]
            if "gate" in world.steps:
                # The same month, where people approve: what is otherwise is killed as well.
                parts.append(_asked(world, listener, told.every, told.steps))
            for part in parts:
                for line in part:
                    kills, bad = kills + 1, bad + bool(line["different"])
                    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
                    sys.stdout.flush()
    finally:
        listener.close()
        if not told.folder:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(f"{kills} kills, {bad} of them left something otherwise than undisturbed\n")
    return 1 if bad or not kills else 0


def _asked(world: World, listener: Listener, all_: bool, only: list[str] | None) -> Iterator[dict[str, Any]]:
    yield from killed(world.asking(), listener, "review", "publish" if all_ else "review", all_, only)


if __name__ == "__main__":
    sys.exit(main())
