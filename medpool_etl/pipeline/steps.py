"""The steps of a city month."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medpool_etl import alerts, reports
from medpool_etl.errors import ApprovalNeededError, StoreError
from medpool_etl.intake import ODD, Arrival, unreadable
from medpool_etl.intake.peek import NotReadable
from medpool_etl.marts import build_mart, build_tables, staging_views
from medpool_etl.periods import Month
from medpool_etl.pipeline.adjust import adjustments
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.annual import settle_period, write_reports
from medpool_etl.pipeline.applying import add_applied, apply_rules
from medpool_etl.pipeline.basis import Basis, manifest_of, stale_months
from medpool_etl.pipeline.books import add_books, keep_month
from medpool_etl.pipeline.comparing import compare_files
from medpool_etl.pipeline.done import add_done, is_ahead
from medpool_etl.pipeline.figures import provisional_reasons
from medpool_etl.pipeline.gate import blocked, gate_of, sync_breaks
from medpool_etl.pipeline.indicators import add_indicators
from medpool_etl.pipeline.measure import measured
from medpool_etl.pipeline.opening import MonthRun, Progress, begin, silent
from medpool_etl.pipeline.plans import plans_table
from medpool_etl.pipeline.reviews import ask, needed, stand_in
from medpool_etl.pipeline.session import AVERAGE_WAGE, look_back, run_session, staging_session, take_average_wage
from medpool_etl.pipeline.verdicts import rejection, supersede
from medpool_etl.quality import Judge, size_of
from medpool_etl.reconciliation import PairResult
from medpool_etl.reconciliation import reconcile as compare
from medpool_etl.staging import stage_file
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.models import make_view
from medpool_etl.store.session import add_references
from medpool_etl.store.warehouse import read_json, whole, write_json

log = logging.getLogger(__name__)
# Settings, run and, if somebody watches, how to show progress.
Step = Callable[..., Any]
# What reconciling leaves for settling, for the next month, and for whoever looks at it.
_CARRIED = (
    "classified_breaks",
    "pair_totals",
    "pass_totals",
    "matched_items",
    "carried_items",
    "brought_items",
    "balances",
)


def _unless_complete(step: Callable[[Settings, MonthRun, Progress[Any]], None]) -> Step:
    """Make a step that holds the run against other processes, and does nothing once the run is complete."""

    @functools.wraps(step)
    def alone(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> None:
        with Warehouse(settings.warehouse).exclusive(run.run_id):
            if not run.complete(settings):
                step(settings, run, progress)

    return alone


@_unless_complete
def stage(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> None:
    """Type every usable file into Parquet under ``staged/``; one that turns out unreadable is named and left out."""
    agreed, folder = run.agreed(), run.folder(settings)
    warehouse = Warehouse(settings.warehouse)
    with staging_session(agreed, run.when) as connection:
        # What checks of other files refer to comes first, its versions in order.
        first = sorted(
            _active(folder), key=lambda a: (a.contract != AVERAGE_WAGE, a.version if a.contract == AVERAGE_WAGE else 0)
        )
        for arrival in progress(first, "staging"):
            shape = arrival.shape
            assert shape is not None
            target = folder / "staged" / shape.contract
            contract = agreed.contracts[shape.contract]
            try:
                received = warehouse.received(arrival.sha256)
                summary = stage_file(connection, received, arrival.file_id, shape, contract, target)
                log.info("%s: %d rows, %d set aside", arrival.name, summary["staged"], summary["set_aside"])
                if arrival.contract == AVERAGE_WAGE:
                    take_average_wage(connection, target, arrival.file_id, contract, summary)
            except NotReadable as error:
                write_json(target / f"{arrival.file_id}.json", {"problem": {"zh": error.zh, "en": error.en}})
            except ODD as error:
                problem = unreadable(error)
                log.error("%s cannot be read: %s", arrival.name, type(error).__name__)
                write_json(target / f"{arrival.file_id}.json", {"problem": {"zh": problem.zh, "en": problem.en}})


@_unless_complete
def judge(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> None:
    """Put every staged file before Great Expectations; writes ``quality/verdicts.json``, by file id."""
    agreed, folder = run.agreed(), run.folder(settings)
    verdicts: dict[str, dict[str, Any]] = {}
    summaries: dict[str, dict[str, dict[str, Any]]] = {}
    for arrival in _active(folder):
        summary = read_json(folder / "staged" / arrival.contract / f"{arrival.file_id}.json")
        if "problem" in summary:
            verdicts[arrival.file_id] = {
                "outcome": "unusable",
                "checks": [],
                "staged": None,
                "set_aside": None,
                "blocks": [],
                **summary,
            }
        else:
            summaries.setdefault(arrival.contract, {})[arrival.file_id] = summary
    parts = {arrival.file_id: arrival.part for arrival in _active(folder)}
    compare_files(agreed, folder, summaries, parts)
    court = Judge()
    for name in progress(summaries, "judging"):
        for file_id, verdict in court.judge(agreed.contracts[name], summaries[name]).items():
            verdicts[file_id] = {
                "outcome": verdict.outcome,
                "checks": list(verdict.checks),
                "staged": summaries[name][file_id]["staged"],
                "set_aside": summaries[name][file_id]["set_aside"],
                "blocks": summaries[name][file_id]["blocks"],
                "lines": summaries[name][file_id]["lines"],
                "of": f"{name}/{parts[file_id]}",
                "size": size_of(summaries[name][file_id]),
                "problem": rejection(agreed, name, verdict.checks) if verdict.outcome == "rejected" else None,
            }
    supersede(_active(folder), verdicts)
    for file_id, outcome in verdicts.items():
        log.info("file %s: %s", file_id, outcome["outcome"])
    write_json(folder / "quality" / "verdicts.json", verdicts)


@_unless_complete
def reconcile(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> None:
    """Compare every pair of the rulebook; writes ``reconciliation/*.parquet``."""
    agreed, folder = run.agreed(), run.folder(settings)
    with run_session(agreed, run.when, folder, {}) as connection:
        staging_views(connection)
        look_back(connection, agreed, Warehouse(settings.warehouse), manifest_of(folder))
        results = compare(connection, progress)
        for result in results:
            log.info("%s: %s, %d breaks, %d open", result.pair, _agrees(result), result.breaks, result.open_breaks)
        for name in _CARRIED:
            with whole(folder / "reconciliation" / f"{name}.parquet") as temporary:
                connection.execute(
                    f"COPY (FROM {name} ORDER BY ALL) TO '{temporary}' (FORMAT parquet, COMPRESSION zstd)"
                )


@_unless_complete
def settle(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> None:
    """Apply the month's rules, post the ledger, and write every published table and ``summary.json``."""
    agreed, folder = run.agreed(), run.folder(settings)
    manifest = manifest_of(folder)
    ahead = bool(manifest.get("ahead"))
    adjusted = adjustments(
        settings,
        agreed,
        run.when,
        manifest["adjusts"],
        manifest.get("done", []),
        lambda *inputs: _settle_aside(settings, agreed, *inputs),
    )
    with run_session(agreed, run.when, folder, {}) as connection:
        _load_carried(connection, folder)
        gate = gate_of(connection, manifest)
        staging_views(connection)
        make_view(connection, "settlement", "premiums_in_treasury")
        add_done(connection, Warehouse(settings.warehouse), run.city, manifest.get("done", []), {}, agreed.registry)
        add_references(connection, {"plan_decisions": plans_table(manifest.get("plans", []))})
        applied = apply_rules(connection, agreed, run.period, ahead)
        books = keep_month(connection, agreed, run.period, folder, applied.outcome.transfers, adjusted.entries)
        reasons = [*provisional_reasons(connection), *applied.reasons, *books.reasons]
    known = {
        "gate": gate.state,
        "override_by": gate.by,
        "override_reason": gate.reason,
        "figures": "provisional" if reasons else "final",
        "reasons_zh": "；".join(reason.zh for reason in reasons),
        "reasons_en": "; ".join(reason.en for reason in reasons),
    }
    with run_session(agreed, run.when, folder, known) as connection:
        _load_carried(connection, folder)
        staging_views(connection)
        make_view(connection, "settlement", "premiums_in_treasury")
        add_applied(connection, applied)
        add_books(connection, agreed, books)
        add_references(connection, {"adjustment_rows": adjusted.rows})
        add_indicators(
            connection, agreed, run.period, Warehouse(settings.warehouse), folder, manifest.get("done", []), ahead
        )
        for _ in progress([run.month], "settling"):
            counts = build_tables(connection, folder, agreed.registry)
    write_json(folder / "summary.json", {"run_id": run.run_id, **known, "gate": gate.as_dict(), "tables": counts})


def _settle_aside(
    settings: Settings, agreed: Agreed, month: Month, arrivals: tuple[Arrival, ...], basis: Basis
) -> tuple[str, Path]:
    """Settle a closed month from other inputs, without publishing; return the run and its folder."""
    run = begin(settings, agreed, month, arrivals, basis)
    for step in (stage, judge, reconcile, settle):
        step(settings, run)
    return run.run_id, run.folder(settings)


def gate(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> None:
    """Write workbook and validation report, bring the lives of the breaks up to date, and let the run pass, complete, or not.

    Raises BlockedError when breaks of the run forbid its settlement and no person's override covers them: their owners are
    told, what was published stays.
    """
    agreed, warehouse = run.agreed(), Warehouse(settings.warehouse)
    control = Control(settings.control_url)
    try:
        # Held to the end: another process that publishes the same run moves its folder.
        with warehouse.exclusive(run.run_id):
            folder = run.folder(settings)
            if not run.complete(settings):
                for _ in progress([run.month], "writing the workbook"):
                    reports.write_workbook(folder, agreed.city, agreed.rulebook, run.when)
                    reports.write_validation(folder, agreed.city, run.when, agreed.contracts)
            synced = sync_breaks(control, folder, run.city, run.month)
            stopped = read_json(folder / "summary.json").get("gate", {}).get("blocked")
            if not stopped and not run.complete(settings):
                # Before anybody looks at it to approve it: what was looked at is not made again.
                warehouse.complete(run.city, run.month, run.run_id)
    finally:
        control.close()
    log.info(
        "breaks: %d new, %d again, %d changed, %d corrected, %d cleared",
        *map(len, (synced.opened, synced.reopened, synced.changed, synced.corrected, synced.cleared)),
    )
    if stopped:
        _tell(settings, agreed, run, progress)
        raise blocked(folder, agreed.city, run.when)


@_unless_complete
def report(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> None:
    """Write workbook and validation report of a quarter, an opening or a clearing, and complete its run."""
    write_reports(settings, run, progress)
    Warehouse(settings.warehouse).complete(run.city, run.month, run.run_id)


def publish(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> bool:
    """Point the month at a complete run and switch the mart; return whether anything changed.

    The month is switched in one transaction of the control database; a crash before it leaves what was published, a
    crash after it leaves the mart to be built by the next run. Raises ApprovalNeededError, and tells whoever is asked, while something
    the city's rules have reviewed is not approved.
    """
    agreed, warehouse = run.agreed(), Warehouse(settings.warehouse)
    if read_json(run.folder(settings) / "summary.json").get("gate", {}).get("blocked"):
        # The gate has said so; nobody's approval lets a month pass that it stopped.
        raise blocked(run.folder(settings), agreed.city, run.when)
    with warehouse.exclusive(run.run_id):
        if not run.complete(settings):
            # Of a run that an older version brought as far as this.
            warehouse.complete(run.city, run.month, run.run_id)
    stand_in(settings, run)
    try:
        needs = needed(settings, run, agreed)
    except ApprovalNeededError:
        ask(settings, run)
        raise
    figures = read_json(run.folder(settings) / "summary.json")["figures"]
    control = Control(settings.control_url)
    try:

        def is_part(other: str) -> bool:
            return is_ahead(warehouse, run.city, run.period, other)

        part = is_part(run.run_id)
        changed = control.publish(run.run_id, run.city, run.month, figures, needs, is_part if part else None)
        for _ in progress([run.month], "building the mart"):
            built = build_mart(control, warehouse, agreed.registry)
        for later in stale_months(control, warehouse, run.city, run.month, run.run_id):
            log.warning("%s %s carries from an older run of %s: run it again", run.city, later, run.month)
    finally:
        control.close()
    log.info(
        "%s %s: run %s is %s (%s)", run.city, run.month, run.run_id, "published" if changed else "unchanged", figures
    )
    return changed or built


def notify(settings: Settings, run: MonthRun, progress: Progress[Any] = silent) -> tuple[alerts.Alert, ...]:
    """Tell every owner what is new of breaks and faulty files, one message a run; return what is new.

    Raises StoreError when a destination did not take an alert: the month is published all the same, and repeating this
    step sends what is left.
    """
    outcome = _tell(settings, run.agreed(), run, progress)
    if outcome.failed:
        raise StoreError(
            f"{outcome.failed} alerts could not be delivered; the month itself is published",
            where="MEDPOOL_ALERT_URLS",
            do="check the destinations, then run the month again: only what is left is sent",
        )
    return outcome.messages


def _tell(settings: Settings, agreed: Agreed, run: MonthRun, progress: Progress[Any]) -> alerts.Outcome:
    control = Control(settings.control_url)
    try:
        # Of two runs of a city at once the second is to know what the first has told.
        with Warehouse(settings.warehouse).exclusive(f"alerts-{run.city}"):
            return alerts.tell(
                run.folder(settings),
                agreed.city,
                run.period,
                settings.alert_urls,
                control,
                agreed.rulebook.reconciliation.remind_after_days,
                progress,
            )
    finally:
        control.close()


STEPS: dict[str, Step] = {
    "stage": measured("stage", stage),
    "judge": measured("judge", judge),
    "reconcile": measured("reconcile", reconcile),
    "settle": measured("settle", settle),
    "gate": measured("gate", gate),
    "publish": measured("publish", publish),
    "notify": measured("notify", notify),
}


# A quarter, an opening and a clearing have nothing to reconcile and so no gate; they take the same way for the rest.
PERIOD_STEPS: dict[str, Step] = {
    "stage": measured("stage", stage),
    "judge": measured("judge", judge),
    "settle": measured("settle", _unless_complete(settle_period)),
    "report": measured("report", report),
    "publish": measured("publish", publish),
    "notify": measured("notify", notify),
}


def _agrees(result: PairResult) -> str:
    return "agrees" if result.agrees else "does not agree"


def _active(folder: Path) -> list[Arrival]:
    arrivals = (Arrival.from_dict(item) for item in read_json(folder / "manifest.json")["arrivals"])
    return [arrival for arrival in arrivals if arrival.state == "active"]


def _load_carried(connection: Any, folder: Path) -> None:
    for name in _CARRIED:
        path = str(folder / "reconciliation" / f"{name}.parquet").replace("'", "''")
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS FROM read_parquet('{path}')")
