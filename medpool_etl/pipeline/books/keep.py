"""Keep the books of a run: post, state, compare, and say what does not hold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.documents import Text
from medpool_etl.ledger import balance_sheet, closing, compare, fund_statement, inter_level, trial_balance
from medpool_etl.money import ZERO
from medpool_etl.periods import Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.books.corrections import as_ledger
from medpool_etl.pipeline.books.executed import ROLES, brought, execute, match_movements, none, open_books, together
from medpool_etl.pipeline.books.instructed import instruct, instructed_in
from medpool_etl.places import FUNDS
from medpool_etl.settlement import Transfer
from medpool_etl.store.models import make_view
from medpool_etl.store.session import add_references


@dataclass
class Books:
    """What a run enters and states. ``posted``: what happened, with what the books open with or how the year is closed;
    ``instructed``: of the run's transfers; then the statements, and why the figures are provisional, where they are."""

    posted: pa.Table
    instructed: pa.Table
    trial: pa.Table
    statements: pa.Table
    sheets: pa.Table
    compared: pa.Table
    reasons: list[Text] = field(default_factory=list)


def keep_month(
    connection: duckdb.DuckDBPyConnection,
    agreed: Agreed,
    period: Period,
    folder: Path,
    transfers: tuple[Transfer, ...],
    corrected: list[dict[str, Any]],
) -> Books:
    """Return the books of a month, from the movements of its session, what earlier runs published (``done_*``), and the entries that
    correct closed months.

    Raises SettlementError for a transfer the ledger refuses; what does not hold of what happened makes the figures provisional.
    """
    instructed = instruct(agreed, period, transfers)
    due = instructed_in(connection, instructed, period)
    match_movements(connection, agreed, period, folder, due, transfers)
    earlier, year_before = brought(connection, period)
    executed = execute(connection, agreed, period.first_month)
    opened = open_books(connection, agreed, period.first_month, earlier, year_before)
    posted = together(opened, executed, as_ledger(corrected))
    entries = together(earlier, posted)
    trial = trial_balance(entries, agreed.postings, str(period), by_tag=True)
    reasons = [*_below_zero(connection, agreed, trial), *_levels(connection, agreed, executed)]
    return _stated(agreed, entries, str(period), posted, instructed, due, executed, reasons)


def keep_period(
    connection: duckdb.DuckDBPyConnection, agreed: Agreed, period: Period, transfers: tuple[Transfer, ...]
) -> Books:
    """Return the books of a quarter or an opening, what it instructs; of a clearing also the statements of its year, and the entries
    that close revenue and expenditure into the fund balance."""
    instructed = instruct(agreed, period, transfers)
    if period.kind != "clearing":
        return _stated(agreed, none(), str(period.year), none(), instructed, none(), none(), [])
    year, _ = brought(connection, period)
    closed = closing(year, agreed.postings, period.year)
    due = instructed_in(connection, instructed, period)
    return _stated(agreed, together(year, closed), str(period.year), closed, instructed, due, year, [])


def _stated(
    agreed: Agreed,
    entries: pa.Table,
    period: str,
    posted: pa.Table,
    instructed: pa.Table,
    due: pa.Table,
    executed: pa.Table,
    reasons: list[Text],
) -> Books:
    """Return the books with the statements of all entries: each book's own, and those of the city as a whole."""
    postings = agreed.postings
    statements = [fund_statement(entries, postings, period, consolidated=whole) for whole in (True, False)]
    sheets = [balance_sheet(entries, postings, period, consolidated=whole) for whole in (True, False)]
    return Books(
        posted=posted,
        instructed=instructed,
        trial=trial_balance(entries, postings, period, by_tag=True),
        statements=pa.concat_tables(statements),
        sheets=pa.concat_tables(sheets),
        compared=compare(due, executed, postings),
        reasons=reasons,
    )


