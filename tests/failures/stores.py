"""Take the control database away from each task of a month, give it back, and do the task again; a line of JSON for each.

Taken away: SQLite's file moved, or held by another process longer than a task waits (30 seconds; a fifth of one here, put into the child:
there is no setting for it) or for a moment; PostgreSQL's server stopped at once and started again, by the commands that TEST_POSTGRES_STOP and
TEST_POSTGRES_START name, before the task and in the middle of it.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from medpool_etl.periods import Month
from medpool_etl.simulator import simulate
from medpool_etl.store import control
from tests.failures.disks import attempt
from tests.failures.worlds import CITY, FAULTS, Points, World, forked


@contextmanager
def moved(world: World) -> Iterator[None]:
    """SQLite's file is elsewhere meanwhile."""
    file = world.live / "control.sqlite"
    if not file.is_file():
        yield
        return
    file.rename(file.with_suffix(".away"))
    yield
    assert not file.exists(), "another one was made in its place"
    file.with_suffix(".away").rename(file)


@contextmanager
def held(world: World, seconds: float | None = None) -> Iterator[None]:
    """Another process is writing, and does not come to an end, or only after some seconds."""
    # The process that forks keeps no connection: a lock does not live through a fork.
    ready, release = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        connection = sqlite3.connect(world.live / "control.sqlite", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        os.write(ready[1], b"x")
        if seconds is None:
            os.read(release[0], 1)
        else:
            time.sleep(seconds)
        connection.execute("ROLLBACK")
        os._exit(0)
    os.read(ready[0], 1)
    yield
    os.write(release[1], b"x")
    os.waitpid(child, 0)


@contextmanager
def stopped(_world: World) -> Iterator[None]:
    """PostgreSQL's server is stopped, and started again."""
    _server("STOP")
    try:
        yield
    finally:
        _server("START")


def _server(what: str) -> None:
    subprocess.run(["bash", "-c", os.environ[f"TEST_POSTGRES_{what}"]], check=True, capture_output=True)


def impatient() -> None:
    """Let this process wait for a fifth of a second where it would wait for thirty."""
    connected = control._sqlite_connected

    def soon(connection: Any, record: object) -> None:
        connected(connection, record)
        connection.execute("PRAGMA busy_timeout = 200")

    control._sqlite_connected = soon  # type: ignore[assignment]


def in_the_middle(world: World, step: str) -> dict[str, str]:
    """Do a task, and stop the server when it has written half of what it writes before it asks it the last times."""

    class Stop(Points):
        def _wrapped(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
            def counted(*args: Any, **kwargs: Any) -> Any:
                self.seen.append(name)
                if len(self.seen) == 2:
                    _server("STOP")
                return call(*args, **kwargs)

            return counted

        def _commit(self, commit: Callable[..., Any]) -> Callable[..., Any]:
            return self._wrapped(commit, "commit")

    Stop().watch()
    return attempt(world, step)


def tried(world: World, step: str, how: str) -> dict[str, Any]:
    """Do a task while the database is away in some way."""

    def soon() -> dict[str, str]:
        impatient()
        return attempt(world, step)

    if how == "in the middle":
        code, told = forked(lambda: in_the_middle(world, step), world.folder)
        _server("START")
        return {"code": code, "told": told}
    away: Any = {"moved": moved, "held": held, "a moment": lambda w: held(w, 2.0), "stopped": stopped}[how]
    with away(world):
        code, told = forked(soon if how == "held" else lambda: attempt(world, step), world.folder)
    return {"code": code, "told": told}


def ways_of(step: str) -> tuple[str, ...]:
    """Return how SQLite's file is taken from a task: those that only have themselves measured wait for it as the others do."""
    waits = ("held",) if step not in ("stage", "judge", "reconcile") else ()
    return ("moved", *waits, *(("a moment",) if step == "publish" else ()))


def main() -> int:
    """Take away and give back; return 0."""
    logging.disable(logging.CRITICAL)
    postgres = os.environ.get("TEST_POSTGRES_URL") if "--postgres" in sys.argv else None
    with tempfile.TemporaryDirectory(prefix="medpool-stores-") as name:
        world = World(Path(name), control_url=postgres)
        world.live.mkdir()
        simulate(CITY, Month.parse(world.period), world.settings.inbox, seed=1, faults=FAULTS)
        if not postgres:
            # There is one already, as of a month before.
            forked(lambda: control.Control(world.settings.control_url).close(), world.folder)
        for step in world.steps:
            for how in ("stopped", "in the middle") if postgres else ways_of(step):
                line = {"step": step, "how": how, **tried(world, step, how)}
                sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
                sys.stdout.flush()
            code, told = forked(partial(attempt, world, step), world.folder)
            sys.stdout.write(json.dumps({"step": step, "how": "again", "code": code, "told": told}) + "\n")
        code, found = forked(lambda: facts_of(world), world.folder)
        sys.stdout.write(json.dumps(found if code == 0 else {"nothing to be seen": found}) + "\n")
    return 0


def facts_of(world: World) -> dict[str, Any]:
    """Return what a month that went through this must have once."""
    import sqlalchemy as sa

    engine = sa.create_engine(world.settings.control_url)
    with engine.connect() as db:
        count = {
            table: db.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("publication_events", "publications", "runs", "approvals")
        }
        count["running"] = db.execute(sa.text("SELECT count(*) FROM step_runs WHERE outcome = 'running'")).scalar_one()
    warehouse = world.settings.warehouse
    hidden = [str(path) for path in warehouse.rglob(".*")]
    return {**count, "hidden": hidden, "mart": (warehouse / "marts" / "current" / "medpool.duckdb").is_file()}


if __name__ == "__main__":
    sys.exit(main())
