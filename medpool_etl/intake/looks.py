"""Looks into an inbox folder that remember what they saw: a file of the same name, size and time is not read again.

What was seen lies in the warehouse under ``looks/``, for speed only: whoever removes it makes the next look read everything once more.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medpool_etl.contracts import Contract
from medpool_etl.documents import Text
from medpool_etl.errors import StoreError
from medpool_etl.intake.arrivals import Arrival, _identify, _serves, _versions
from medpool_etl.intake.keep import _counts, keep_all
from medpool_etl.periods import Month
from medpool_etl.places import Accounts, City
from medpool_etl.store import Control, Warehouse
from medpool_etl.store.tables import ReceivedFile
from medpool_etl.store.warehouse import read_json, write_json


@dataclass(frozen=True)
class Look:
    """What lies in a folder: each content once, as new as its newest name. ``new`` are the SHA-256 of what no look had found before,
    ``closed`` the names of files that may not be read."""

    files: tuple[Arrival, ...] = ()
    new: frozenset[str] = frozenset()
    closed: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A digest of what is there, and of the order in which it came."""
        return digest([[a.name, a.sha256, a.scan, a.state] for a in self.files])


def digest(data: Any) -> str:
    """Return the SHA-256 of data, the same for the same data whether it comes from memory or from JSON."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def listing(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of change (ns) of every file a look would read; none where there is no folder.

    Nothing is opened. Raises OSError when the folder cannot be listed.
    """
    found = []
    for path in folder.rglob("*") if folder.is_dir() else ():
        if _counts(path.relative_to(folder).parts) and path.is_file():
            stat = path.stat()
            found.append((_key(folder, path), stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(found))


def look(folder: Path, place: str, city: str, control: Control, warehouse: Warehouse) -> Look:
    """Keep and record the files of a folder that are new or changed since the last look, and return everything in it.

    ``place`` is the folder's name (``2022-03``, ``yearly``). The caller holds the city's inbox against other processes. Raises OSError
    when the disk fails, StoreError when the control database does not answer.
    """
    memory = warehouse.root / "looks" / city / f"{place}.files.json"
    before: dict[str, dict[str, Any]] = remembered(memory) or {}
    rows = {(row.sha256, row.name): row for row in control.received(city, place)}
    known = set(rows)
    now: dict[str, dict[str, Any]] = {}
    closed: list[str] = []
    current = [""]

    def unread(paths: Iterable[Path]) -> Iterator[Path]:
        for path in paths:
            key, stat = _key(folder, path), path.stat()
            stamp = [stat.st_size, stat.st_mtime_ns]
            seen = before.get(key)
            if seen and seen["stamp"] == stamp and _still_kept(seen, rows, warehouse):
                now[key] = seen
            elif not os.access(path, os.R_OK):
                closed.append(key)
            else:
                current[0], now[key] = key, {"stamp": stamp, "kept": []}
                yield path

    if folder.is_dir() and (found := [(current[0], kept) for kept in keep_all(folder, warehouse, unread)]):
        received = control.receive(city, place, ((kept.sha256, kept.name, kept.size) for _, kept in found))
        for (key, kept), row in zip(found, received, strict=True):
            rows[(row.sha256, row.name)] = row
            problem = {"zh": kept.problem.zh, "en": kept.problem.en} if kept.problem else None
            now[key]["kept"].append({"name": row.name, "sha256": row.sha256, "problem": problem})
    if now != before:
        write_json(memory, now)
    newest: dict[str, Arrival] = {}
    for item in sorted((item for seen in now.values() for item in seen["kept"]), key=lambda item: str(item["name"])):
        row = rows[(item["sha256"], item["name"])]
        if row.sha256 not in newest or row.scan > newest[row.sha256].scan:
            why = Text(**item["problem"]) if item["problem"] else None
            state = "unusable" if why else "active"
            newest[row.sha256] = Arrival(row.name, row.sha256, row.size, row.scan, state, problem=why)
    contents = {sha256 for sha256, _ in known}
    return Look(tuple(newest.values()), frozenset(newest.keys() - contents), tuple(closed))


def deliveries(
    own: Look,
    yearly: Look,
    city: City,
    month: Month,
    accounts: Accounts,
    contracts: dict[str, Contract],
    warehouse: Warehouse,
) -> tuple[Arrival, ...]:
    """Return what a period's own folder and the yearly one hold for it, as :func:`medpool_etl.intake.receive` does."""
    found = [
        delivery
        for place in (yearly, own)
        for file in place.files
        for delivery in _identify(file, warehouse.received(file.sha256), city, month, accounts, contracts)
        if place is own or _serves(delivery, contracts)
    ]
    return tuple(sorted(_versions(found), key=lambda arrival: (arrival.name, arrival.sha256)))


def remembered(path: Path) -> Any:
    """Return what an earlier look left, or None: nothing depends on it but speed."""
    try:
        return read_json(path) if path.is_file() else None
    except StoreError:
        return None


def _still_kept(seen: dict[str, Any], rows: dict[tuple[str, str], ReceivedFile], warehouse: Warehouse) -> bool:
    """Whether the control database and the warehouse still have what a look found in a file: both may come from a backup."""
    return all(
        (item["sha256"], item["name"]) in rows and warehouse.received(item["sha256"]).is_file() for item in seen["kept"]
    )


def _key(folder: Path, path: Path) -> str:
    """Return a file's name within the folder, in characters whatever its bytes are."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", errors="backslashreplace")
