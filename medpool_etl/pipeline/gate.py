"""The gate between settling a month and publishing it: what blocks, what is overridden, and the lives of the breaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.errors import BlockedError, InputError
from medpool_etl.marts import table_path
from medpool_etl.money import grouped, to_fen
from medpool_etl.periods import Month
from medpool_etl.pipeline.basis import manifest_of
from medpool_etl.places import City
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.breaks import Breaks, Found, Synced
from medpool_etl.store.tables import GateOverride

# How many of the breaks that block a month are named before the rest is counted.
_NAMED = 10


@dataclass(frozen=True)
class Gate:
    """How the gate stands for a run: ``open``, ``blocked`` or ``overridden``; ``by`` and ``reason`` of an override that covers
    every break that blocks."""

    state: str
    by: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as ``summary.json`` has it."""
        override = {"by": self.by, "reason": self.reason} if self.state == "overridden" else None
        return {"blocked": self.state == "blocked", "override": override}


def gate_of(connection: duckdb.DuckDBPyConnection, manifest: dict[str, Any]) -> Gate:
    """Return how the gate stands for a reconciled run. An override counts only for the very breaks, and the amounts, for which
    it was given: whatever came since blocks again."""
    rows = connection.execute(
        "SELECT break_id, difference FROM classified_breaks WHERE gate = 'block' AND state = 'open'"
    ).fetchall()
    blocking = {name: to_fen(difference) for name, difference in rows}
    if not blocking:
        return Gate("open")
    override = manifest.get("override")
    if override and all(override["covers"].get(name) == fen for name, fen in blocking.items()):
        return Gate("overridden", override["by"], override["reason"])
    return Gate("blocked")


def sync_breaks(control: Control, folder: Path, city: str, month: str) -> Synced:
    """Bring the lives of the breaks in line with a settled run; return what changed.

    What is expected and ends with its month (a refund, what moved on the expenditure accounts) explains a difference and
    has no life of its own. What is ordered ahead has reconciled nothing: all breaks go on as they are.
    """
    manifest = manifest_of(folder)
    if manifest.get("ahead"):
        return Synced()
    with duckdb.connect() as connection:
        rows = connection.execute(
            """
            SELECT break_id, origin, pair, fund, county, item_key, class, owner, gate, difference, since
            FROM read_parquet(?) WHERE carries OR gate <> 'expected' ORDER BY break_id
            """,
            [str(folder / "reconciliation" / "classified_breaks.parquet")],
        ).fetchall()
        brought = connection.execute(
            "SELECT break_id FROM read_parquet(?)", [str(folder / "reconciliation" / "brought_items.parquet")]
        ).fetchall()
    found = [
        Found(
            break_id=name,
            month=origin,
            pair=pair,
            fund=fund,
            county=county,
            item_key=key,
            break_class=cls,
            owner=owner,
            gate=gate,
            amount_fen=to_fen(difference),
            since=since,
        )
        for name, origin, pair, fund, county, key, cls, owner, gate, difference, since in rows
    ]
    return Breaks(control).sync(manifest["run_id"], city, month, found, {row[0] for row in brought})


def blocked(folder: Path, city: City, month: Month) -> BlockedError:
    """Return the error that says of a blocked run exactly what must be mended, and how it can be overridden."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            """
            SELECT break_id, pair_title, class_title, county_name, item_key, difference, owner_title, do_zh, do_en
            FROM read_parquet(?) WHERE gate = 'block' AND state = 'open' ORDER BY abs(difference) DESC, break_id
            """,
            [str(table_path(folder, "breaks"))],
        ).fetchall()
    lines = [
        f"  ⛔ {name} {pair}：{cls} {grouped(difference)} 元，{county} {key}（{owner}）\n     {do_zh} {do_en}"
        for name, pair, cls, county, key, difference, owner, do_zh, do_en in rows[:_NAMED]
    ]
    if len(rows) > _NAMED:
        lines.append(f"  … {len(rows) - _NAMED} more, in the workbook (差异明细)")
    called = f"{city.city} {month}"
    return BlockedError(
        f"nothing new is published, because of {len(rows)} of its breaks\n" + "\n".join(lines),
        where=f"{city.name.zh} {month.zh} 已拦截 blocked",
        do=(
            f"have the files corrected, or say of a break what it is (`medpool breaks explain ID --by NAME --note TEXT`), "
            f"and run `medpool run {called}` again; or take it upon you: "
            f"`medpool override {called} --by NAME --reason TEXT`\n  workbook: {folder / 'reports'}"
        ),
    )


def override(settings: Settings, city: str, month: Month, by: str, reason: str) -> GateOverride:
    """Record in a person's name that a month is published although it is blocked, for the breaks that block it now.

    It takes effect with the next run. Raises InputError where nobody is named, nothing said, or nothing blocks.
    """
    control = Control(settings.control_url)
    try:
        run, warehouse = control.newest_run(city, str(month)), Warehouse(settings.warehouse)
        rows = []
        if run:
            # Held: a process that publishes it moves its folder.
            with warehouse.exclusive(run):
                rows = _blocking(warehouse.locate(city, str(month), run))
        if not rows:
            raise InputError(
                f"nothing blocks {city} {month}",
                do=f"run `medpool run {city} {month}` first; it says what blocks, if anything does",
            )
        return Breaks(control).override(city, str(month), by, reason, dict(rows))
    finally:
        control.close()


def _blocking(folder: Path) -> list[tuple[str, int]]:
    """Return the breaks that block a run, with their amounts in fen."""
    rows = duckdb.execute(
        "SELECT break_id, difference FROM read_parquet(?) WHERE gate = 'block' AND state = 'open'",
        [str(table_path(folder, "breaks"))],
    ).fetchall()
    return [(name, to_fen(difference)) for name, difference in rows]
