"""What a disk's own trouble looks like in the words of those who write to it, and what it is called for the person who must act."""

from __future__ import annotations

import errno
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medpool_etl.errors import StoreError
from medpool_etl.store.settings import Settings

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FAILING = {errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.EACCES, errno.EPERM}
# DuckDB and what writes workbooks have no numbers for it. DuckDB spills no more than a share of what is free.
_SAID = re.compile(r"No space left|Disk quota|File too large|max_temp_directory_size|disk is full", re.IGNORECASE)
_FAILS = re.compile(r"Input/output error|Read-only file system|Stale file handle|Permission denied", re.IGNORECASE)
_NAMED = re.compile(r'"(/[^"\\]+)')
_DEPTH = 10


@contextmanager
def disk_trouble_named(settings: Settings) -> Iterator[None]:
    """Raise as StoreError, naming the disk, what the block raises because a disk is full or fails; anything else as it is."""
    try:
        yield
    except Exception as error:
        trouble = disk_trouble(error, settings)
        if trouble is None or isinstance(error, StoreError):
            raise
        raise trouble from error


def disk_trouble(error: BaseException, settings: Settings) -> StoreError | None:
    """Return what an error says of a disk, or None where it says nothing of one."""
    cause: BaseException | None = error
    for _ in range(_DEPTH):
        if cause is None:
            break
        number = cause.errno if isinstance(cause, OSError) else None
        # An error that has a number says everything by it.
        said = "" if number else str(cause)
        if number in _FULL or _SAID.search(said):
            return _full(_path_in(cause), settings)
        if number in _FAILING or (said and _is_of_disk(cause) and _FAILS.search(said)):
            what = cause.strerror if isinstance(cause, OSError) and cause.strerror else "the disk fails"
            return StoreError(
                f"cannot be read or written: {what}",
                where=_path_in(cause) or str(settings.warehouse),
                do="see that the disk is there and may be written, then run the same again: what is published stays as it is",
            )
        cause = cause.__cause__ or cause.__context__
    return None


def _is_of_disk(error: BaseException) -> bool:
    return type(error).__name__ in ("IOException", "FileCreateError", "FatalException")


def _path_in(error: BaseException) -> str:
    if isinstance(error, OSError) and isinstance(error.filename, str):
        return error.filename
    found = _NAMED.search(str(error))
    return found[1] if found else ""


def _full(path: str, settings: Settings) -> StoreError:
    places = {"data": settings.data, "warehouse": settings.warehouse, "scratch": Path(tempfile.gettempdir())}
    room = ", ".join(f"{name} {folder} {_free(folder)}" for name, folder in places.items())
    return StoreError(
        f"there is no room left on the disk (free: {room})",
        where=path or str(settings.warehouse),
        do=(
            "make room there, then run the same again: what is published stays as it is, what is finished is used again. "
            "Old generations in marts/ but the current one, and scratch while nothing runs, may go; received/ and runs/ may not"
        ),
    )


def _free(folder: Path) -> str:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB"
    except OSError as error:
        return f"({error.strerror})"
