"""A month, a quarter or an opening settled step by step in processes of their own, and everything that can be seen of it afterwards.

The process that forks them has never settled anything itself: DuckDB's threads do not live through a fork.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import great_expectations  # noqa: F401 - imported once, not by every child

from medpool_etl import pipeline
from medpool_etl.errors import InputError
from medpool_etl.marts import load_registry
from medpool_etl.periods import Period
from medpool_etl.pipeline import PERIOD_STEPS, STEPS, MonthRun
from medpool_etl.store import Settings, Warehouse

APPROVER = "王五"
CITY = "taizhou"
# What there is to see of a month with breaks, set-asides and alerts that is published all the same.
FAULTS = ("in_transit", "one_fen_agency", "bad_amount", "not_transferred")


@dataclass(frozen=True)
class World:
    """The data of one settlement, worked in below ``folder``, or on a ``disk`` of its own."""

    folder: Path
    period: str = "2022-03"
    unattended: str = "测试：无人审批"
    alert_urls: tuple[str, ...] = ()
    disk: Path | None = None
    control_url: str | None = None
    handed: str = "run.json"

    @property
    def live(self) -> Path:
        return (self.disk or self.folder) / "live"

    @property
    def settings(self) -> Settings:
        return Settings(
            data=self.live,
            inbox=self.live / "inbox",
            warehouse=self.live / "warehouse",
            control_url=self.control_url or f"sqlite:///{self.live / 'control.sqlite'}",
            alert_urls=self.alert_urls,
            unattended=self.unattended,
        )

    @property
    def steps(self) -> tuple[str, ...]:
        """The tasks of the period's DAG, in order; with a review where somebody is asked."""
        month = Period.parse(self.period).kind == "month"
        names = ["open", *(STEPS if month else PERIOD_STEPS)]
        if not self.unattended:
            names.insert(names.index("publish"), "review")
        return tuple(names)

    def asking(self) -> World:
        """The same world, settled as far as the gate, where people approve."""
        self.restore("publish")
        return replace(self, unattended="")

    def keep(self, step: str) -> None:
        """Remember the data as it is now, before a task."""
        state = self._state(step)
        shutil.copytree(self.live, self.folder / "states" / state, symlinks=True)

    def restore(self, step: str) -> None:
        """Bring the data back to what it was before a task."""
        shutil.rmtree(self.live, ignore_errors=True)
        shutil.copytree(self.folder / "states" / self._state(step), self.live, symlinks=True)

    def _state(self, step: str) -> str:
        return step if self.unattended else f"asked-{step}"

    def do(self, step: str) -> None:
        """Do one task, as Airflow would: the run is handed on in a file beside the data."""
        run_file = self.live / self.handed
        if step == "open":
            period = Period.parse(self.period)
            opening = pipeline.open_month if period.kind == "month" else pipeline.open_period
            run = opening(self.settings, CITY, period.first_month if period.kind == "month" else period)
            run_file.write_text(json.dumps([run.city, run.month, run.run_id]))
            return
        run = MonthRun(*json.loads(run_file.read_text()))
        if step == "review":
            try:
                pipeline.decide(self.settings, CITY, run.period, True, APPROVER, run_id=run.run_id)
            except InputError as error:
                # It was recorded before the process was killed.
                if "nothing of" not in str(error):
                    raise
            return
        (STEPS if run.period.kind == "month" else PERIOD_STEPS)[step](self.settings, run)

    def finish(self, step: str, whole: bool) -> None:
        """Go on as Airflow does, from the task that was killed, or as the command line does, with the whole period."""
        if whole:
            if step == "review":
                # Who does not see their approval kept gives it again.
                self.do(step)
            pipeline.run_period(self.settings, CITY, Period.parse(self.period))
            return
        for name in self.steps[self.steps.index(step) :]:
            self.do(name)


def forked(work: Callable[[], Any], tmp: Path) -> tuple[int, Any]:
    """Do some work in a process of its own; return how that ended (0, or minus the signal) and what it returned."""
    answer = tmp / f"answer-{os.urandom(6).hex()}"
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            answer.write_text(json.dumps(work(), default=str), encoding="utf-8")
            code = 0
        except BaseException:
            answer.write_text(json.dumps(traceback.format_exc()), encoding="utf-8")
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    told = json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() and answer.stat().st_size else None
    answer.unlink(missing_ok=True)
    return os.waitstatus_to_exitcode(status), told


