"""Post what moved, and what rules instruct. Every entry is one debit and one credit of the same amount, so the books balance."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from medpool_etl.errors import SettlementError
from medpool_etl.ledger.chart import PARTIES, Moves, Postings, TransferEntry, load_moves, load_postings
from medpool_etl.ledger.entries import Leg, Row, entry, ledger
from medpool_etl.money import exact
from medpool_etl.periods import Month

__all__ = ["Flow", "Postings", "entries_table", "load_postings", "post", "post_flows", "post_transfers"]

SCHEMA = pa.schema(
    [
        ("flow", pa.string()),
        ("books", pa.string()),
        ("fund", pa.string()),
        ("county", pa.string()),
        ("side", pa.string()),
        ("account", pa.string()),
        ("amount", pa.decimal128(18, 2)),
    ]
)


@dataclass(frozen=True)
class Flow:
    """Money that moved: ``flow`` names its rule, ``amount`` is in yuan, ``county`` the unit it is reckoned for."""

    flow: str
    fund: str
    county: str
    amount: Decimal


def post(flows: Iterable[Flow], postings: Postings, city_code: str) -> list[dict[str, object]]:
    """Return two rows (debit, credit) an entry with the columns of ``SCHEMA``; funds never cross (G1).

    ``books`` is the code of the city or the county whose books they stand in. Flows of 0.00 post nothing. Raises
    SettlementError for a flow without a rule.
    """
    rows: list[dict[str, object]] = []
    for flow in sorted(flows, key=lambda flow: (flow.flow, flow.fund, flow.county)):
        _require_rule(flow.flow, postings)
        amount = exact(flow.amount)
        for rule in postings.flows[flow.flow].entries if amount else ():
            books = city_code if rule.books == "city" else flow.county
            common = {"flow": flow.flow, "books": books, "fund": flow.fund, "county": flow.county, "amount": amount}
            rows.append({**common, "side": "debit", "account": rule.debit})
            rows.append({**common, "side": "credit", "account": rule.credit})
    return rows


def entries_table(rows: list[dict[str, object]]) -> pa.Table:
    """Return posted rows as an Arrow table with the columns of ``SCHEMA``."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def post_flows(
    flows: Iterable[Flow],
    postings: Postings,
    city_code: str,
    *,
    period: str,
    city: str = "",
    date: dt.date | None = None,
) -> pa.Table:
    """Return the executed entries of a month as a ledger (``entries.LEDGER``), dated ``date`` (default: the month's last day), with the
    clauses of the notice of ``city``.

    Flows of the same name, fund and county are one entry. Raises SettlementError for a flow without a rule.
    """
    last_day = Month.parse(period).last_day
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for flow in flows:
        _require_rule(flow.flow, postings)
        sums[flow.flow, flow.fund, flow.county] += exact(flow.amount)
    rows: list[Row] = []
    for (name, fund, county), amount in sorted(sums.items()):
        flow_rule = postings.flows[name]
        rule = flow_rule.entries[0]
        common = {
            "entry_id": f"{period}/executed/{name}/{fund}/{county}",
            "fund": fund,
            "books": city_code if rule.books == "city" else county,
            "county": county,
            "date": date or last_day,
            "period": period,
            "belongs_to": period,
            "source": "executed",
            "flow": name,
            "clause": flow_rule.clause_of(city),
        }
        debit: Leg = (rule.debit, rule.tag if rule.debit_tag is None else rule.debit_tag)
        credit: Leg = (rule.credit, rule.tag if rule.credit_tag is None else rule.credit_tag)
        rows += entry(common, debit, credit, amount) if amount else []
    return ledger(rows)


def post_transfers(
    rows: Iterable[Mapping[str, Any]],
    postings: Postings,
    city_code: str,
    *,
    period: str,
    kinds: Mapping[str, str],
    city_held: Collection[str] = (),
    moves: Moves | None = None,
) -> pa.Table:
    """Return the instructed entries of transfers as a ledger (``entries.LEDGER``), in the books of both sides.

    ``rows``: transfer_id, fund, county (empty: the city's), payer, receiver, step, rule_id, clause, amount in yuan, and ``date`` or
    ``due_date`` (none: the last day of ``period``, the month they are booked in); ``belongs_to`` where it is another period. ``kinds``:
    the kind of each rule by id (a clause of the clearing has none). ``city_held``: counties whose accumulated balance the city keeps.

    Raises InputError where ``period`` is no month; SettlementError, naming payer, receiver, rule and clause, for a move that is not
    allowed (``moves.yaml``) and one without a posting rule; and for an amount that is not positive, a county's party without a county, and a transfer given twice.
    """
    Month.parse(period)
    allowed = moves or load_moves()
    posted: list[Row] = []
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: str(row["transfer_id"])):
        if row["transfer_id"] in seen:
            raise SettlementError("two transfers have the same id", where=row["transfer_id"])
        seen.add(row["transfer_id"])
        posted += _transfer(row, postings, allowed, city_code, period, kinds.get(row["rule_id"], ""), city_held)
    return ledger(posted)


