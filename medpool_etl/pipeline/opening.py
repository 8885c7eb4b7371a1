"""Begin a month: receive its files, and name the run by them and by everything agreed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from medpool_etl import __version__
from medpool_etl.errors import InputError
from medpool_etl.intake import Arrival, receive
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed, run_id
from medpool_etl.pipeline.basis import Basis, basis_of, manifest_of
from medpool_etl.pipeline.comparing import sizes_before
from medpool_etl.pipeline.done import done_before, is_ahead
from medpool_etl.pipeline.measure import measured_opening
from medpool_etl.pipeline.plans import decided_plans, own_plans, standing_plans, with_standing
from medpool_etl.pipeline.session import staging_session
from medpool_etl.policy import cities
from medpool_etl.quality import verify_suite
from medpool_etl.reconciliation import verify_pairs
from medpool_etl.settlement import ahead_from
from medpool_etl.staging import verify_checks
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.warehouse import write_json

T = TypeVar("T")
Progress = Callable[[Iterable[T], str], Iterable[T]]
log = logging.getLogger(__name__)


def silent(items: Iterable[T], _what: str) -> Iterable[T]:
    """Show no progress."""
    return items


@dataclass(frozen=True)
class MonthRun:
    """A run of a city month, or of a quarter, an opening or a clearing, whose name then stands in ``month``. ``unchanged`` says that
    exactly this run is what it already publishes."""

    city: str
    month: str
    run_id: str
    unchanged: bool = False

    @property
    def when(self) -> Month:
        """The month; of another period the one whose units it speaks of, its last."""
        return self.period.last_month

    @property
    def period(self) -> Period:
        """The period."""
        return Period.parse(self.month)

    def agreed(self) -> Agreed:
        """Return what is agreed for it; raises ConfigurationError for a mistake in a document."""
        return Agreed.load(self.city).serving(self.period)

    def complete(self, settings: Settings) -> bool:
        """Whether the run's folder is complete: nothing in it is made again."""
        return Warehouse(settings.warehouse).run(self.city, self.month, self.run_id).is_dir()

    def folder(self, settings: Settings) -> Path:
        """Return the run's folder; raises StoreError when there is none."""
        return Warehouse(settings.warehouse).locate(self.city, self.month, self.run_id)


def verify(agreed: Agreed, month: Month) -> None:
    """Try the documents against each other and against DuckDB; raises ConfigurationError for what would fail later."""
    verify_pairs(agreed.rulebook, agreed.classes)
    with staging_session(agreed, month) as connection:
        for contract in agreed.contracts.values():
            verify_suite(contract)
            verify_checks(connection, contract)


@measured_opening
def open_month(
    settings: Settings, city: str, month: Month, progress: Progress[Any] = silent, ahead: bool = False
) -> MonthRun:
    """Receive and recognise the month's files and name the run by them and everything agreed.

    Files that came for months closed before are inputs too: they give adjustments; so is what the month before left open, and
    what people decided of it. A closed month keeps its run, whatever came since. ``ahead``: only what the month owes before it is over is
    ordered, from the files for that; nothing is reconciled. Writes ``manifest.json`` into the run's folder. Raises InputError for a city or
    month that cannot be settled, a missing inbox folder, a month before the notice is in force, and where nothing is due ahead or the month
    is settled whole already.
    """
    agreed = Agreed.load(city)
    _require_settling(agreed)
    agreed.rulebook.require_in_force(month.first_day)
    verify(agreed, month)
    control, warehouse = Control(settings.control_url), Warehouse(settings.warehouse)
    try:
        arrivals = receive(
            settings.month_inbox(city, month),
            agreed.city,
            month,
            agreed.accounts,
            agreed.contracts,
            control,
            warehouse,
            lambda paths: progress(paths, "receiving"),
        )
        if closed := control.closed_month(city, str(month)):
            for late in control.late_files(closed):
                log.warning("%s %s is closed: %s waits for the next settlement", city, month, late.name)
            return MonthRun(city, str(month), closed.run_id, unchanged=True)
        if ahead:
            files = files_ahead(agreed, Period.of(month), control, warehouse)
            arrivals = tuple(arrival for arrival in arrivals if _counts_ahead(agreed, arrival, files))
            basis = Basis(
                [],
                None,
                [],
                None,
                done_before(control, city, Period.of(month)),
                decided_plans(control, city, str(month)),
            )
            return begin(settings, agreed, month, arrivals, basis, ahead=True)
        _look_for_late(settings, agreed, month, control, warehouse)
        return begin(settings, agreed, month, arrivals, basis_of(control, warehouse, city, month))
    finally:
        control.close()


