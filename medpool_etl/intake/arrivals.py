"""A month's inbox: which files are there, whose they are, which count, and which are missing."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medpool_etl.contracts import Contract
from medpool_etl.documents import Text
from medpool_etl.errors import InputError
from medpool_etl.intake.peek import NotReadable
from medpool_etl.intake.recognise import Shape, recognise
from medpool_etl.periods import Month
from medpool_etl.places import Accounts, City
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.warehouse import whole

_TEMPORARY = ("~$", ".", "_")
_UNFINISHED = (".part", ".tmp", ".crdownload")


@dataclass(frozen=True)
class Arrival:
    """One file of a month's inbox.

    ``state``: active (it is settled from), superseded (a newer version came in a later scan), unusable (``problem``
    says why). ``part`` says whose file it is: a county's code, an account's number, or "" for the city's.
    """

    name: str
    sha256: str
    size: int
    scan: int
    state: str
    part: str = ""
    shape: Shape | None = None
    problem: Text | None = None

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

    The same content twice is one file. Of two files for the same thing the one from the later scan counts; two that
    came in one scan are both unusable until a person takes one away. Raises InputError when there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no inbox folder for this month",
            where=str(folder),
            do=f"make it and put the month's files there, or rehearse with `medpool simulate {city.city} {month}`",
        )
    scan = control.next_scan(city.city, str(month))
    seen: dict[str, Arrival] = {}
    for path in progress(sorted(path for path in folder.iterdir() if _counts(path))):
        digest = _keep(path, warehouse)
        row = control.receive(city.city, str(month), digest, path.name, path.stat().st_size, scan)
        if digest not in seen:
            arrival = Arrival(row.name, digest, row.size, row.scan, "active")
            seen[digest] = _identify(arrival, warehouse.received(digest), city, month, accounts, contracts)
    return tuple(sorted(_supersede(list(seen.values())), key=lambda arrival: (arrival.name, arrival.sha256)))


def _counts(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(_TEMPORARY) and not path.name.endswith(_UNFINISHED)


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


def _supersede(arrivals: list[Arrival]) -> list[Arrival]:
    rivals: dict[tuple[str, str], list[Arrival]] = {}
    for arrival in arrivals:
        if arrival.state == "active":
            rivals.setdefault((arrival.contract, arrival.part), []).append(arrival)
    result = []
    for arrival in arrivals:
        same = rivals.get((arrival.contract, arrival.part), [])
        if arrival.state != "active" or len(same) == 1:
            result.append(arrival)
            continue
        newest = max(other.scan for other in same)
        latest = [other.name for other in same if other.scan == newest]
        if arrival.scan < newest:
            newer = "、".join(latest)
            result.append(
                replace(
                    arrival,
                    state="superseded",
                    problem=Text(zh=f"已被后到的 {newer} 取代", en=f"superseded by {newer}, which came later"),
                )
            )
        elif len(latest) > 1:
            others = "、".join(name for name in latest if name != arrival.name)
            result.append(
                replace(
                    arrival,
                    state="unusable",
                    problem=Text(
                        zh=f"与 {others} 同时到达，内容属于同一单位同一报表；请移走其中一个",
                        en=f"came together with {others}, which is for the same thing; take one of them away",
                    ),
                )
            )
        else:
            result.append(arrival)
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
