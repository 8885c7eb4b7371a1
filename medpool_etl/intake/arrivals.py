"""A month's inbox: which files are there, whose they are, which count, and which are missing."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.contracts import Contract
from medpool_etl.documents import Text
from medpool_etl.errors import InputError, StoreError
from medpool_etl.intake.keep import keep_all
from medpool_etl.intake.peek import NotReadable
from medpool_etl.intake.recognise import recognise
from medpool_etl.intake.shape import Shape
from medpool_etl.periods import Month, Period
from medpool_etl.places import Accounts, City
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.settings import YEARLY

log = logging.getLogger(__name__)
# What an odd file makes its readers raise: it is named and left out, and the month goes on. A full disk, a missing
# file or a mistake in a contract are not among them.
ODD = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    EOFError,
)


@dataclass(frozen=True)
class Arrival:
    """One delivery of a month's inbox: a file, or the part of one that is for one contract and county or account.

    ``state``: active, or unusable (``problem`` says why). ``part`` says whose file it is: a county's code, an account's
    number, or "" for the city's. ``version`` counts the active files for the same thing, oldest first: the newest that
    proves usable is settled from.
    """

    name: str
    sha256: str
    size: int
    scan: int
    state: str
    part: str = ""
    shape: Shape | None = None
    problem: Text | None = None
    version: int = 1
    index: int = 0

    @property
    def file_id(self) -> str:
        """A short name of its content: the beginning of its SHA-256, and which delivery of the file it is."""
        return self.sha256[:12] + (f"-{self.index}" if self.index else "")

    @property
    def contract(self) -> str:
        """The contract it answers to, or "" when it was not recognised."""
        return self.shape.contract if self.shape else ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data, without the scan number, which depends on when somebody looked."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "size": self.size,
            "state": self.state,
            "part": self.part,
            "version": self.version,
            "index": self.index,
            "shape": self.shape.as_dict() if self.shape else None,
            "problem": {"zh": self.problem.zh, "en": self.problem.en} if self.problem else None,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Arrival:
        """Return the arrival that :meth:`as_dict` wrote (its scan number is 0).

        Raises StoreError for one written by a version that described files in another way.
        """
        if "index" not in data:
            raise StoreError("the run was made by an older version of medpool", do="run the month again")
        return cls(
            name=data["name"],
            sha256=data["sha256"],
            size=data["size"],
            scan=0,
            state=data["state"],
            part=data["part"],
            version=data["version"],
            index=data["index"],
            shape=Shape.from_dict(data["shape"]) if data["shape"] else None,
            problem=Text(**data["problem"]) if data["problem"] else None,
        )


def receive(
    folder: Path,
    city: City,
    month: Month,
    accounts: Accounts,
    contracts: dict[str, Contract],
    control: Control,
    warehouse: Warehouse,
    progress: Callable[[Iterable[Path]], Iterable[Path]] = iter,
    period: Period | None = None,
) -> tuple[Arrival, ...]:
    """Keep the bytes of every file in ``folder``, recognise what each holds, and return that by name.

    Subfolders and zip archives are read too, and the folder of yearly files beside it, from which comes what serves the
    month. The same content twice is one file, as new as its newest name. Files for the same thing are versions of it by
    the scan that found them; two newest from one scan are both unusable until a person takes one away. ``period``: the folder is
    that of a quarter, an opening or a clearing, which may need no files of its own; ``month`` is then the one its units are of.
    Raises InputError when there is no such folder.
    """
    if not folder.is_dir() and period is None:
        raise InputError(
            "there is no inbox folder for this month",
            where=str(folder),
            do=f"make it and put the month's files there, or rehearse with `medpool simulate {city.city} {month}`",
        )
    found: list[Arrival] = []
    for name, place in ((YEARLY, folder.parent / YEARLY), (str(period or month), folder)):
        if place.is_dir():
            for arrival in _look(place, name, city.city, control, warehouse, progress):
                for delivery in _identify(
                    arrival, warehouse.received(arrival.sha256), city, month, accounts, contracts
                ):
                    if name != YEARLY or _serves(delivery, contracts):
                        found.append(delivery)
    return tuple(sorted(_versions(found), key=lambda arrival: (arrival.name, arrival.sha256)))


def identify(
    files: Iterable[Arrival],
    known: Iterable[Arrival],
    city: City,
    month: Month,
    accounts: Accounts,
    contracts: dict[str, Contract],
    warehouse: Warehouse,
) -> tuple[Arrival, ...]:
    """Return the deliveries of received files together with those known already, their versions counted anew by scan."""
    found = [
        delivery
        for arrival in files
        for delivery in _identify(arrival, warehouse.received(arrival.sha256), city, month, accounts, contracts)
    ]
    return tuple(sorted(_versions([*known, *found]), key=lambda arrival: (arrival.name, arrival.sha256)))


def _look(
    folder: Path,
    month: str,
    city: str,
    control: Control,
    warehouse: Warehouse,
    progress: Callable[[Iterable[Path]], Iterable[Path]],
) -> list[Arrival]:
    """Keep and record every file of a folder; each content once, as new as its newest name."""
    seen: dict[str, tuple[int, Arrival]] = {}
    found = list(keep_all(folder, warehouse, progress))
    rows = control.receive(city, month, ((kept.sha256, kept.name, kept.size) for kept in found))
    for kept, row in zip(found, rows, strict=True):
        arrival = Arrival(row.name, row.sha256, row.size, row.scan, "active")
        if kept.problem:
            arrival = replace(arrival, state="unusable", problem=kept.problem)
        if kept.sha256 not in seen or row.scan > seen[kept.sha256][0]:
            seen[kept.sha256] = (row.scan, arrival)
    return [arrival for _, arrival in seen.values()]


def _serves(arrival: Arrival, contracts: dict[str, Contract]) -> bool:
    """Whether a file of the yearly folder concerns the month: it serves it, or nobody can tell what it is."""
    if arrival.shape is None:
        return True
    return contracts[arrival.contract].expected.every != "month" and arrival.state == "active"


def _identify(
    arrival: Arrival, path: Path, city: City, month: Month, accounts: Accounts, contracts: dict[str, Contract]
) -> list[Arrival]:
    """Return what the file holds: a delivery for each contract and part, or the file itself with what is wrong."""
    if arrival.state != "active":
        return [arrival]
    try:
        found = recognise(path, contracts)
    except NotReadable as error:
        return [replace(arrival, state="unusable", problem=Text(zh=error.zh, en=error.en))]
    except ODD as error:
        log.error("%s cannot be read: %s", arrival.name, type(error).__name__)
        return [replace(arrival, state="unusable", problem=unreadable(error))]
    several = len(found.shapes) + len(found.problems) > 1
    places = Counter(shape.first.sheet for shape in found.shapes)
    deliveries = []
    for index, shape in enumerate(found.shapes):
        name = (
            f"{shape.first.sheet} 第{shape.first.header_row}行起"
            if places[shape.first.sheet] > 1
            else shape.first.sheet
        )
        delivery = replace(arrival, index=index, shape=shape)
        if several:
            delivery = replace(delivery, name=f"{arrival.name}［{name}］")
        contract = contracts[shape.contract]
        part = shape.metadata.get(contract.expected.part_from or "", "")
        if part in expected_parts(contract, city, month, accounts):
            deliveries.append(replace(delivery, part=part))
        else:
            problem = Text(
                zh=f"“{contract.title.zh}”属于 {part}，不是本市本月应报送的单位、账户或年度",
                en=f"{contract.title.en} of {part}, from which the city expects none this month",
            )
            deliveries.append(replace(delivery, state="unusable", problem=problem))
    for index, (sheet, refusal) in enumerate(found.problems, len(found.shapes)):
        name = f"{arrival.name}［{sheet}］"
        problem = Text(zh=refusal.zh, en=refusal.en)
        deliveries.append(replace(arrival, index=index, name=name, state="unusable", problem=problem))
    return deliveries


def unreadable(error: Exception) -> Text:
    """Return what is said of a file that made its reader fail in a way nobody foresaw."""
    kind = type(error).__name__
    return Text(
        zh=f"读取时出错（{kind}），请重新导出后报送", en=f"reading it failed ({kind}); export it again and send it"
    )


def _versions(arrivals: list[Arrival]) -> list[Arrival]:
    rivals: dict[tuple[str, str], list[Arrival]] = {}
    for arrival in arrivals:
        if arrival.state == "active":
            rivals.setdefault((arrival.contract, arrival.part), []).append(arrival)
    result = [arrival for arrival in arrivals if arrival.state != "active"]
    for same in rivals.values():
        newest = max(arrival.scan for arrival in same)
        latest = sorted(arrival.name for arrival in same if arrival.scan == newest)
        scans = sorted({arrival.scan for arrival in same})
        for arrival in same:
            if arrival.scan == newest and len(latest) > 1:
                others = "、".join(name for name in latest if name != arrival.name)
                problem = Text(
                    zh=f"与 {others} 同时到达，内容属于同一单位同一报表；请移走其中一个",
                    en=f"came together with {others}, which is for the same thing; take one of them away",
                )
                result.append(replace(arrival, state="unusable", problem=problem))
            else:
                result.append(replace(arrival, version=scans.index(arrival.scan) + 1))
    return result


def expected_parts(contract: Contract, city: City, month: Month, accounts: Accounts) -> tuple[str, ...]:
    """Return whose files of a kind the month takes: county codes, account numbers, a year, or ("",)."""
    if contract.expected.serves == "clearing":
        return ()
    if contract.expected.per == "year":
        return (contract.expected.year_of(month),)
    if contract.expected.per == "county":
        return tuple(unit.code for unit in city.units_on(month.last_day))
    if contract.expected.per == "account":
        kinds = contract.expected.account_kinds
        return tuple(a.number for a in accounts.accounts if a.kind in kinds and a.has_statement)
    return ("",)


def missing_files(
    usable: set[tuple[str, str]], city: City, month: Month, accounts: Accounts, contracts: dict[str, Contract]
) -> list[dict[str, str | None]]:
    """Return what the month lacks: a row each with contract, part, fund and county (None where it is for all).

    ``usable`` are the (contract, part) of the files that count. What comes only when there is something to say lacks
    nowhere.
    """
    owner = {account.number: account for account in accounts.accounts}
    rows: list[dict[str, str | None]] = []
    for contract in contracts.values():
        if contract.expected.need == "any":
            continue
        for part in expected_parts(contract, city, month, accounts):
            if contract.expected.per == "account" and not owner[part].statement_needed:
                continue
            if (contract.contract, part) not in usable:
                fund = owner[part].fund if contract.expected.per == "account" else None
                county = part if contract.expected.per == "county" else owner[part].unit if part in owner else None
                rows.append({"contract": contract.contract, "part": part, "fund": fund, "county": county})
    return rows
