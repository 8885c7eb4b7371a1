"""A transfer: money that one account owes another, by a rule. It balances because it has a payer and a receiver."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from medpool_etl.errors import SettlementError
from medpool_etl.money import exact
from medpool_etl.settlement.parties import Party

SCHEMA = pa.schema(
    [
        ("transfer_id", pa.string()),
        ("fund", pa.string()),
        ("county", pa.string()),
        ("step", pa.string()),
        ("payer", pa.string()),
        ("payer_account", pa.string()),
        ("payer_name", pa.string()),
        ("receiver", pa.string()),
        ("receiver_account", pa.string()),
        ("receiver_name", pa.string()),
        ("amount", pa.decimal128(18, 2)),
        ("due_date", pa.date32()),
        ("late_after", pa.date32()),
        ("rule_id", pa.string()),
        ("clause", pa.string()),
        ("facts", pa.string()),
    ]
)


@dataclass(frozen=True)
class Transfer:
    """``amount`` yuan owed by ``payer`` to ``receiver`` by ``due_date`` (late after ``late_after``, G5).

    ``county`` is the unit it is reckoned for, ``step`` which step of the rule it is (empty for a rule of one step), ``rule_id`` and
    ``clause`` where it comes from, ``facts`` what it was computed with. Raises SettlementError when it pays itself, is not positive,
    or is finer than a fen. ``due_date`` None: the notice names no day.
    """

    fund: str
    county: str
    payer: Party
    receiver: Party
    amount: Decimal
    due_date: dt.date | None
    late_after: dt.date | None
    rule_id: str
    clause: str
    facts: str
    step: str = ""

    def __post_init__(self) -> None:
        where = " ".join(filter(None, (self.rule_id, self.step, self.fund, self.county)))
        if (self.payer.number, self.payer.name) == (self.receiver.number, self.receiver.name):
            raise SettlementError("a transfer pays itself", where=where)
        if exact(self.amount) <= 0:
            raise SettlementError(f"a transfer of {self.amount} yuan", where=where, expected="a positive amount")

    @property
    def transfer_id(self) -> str:
        """A name that is its own within the period: rule, step, fund and county."""
        return "/".join(filter(None, (self.rule_id, self.step, self.fund, self.county)))


def transfers_table(transfers: Iterable[Transfer]) -> pa.Table:
    """Return transfers as an Arrow table with the columns of ``SCHEMA``, in order of their ids (amount in yuan).

    Raises SettlementError when two have the same id.
    """
    ordered = sorted(transfers, key=lambda transfer: transfer.transfer_id)
    ids = [transfer.transfer_id for transfer in ordered]
    if len(set(ids)) != len(ids):
        raise SettlementError(
            "two transfers have the same id", where=", ".join(sorted({i for i in ids if ids.count(i) > 1}))
        )
    rows = [
        {
            "transfer_id": transfer.transfer_id,
            "fund": transfer.fund,
            "county": transfer.county,
            "step": transfer.step,
            "payer": transfer.payer.role,
            "payer_account": transfer.payer.number,
            "payer_name": transfer.payer.name,
            "receiver": transfer.receiver.role,
            "receiver_account": transfer.receiver.number,
            "receiver_name": transfer.receiver.name,
            "amount": transfer.amount,
            "due_date": transfer.due_date,
            "late_after": transfer.late_after,
            "rule_id": transfer.rule_id,
            "clause": transfer.clause,
            "facts": transfer.facts,
        }
        for transfer in ordered
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
