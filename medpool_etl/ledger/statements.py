"""Statements from the entries of one ledger: trial balance, account statement, balance sheet, revenue and expenditure.

``period`` is a month (2022-03), a quarter (2022-Q1) or a year (2022); every amount is yuan, exact to the fen. ``by`` says which period of an
entry counts: ``period``, when it was booked, or ``belongs_to``, what it is of (费款所属期).
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from medpool_etl.errors import InputError, SettlementError
from medpool_etl.ledger.balances import MONEY, normal, side_of
from medpool_etl.ledger.chart import Postings
from medpool_etl.ledger.entries import ZERO, Row, signed
from medpool_etl.periods import Period

View = Literal["period", "belongs_to"]
CONSOLIDATED = "consolidated"
# Balances are positive on the debit side, so that each column of a book adds up: opening and closing to 0.00, debit to credit.
TRIAL_BALANCE = pa.schema(
    [
        ("fund", pa.string()),
        ("books", pa.string()),
        ("account", pa.string()),
        ("title", pa.string()),
        ("tag", pa.string()),
        ("opening", MONEY),
        ("debit", MONEY),
        ("credit", MONEY),
        ("closing", MONEY),
    ]
)
# The first row brings the balance forward. balance stands on the normal side of the account.
ACCOUNT_STATEMENT = pa.schema(
    [
        ("date", pa.date32()),
        ("entry_id", pa.string()),
        ("county", pa.string()),
        ("tag", pa.string()),
        ("counter_account", pa.string()),
        ("flow", pa.string()),
        ("clause", pa.string()),
        ("corrects", pa.string()),
        ("note", pa.string()),
        ("debit", MONEY),
        ("credit", MONEY),
        ("balance", MONEY),
    ]
)
# part: asset, liability or balance. The result not closed yet is a row of its own, without an account.
BALANCE_SHEET = pa.schema(
    [
        ("fund", pa.string()),
        ("books", pa.string()),
        ("part", pa.string()),
        ("account", pa.string()),
        ("title", pa.string()),
        ("amount", MONEY),
    ]
)
# line: of postings.yaml, then brought_forward and carried_forward. year_to_date: from January to the end of the period.
STATEMENT = pa.schema(
    [
        ("fund", pa.string()),
        ("books", pa.string()),
        ("line", pa.string()),
        ("title", pa.string()),
        ("amount", MONEY),
        ("year_to_date", MONEY),
    ]
)
Sums = dict[str, Decimal]


@functools.lru_cache(maxsize=1024)
def _last_month(period: str) -> str:
    return str(Period.parse(period).last_month)


class _Span:
    """The months of a period, and what of an entry lies before, within or behind them."""

    def __init__(self, period: str, by: View = "period") -> None:
        said = Period.parse(period)
        if said.kind not in ("month", "quarter", "year"):
            raise InputError(f"{period} has no statement", expected="a month, a quarter or a year")
        self.first, self.last, self.by = str(said.first_month), str(said.last_month), by

    def to_date(self) -> _Span:
        span = _Span(self.last[:4], self.by)
        span.last = self.last
        return span

    def place(self, row: Row) -> int:
        """Return -1 before, 0 within, 1 behind. What a ledger opens with is always brought forward."""
        # What belongs to a quarter or a year is of its last month.
        when = _last_month(row[self.by])
        if when > self.last:
            return 1
        return -1 if row["source"] == "opening" or when < self.first else 0


def trial_balance(
    entries: pa.Table, postings: Postings, period: str, by_tag: bool = False, by: View = "period"
) -> pa.Table:
    """Return the trial balance (科目余额表) of every fund and books, with the columns of ``TRIAL_BALANCE``; ``by_tag`` also by sub-ledger."""
    span = _Span(period, by)
    sums: dict[tuple[str, str, str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    for row in entries.to_pylist():
        if (place := span.place(row)) <= 0:
            key = (row["fund"], row["books"], row["account"], row["tag"] if by_tag else "")
            column = 0 if place < 0 else 1 if row["side"] == "debit" else 2
            sums[key][column] += signed(row) if place < 0 else row["amount"]
    rows: list[Row] = [
        {
            **dict(zip(("fund", "books", "account", "tag"), key, strict=True)),
            "title": postings.accounts[key[2]].zh,
            "opening": opening,
            "debit": debit,
            "credit": credit,
            "closing": opening + debit - credit,
        }
        for key, (opening, debit, credit) in sorted(sums.items())
    ]
    for fund, books in sorted({(row["fund"], row["books"]) for row in rows}):
        own = [row for row in rows if (row["fund"], row["books"]) == (fund, books)]
        for name in ("opening", "closing"):
            _require_zero(sum((row[name] for row in own), ZERO), fund, books, f"the sum of {name} balances")
    return pa.Table.from_pylist(rows, schema=TRIAL_BALANCE)


def account_statement(
    entries: pa.Table,
    postings: Postings,
    fund: str,
    books: str,
    account: str,
    period: str,
    tag: str | None = None,
    by: View = "period",
) -> pa.Table:
    """Return the account statement (明细账) of an account of a fund's books, with the columns of ``ACCOUNT_STATEMENT``; ``tag``: of one
    sub-ledger. Raises InputError for an account that is not in the chart."""
    if account not in postings.accounts:
        raise InputError(f"there is no account {account}", expected=f"one of {', '.join(postings.accounts)}")
    span, rows = _Span(period, by), entries.to_pylist()
    counter = {(row["entry_id"], row["side"]): row["account"] for row in rows}
    own = [
        r for r in rows if (r["fund"], r["books"], r["account"]) == (fund, books, account) and tag in (None, r["tag"])
    ]
    balance = sum((normal(row, postings) for row in own if span.place(row) < 0), ZERO)
    blank = dict.fromkeys(("entry_id", "county", "counter_account", "flow", "clause", "corrects"), "")
    said: list[Row] = [
        {**blank, "date": None, "tag": tag or "", "note": "期初余额", "debit": ZERO, "credit": ZERO, "balance": balance}
    ]
    for row in sorted(own, key=lambda r: (r["date"], r["entry_id"], r["side"] != "debit")):
        if span.place(row) == 0:
            balance += normal(row, postings)
            other = "credit" if row["side"] == "debit" else "debit"
            shown = {name: row[name] for name in ("date", "county", "tag", *blank, "note") if name in row}
            sides = {row["side"]: row["amount"], other: ZERO}
            said.append({**shown, **sides, "counter_account": counter[row["entry_id"], other], "balance": balance})
    return pa.Table.from_pylist(said, schema=ACCOUNT_STATEMENT)


def balance_sheet(entries: pa.Table, postings: Postings, period: str, consolidated: bool = False) -> pa.Table:
    """Return the balance sheet (资产负债表) at the end of a period of every fund and books, with the columns of ``BALANCE_SHEET``.

    ``consolidated``: one of the whole city, without what the levels owe each other as far as both booked it. Raises SettlementError
    where assets are not liabilities and fund balance.
    """
    span = _Span(period)
    rows: list[Row] = []
    for (fund, books), own in _books(entries, consolidated).items():
        there = [row for row in own if span.place(row) <= 0]
        sums = _by_account(there, postings)
        if consolidated:
            _eliminate(there, postings, sums, ("asset", "liability"))
        result = ZERO
        for code, account in postings.accounts.items():
            amount = sums.get(code, ZERO)
            if account.type in ("revenue", "expenditure"):
                result += amount if account.type == "revenue" else -amount
            elif amount:
                rows.append(_row(BALANCE_SHEET, fund, books, account.type, code, account.zh, amount))
        if result:
            rows.append(_row(BALANCE_SHEET, fund, books, "balance", "", "未结转收支结余", result))
        parts = {"asset": ZERO, "liability": ZERO, "balance": ZERO}
        for row in rows:
            if (row["fund"], row["books"]) == (fund, books):
                parts[row["part"]] += row["amount"]
        _require_zero(parts["asset"] - parts["liability"] - parts["balance"], fund, books, "assets less liabilities")
    return pa.Table.from_pylist(rows, schema=BALANCE_SHEET)


def fund_statement(
    entries: pa.Table,
    postings: Postings,
    period: str,
    consolidated: bool = False,
    county: str = "",
    by: View = "period",
) -> pa.Table:
    """Return the statement of revenue and expenditure (收支表) of every fund and books, with the columns of ``STATEMENT``.

    ``consolidated``: one of the whole city, in which what the levels paid each other is left out as far as both booked it; with ``county``,
    only what city and county booked for that county. Carried forward is what assets less liabilities come to; raises SettlementError
    where that is not brought forward + total in − total out, to the fen.
    """
    span = _Span(period, by)
    rows: list[Row] = []
    for (fund, books), own in _books(entries, consolidated).items():
        chosen = [row for row in own if not county or row["county"] == county]
        amounts, to_date = (_lines(chosen, postings, s, consolidated, fund, books) for s in (span, span.to_date()))
        titles = {line.line: line.zh for line in postings.statement}
        titles |= {"brought_forward": "上期结转", "carried_forward": "结转下期"}
        rows += [_row(STATEMENT, fund, books, name, zh, amounts[name], to_date[name]) for name, zh in titles.items()]
    return pa.Table.from_pylist(rows, schema=STATEMENT)


def _lines(rows: list[Row], postings: Postings, span: _Span, consolidated: bool, fund: str, books: str) -> Sums:
    within = [row for row in rows if span.place(row) == 0 and row["source"] != "closing"]
    sums = _by_account(within, postings)
    if consolidated:
        _eliminate(within, postings, sums, ("revenue", "expenditure"))
    lines: Sums = {}
    for line in postings.statement:
        parts = [sums.get(code, ZERO) for code in line.accounts] + [lines[name] for name in line.sum]
        lines[line.line] = sum(parts, ZERO) - sum((lines[name] for name in line.less), ZERO)
    owned = [row for row in rows if postings.accounts[row["account"]].type in ("asset", "liability")]
    lines["brought_forward"] = sum((signed(row) for row in owned if span.place(row) < 0), ZERO)
    lines["carried_forward"] = sum((signed(row) for row in owned if span.place(row) <= 0), ZERO)
    due = lines["brought_forward"] + lines["total_in"] - lines["total_out"]
    _require_zero(lines["carried_forward"] - due, fund, books, "carried forward less what it should be")
    return lines


def _eliminate(rows: list[Row], postings: Postings, sums: Sums, types: tuple[str, str]) -> None:
    """Take out of both sides what city and county both booked; what only one of them did stays, it is on its way."""
    for pair in postings.inter_level:
        if postings.accounts[pair.city].type not in types:
            continue
        both: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
        for row in rows:
            if (side := side_of(row, pair)) is not None:
                both[row["county"]][side] += normal(row, postings)
        for city, county in both.values():
            same = min(city, county) if min(city, county) > 0 else max(city, county) if max(city, county) < 0 else ZERO
            for code in (pair.city, pair.county):
                sums[code] = sums.get(code, ZERO) - same


def _by_account(rows: Iterable[Row], postings: Postings) -> Sums:
    sums: Sums = defaultdict(lambda: ZERO)
    for row in rows:
        sums[row["account"]] += normal(row, postings)
    return sums


def _books(entries: pa.Table, consolidated: bool) -> dict[tuple[str, str], list[Row]]:
    books: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in entries.to_pylist():
        books[row["fund"], CONSOLIDATED if consolidated else row["books"]].append(row)
    return dict(sorted(books.items()))


def _row(schema: pa.Schema, *values: Any) -> Row:
    return dict(zip(schema.names, values, strict=True))


def _require_zero(amount: Decimal, fund: str, books: str, what: str) -> None:
    if amount:
        raise SettlementError(f"{what} is {amount}", where=f"{fund} fund, books of {books}", expected="0.00")
