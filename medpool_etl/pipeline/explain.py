"""Explain a published amount: the clause, and the file rows it is the sum of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.errors import InputError, SettlementError
from medpool_etl.marts import SourceRow, source_rows, staging_views, table_path
from medpool_etl.money import ZERO
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.basis import manifest_of
from medpool_etl.pipeline.books import matched_before
from medpool_etl.pipeline.session import look_back, run_session
from medpool_etl.policy import Rulebook
from medpool_etl.reconciliation import draw_up
from medpool_etl.store import Control, Settings, Warehouse


@dataclass(frozen=True)
class Explanation:
    """A published row, one amount of it, the file rows that add up to it, and the clauses it rests on.

    An amount a rule worked out is no sum of rows: ``working`` then has the steps (text, value) and ``facts`` what they rest on (fact,
    county, value, source), where a source is a file row or a published row that can be explained in turn.
    """

    row: dict[str, Any]
    column: str
    title: str
    amount: Decimal
    sources: tuple[SourceRow, ...]
    clauses: tuple[tuple[str, str, str], ...]
    working: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str, str, str], ...] = ()


def explain(settings: Settings, row_id: str, column: str | None = None) -> Explanation:
    """Explain a column (by default the first amount) of the published row that ``row_id`` names.

    Raises InputError for a row or column that is not published, SettlementError should the rows not add up.
    """
    parts = row_id.split("/")
    if len(parts) < 4:
        raise InputError(
            f"{row_id!r} is not a row",
            expected="a row_id from the mart, such as remittances/taizhou/2022-03/worker/331002",
        )
    table, city, period = parts[0], parts[1], Period.parse(parts[2])
    agreed, month = Agreed.load(city), period.last_month
    if table not in agreed.registry.tables or "row_id" not in agreed.registry.tables[table].columns:
        named = [name for name, item in agreed.registry.tables.items() if "row_id" in item.columns]
        raise InputError(f"{table!r} is not a table with amounts", expected=f"one of {', '.join(named)}")
    money = agreed.registry.money_columns(table)
    column = column or money[0]
    if column not in money:
        raise InputError(f"{column!r} is not an amount of {table}", expected=f"one of {', '.join(money)}")
    folder = published_folder(settings, city, period)
    if table == "transfers" and (worked := _worked_out(agreed, folder, row_id)):
        return worked
    if period.kind != "month":
        raise InputError(f"{row_id} is no transfer", expected="a row of the table transfers of this period")
    with run_session(agreed, month, folder, {}) as connection:
        row = _row(connection, str(table_path(folder, table)), row_id)
        prepare_lineage(connection, settings, agreed, folder, row.get("pair"))
        sources = tuple(source_rows(connection, table, row_id, column))
    total = sum((source.amount for source in sources), ZERO)
    if total != row[column]:
        raise SettlementError(
            f"{column} is {row[column]} but its file rows add up to {total}",
            where=row_id,
            do="the rules may have changed since this run: run the month again; if it stays, report it",
        )
    clauses = _cited(agreed.rulebook, table, column, row)
    return Explanation(row, column, agreed.registry.terms[column].zh, row[column], sources, clauses)


def _worked_out(agreed: Agreed, folder: Path, row_id: str) -> Explanation | None:
    """Return the explanation of a transfer a rule worked out, or None for one that is the sum of file rows."""
    with duckdb.connect() as connection:
        row = _row(connection, str(table_path(folder, "transfers")), row_id)
        if row["rule_id"] == agreed.remittance_rule:
            return None
        entry = agreed.rulebook.rules.get(row["rule_id"])
        # A layer of the clearing stands under its clause; its facts stand under the rule the layers are of.
        rule = row["rule_id"] if entry else agreed.rulebook.rule_of("clearing")[0]
        of = [rule, row["fund"], row["county"]]
        working = connection.execute(
            "SELECT coalesce(county_name || ' ', '') || step_zh, value FROM read_parquet(?) "
            "WHERE rule_id = ? AND fund = ? AND county IN ('', ?) ORDER BY position",
            [str(table_path(folder, "rule_working")), *of],
        ).fetchall()
        facts = connection.execute(
            "SELECT fact, coalesce(county_name, ''), coalesce(CAST(fact_amount AS VARCHAR), fact_word), fact_source FROM read_parquet(?) "
            "WHERE rule_id = ? AND fund = ? AND county IN ('', ?) ORDER BY ALL",
            [str(table_path(folder, "rule_facts")), *of],
        ).fetchall()
    cited = _cited(agreed.rulebook, "transfers", "amount", row)
    return Explanation(
        row, "amount", agreed.registry.terms["amount"].zh, row["amount"], (), cited, tuple(working), tuple(facts)
    )


def _cited(rulebook: Rulebook, table: str, column: str, row: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (name, rulebook.cite(name), rulebook.clauses[name].quote) for name in _clauses(rulebook, table, column, row)
    )


def prepare_lineage(
    connection: duckdb.DuckDBPyConnection, settings: Settings, agreed: Agreed, folder: Path, pair: str | None
) -> None:
    """Give a session over a run what ``sql/lineage`` reads: the staging views, what the run brought along, and, for the rows of
    a pair, both its sides and its breaks."""
    staging_views(connection)
    matched_before(connection, folder)
    look_back(connection, agreed, Warehouse(settings.warehouse), manifest_of(folder))
    for name in ("classified_breaks", "brought_items"):
        path = str(folder / "reconciliation" / f"{name}.parquet").replace("'", "''")
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS FROM read_parquet('{path}')")
    if pair:
        draw_up(connection, pair)


def published_folder(settings: Settings, city: str, month: Month | Period) -> Path:
    """Return the folder of the run a month or another period publishes; raises InputError when nothing of it is published."""
    control = Control(settings.control_url)
    try:
        run = control.published_run(city, str(month))
    finally:
        control.close()
    if run is None:
        raise InputError(f"nothing of {city} {month} is published", do=f"run `medpool run {city} {month}`")
    return Warehouse(settings.warehouse).run(city, str(month), run)


def _clauses(rulebook: Rulebook, table: str, column: str, row: dict[str, Any]) -> list[str]:
    """Return the ids of the clauses an amount rests on: its pair's, its rule's or flow's, or the rulebook's word for it."""
    pair = rulebook.pairs.get(row.get("pair", ""))
    named = [
        pair.clause if pair else None,
        rulebook.rules[row["rule_id"]].clause if row.get("rule_id") in rulebook.rules else row.get("rule_id"),
        row.get("clause"),
        rulebook.amounts.get(f"{table}.{column}") or rulebook.amounts.get(table),
    ]
    return [name for name in dict.fromkeys(named) if name in rulebook.clauses]


def _row(connection: duckdb.DuckDBPyConnection, path: str, row_id: str) -> dict[str, Any]:
    found = connection.execute("SELECT * FROM read_parquet(?) WHERE row_id = ?", [path, row_id])
    names = [column[0] for column in found.description or []]
    row = found.fetchone()
    if row is None:
        raise InputError(f"there is no published row {row_id}", do="take the row_id from the mart or the workbook")
    return dict(zip(names, row, strict=True))
