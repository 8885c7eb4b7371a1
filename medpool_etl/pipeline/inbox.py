"""A month's inbox as a table: what is expected from whom by when, what came, what is missing, what is late."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from medpool_etl.contracts import Contract
from medpool_etl.documents import Text
from medpool_etl.errors import ConfigurationError, InputError
from medpool_etl.intake import Arrival, expected_parts, receive
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.settings import YEARLY

# The offices' clock: a day ends when it ends there.
ZONE = ZoneInfo("Asia/Shanghai")
STATES: dict[str, Text] = {
    "arrived": Text(zh="已到", en="arrived"),
    "late": Text(zh="已到（迟）", en="arrived late"),
    "unusable": Text(zh="不可用", en="unusable"),
    "awaited": Text(zh="未到", en="awaited"),
    "overdue": Text(zh="逾期未到", en="overdue"),
    "none": Text(zh="无（非必报）", en="none (not required)"),
    "adjustment": Text(zh="结账后到，待下月调整", en="came after closing, waits as an adjustment"),
    "unknown": Text(zh="无法识别", en="not recognised"),
}


@dataclass(frozen=True)
class InboxRow:
    """What is expected and came: ``state`` is a key of ``STATES``; ``due`` the calendar day, ``late_after`` the working
    day behind which it is late (G5); ``received_at`` in the offices' time. Files for the same thing are versions."""

    title: Text
    sender: Text
    whose: str
    due: dt.date | None
    late_after: dt.date | None
    state: str
    name: str = ""
    version: int = 0
    received_at: dt.datetime | None = None
    problem: Text | None = None


def inbox(settings: Settings, city: str, month: Month, today: dt.date | None = None) -> tuple[InboxRow, ...]:
    """Look into the month's inbox, record what came, and return its table by kind of file and whose it is.

    ``today`` is the day for which something missing counts as overdue (default: now, in the offices' time).
    """
    agreed = Agreed.load(city)
    today = today or dt.datetime.now(ZONE).date()
    control, warehouse = Control(settings.control_url), Warehouse(settings.warehouse)
    folder = settings.month_inbox(city, month)
    try:
        arrivals: tuple[Arrival, ...] = ()
        if folder.is_dir():
            arrivals = receive(folder, agreed.city, month, agreed.accounts, agreed.contracts, control, warehouse)
        came = {
            (row.sha256): row.received_at.replace(tzinfo=row.received_at.tzinfo or dt.UTC).astimezone(ZONE)
            for place in (str(month), YEARLY)
            for row in reversed(control.received(city, place))
        }
        closed = control.closed_month(city, str(month))
        late = {row.sha256 for row in control.late_files(closed)} if closed else set()
    finally:
        control.close()
    rows: list[InboxRow] = []
    for contract in agreed.contracts.values():
        due, late_after = _deadline(agreed, contract, month)
        for part in expected_parts(contract, agreed.city, month, agreed.accounts):
            common: dict[str, Any] = {
                "title": contract.title,
                "sender": contract.sender,
                "whose": _whose(agreed, part),
                "due": due,
                "late_after": late_after,
            }
            files = [a for a in arrivals if a.contract == contract.contract and a.part == part]
            for arrival in sorted(files, key=lambda a: (-a.version, a.name)):
                at = came.get(arrival.sha256)
                state = "late" if at and late_after and at.date() > late_after else "arrived"
                state = "adjustment" if arrival.sha256 in late else state
                state = "unusable" if arrival.state != "active" else state
                rows.append(
                    InboxRow(
                        **common,
                        state=state,
                        name=arrival.name,
                        version=arrival.version,
                        received_at=at,
                        problem=arrival.problem,
                    )
                )
            if not files:
                missing = "overdue" if late_after and today > late_after else "awaited"
                rows.append(InboxRow(**common, state=missing if _needed(agreed, contract, part) else "none"))
    known = {row.name for row in rows}
    rows += [
        InboxRow(
            title=agreed.contracts[a.contract].title if a.contract else Text(zh="（未识别）", en="(unknown)"),
            sender=Text(zh="", en=""),
            whose=a.part,
            due=None,
            late_after=None,
            state="unknown" if not a.contract else "unusable",
            name=a.name,
            received_at=came.get(a.sha256),
            problem=a.problem,
        )
        for a in arrivals
        if a.name not in known
    ]
    return tuple(rows)


def _deadline(agreed: Agreed, contract: Contract, month: Month) -> tuple[dt.date, dt.date | None]:
    """Return the day a kind of file is due for the month and the day it is late after, if that year's calendar is there."""
    start = month
    if contract.expected.every == "year":
        start = Month(int(contract.expected.year_of(month)), 1)
    elif contract.expected.every == "once":
        start = Month.of(agreed.rulebook.notice.in_force_from)
    due = contract.expected.deadline.on(start)
    try:
        return due, agreed.calendar.late_after(due)
    except (InputError, ConfigurationError):
        return due, None


def _needed(agreed: Agreed, contract: Contract, part: str) -> bool:
    """Whether a month lacks something when a kind of file does not come for a unit or an account."""
    accounts = {account.number: account for account in agreed.accounts.accounts}
    if contract.expected.per == "account" and not accounts[part].statement_needed:
        return False
    return contract.expected.need == "always" and contract.contract in agreed.awaited


def _whose(agreed: Agreed, part: str) -> str:
    for unit in agreed.city.units:
        if unit.code == part:
            return unit.name.zh
    for account in agreed.accounts.accounts:
        if account.number == part:
            return account.name
    return part or agreed.city.name.zh
