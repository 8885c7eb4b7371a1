"""What a run of a month stands on beside its own files: earlier months, what people decided, files that came late."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.done import done_before, is_ahead
from medpool_etl.pipeline.late import late_files
from medpool_etl.pipeline.plans import decided_plans
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.breaks import Breaks
from medpool_etl.store.warehouse import read_json

# How many months back an earlier settlement is looked for, whose open breaks go on.
_BACK = 12


@dataclass(frozen=True)
class Basis:
    """``adjusts``: files that came for closed months. ``carries``: the earlier month whose open breaks go on and the run it
    publishes. ``decisions``: what people said of breaks of this month or carried into it. ``override``: the newest word of a
    person that the month is published although it is blocked, and for which breaks. ``done``: what of the year is published that
    comes before. ``plans``: what people decided of the funding plans."""

    adjusts: list[dict[str, str]]
    carries: dict[str, str] | None
    decisions: list[dict[str, Any]]
    override: dict[str, Any] | None
    done: list[dict[str, str]] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> Basis:
        """Return the basis a manifest names; one of an older version carried nothing."""
        return cls(
            manifest["adjusts"],
            manifest.get("carries"),
            manifest.get("decisions", []),
            manifest.get("override"),
            manifest.get("done", []),
            manifest.get("plans", []),
        )


def basis_of(control: Control, warehouse: Warehouse, city: str, month: Month) -> Basis:
    """Return what a run of the month stands on now."""
    carries = _carries(control, warehouse, city, month)
    overrides = Breaks(control).overrides(city, str(month))
    return Basis(
        adjusts=[
            {"month": of, "name": late.name, "sha256": late.sha256}
            for of, files in late_files(control, city, month).items()
            for late in files
        ],
        carries=carries,
        decisions=_decisions(control, warehouse, city, month, carries),
        override=(
            {"by": overrides[-1].by, "reason": overrides[-1].reason, "covers": json.loads(overrides[-1].covers)}
            if overrides
            else None
        ),
        done=done_before(control, city, Period.of(month)),
        plans=decided_plans(control, city, str(month)),
    )


def carried_path(folder: Path) -> Path:
    """Return where a run keeps the items it leaves open for the next month."""
    return folder / "reconciliation" / "carried_items.parquet"


def _carries(control: Control, warehouse: Warehouse, city: str, month: Month) -> dict[str, str] | None:
    """Return the newest earlier month that is settled and published, if it lies within a year, and its run."""
    for back in range(1, _BACK + 1):
        earlier = str(month.plus(-back))
        run = control.published_run(city, earlier)
        if run is not None and not is_ahead(warehouse, city, Period.parse(earlier), run):
            known = carried_path(warehouse.run(city, earlier, run)).is_file()
            return {"month": earlier, "run_id": run} if known else None
    return None


def _decisions(
    control: Control, warehouse: Warehouse, city: str, month: Month, carries: dict[str, str] | None
) -> list[dict[str, Any]]:
    """Return the decisions on breaks that arose in the month or are carried into it, by break."""
    carried: set[str] = set()
    if carries:
        path = carried_path(warehouse.run(city, carries["month"], carries["run_id"]))
        carried = {row[0] for row in duckdb.execute("SELECT break_id FROM read_parquet(?)", [str(path)]).fetchall()}
    return [
        asdict(decision)
        for name, decision in Breaks(control).decisions(city).items()
        if decision.month == str(month) or name in carried
    ]


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return a run's manifest; raises StoreError when it is not there."""
    manifest: dict[str, Any] = read_json(folder / "manifest.json")
    return manifest


def stale_months(control: Control, warehouse: Warehouse, city: str, month: str, run_id: str) -> list[str]:
    """Return the later published months that do not carry from what is published before them now, of which ``run_id`` is
    the run of this month: from another run of it, or from before it."""
    stale = []
    for published in control.published():
        if published.city == city and Period.parse(published.month).kind == "month" and published.month > month:
            manifest = manifest_of(warehouse.run(city, published.month, published.run_id))
            if manifest.get("ahead"):
                continue
            carries = manifest.get("carries")
            now = _carries(control, warehouse, city, Month.parse(published.month))
            if now and now["month"] == month and carries != {"month": month, "run_id": run_id}:
                stale.append(published.month)
    return stale
