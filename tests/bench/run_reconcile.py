"""medpool's step of reconciliation on a scene staged before, and whether it found exactly what was planted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
from meter import Meter, must_be, task
from run_staging_sides import settings_of

from medpool_etl.pipeline import steps
from medpool_etl.pipeline.opening import MonthRun
from medpool_etl.reconciliation import compare
from medpool_etl.store.warehouse import read_json

PAIR = "tax_treasury"


def count(meter: Meter, module: ModuleType, name: str, phase: Callable[..., str]) -> None:
    """Count the time of a function of a module to the phase its arguments say."""
    original = getattr(module, name)

    def counted(*arguments: Any) -> Any:
        with meter.phase(phase(*arguments)):
            return original(*arguments)

    setattr(module, name, counted)


def only_the_pair(meter: Meter) -> None:
    """Let the step compare one pair, and count the time of its parts."""
    open_session = getattr(steps, "run_session")  # noqa: B009

    def session(*arguments: Any) -> Any:
        connection = open_session(*arguments)
        connection.execute("DELETE FROM pairs WHERE pair <> ?", [PAIR])
        return connection

    setattr(steps, "run_session", session)  # noqa: B010
    count(meter, steps, "run_session", lambda *_: "session")
    count(meter, steps, "compare", lambda *_: "compare")
    count(meter, compare, "make_table", lambda _connection, _stage, model: f"model {model}")
    count(meter, compare, "_look_back", lambda *_: "numbers the month before had")
    count(meter, compare, "_prove", lambda *_: "proof of the totals")


def main() -> None:
    """Reconcile and write; then, untimed, compare with what was planted."""
    data = Path(task()["data"])
    facts = json.loads((data / "facts.json").read_text(encoding="utf-8"))
    run = MonthRun("taizhou", facts["month"], read_json(data / "staged.json")["run_id"])
    settings, meter = settings_of(data), Meter()
    folder = run.folder(settings) / "reconciliation"
    only_the_pair(meter)
    with meter.phase("reconcile"):
        steps.reconcile(settings, run)
    _compare(folder, facts)
    meter.report(["reconcile"], found=sum(count for count, _ in facts["breaks"].values()))


def _compare(folder: Path, facts: dict[str, Any]) -> None:
    """Compare breaks, passes and totals, to the fen, with what was planted."""

    def found(columns: str, table: str, by: str = "") -> list[Any]:
        sql = f"SELECT {columns} FROM '{folder}/{table}.parquet' {f'GROUP BY {by} ORDER BY {by}' if by else ''}"
        return duckdb.execute(sql).fetchall()

    breaks = found("class, count(*), CAST(sum(difference) AS VARCHAR)", "classified_breaks", "class")
    must_be("the breaks by class", {name: rest for name, *rest in breaks}, facts["breaks"])
    passes = found("pass, CAST(sum(items) AS BIGINT), CAST(sum(amount) AS VARCHAR)", "pass_totals", "pass")
    must_be("the items by pass", {name: rest for name, *rest in passes}, facts["passes"])
    names = ("left_total", "right_total", "brought_forward", "difference")
    totals = found(", ".join(f"CAST(sum({name}) AS VARCHAR)" for name in names), "pair_totals")
    must_be("the totals", list(totals[0]), facts["sums"])
    items, broken = found("sum(item_count), sum(break_count)", "pair_totals")[0]
    planted = sum(count for count, _ in facts["breaks"].values())
    must_be("items and breaks", (items, broken), (facts["items"], planted))
    must_be("what goes on", found("count(*)", "carried_items"), [(planted,)])


if __name__ == "__main__":
    main()
