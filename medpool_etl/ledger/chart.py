"""The chart of accounts and the posting rules (``ledger/postings.yaml``), and the moves allowed (``ledger/moves.yaml``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field, model_validator

from medpool_etl import documents
from medpool_etl.documents import Document, Text
from medpool_etl.places import Accounts

AccountType = Literal["asset", "liability", "balance", "revenue", "expenditure"]
Books = Literal["city", "county"]
Level = Literal["same", "up", "down"]
PARTIES = ("payer", "receiver")


class LedgerAccount(Text):
    """An account of the chart; ``bank``: money in a bank, which cannot go below zero."""

    type: AccountType
    bank: bool = False

    @property
    def debit_normal(self) -> bool:
        """Whether its balance stands on the debit side: of assets and expenditure."""
        return self.type in ("asset", "expenditure")


class Tag(Text):
    """A sub-ledger (分账); ``negative``: it may go below zero while its bank account does not."""

    negative: bool = False


class EntryRule(Document):
    """Whose books an entry is made in, its two accounts, and the sub-ledger both sides stand in unless a side has its own."""

    books: Books
    debit: str
    credit: str
    tag: str = ""
    debit_tag: str | None = None
    credit_tag: str | None = None


class FlowRule(Document):
    """What an executed flow is, its clause, its entry; ``per`` city: its statement does not say for which county."""

    title: Text
    clause: str
    clauses: dict[str, str] = Field(default_factory=dict)
    per: Books = "county"
    entries: tuple[EntryRule, ...] = Field(min_length=1, max_length=1)

    def clause_of(self, city: str) -> str:
        """Return the clause the flow rests on in a city."""
        return self.clauses.get(city, self.clause)


class Role(Document):
    """Whose books a role of a transfer stands in (``none``: it keeps none of the fund), its account and sub-ledger."""

    books: Literal["city", "county", "none"]
    account: str = ""
    tag: str = ""


class TransferEntry(EntryRule):
    """An entry of a transfer: accounts may be ``payer`` or ``receiver``, whatever that side's is.

    ``flow`` names the executed flow it is compared with; ``reversed``: it is that flow the other way round.
    """

    flow: str = ""
    reversed: bool = False


class TransferRule(Document):
    """How a transfer between parties is posted; ``kinds`` and ``steps`` narrow it to rules of a kind and steps of a transfer."""

    payers: tuple[str, ...] = Field(alias="from", min_length=1)
    receivers: tuple[str, ...] = Field(alias="to", min_length=1)
    kinds: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    entries: tuple[TransferEntry, ...] = Field(min_length=1)


class InterLevel(Document):
    """What the levels pay each other: the city's account and the counties' of the same money, of a sub-ledger if named."""

    city: str
    county: str
    tag: str | None = None


class StatementLine(Text):
    """A line of the statement: the sum of accounts, or of lines above less others."""

    line: str
    accounts: tuple[str, ...] = ()
    sum: tuple[str, ...] = ()
    less: tuple[str, ...] = ()


class Postings(Document):
    """The document ``ledger/postings.yaml``."""

    source: str
    last_checked_on: dt.date
    accounts: dict[str, LedgerAccount]
    fund_balance: str
    tags: dict[str, Tag]
    roles: dict[str, Role]
    held_by_city: dict[str, str]
    groups: dict[str, tuple[str, ...]]
    inter_level: tuple[InterLevel, ...]
    statement: tuple[StatementLine, ...]
    flows: dict[str, FlowRule]
    transfers: dict[str, TransferRule]

    @model_validator(mode="after")
    def _consistent(self) -> Postings:
        # In this order: what is checked later rests on what was checked before.
        for part in (self._of_accounts, self._of_flows, self._of_transfers, self._of_statement):
            if problems := list(part()):
                raise ValueError("; ".join(problems))
        return self

    def _of_accounts(self) -> Iterator[str]:
        if self.fund_balance not in self.accounts or self.accounts[self.fund_balance].type != "balance":
            yield f"fund_balance: {self.fund_balance} is no account of type balance"
        for name, role in self.roles.items():
            if role.books != "none" and role.account not in self.accounts:
                yield f"role {name}: there is no account {role.account}"
            if not self.knows_tag(role.tag):
                yield f"role {name}: there is no tag {role.tag}"
        for name in (*self.held_by_city, *self.held_by_city.values(), *(r for g in self.groups.values() for r in g)):
            if name not in self.roles:
                yield f"there is no role {name}"
        for pair in self.inter_level:
            for code in (pair.city, pair.county):
                if code not in self.accounts:
                    yield f"inter_level: there is no account {code}"

    def _of_flows(self) -> Iterator[str]:
        for name, flow in self.flows.items():
            yield from self._of_entry(f"flow {name}", flow.entries[0], ())

    def _of_entry(self, where: str, entry: EntryRule, parties: tuple[str, ...]) -> Iterator[str]:
        for code in (entry.debit, entry.credit):
            if code not in self.accounts and code not in parties:
                yield f"{where}: there is no account {code}"
        for tag in (entry.tag, entry.debit_tag or "", entry.credit_tag or ""):
            if not self.knows_tag(tag):
                yield f"{where}: there is no tag {tag}"

    def _of_transfers(self) -> Iterator[str]:
        for name, rule in self.transfers.items():
            where = f"transfer {name}"
            for role in (*rule.payers, *rule.receivers):
                if role not in self.roles and role not in self.groups:
                    yield f"{where}: there is no role or group {role}"
                    return
            for entry in rule.entries:
                yield from self._of_entry(where, entry, PARTIES)
                yield from self._of_parties(where, rule, entry)

    def _of_parties(self, where: str, rule: TransferRule, entry: TransferEntry) -> Iterator[str]:
        if entry.flow and entry.flow not in self.flows:
            yield f"{where}: there is no flow {entry.flow}"
            return
        sides = {"payer": self.members(rule.payers), "receiver": self.members(rule.receivers)}
        for side in {entry.debit, entry.credit} & set(PARTIES):
            for name in sides[side]:
                if self.roles[name].books != entry.books:
                    yield f"{where}: {name} does not stand in the books of the {entry.books}"
        if entry.flow:
            said = self.flows[entry.flow].entries[0]
            expected = (said.credit, said.debit) if entry.reversed else (said.debit, said.credit)
            for index, code in enumerate((entry.debit, entry.credit)):
                of = {self.roles[name].account for name in sides[code]} if code in PARTIES else {code}
                if of != {expected[index]} or said.books != entry.books:
                    yield f"{where}: its entry is not that of the flow {entry.flow}"

    def _of_statement(self) -> Iterator[str]:
        seen: list[str] = []
        for line in self.statement:
            if unknown := [name for name in (*line.sum, *line.less) if name not in seen]:
                yield f"statement, {line.line}: there is no line {', '.join(unknown)} above it"
            seen.append(line.line)
        needed = ("total_in", "total_out", "result")
        if missing := [name for name in needed if name not in seen]:
            yield f"statement: there is no line {', '.join(missing)}"
        shown = sorted(code for line in self.statement for code in line.accounts)
        flowing = sorted(c for c, account in self.accounts.items() if account.type in ("revenue", "expenditure"))
        if shown != flowing:
            yield "statement: its lines must show every account of revenue and expenditure once"

    def knows_tag(self, tag: str) -> bool:
        """Whether a tag is one of the chart, or one county's part of it (``legacy:331002``)."""
        return tag.partition(":")[0] in self.tags

    def members(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the roles that names of roles and groups stand for."""
        return tuple(role for name in names for role in self.groups.get(name, (name,)))

    def rule_for(self, payer: str, receiver: str, kind: str = "", step: str = "") -> tuple[str, TransferRule] | None:
        """Return name and rule of the first posting rule that fits a transfer, or None."""
        for name, rule in self.transfers.items():
            if (
                payer in self.members(rule.payers)
                and receiver in self.members(rule.receivers)
                and (not rule.kinds or kind in rule.kinds)
                and (not rule.steps or step in rule.steps)
            ):
                return name, rule
        return None

    def instructed_flows(self) -> tuple[str, ...]:
        """Return the flows that transfers instruct, in the order of the document; others are only ever executed."""
        named = {entry.flow for rule in self.transfers.values() for entry in rule.entries}
        return tuple(flow for flow in self.flows if flow in named)


class MoveRule(Document):
    """A move that is allowed from one kind of account to another."""

    payers: str = Field(alias="from")
    receivers: str = Field(alias="to")
    levels: tuple[Level, ...] = ("same", "up", "down")
    steps: tuple[str, ...] = ()
    why: Text


class Moves(Document):
    """The document ``ledger/moves.yaml``."""

    source: str
    last_checked_on: dt.date
    kinds: dict[str, tuple[str, ...]]
    moves: tuple[MoveRule, ...]

    @model_validator(mode="after")
    def _known(self) -> Moves:
        for move in self.moves:
            for kind in (move.payers, move.receivers):
                if kind not in self.kinds:
                    raise ValueError(f"there is no kind {kind}")
        roles = [role for kind in self.kinds.values() for role in kind]
        if twice := sorted({role for role in roles if roles.count(role) > 1}):
            raise ValueError(f"of two kinds: {', '.join(twice)}")
        return self

    def allows(self, payer: str, receiver: str, roles: dict[str, Role], step: str = "") -> bool:
        """Whether money may move from one role to the other (as that step of a rule)."""
        kinds = {role: kind for kind, named in self.kinds.items() for role in named}
        level = _level(roles[payer].books, roles[receiver].books)
        return payer != receiver and any(
            (move.payers, move.receivers) == (kinds.get(payer), kinds.get(receiver))
            and (level is None or level in move.levels)
            and (not move.steps or step in move.steps)
            for move in self.moves
        )


def _level(payer: str, receiver: str) -> Level | None:
    if "none" in (payer, receiver):
        return None
    if payer == receiver:
        return "same"
    return "up" if receiver == "city" else "down"


def load_postings() -> Postings:
    """Read ``ledger/postings.yaml``; raises ConfigurationError for a mistake in it."""
    return documents.load(documents.find("ledger/postings.yaml"), Postings)


def load_moves() -> Moves:
    """Read ``ledger/moves.yaml``; raises ConfigurationError for a mistake in it."""
    return documents.load(documents.find("ledger/moves.yaml"), Moves)


def city_held(accounts: Accounts) -> frozenset[str]:
    """Return the units whose accumulated balance is a sub-ledger of one of the city's bank accounts, not in an account of their own."""
    city = {account.number for account in accounts.accounts if account.unit is None and account.within is None}
    return frozenset(
        account.unit
        for account in accounts.accounts
        if account.unit is not None and account.purpose == "legacy" and account.within in city
    )
