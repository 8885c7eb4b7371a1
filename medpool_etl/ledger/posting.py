"""Post the flows of a month. Every entry is one debit and one credit of the same amount, so the books balance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import pyarrow as pa
from pydantic import model_validator

from medpool_etl import documents
from medpool_etl.documents import Document, Text
from medpool_etl.errors import SettlementError
from medpool_etl.money import exact

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


class EntryRule(Document):
    """Whose books an entry is made in, and the two accounts."""

    books: Literal["city", "county"]
    debit: str
    credit: str


class FlowRule(Document):
    """What a flow is, its clause, and its entries."""

    title: Text
    clause: str
    entries: tuple[EntryRule, ...]


class Postings(Document):
    """The document ``ledger/postings.yaml``."""

    source: str
    last_checked_on: dt.date
    accounts: dict[str, Text]
    flows: dict[str, FlowRule]

    @model_validator(mode="after")
    def _accounts_exist(self) -> Postings:
        for name, flow in self.flows.items():
            for entry in flow.entries:
                for code in (entry.debit, entry.credit):
                    if code not in self.accounts:
                        raise ValueError(f"flow {name}: there is no account {code}")
        return self


@dataclass(frozen=True)
class Flow:
    """Money that moved: ``flow`` names its rule, ``amount`` is in yuan, ``county`` the unit it is reckoned for."""

    flow: str
    fund: str
    county: str
    amount: Decimal


def load_postings() -> Postings:
    """Read ``ledger/postings.yaml``; raises ConfigurationError for a mistake in it."""
    return documents.load(documents.find("ledger/postings.yaml"), Postings)


def post(flows: Iterable[Flow], postings: Postings, city_code: str) -> list[dict[str, object]]:
    """Return two rows (debit, credit) an entry with the columns of ``SCHEMA``; funds never cross (G1).

    ``books`` is the code of the city or the county whose books they stand in. Flows of 0.00 post nothing. Raises
    SettlementError for a flow without a rule.
    """
    rows: list[dict[str, object]] = []
    for flow in sorted(flows, key=lambda flow: (flow.flow, flow.fund, flow.county)):
        if flow.flow not in postings.flows:
            raise SettlementError(f"the flow {flow.flow} has no posting rule", where="ledger/postings.yaml")
        amount = exact(flow.amount)
        for entry in postings.flows[flow.flow].entries if amount else ():
            books = city_code if entry.books == "city" else flow.county
            common = {"flow": flow.flow, "books": books, "fund": flow.fund, "county": flow.county, "amount": amount}
            rows.append({**common, "side": "debit", "account": entry.debit})
            rows.append({**common, "side": "credit", "account": entry.credit})
    return rows


def entries_table(rows: list[dict[str, object]]) -> pa.Table:
    """Return posted rows as an Arrow table with the columns of ``SCHEMA``."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)