def add_books(connection: duckdb.DuckDBPyConnection, agreed: Agreed, books: Books) -> None:
    """Give a session the tables the published ledger and statements are made from."""
    lines = [line.line for line in agreed.postings.statement]
    order = ["brought_forward", *lines, "carried_forward"]
    positions = pa.table({"line": order, "position": pa.array(range(1, len(order) + 1), pa.int64())})
    tags = {name: text.zh for name, text in agreed.postings.tags.items()}
    add_references(
        connection,
        {
            "posted_rows": books.posted,
            "instructed_rows": books.instructed,
            "trial_rows": books.trial,
            "statement_rows": books.statements,
            "sheet_rows": books.sheets,
            "compared_rows": books.compared,
            "statement_lines": positions,
            "tag_titles": pa.table({"tag": list(tags), "title": list(tags.values())}),
        },
    )


def _below_zero(connection: duckdb.DuckDBPyConnection, agreed: Agreed, trial: pa.Table) -> list[Text]:
    """Return a reason for every bank account of which the month has a statement or report and that the books put below zero."""
    postings, city = agreed.postings, agreed.city
    known = {
        (fund, books, postings.roles[ROLES[kind][0]].account)
        for kind, fund, books in connection.execute("SELECT kind, fund, books FROM known_balances").fetchall()
    }
    balances: dict[tuple[str, str, str], Decimal] = {}
    for row in trial.to_pylist():
        key = (row["fund"], row["books"], row["account"])
        balances[key] = balances.get(key, ZERO) + row["closing"]
    names = {unit.code: unit.name for unit in city.units} | {city.code: city.name}
    return [
        Text(
            zh=f"{names[books].zh}{FUNDS[fund].zh}{postings.accounts[code].zh}账面余额为负（{balance}元）",
            en=f"{postings.accounts[code].en} of {names[books].en}, {fund} fund, stands at {balance} yuan",
        )
        for (fund, books, code), balance in sorted(balances.items())
        if balance < 0 and (fund, books, code) in known
    ]


def _levels(connection: duckdb.DuckDBPyConnection, agreed: Agreed, executed: pa.Table) -> list[Text]:
    """Return a reason for every fund in which city and counties booked differently what they paid each other.

    Left out is what comes from or goes to a county's account of which no statement came this month, and what the reconciliation of the
    same money calls expected or a person decided.
    """
    make_view(connection, "settlement", "explained_differences")
    explained = {(f, d): amount for f, d, amount in connection.execute("FROM explained_differences").fetchall()}
    heard = set(
        connection.execute(
            "SELECT DISTINCT fund, unit FROM account_balances WHERE kind IN ('fiscal', 'income') AND unit IS NOT NULL"
        ).fetchall()
    )
    postings = agreed.postings
    # Between fiscal accounts and from treasuries: a county's side of it is seen in a statement of its own, or in none.
    levels = {code for pair in postings.inter_level for code in (pair.city, pair.county)}
    stores = {postings.roles[role].account for role in ("fiscal_account", "treasury")}
    sides: dict[str, set[str]] = defaultdict(set)
    for row in executed.to_pylist():
        sides[row["entry_id"]].add(row["account"])
    kept = [
        row
        for row in executed.to_pylist()
        if (row["fund"], row["county"]) in heard
        or not (sides[row["entry_id"]] & levels and sides[row["entry_id"]] & stores)
    ]
    passed_down = postings.flows["distribution"].entries[0].debit
    reasons = []
    for row in inter_level(pa.Table.from_pylist(kept, schema=executed.schema), postings).to_pylist():
        direction = "down" if row["city_account"] == passed_down else "up"
        difference = row["difference"]
        if difference in (ZERO, explained.get((row["fund"], direction), ZERO)):
            continue
        sent, got = postings.accounts[row["city_account"]], postings.accounts[row["county_account"]]
        fund = FUNDS[row["fund"]]
        reasons.append(
            Text(
                zh=f"{fund.zh}市县往来不一致：{sent.zh}{row['city_amount']}元，{got.zh}{row['county_amount']}元",
                en=(
                    f"the levels differ in the {fund.en}: {sent.en} {row['city_amount']} yuan, "
                    f"{got.en} {row['county_amount']} yuan"
                ),
            )
        )
    return reasons
