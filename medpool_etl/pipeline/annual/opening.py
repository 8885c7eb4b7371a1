"""Begin a quarter, an opening or a clearing: receive its files, and name the run by them and by what it rests on."""

from __future__ import annotations

from typing import Any

from medpool_etl import __version__
from medpool_etl.contracts import Contract
from medpool_etl.errors import InputError
from medpool_etl.intake import receive
from medpool_etl.periods import Period
from medpool_etl.pipeline.agreed import Agreed, run_id
from medpool_etl.pipeline.done import done_before
from medpool_etl.pipeline.measure import measured_opening
from medpool_etl.pipeline.opening import MonthRun, Progress, files_ahead, silent, verify
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.warehouse import write_json

# Which kinds of rules a notice may leave open are missed where a period has no rule.
_SETTLED_WITH: dict[str, tuple[str, ...]] = {
    "quarter": ("subsidy_quarters", "income_transfer", "subsidy_advance"),
    "opening": ("revolving_advance", "reserve_by_ratio", "reserve_first", "reserve_top_up", "legacy_upload"),
    "clearing": ("clearing",),
}


@measured_opening
def open_period(
    settings: Settings, city: str, period: Period, progress: Progress[Any] = silent, ahead: bool = False
) -> MonthRun:
    """Receive and recognise what serves the period and name the run by it, by everything agreed, and by every published run before it.

    Files lie in ``<inbox>/<city>/yearly``, or in a folder of the period's own name. A closed period keeps its run. ``ahead``:
    only what a quarter orders before it is over. Writes ``manifest.json`` into the run's folder. Raises InputError for a period before the
    notice is in force, and where nothing is due ahead or the period is settled whole already; UnspecifiedError, quoting the clause, where
    the notice leaves all of it to a later rule.
    """
    everything = Agreed.load(city)
    agreed = everything.serving(period)
    agreed.rulebook.require_in_force(period.last_day)
    _require_rules(agreed, period)
    verify(agreed, period.last_month)
    control, warehouse = Control(settings.control_url), Warehouse(settings.warehouse)
    try:
        arrivals = receive(
            settings.month_inbox(city, period),
            agreed.city,
            period.last_month,
            agreed.accounts,
            _known(everything, agreed),
            control,
            warehouse,
            lambda paths: progress(paths, "receiving"),
            period,
        )
        if closed := control.closed_month(city, str(period)):
            return MonthRun(city, str(period), closed.run_id, unchanged=True)
        if ahead:
            files_ahead(agreed, period, control, warehouse)
        done = done_before(control, city, period)
        inputs = [arrival.as_dict() for arrival in arrivals]
        fingerprints = agreed.fingerprints()
        name = run_id(city, period, __version__, fingerprints, [*inputs, done, *(["ahead"] if ahead else [])])
        manifest = {
            "city": city,
            "month": str(period),
            "run_id": name,
            "version": __version__,
            "fingerprints": fingerprints,
            "arrivals": inputs,
            "before": {},
            "adjusts": [],
            "done": done,
            **({"ahead": True} if ahead else {}),
        }
        with warehouse.exclusive(name):
            control.start_run(name, city, str(period), __version__)
            run = MonthRun(city, str(period), name, unchanged=control.published_run(city, str(period)) == name)
            if not run.complete(settings):
                write_json(warehouse.work(city, str(period), name) / "manifest.json", manifest)
        return run
    finally:
        control.close()


def _known(everything: Agreed, agreed: Agreed) -> dict[str, Contract]:
    """Return every kind of file, so that each is recognised; one that does not serve the period is expected of nobody."""
    return {
        name: agreed.contracts.get(name)
        or contract.model_copy(update={"expected": contract.expected.model_copy(update={"serves": "clearing"})})
        for name, contract in everything.contracts.items()
    }


def _require_rules(agreed: Agreed, period: Period) -> None:
    """Raise where the city has no rule for the period: because the notice leaves it open, or because it has none."""
    rulebook = agreed.rulebook
    if any(rule.applies(period, rulebook.notice.in_force_from) for rule in rulebook.rules.values()):
        return
    for kind in _SETTLED_WITH[period.kind]:
        rulebook.require_specified(kind)
    raise InputError(
        f"{rulebook.notice.number} orders nothing for {period}",
        expected=f"a period with a rule: {', '.join(sorted({rule.when for rule in rulebook.rules.values()}))}",
    )