class Points:
    """Counts the durable writes of a process (a new name for a file or folder, a link, a commit, an alert sent), and kills it at one.

    To be put into a forked child only.
    """

    def __init__(self, kill_at: int | None = None, after: bool = False) -> None:
        self.seen: list[str] = []
        self._kill_at, self._after = kill_at, after

    def watch(self) -> Points:
        """Wrap what writes, in this process."""
        import requests
        from sqlalchemy.engine.default import DefaultDialect

        for name in ("rename", "replace", "symlink"):
            setattr(os, name, self._wrapped(getattr(os, name), name))
        DefaultDialect.do_commit = self._commit(DefaultDialect.do_commit)  # type: ignore[method-assign]
        requests.Session.send = self._wrapped(requests.Session.send, "send")  # type: ignore[method-assign]
        return self

    def _commit(self, commit: Callable[..., Any]) -> Callable[..., Any]:
        """A commit of what was changed is counted, one of what was only read is not."""
        counted, before = self._wrapped(commit, "commit"), dict[int, int]()

        def told(dialect: Any, connection: Any) -> Any:
            changes = connection.dbapi_connection.total_changes
            changed, before[id(connection.dbapi_connection)] = (
                changes != before.get(id(connection.dbapi_connection), 0),
                changes,
            )
            return (counted if changed else commit)(dialect, connection)

        return told

    def _wrapped(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            # The second argument is what appears.
            what = Path(os.fspath(args[1])).name if name in ("rename", "replace", "symlink") else ""
            self.seen.append(f"{name} {what}".strip())
            mine = len(self.seen) == self._kill_at
            if mine and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args, **kwargs)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted


def facts(world: World) -> dict[str, Any]:
    """Everything that can be seen of a settled period, without the moments at which it happened; JSON-ready."""
    settings = world.settings
    warehouse = Warehouse(settings.warehouse)
    with closing(sqlite3.connect(settings.data / "control.sqlite")) as db:

        def rows(sql: str) -> list[Any]:
            return [list(row) for row in db.execute(sql)]

        found: dict[str, Any] = {
            "runs": rows("SELECT run_id, figures FROM runs ORDER BY run_id"),
            "published": rows("SELECT month, run_id FROM publications"),
            "events": rows("SELECT month, run_id, replaces FROM publication_events ORDER BY id"),
            "approvals": rows("SELECT run_id, review, digest, decision, how, by FROM approvals ORDER BY id"),
            "received": rows("SELECT name, sha256, scan FROM received_files ORDER BY name, sha256"),
            "breaks": rows("SELECT break_id, state, amount_fen, lives FROM breaks ORDER BY 1"),
            "break_events": rows("SELECT break_id, event, by FROM break_events ORDER BY id"),
            "told": rows("SELECT subject, what, destination FROM told ORDER BY 1, 2, 3"),
            "steps": rows("SELECT step, outcome FROM step_runs ORDER BY id"),
        }
    found["files"] = {
        str(path.relative_to(settings.warehouse)): hashlib.sha256(path.read_bytes()).hexdigest()
        for top in ("runs", "received")
        for path in sorted((settings.warehouse / top).rglob("*"))
        if path.is_file()
    }
    everything = [path.relative_to(settings.warehouse) for path in settings.warehouse.rglob("*")]
    found["hidden"] = sorted(str(path) for path in everything if path.name.startswith("."))
    found["unfinished"] = sorted(str(p) for p in everything if p.parts[0] == "work" and len(p.parts) == 4)
    found["generations"] = len([p for p in warehouse.marts.iterdir() if p.is_dir() and not p.is_symlink()])
    found["current"] = (warehouse.marts / "current").is_symlink()
    with duckdb.connect(str(warehouse.current_mart), read_only=True) as mart:
        found["mart"] = {
            name: hashlib.sha256(repr(mart.execute(f"FROM {name} ORDER BY ALL").fetchall()).encode()).hexdigest()
            for name, table in load_registry().tables.items()
            if table.made_from == "runs"
        }
    return found


def differences(undisturbed: dict[str, Any], now: dict[str, Any], step: str) -> list[str]:
    """Return what a killed and finished period has otherwise than one that was left alone, but for what is true of it."""
    different = []
    for name, was in undisturbed.items():
        if name in ("steps", "generations", "sent"):
            continue
        if now[name] != was:
            if isinstance(was, dict):
                keys = sorted(k for k in was.keys() | now[name].keys() if was.get(k) != now[name].get(k))
                different.append(f"{name}: {keys[:5]}")
            else:
                extra, less = [i for i in now[name] if i not in was], [i for i in was if i not in now[name]]
                different.append(f"{name}: more {extra[:5]}, less {less[:5]}, {len(now[name])} for {len(was)}")
    for name in world_steps(undisturbed):
        outcomes = [outcome for done, outcome in now["steps"] if done == name]
        died = outcomes.count("died")
        if (
            "running" in outcomes
            or died > (name == step or (step == "open" and name.startswith("open_")))
            or not 1 <= outcomes.count("done") <= 2
        ):
            different.append(f"steps: {name} {outcomes}")
    # A generation more where a mart was built already when the process was killed.
    if not 1 <= now["generations"] <= undisturbed["generations"] + 1:
        different.append(f"{now['generations']} generations of the mart")
    if "sent" in undisturbed:
        missing = [text for text in undisturbed["sent"] if text not in now["sent"]]
        doubled = len(now["sent"]) - len(set(now["sent"]))
        if missing:
            different.append(f"{len(missing)} alerts are lost")
        if doubled > (step == "notify"):
            different.append(f"{doubled} alerts came twice")
    return different


def world_steps(found: dict[str, Any]) -> list[str]:
    """Return the steps that were measured."""
    return sorted({step for step, _ in found["steps"]})