def files_ahead(agreed: Agreed, period: Period, control: Control, warehouse: Warehouse) -> tuple[str, ...]:
    """Return the contracts of the files by which a period orders what it owes before it is over. Raises InputError where nothing is due
    then, and where the period is settled whole: its figures are not to be replaced by a part of them."""
    found = ahead_from(agreed.rulebook, period, agreed.calendar)
    city, where = agreed.city.city, f"{agreed.city.city} {period}"
    if found is None:
        raise InputError("nothing of it is due before it is over", where=where, do="settle it whole")
    run = control.published_run(city, str(period))
    if run is not None and not is_ahead(warehouse, city, period, run):
        raise InputError("it is settled whole already", where=where, do="settle it whole again")
    return found[1]


def _counts_ahead(agreed: Agreed, arrival: Arrival, files: tuple[str, ...]) -> bool:
    return arrival.contract in files or (
        arrival.contract in agreed.contracts and agreed.contracts[arrival.contract].expected.every != "month"
    )


def _require_settling(agreed: Agreed) -> None:
    """Raise UnspecifiedError, quoting the clause, for a city whose notice leaves the months to a later rule (G6)."""
    rulebook = agreed.rulebook
    if not any(rule.when == "month" for rule in rulebook.rules.values()):
        for kind in rulebook.unspecified:
            rulebook.require_specified(kind)
        raise InputError(f"{rulebook.notice.number} has no monthly rule", expected=f"one of {', '.join(cities())}")


def _look_for_late(settings: Settings, agreed: Agreed, month: Month, control: Control, warehouse: Warehouse) -> None:
    """Record what has come since for months closed in the year before."""
    for back in range(1, 13):
        earlier = month.plus(-back)
        folder = settings.month_inbox(agreed.city.city, earlier)
        if folder.is_dir() and control.closed_month(agreed.city.city, str(earlier)):
            receive(folder, agreed.city, earlier, agreed.accounts, agreed.contracts, control, warehouse)


def begin(
    settings: Settings,
    agreed: Agreed,
    month: Month,
    arrivals: tuple[Arrival, ...],
    basis: Basis,
    ahead: bool = False,
) -> MonthRun:
    """Name the run of a month that is made of these inputs, record it, and write its manifest."""
    city, warehouse = agreed.city.city, Warehouse(settings.warehouse)
    inputs = [arrival.as_dict() for arrival in arrivals]
    fingerprints = agreed.fingerprints()
    control = Control(settings.control_url)
    try:
        before = sizes_before(control, warehouse, city, month)

        def named(basis: Basis) -> str:
            told = [*inputs, before, basis.as_dict(), *(["ahead"] if ahead else [])]
            return run_id(city, month, __version__, fingerprints, told)

        basis = _with_standing(control, warehouse, agreed, month, basis, named)
        name = named(basis)
        manifest = {
            "city": city,
            "month": str(month),
            "run_id": name,
            "version": __version__,
            "fingerprints": fingerprints,
            "arrivals": inputs,
            "before": before,
            **basis.as_dict(),
            **({"ahead": True} if ahead else {}),
        }
        with warehouse.exclusive(name):
            control.start_run(name, city, str(month), __version__)
            run = MonthRun(city, str(month), name, unchanged=control.published_run(city, str(month)) == name)
            if not run.complete(settings):
                write_json(warehouse.work(city, str(month), name) / "manifest.json", manifest)
        return run
    finally:
        control.close()


def _with_standing(
    control: Control, warehouse: Warehouse, agreed: Agreed, month: Month, basis: Basis, named: Callable[[Basis], str]
) -> Basis:
    """Return what a run stands on, with what stands of the funding plans that are published. The very inputs of the published run give
    that run again."""
    city, own = agreed.city.city, own_plans(basis.plans)
    run = control.published_run(city, str(month))
    folder = warehouse.run(city, str(month), run) if run else None
    if run is None or folder is None or not folder.is_dir():
        return replace(basis, plans=own)
    before = manifest_of(folder).get("plans", [])
    again = replace(basis, plans=before)
    if own_plans(before) == own and named(again) == run:
        return again
    return replace(basis, plans=with_standing(own, standing_plans(control, agreed.rulebook, folder, before)))
