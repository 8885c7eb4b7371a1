"""A month's inbox: which files are there, whose they are, which count, and which are missing."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.contracts import Contract
from medpool_etl.documents import Text
from medpool_etl.errors import InputError
from medpool_etl.intake.peek import NotReadable
from medpool_etl.intake.recognise import Shape, recognise
from medpool_etl.periods import Month
from medpool_etl.places import Accounts, City
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.control import ReceivedFile
from medpool_etl.store.warehouse import whole

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
_TEMPORARY = ("~$", ".")
_UNFINISHED = (".part", ".tmp", ".crdownload")


@dataclass(frozen=True)
class Arrival:
    """One file of a month's inbox.

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

    @property
    def file_id(self) -> str:
        """A short name of its content, the beginning of its SHA-256."""
        return self.sha256[:12]

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
            "shape": self.shape.as_dict() if self.shape else None,
            "problem": {"zh": self.problem.zh, "en": self.problem.en} if self.problem else None,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Arrival:
        """Return the arrival that :meth:`as_dict` wrote (its scan number is 0)."""
        return cls(
            name=data["name"],
            sha256=data["sha256"],
            size=data["size"],
            scan=0,
            state=data["state"],
            part=data["part"],
            version=data["version"],
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
) -> tuple[Arrival, ...]:
    """Keep the bytes of every file in ``folder``, recognise each, and return them by name.

    Subfolders are read too. The same content twice is one file, as new as its newest name. Files for the same thing are
    versions of it by the scan that found them; two newest from one scan are both unusable until a person takes one away.
    Raises InputError when there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no inbox folder for this month",
            where=str(folder),
            do=f"make it and put the month's files there, or rehearse with `medpool simulate {city.city} {month}`",
        )
    scan = control.next_scan(city.city, str(month))
    seen: dict[str, ReceivedFile] = {}
    for path in progress(sorted(path for path in folder.rglob("*") if _counts(path, folder))):
        digest = _keep(path, warehouse)
        row = control.receive(city.city, str(month), digest, _name(path, folder), path.stat().st_size, scan)
        if digest not in seen or row.scan > seen[digest].scan:
            seen[digest] = row
    arrivals = [
        _identify(
            Arrival(row.name, row.sha256, row.size, row.scan, "active"),
            warehouse.received(row.sha256),
            city,
            month,
            accounts,
            contracts,
        )
        for row in seen.values()
    ]
    return tuple(sorted(_versions(arrivals), key=lambda arrival: (arrival.name, arrival.sha256)))


def _counts(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return path.is_file() and not any(part.startswith(_TEMPORARY) for part in parts) and path.suffix not in _UNFINISHED


def _name(path: Path, folder: Path) -> str:
    """Return the file's name below the inbox; a name in GBK bytes, as old archives unpack to, is read as such."""
    name = os.fsencode(path.relative_to(folder).as_posix())
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("gb18030", errors="replace")


def _keep(path: Path, warehouse: Warehouse) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    target = warehouse.received(digest)
    if not target.exists():
        with whole(target) as temporary:
            shutil.copyfile(path, temporary)
            with temporary.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    raise InputError(
                        "the file changed while it was read", where=path.name, do="wait until it is written; run again"
                    )
    return digest


def _identify(
    arrival: Arrival, path: Path, city: City, month: Month, accounts: Accounts, contracts: dict[str, Contract]
) -> Arrival:
    try:
        shape = recognise(path, contracts)
    except NotReadable as error:
        return replace(arrival, state="unusable", problem=Text(zh=error.zh, en=error.en))
    except ODD as error:
        log.error("%s cannot be read: %s", arrival.name, type(error).__name__)
        return replace(arrival, state="unusable", problem=unreadable(error))
    contract = contracts[shape.contract]
    part = shape.metadata.get(contract.expected.part_from or "", "")
    if part not in expected_parts(contract, city, month, accounts):
        return replace(
            arrival,
            state="unusable",
            shape=shape,
            problem=Text(
                zh=f"“{contract.title.zh}”属于 {part}，不是本市本月应报送的单位或账户",
                en=f"{contract.title.en} of {part}, from which the city expects none this month",
            ),
        )
    return replace(arrival, shape=shape, part=part)


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
    """Return whose files of a kind the month needs: county codes, numbers of the city's accounts, or ("",)."""
    if contract.expected.per == "county":
        return tuple(unit.code for unit in city.units_on(month.last_day))
    if contract.expected.per == "account":
        kinds = contract.expected.account_kinds
        return tuple(a.number for a in accounts.accounts if a.unit is None and a.kind in kinds)
    return ("",)


def missing_files(
    usable: set[tuple[str, str]], city: City, month: Month, accounts: Accounts, contracts: dict[str, Contract]
) -> list[dict[str, str | None]]:
    """Return what the month lacks: a row each with contract, part, fund and county (None where it is for all).

    ``usable`` are the (contract, part) of the files that count.
    """
    owner = {account.number: account for account in accounts.accounts}
    rows: list[dict[str, str | None]] = []
    for contract in contracts.values():
        for part in expected_parts(contract, city, month, accounts):
            if (contract.contract, part) not in usable:
                fund = owner[part].fund if contract.expected.per == "account" else None
                county = part if contract.expected.per == "county" else None
                rows.append({"contract": contract.contract, "part": part, "fund": fund, "county": county})
    return rows
