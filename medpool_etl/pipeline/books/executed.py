"""The ledger of what happened: movements of accounts and reports, as the flows they are, and what the books open with."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from medpool_etl.ledger import LEDGER, Flow, ledger, opening, post_flows
from medpool_etl.marts.build import MATCHED
from medpool_etl.periods import Month, Period
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.books.instructed import read_ledger, row_id
from medpool_etl.settlement import Transfer
from medpool_etl.store.models import make_view, model_sql
from medpool_etl.store.session import add_references
from medpool_etl.store.warehouse import whole

OUTSTANDING = pa.schema(
    [
        *((name, pa.string()) for name in ("transfer_id", "fund", "payer_account", "receiver_account")),
        ("amount", pa.decimal128(18, 2)),
        ("due", pa.date32()),
        ("city_flow", pa.string()),
        ("city_sign", pa.int32()),
        ("county_flow", pa.string()),
        ("county_sign", pa.int32()),
    ]
)
# What a kind of account is in the books of the city and of a county, by role of ledger/postings.yaml.
ROLES = {
    "fiscal": ("fiscal_account", "county_fiscal_account"),
    "income": ("city_income", "county_income"),
    "expenditure": ("city_agency", "county_agency"),
}
Key = tuple[str, str, str, str, str]


def matched_path(folder: Path) -> Path:
    """Return where a run keeps which movements were matched with which instructions."""
    return folder / "ledger" / "matched_movements.parquet"


def match_movements(
    connection: duckdb.DuckDBPyConnection,
    agreed: Agreed,
    period: Period,
    folder: Path,
    instructed: pa.Table,
    transfers: tuple[Transfer, ...],
) -> int:
    """Match the month's movements with the transfers instructed for it, by fund, bank accounts and amount, so that each posts as what
    it is; keep in the run what was matched and return how many movements that is.

    ``instructed``: entries booked in the month, of ``transfers`` of this run and of published ones. A sub-ledger stands for its
    bank account; what stays within one is no movement.
    """
    rows = _outstanding(connection, agreed, period, instructed, transfers)
    add_references(connection, {"outstanding": pa.Table.from_pylist(rows, schema=OUTSTANDING)})
    connection.execute(f"CREATE OR REPLACE TEMP TABLE found_movements ({MATCHED})")
    connection.execute(f"INSERT INTO found_movements BY NAME {model_sql('settlement', 'matched_movements')}")
    with whole(matched_path(folder)) as temporary:
        connection.execute(
            f"COPY (FROM found_movements ORDER BY ALL) TO '{temporary}' (FORMAT parquet, COMPRESSION zstd)"
        )
    return matched_before(connection, folder)


def matched_before(connection: duckdb.DuckDBPyConnection, folder: Path) -> int:
    """Give a session with the staging views what a run has matched (nothing for a run of a version that did not) and return how many
    movements that is."""
    connection.execute("DELETE FROM matched_movements")
    if matched_path(folder).is_file():
        connection.execute("INSERT INTO matched_movements BY NAME FROM read_parquet(?)", [str(matched_path(folder))])
    ((count,),) = connection.execute("SELECT count(*) FROM matched_movements").fetchall()
    return int(count)


def _outstanding(
    connection: duckdb.DuckDBPyConnection,
    agreed: Agreed,
    period: Period,
    instructed: pa.Table,
    transfers: tuple[Transfer, ...],
) -> list[dict[str, Any]]:
    """Return the instructed transfers that banks can show, with the flows they are in the books of city and county."""
    accounts = dict(
        connection.execute("SELECT row_id, [payer_account, receiver_account] FROM done_transfers").fetchall()
    )
    accounts |= {row_id(agreed, period, t.transfer_id): [t.payer.number, t.receiver.number] for t in transfers}
    banks = {account.number: account.within or account.number for account in agreed.accounts.accounts}
    found: dict[str, dict[str, Any]] = {}
    for entry in instructed.to_pylist():
        if entry["side"] != "debit" or not entry["flow"]:
            continue
        payer, receiver = (banks.get(number, number) for number in accounts[entry["transfer_id"]])
        if payer == receiver:
            continue
        row = found.setdefault(
            entry["transfer_id"],
            {
                **dict.fromkeys(OUTSTANDING.names),
                "transfer_id": entry["transfer_id"],
                "fund": entry["fund"],
                "payer_account": payer,
                "receiver_account": receiver,
                "amount": entry["amount"],
                "due": entry["date"],
            },
        )
        side = "city" if entry["books"] == agreed.city.code else "county"
        same_way = entry["account"] == agreed.postings.flows[entry["flow"]].entries[0].debit
        row |= {f"{side}_flow": entry["flow"], f"{side}_sign": 1 if same_way else -1}
    return list(found.values())


def execute(connection: duckdb.DuckDBPyConnection, agreed: Agreed, month: Month) -> pa.Table:
    """Return the executed entries of a month, from the movements and reports of a session (``sql/staging/flow_rows.sql``)."""
    make_view(connection, "settlement", "flows")
    flows = [Flow(*row) for row in connection.execute("FROM flows ORDER BY ALL").fetchall()]
    return post_flows(flows, agreed.postings, agreed.city.code, period=str(month), city=agreed.city.city)


def brought(connection: duckdb.DuckDBPyConnection, period: Period) -> tuple[pa.Table, pa.Table]:
    """Return the executed entries of earlier months of the year, as they are published, and those of the year before (without what
    closes it)."""
    end = f"{period.year}-{13 if period.kind == 'clearing' else period.number:02d}"
    where = "starts_with(month, ?) AND month < ? AND entry_source <> 'closing'"
    return (
        read_ledger(connection, "done_ledger_posted", where, [f"{period.year}-", end]),
        read_ledger(connection, "done_ledger_posted", where, [f"{period.year - 1}-", f"{period.year}-"]),
    )


def open_books(
    connection: duckdb.DuckDBPyConnection, agreed: Agreed, month: Month, earlier: pa.Table, year_before: pa.Table
) -> pa.Table:
    """Return what a month's books open with: in the first month of a year the balances of the year before; beside them, once, the
    opening balance of every bank account the books do not know yet, against the fund balance."""
    make_view(connection, "settlement", "known_balances")
    balances = {} if earlier.num_rows else _carried(year_before, agreed)
    seen = {(row["fund"], row["books"], row["account"]) for row in earlier.to_pylist()}
    seen |= {(*key[:2], key[3]) for key in balances}
    city = agreed.city.code
    for kind, fund, books, amount in connection.execute("FROM known_balances ORDER BY ALL").fetchall():
        role = agreed.postings.roles[ROLES[kind][books != city]]
        # What a county's fiscal account holds when the books begin is its balance of before pooling.
        tag = agreed.postings.roles["county_balance"].tag if kind == "fiscal" and books != city else ""
        if (fund, books, role.account) not in seen:
            balances[fund, books, books, role.account, tag] = amount
    names = ("fund", "books", "county", "account", "tag")
    given = [{**dict(zip(names, key, strict=True)), "amount": amount} for key, amount in balances.items()]
    return opening(given, agreed.postings, str(month))


def _carried(entries: pa.Table, agreed: Agreed) -> dict[Key, Decimal]:
    """Return the balances of assets and liabilities on their normal side."""
    sums: dict[Key, Decimal] = defaultdict(Decimal)
    for row in entries.to_pylist():
        account = agreed.postings.accounts[row["account"]]
        if account.type in ("asset", "liability"):
            same = (row["side"] == "debit") == account.debit_normal
            key = (row["fund"], row["books"], row["county"], row["account"], row["tag"])
            sums[key] += row["amount"] if same else -row["amount"]
    return {key: amount for key, amount in sums.items() if amount}


def none() -> pa.Table:
    """Return a ledger without entries."""
    return LEDGER.empty_table()


def together(*parts: pa.Table) -> pa.Table:
    """Return one ledger of several, whose entries hold."""
    return ledger([row for part in parts for row in part.to_pylist()])
