"""What must hold of a ledger: no bank account below zero, the levels agree, and what was executed is what was instructed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

import pyarrow as pa

from medpool_etl.errors import SettlementError
from medpool_etl.ledger.chart import InterLevel, Postings
from medpool_etl.ledger.entries import ZERO, Row, signed

MONEY = pa.decimal128(18, 2)
# An account or (sub-ledger not empty, or scope tag) a part of it, the first day it stands below zero at the end of, and how far.
OVERDRAFTS = pa.schema(
    [
        ("fund", pa.string()),
        ("books", pa.string()),
        ("account", pa.string()),
        ("title", pa.string()),
        ("scope", pa.string()),
        ("tag", pa.string()),
        ("date", pa.date32()),
        ("balance", MONEY),
    ]
)
INTER_LEVEL = pa.schema(
    [
        ("fund", pa.string()),
        ("period", pa.string()),
        ("county", pa.string()),
        ("city_account", pa.string()),
        ("county_account", pa.string()),
        ("city_amount", MONEY),
        ("county_amount", MONEY),
        ("difference", MONEY),
    ]
)
COMPARED = pa.schema(
    [
        ("fund", pa.string()),
        ("county", pa.string()),
        ("flow", pa.string()),
        ("title", pa.string()),
        ("instructed", MONEY),
        ("executed", MONEY),
        ("difference", MONEY),
    ]
)


def overdrafts(entries: pa.Table, postings: Postings, openings: pa.Table | None = None) -> pa.Table:
    """Return where money stands below zero at the end of a day, with the columns of ``OVERDRAFTS``; no row when nowhere.

    Looked at are bank accounts (``scope`` account) and those of their sub-ledgers that may not go below zero (``scope`` tag). ``openings``:
    opening entries that are not in ``entries``.
    """
    days: dict[tuple[str, str, str, str, str], dict[object, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for row in [*entries.to_pylist(), *(openings.to_pylist() if openings is not None else [])]:
        if not postings.accounts[row["account"]].bank:
            continue
        key = (row["fund"], row["books"], row["account"])
        days[(*key, "account", "")][row["date"]] += signed(row)
        if not postings.tags[row["tag"].partition(":")[0]].negative:
            days[(*key, "tag", row["tag"])][row["date"]] += signed(row)
    found: list[Row] = []
    for (fund, books, account, scope, tag), moved in sorted(days.items()):
        balance = ZERO
        for date in sorted(moved, key=str):
            balance += moved[date]
            if balance < 0:
                title = postings.accounts[account].zh
                if scope == "tag":
                    title += f"（{postings.tags[tag.partition(':')[0]].zh}）"
                found.append(
                    dict(zip(OVERDRAFTS.names, (fund, books, account, title, scope, tag, date, balance), strict=True))
                )
                break
    return pa.Table.from_pylist(found, schema=OVERDRAFTS)


def check_balances(entries: pa.Table, postings: Postings, openings: pa.Table | None = None) -> None:
    """Raise SettlementError naming every account, books and fund where money would stand below zero (``overdrafts``)."""
    found = overdrafts(entries, postings, openings).to_pylist()
    if found:
        said = [
            f"{row['fund']} fund, books of {row['books']}: {row['account']} {row['title']} stands at {row['balance']} "
            f"yuan on {row['date']}"
            for row in found
        ]
        raise SettlementError(
            "\n".join(said), expected="no account below zero", do="book what is missing, or its opening"
        )


def inter_level(entries: pa.Table, postings: Postings, by_county: bool = False) -> pa.Table:
    """Return what city and counties booked of what they paid each other, with the columns of ``INTER_LEVEL``, in yuan.

    One row a fund, period and pair of accounts (and county, if asked; else empty): 补助下级 against 上级补助, 下级上解 against 上解上级, revolving
    fund paid against received. ``difference`` is city less counties, 0.00 where they agree.
    """
    sums: dict[tuple[str, str, str, str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in entries.to_pylist():
        if row["source"] in ("opening", "closing"):
            continue
        for pair in postings.inter_level:
            if (side := side_of(row, pair)) is not None:
                key = (row["fund"], row["period"], row["county"] if by_county else "", pair.city, pair.county)
                sums[key][side] += normal(row, postings)
    rows = [
        dict(zip(INTER_LEVEL.names, (*key, city, counties, city - counties), strict=True))
        for key, (city, counties) in sorted(sums.items())
    ]
    return pa.Table.from_pylist(rows, schema=INTER_LEVEL)


def side_of(row: Row, pair: InterLevel) -> int | None:
    """Return whether a row is the city's (0) or a county's (1) of a pair of accounts between the levels, None if neither."""
    if pair.tag is not None and row["tag"] != pair.tag:
        return None
    return {pair.city: 0, pair.county: 1}.get(row["account"])


def normal(row: Row, postings: Postings) -> Decimal:
    """Return a row's amount with the sign of its account's normal side."""
    return signed(row) if postings.accounts[row["account"]].debit_normal else -signed(row)


def compare(
    instructed: pa.Table, executed: pa.Table, postings: Postings, flows: Collection[str] | None = None
) -> pa.Table:
    """Return what rules instructed beside what was executed, by fund, county and flow, with the columns of ``COMPARED``, in yuan.

    ``difference`` is instructed less executed. Only flows that a transfer can instruct are compared; ``flows`` narrows them to those whose
    accounts are known. A flow whose statement names no county is compared in sum: its county is that of the books.
    """
    known = [f for f in postings.instructed_flows() if flows is None or f in flows]
    sums: dict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for index, table in enumerate((instructed, executed)):
        for row in table.to_pylist():
            if row["flow"] not in known or row["side"] != "debit":
                continue
            rule = postings.flows[row["flow"]]
            county = row["books"] if rule.per == "city" else row["county"]
            same_way = row["account"] == rule.entries[0].debit
            sums[row["fund"], county, row["flow"]][index] += row["amount"] if same_way else -row["amount"]
    rows = [
        dict(zip(COMPARED.names, (*key, postings.flows[key[2]].title.zh, told, done, told - done), strict=True))
        for key, (told, done) in sorted(sums.items(), key=lambda item: (item[0][:2], known.index(item[0][2])))
    ]
    return pa.Table.from_pylist(rows, schema=COMPARED)
