"""How often each step of a run was done, how long it took and how it ended: one row each time, in the control database."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from medpool_etl.store.control import Control
from medpool_etl.store.tables import StepRun

RUNNING, DONE, BLOCKED, FAILED, DIED = OUTCOMES = ("running", "done", "blocked", "failed", "died")


@dataclass(frozen=True)
class Counts:
    """What a step worked on: files, their rows, and how many of these were set aside. None: nothing to count, or nothing was made."""

    files: int | None = None
    rows: int | None = None
    rows_set_aside: int | None = None


class Steps:
    """The step runs of a control database. Every method may raise StoreError."""

    def __init__(self, control: Control) -> None:
        """Work on an open control database, which the caller closes."""
        self._control = control

    def begin(self, city: str, month: str, run_id: str, step: str, started_by: str, at: dt.datetime) -> int:
        """Record that a step of a run began at a moment, and return the number of its row.

        A row of the same step that is still ``running`` becomes ``died``: its process ended without a word. Should it live all the
        same, waiting for the same run, :meth:`end` says later how it ended.
        """
        with self._control.session() as session:
            session.execute(
                sa.update(StepRun)
                .where(StepRun.run_id == run_id, StepRun.step == step, StepRun.outcome == RUNNING)
                .values(outcome=DIED)
            )
            row = StepRun(
                run_id=run_id,
                city=city,
                month=month,
                step=step,
                outcome=RUNNING,
                started_at=at,
                error="",
                started_by=started_by,
            )
            session.add(row)
            session.flush()
            return row.id

    def end(self, number: int, outcome: str, at: dt.datetime, counts: Counts, error: str) -> None:
        """Record how the step of a row ended, at which moment, on how much, and the first line of its error ("": none)."""
        with self._control.session() as session:
            session.execute(
                sa.update(StepRun)
                .where(StepRun.id == number)
                .values(
                    outcome=outcome,
                    ended_at=at,
                    files=counts.files,
                    rows=counts.rows,
                    rows_set_aside=counts.rows_set_aside,
                    error=error,
                )
            )

    def listing(self, city: str | None = None, month: str | None = None) -> tuple[StepRun, ...]:
        """Return the step runs of a city and period (None: all), in the order they began."""
        wanted = {StepRun.city: city, StepRun.month: month}
        query = sa.select(StepRun).where(*(column == value for column, value in wanted.items() if value is not None))
        with self._control.session() as session:
            session.expire_on_commit = False
            return tuple(session.scalars(query.order_by(StepRun.started_at, StepRun.id)))