def _transfer(
    row: Mapping[str, Any],
    postings: Postings,
    moves: Moves,
    city_code: str,
    period: str,
    kind: str,
    city_held: Collection[str],
) -> list[Row]:
    county, amount = row["county"] or "", exact(row["amount"])
    if amount <= 0:
        raise _refused(row, f"a transfer of {amount} yuan", "a positive amount")
    parties = {side: _role(row, row[side], postings, county in city_held) for side in PARTIES}
    payer, receiver = parties["payer"], parties["receiver"]
    if not moves.allows(payer, receiver, postings.roles, row["step"]):
        raise _refused(
            row, "money may not move this way", "a move of ledger/moves.yaml", "correct the rule, or add the move"
        )
    found = postings.rule_for(payer, receiver, kind, row["step"])
    if found is None:
        raise _refused(row, "no posting rule fits", "a rule under transfers in ledger/postings.yaml", "add one")
    name, rule = found
    legs = {side: _leg(parties[side], postings, county) for side in PARTIES}
    posted: list[Row] = []
    for number, said in enumerate(rule.entries):
        if said.books == "county" and not county:
            raise _refused(row, "it stands in a county's books, and no county is given", "a county")
        common = {
            "entry_id": f"{period}/instructed/{row['transfer_id']}/{number}",
            "fund": row["fund"],
            "books": city_code if said.books == "city" else county,
            "county": county or city_code,
            "date": row.get("date") or row.get("due_date") or Month.parse(period).last_day,
            "period": period,
            "belongs_to": row.get("belongs_to") or period,
            "source": "instructed",
            "flow": said.flow,
            "transfer_id": row["transfer_id"],
            "rule": row["rule_id"],
            "clause": row["clause"],
            "note": name,
        }
        debit, credit = _sides(said, legs)
        posted += entry(common, debit, credit, amount)
        if {said.debit, said.credit} == set(PARTIES) and debit[1] != credit[1]:
            # The fund balance follows the money from one sub-ledger to the other, so that each of them balances.
            own = postings.fund_balance
            moved = {**common, "entry_id": f"{common['entry_id']}/balance", "flow": ""}
            posted += entry(moved, (own, credit[1]), (own, debit[1]), amount)
    return posted


def _role(row: Mapping[str, Any], role: str, postings: Postings, held: bool) -> str:
    if role not in postings.roles:
        raise _refused(row, f"the ledger knows no party {role}", "a role of ledger/postings.yaml")
    return postings.held_by_city.get(role, role) if held else role


def _leg(role: str, postings: Postings, county: str) -> Leg:
    said = postings.roles[role]
    return said.account, said.tag.format(county=county)


def _sides(said: TransferEntry, legs: Mapping[str, Leg]) -> tuple[Leg, Leg]:
    """A side that is no party's stands in the sub-ledger of the other, unless it has its own."""
    own = [legs[side] for side in (said.debit, said.credit) if side in PARTIES]
    tag = own[0][1] if own else said.tag

    def leg(code: str, given: str | None) -> Leg:
        return legs[code] if code in PARTIES else (code, tag if given is None else given)

    return leg(said.debit, said.debit_tag), leg(said.credit, said.credit_tag)


def _require_rule(flow: str, postings: Postings) -> None:
    if flow not in postings.flows:
        raise SettlementError(f"the flow {flow} has no posting rule", where="ledger/postings.yaml")


def _refused(row: Mapping[str, Any], what: str, expected: str, do: str = "") -> SettlementError:
    where = f"{row['transfer_id']}: {row['payer']} → {row['receiver']}, rule {row['rule_id']}, {row['clause']}"
    return SettlementError(what, where=where, expected=expected, do=do)
