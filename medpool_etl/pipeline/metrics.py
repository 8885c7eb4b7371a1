"""The measurements of the newest runs, put together for whoever looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from medpool_etl.periods import Period
from medpool_etl.store import Control, Settings
from medpool_etl.store.steps import Steps
from medpool_etl.store.tables import StepRun

_MILLISECOND = Decimal("0.001")


@dataclass(frozen=True)
class RunMetrics:
    """A run and its steps in the order they began; ``files``, ``rows`` and ``rows_set_aside`` are those of its files, None before they
    are staged."""

    city: str
    month: str
    run_id: str
    steps: tuple[StepRun, ...]
    files: int | None
    rows: int | None
    rows_set_aside: int | None

    @property
    def seconds(self) -> Decimal:
        """How long the steps that ended took together, in seconds."""
        return sum((seconds_of(row) or Decimal(0) for row in self.steps), Decimal(0))


def metrics_of(settings: Settings, city: str, period: Period | None = None, runs: int = 5) -> tuple[RunMetrics, ...]:
    """Return the newest runs of a city (and period) that were measured, as many as asked for, the one begun last at the end.

    Raises StoreError when the control database does not answer.
    """
    control = Control(settings.control_url)
    try:
        rows = Steps(control).listing(city, str(period) if period else None)
    finally:
        control.close()
    by_run: dict[str, list[StepRun]] = {}
    for row in rows:
        # A run whose steps are done again is the newest again.
        by_run[row.run_id] = [*by_run.pop(row.run_id, []), row]
    return tuple(_of_run(steps) for steps in list(by_run.values())[-runs:])


def seconds_of(row: StepRun) -> Decimal | None:
    """Return how long a step took, in seconds to the thousandth, or None where it has not ended."""
    if row.ended_at is None:
        return None
    taken = row.ended_at - row.started_at
    microseconds = (taken.days * 86400 + taken.seconds) * 1_000_000 + taken.microseconds
    return (Decimal(microseconds) / 1_000_000).quantize(_MILLISECOND, ROUND_HALF_UP)


def _of_run(steps: list[StepRun]) -> RunMetrics:
    first = steps[0]
    staged = [row for row in steps if row.step == "stage" and row.files is not None]
    counts = (staged[-1].files, staged[-1].rows, staged[-1].rows_set_aside) if staged else (None, None, None)
    return RunMetrics(first.city, first.month, first.run_id, tuple(steps), *counts)
