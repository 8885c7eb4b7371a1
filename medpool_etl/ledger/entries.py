"""The entries of the ledger: what they look like, when they hold, and how they are added and reversed."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from medpool_etl.errors import InputError, SettlementError
from medpool_etl.ledger.chart import Postings
from medpool_etl.money import exact
from medpool_etl.periods import Month

# Two rows an entry, its debit and its credit. period: the month it is booked in, which is open or closed (2022-03); belongs_to:
# what the money is of (费款所属期), a month or a year. source: instructed by a rule, executed, opening or closing. flow: the executed
# flow it is, or is compared with. transfer_id, rule, clause: of an instructed transfer. corrects: the entry it reverses.
LEDGER = pa.schema(
    [
        ("entry_id", pa.string()),
        ("fund", pa.string()),
        ("books", pa.string()),
        ("county", pa.string()),
        ("date", pa.date32()),
        ("period", pa.string()),
        ("belongs_to", pa.string()),
        ("account", pa.string()),
        ("tag", pa.string()),
        ("side", pa.string()),
        ("amount", pa.decimal128(18, 2)),
        ("source", pa.string()),
        ("flow", pa.string()),
        ("transfer_id", pa.string()),
        ("rule", pa.string()),
        ("clause", pa.string()),
        ("corrects", pa.string()),
        ("note", pa.string()),
    ]
)
Row = dict[str, Any]
Leg = tuple[str, str]
ZERO = Decimal("0.00")


def entry(common: Mapping[str, Any], debit: Leg, credit: Leg, amount: Decimal) -> list[Row]:
    """Return the two rows of an entry; ``debit`` and ``credit`` are account and tag, ``common`` all that both rows have."""
    blank = dict.fromkeys(LEDGER.names, "")
    return [
        {**blank, **common, "account": account, "tag": tag, "side": side, "amount": amount}
        for side, (account, tag) in (("debit", debit), ("credit", credit))
    ]


def ledger(rows: Iterable[Row]) -> pa.Table:
    """Return rows as a ledger with the columns of ``LEDGER``, in order of date and entry.

    Raises SettlementError when an entry does not balance, crosses funds or books, or stands twice.
    """
    ordered = sorted(rows, key=lambda row: (row["date"], row["entry_id"], row["side"] != "debit"))
    sides: dict[str, list[Row]] = defaultdict(list)
    for row in ordered:
        sides[row["entry_id"]].append(row)
    for entry_id, legs in sides.items():
        if len(legs) > 2:
            raise SettlementError("the entry stands twice", where=entry_id)
        debit, credit = (sum((r["amount"] for r in legs if r["side"] == side), ZERO) for side in ("debit", "credit"))
        if debit != credit or len(legs) != 2:
            raise SettlementError(f"the entry does not balance: debit {debit}, credit {credit}", where=entry_id)
        if len({(leg["fund"], leg["books"], leg["period"]) for leg in legs}) != 1:
            raise SettlementError("the entry crosses funds, books or periods", where=entry_id)
    return pa.Table.from_pylist(ordered, schema=LEDGER)


def add(entries: pa.Table, new: pa.Table, closed: Collection[str] = ()) -> pa.Table:
    """Return a ledger with new entries in it.

    Raises SettlementError for a new entry in one of the ``closed`` periods, one that is in the ledger already, one that corrects an entry
    that is not there or is corrected already, and for instructed beside executed entries: what should move and what did are two
    ledgers.
    """
    rows, added = entries.to_pylist(), new.to_pylist()
    if {"instructed", "executed"} <= {row["source"] for row in (*rows, *added)}:
        raise SettlementError("instructed and executed entries are two ledgers", expected="entries of one source")
    there = {row["entry_id"] for row in rows}
    corrected = {row["corrects"] for row in rows} - {""}
    ids = there | {row["entry_id"] for row in added}
    for row in added:
        refuse_closed(row["period"], closed, row["entry_id"])
        if row["entry_id"] in there:
            raise SettlementError("the entry is in the ledger already", where=row["entry_id"])
        if row["corrects"] and row["corrects"] not in ids:
            raise SettlementError(f"there is no entry {row['corrects']} to correct", where=row["entry_id"])
        if row["corrects"] in corrected:
            raise SettlementError(f"{row['corrects']} is corrected already", where=row["entry_id"])
    return ledger([*rows, *added])


def reverse(
    entries: pa.Table, period: str, reason: str, closed: Collection[str] = (), date: dt.date | None = None
) -> pa.Table:
    """Return the red entries (红字冲销) that take back ``entries``: same accounts and sides, negative amounts, booked in the open ``period``
    (on ``date``, default its last day), each naming what it corrects.

    Raises InputError without a reason, SettlementError for a closed period and one before that of what is corrected.
    """
    if not reason.strip():
        raise InputError("a correction needs a reason")
    refuse_closed(period, closed)
    rows = []
    for row in ledger(entries.to_pylist()).to_pylist():
        if row["period"] > period:
            raise SettlementError(f"an entry of {row['period']} cannot be corrected in {period}", where=row["entry_id"])
        rows.append(
            {
                **row,
                "entry_id": f"{period}/reversal/{row['entry_id']}",
                "date": date or Month.parse(period).last_day,
                "period": period,
                "amount": -row["amount"],
                "corrects": row["entry_id"],
                "note": reason.strip(),
            }
        )
    return ledger(rows)


def refuse_closed(period: str, closed: Collection[str], where: str = "") -> None:
    """Raise SettlementError when a period is closed, InputError when it is no month."""
    Month.parse(period)
    if period in closed:
        raise SettlementError(
            f"{period} is closed and takes no entries",
            where=where,
            expected="an open period",
            do="book the correction in the open period, naming what it corrects",
        )


def opening(balances: Iterable[Mapping[str, Any]], postings: Postings, period: str) -> pa.Table:
    """Return the entries that bring balances into the books, against the fund balance of the same sub-ledger.

    ``balances``: rows with fund, books, county (default: the books), account, tag (default none) and amount, in yuan on the normal side of
    the account. Dated the first day of ``period``. Raises InputError for an account that is no asset or liability, and for a balance
    given twice.
    """
    rows: list[Row] = []
    for given in sorted(
        balances, key=lambda row: tuple(str(row.get(k, "")) for k in ("fund", "books", "account", "tag"))
    ):
        code, tag, amount = given["account"], given.get("tag", ""), exact(given["amount"])
        account = postings.accounts.get(code)
        if account is None or account.type not in ("asset", "liability"):
            raise InputError(
                f"{code} has no opening balance", expected="an asset or a liability of ledger/postings.yaml"
            )
        if not postings.knows_tag(tag):
            raise InputError(f"there is no tag {tag}", expected=f"one of {', '.join(filter(None, postings.tags))}")
        # What is owed to or by the fund is part of the year's money, whatever it is lent for.
        own = (postings.fund_balance, tag if account.bank else "")
        common = {
            "entry_id": f"{period}/opening/{given['fund']}/{given['books']}/{given.get('county', '')}/{code}/{tag}",
            "fund": given["fund"],
            "books": given["books"],
            "county": given.get("county") or given["books"],
            "date": Month.parse(period).first_day,
            "period": period,
            "belongs_to": period,
            "source": "opening",
        }
        debit, credit = ((code, tag), own) if account.debit_normal else (own, (code, tag))
        rows += entry(common, debit, credit, amount) if amount else []
    try:
        return ledger(rows)
    except SettlementError as error:
        raise InputError("a balance is given twice", where=error.where) from error


def closing(entries: pa.Table, postings: Postings, year: int) -> pa.Table:
    """Return the entries that close a year's revenue and expenditure into the fund balance of each book, county and sub-ledger.

    Dated 31 December, in the period of December. They show in a trial balance, never as revenue or expenditure.
    """
    period = f"{year}-12"
    left: dict[tuple[str, ...], Decimal] = defaultdict(lambda: ZERO)
    for row in entries.to_pylist():
        if row["period"] <= period and postings.accounts[row["account"]].type in ("revenue", "expenditure"):
            key = tuple(row[name] for name in ("fund", "books", "county", "account", "tag"))
            left[key] += row["amount"] if row["side"] == "debit" else -row["amount"]
    rows: list[Row] = []
    for (fund, books, county, account, tag), amount in sorted(left.items()):
        common = {
            "entry_id": f"{period}/closing/{fund}/{books}/{county}/{account}/{tag}",
            "fund": fund,
            "books": books,
            "county": county,
            "date": Month.parse(period).last_day,
            "period": period,
            "belongs_to": str(year),
            "source": "closing",
        }
        # What stands on the debit side is credited away, and the other way round.
        debit, credit = (postings.fund_balance, tag), (account, tag)
        debit, credit = (debit, credit) if amount > 0 else (credit, debit)
        rows += entry(common, debit, credit, abs(amount)) if amount else []
    return ledger(rows)


def signed(row: Mapping[str, Any]) -> Decimal:
    """Return a row's amount with its sign: debit positive, credit negative."""
    amount: Decimal = row["amount"]
    return amount if row["side"] == "debit" else -amount
