"""Measure the steps of runs: each time one is done, when, by what, on how much and how it ended goes into the control database.

Measuring never decides whether a step succeeds: where the control database does not answer, the step goes on, and a warning says
that it is not measured.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from medpool_etl.alerts.message import without_long_numbers, without_persons
from medpool_etl.errors import BlockedError, MedpoolError, StoreError
from medpool_etl.store import Control, Settings
from medpool_etl.store.disk import disk_trouble_named
from medpool_etl.store.steps import BLOCKED, DONE, FAILED, Counts, Steps
from medpool_etl.store.warehouse import read_json

if TYPE_CHECKING:
    from medpool_etl.pipeline.opening import MonthRun

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)
# What is being worked on: city, period, run and step, as far as they are known. Log lines may name it.
AT_WORK: ContextVar[dict[str, str]] = ContextVar("medpool_at_work", default={})  # noqa: B039 - nobody changes it
_LONGEST_ERROR, _LONGEST_STARTER = 500, 250


def measured(
    name: str, step: Callable[Concatenate[Settings, MonthRun, P], R]
) -> Callable[Concatenate[Settings, MonthRun, P], R]:
    """Return the step with its measurement around it; its result and its errors stay its own, but that a disk is named which is full
    or fails (StoreError)."""

    @functools.wraps(step)
    def timed(settings: Settings, run: MonthRun, /, *args: P.args, **kwargs: P.kwargs) -> R:
        note = _Note(settings, run, name)
        at_work = _at_work(city=run.city, period=run.month, run=run.run_id, step=name)
        with at_work, note.kept(), disk_trouble_named(settings):
            result = step(settings, run, *args, **kwargs)
            # Publishing says whether it changed anything.
            note.idle = note.idle or result is False
            return result

    return timed


def measured_opening(
    opening: Callable[Concatenate[Settings, str, Any, P], MonthRun],
) -> Callable[Concatenate[Settings, str, Any, P], MonthRun]:
    """Return what begins a run with its measurement around it. It is recorded when it is done: before, there is no run."""

    @functools.wraps(opening)
    def timed(settings: Settings, city: str, period: Any, /, *args: P.args, **kwargs: P.kwargs) -> MonthRun:
        began = _now()
        with _at_work(city=city, period=str(period), step=opening.__name__), disk_trouble_named(settings):
            run = opening(settings, city, period, *args, **kwargs)
            _Note(settings, run, opening.__name__, began).end(DONE)
            return run

    return timed


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, without ids of persons, at most 500 characters."""
    text = (str(error).strip().splitlines() or [""])[0]
    if not isinstance(error, MedpoolError):
        text = without_long_numbers(text)
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return without_persons(text)[:_LONGEST_ERROR]


def started_by() -> str:
    """Return what has the steps run: ``airflow <DAG>/<DAG run>`` inside a task of Airflow, which says so in the environment, else
    ``command``."""
    dag, run = os.environ.get("AIRFLOW_CTX_DAG_ID"), os.environ.get("AIRFLOW_CTX_DAG_RUN_ID")
    return f"airflow {dag}/{run or '?'}"[:_LONGEST_STARTER] if dag else "command"


class _Note:
    """One measurement: begun with the step, and written as soon as the control database takes it."""

    def __init__(self, settings: Settings, run: MonthRun, step: str, began: dt.datetime | None = None) -> None:
        self._settings, self._run, self._step, self._began = settings, run, step, began or _now()
        self._number = None if began else self._write(self._begin)
        # In a run that is complete a step finds nothing to make, and has worked on nothing; only publishing is left.
        self.idle = began is None and step != "publish" and run.complete(settings)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Record how the block ends."""
        try:
            yield
        except BaseException as error:
            self.end(BLOCKED if isinstance(error, BlockedError) else FAILED, first_line(error))
            raise
        self.end(DONE)

    def end(self, outcome: str, error: str = "") -> None:
        """Record how the step ended, now."""
        ended = _now()
        idle = self.idle or outcome == FAILED
        counts = Counts() if idle else counts_of(self._settings, self._run, self._step)

        def finish(steps: Steps) -> int:
            # What could not be written when the step began is written now.
            number = self._begin(steps) if self._number is None else self._number
            steps.end(number, outcome, ended, counts, error)
            return number

        self._write(finish)

    def _begin(self, steps: Steps) -> int:
        run = self._run
        return steps.begin(run.city, run.month, run.run_id, self._step, started_by(), self._began)

    def _write(self, change: Callable[[Steps], int]) -> int | None:
        try:
            control = Control(self._settings.control_url)
            try:
                return change(Steps(control))
            finally:
                control.close()
        except StoreError as error:
            log.warning("%s of run %s is not measured: %s", self._step, self._run.run_id, first_line(error))
            return None


def counts_of(settings: Settings, run: MonthRun, step: str) -> Counts:
    """Return what a step of a run worked on, as the run's own summaries have it, or nothing where they are not there yet.

    Opening: deliveries received. ``stage`` and ``judge``: every file and its rows of data; ``reconcile`` and ``settle``: those of the accepted files.
    ``gate``, ``report`` and ``publish``: the tables of the run and their rows.
    """
    try:
        folder = run.folder(settings)
        if step.startswith("open_"):
            return Counts(len(read_json(folder / "manifest.json")["arrivals"]))
        if step == "stage":
            return _sum([read_json(path) for path in sorted(folder.glob("staged/*/*.json"))])
        if step in ("judge", "reconcile", "settle"):
            verdicts = read_json(folder / "quality" / "verdicts.json").values()
            return _sum([v for v in verdicts if step == "judge" or v["outcome"].startswith("accepted")])
        if step in ("gate", "report", "publish"):
            tables = read_json(folder / "summary.json")["tables"]
            return Counts(len(tables), sum(tables.values()))
    except (MedpoolError, OSError, ValueError, KeyError) as error:
        log.warning("what %s of run %s worked on cannot be counted: %s", step, run.run_id, first_line(error))
    return Counts()


def _sum(files: list[dict[str, Any]]) -> Counts:
    """Add up summaries of files; one that is unusable has no rows."""
    return Counts(
        len(files), sum(file.get("staged") or 0 for file in files), sum(file.get("set_aside") or 0 for file in files)
    )


@contextmanager
def _at_work(**what: str) -> Iterator[None]:
    token = AT_WORK.set({**AT_WORK.get(), **what})
    try:
        yield
    finally:
        AT_WORK.reset(token)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
