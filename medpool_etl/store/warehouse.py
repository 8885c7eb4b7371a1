"""The warehouse: folders of immutable files, and how something new appears in them at once or not at all.

``locks/<run>`` what holds a run while a step works on it, ``locks/marts`` the mart while one is built; ``received/<sha256>`` the bytes as they came; ``work/<city>/<month>/<run>`` a run being made; ``runs/<city>/<month>/<run>``
a run that is complete; ``marts/<generation>/medpool.duckdb`` a mart, with ``marts/current`` pointing at the newest.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from medpool_etl.errors import StoreError

_REFUSED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


class Warehouse:
    """The folders under one root."""

    def __init__(self, root: Path) -> None:
        """Use ``root``, which is made when something is first written."""
        self.root = root

    def received(self, sha256: str) -> Path:
        """Return where the bytes of a received file lie."""
        return self.root / "received" / sha256

    def work(self, city: str, month: str, run_id: str) -> Path:
        """Return the folder in which a run is being made."""
        return self.root / "work" / city / month / run_id

    def run(self, city: str, month: str, run_id: str) -> Path:
        """Return the folder of a complete run."""
        return self.root / "runs" / city / month / run_id

    def locate(self, city: str, month: str, run_id: str) -> Path:
        """Return the folder of a run, complete or being made; raises StoreError when there is none."""
        for folder in (self.run(city, month, run_id), self.work(city, month, run_id)):
            if folder.is_dir():
                return folder
        raise StoreError(f"run {run_id} of {city} {month} is not in the warehouse", where=str(self.root))

    def complete(self, city: str, month: str, run_id: str) -> Path:
        """Move a run from work to runs, in one step, and return its folder; one that is there already stays.

        The caller holds the run (:meth:`exclusive`). What processes that were killed left unfinished in it is removed first.
        """
        target, source = self.run(city, month, run_id), self.work(city, month, run_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in source.rglob(".*"):
            left.unlink()
        try:
            source.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            shutil.rmtree(source, ignore_errors=True)
        return target

    @contextmanager
    def exclusive(self, run_id: str) -> Iterator[None]:
        """Hold the run against other processes of this machine until the block ends; a process that dies lets go."""
        lock = self.root / "locks" / run_id
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def marts(self) -> Path:
        """The folder of the mart's generations."""
        return self.root / "marts"

    @property
    def current_mart(self) -> Path:
        """The one name that always opens the current mart."""
        return self.marts / "current" / "medpool.duckdb"

    @contextmanager
    def marts_exclusive(self) -> Iterator[None]:
        """Hold the mart's generations against other processes that build one; readers are not held up. What processes that were killed
        left of one is removed first."""
        with self.exclusive("marts"):
            for left in self.marts.glob(".*"):
                if left.is_dir() and not left.is_symlink():
                    shutil.rmtree(left)
                else:
                    left.unlink()
            yield

    def generation(self) -> str | None:
        """Return the name of the current generation, or None before the first."""
        pointer = self.marts / "current"
        return str(pointer.readlink()) if pointer.is_symlink() else None

    def switch(self, generation: str, keep: int = 5) -> None:
        """Point ``marts/current`` at a generation, in one step, and drop all but the newest ``keep`` others.

        The caller holds the marts (:meth:`marts_exclusive`).
        """
        fresh = self.marts / f".current-{uuid.uuid4().hex}"
        fresh.symlink_to(generation)
        fresh.replace(self.marts / "current")
        others = [path for path in self.marts.iterdir() if path.is_dir() and not path.is_symlink()]
        others = [path for path in others if path.name != generation and not path.name.startswith(".")]
        for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[keep:]:
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; it takes the real name when the block ends well, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def put_on_disk(file: int) -> None:
    """Wait until what was written to a file, by its descriptor, is on the disk, and let go of it in memory: it will be read
    once more at most, and should not push out what databases keep there."""
    _flush(file)
    let_go(file, 0, 0)


def put_names_on_disk(folder: Path) -> None:
    """Wait until a file's new name in a folder is on the disk."""
    entries = os.open(folder, os.O_RDONLY)
    try:
        _flush(entries)
    finally:
        os.close(entries)


def _flush(file: int) -> None:
    for call in (getattr(os, "fdatasync", os.fsync), os.fsync):
        try:
            call(file)
            return
        except OSError as error:
            # Some network file systems do it by themselves and refuse to be asked. A disk that fails is another matter.
            if error.errno not in _REFUSED:
                raise


def let_go(file: int, offset: int, size: int) -> None:
    """Let the system drop a file's bytes from memory, up to the end where ``size`` is 0; a system that does not, keeps them."""
    if hasattr(os, "posix_fadvise"):
        # It is advice: whoever cannot take it loses nothing.
        with suppress(OSError):
            os.posix_fadvise(file, offset, size, os.POSIX_FADV_DONTNEED)


def write_json(path: Path, data: Any) -> None:
    """Write data as JSON, whole or not at all, the same bytes for the same data."""
    with whole(path) as temporary:
        temporary.write_text(
            json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True, default=str) + "\n", encoding="utf-8"
        )


def read_json(path: Path) -> Any:
    """Read what :func:`write_json` wrote; raises StoreError when it is not there."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError("the file is missing or unreadable", where=str(path), do="run the month again") from error
