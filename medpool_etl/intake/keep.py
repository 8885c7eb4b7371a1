"""Keep the bytes of what lies in an inbox folder, by content; what is inside a zip archive is kept like a file."""

from __future__ import annotations

import hashlib
import lzma
import os
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from medpool_etl.documents import Text
from medpool_etl.intake.peek import is_zip
from medpool_etl.store import Warehouse
from medpool_etl.store.warehouse import put_names_on_disk, put_on_disk

_TEMPORARY = ("~$", ".", "__MACOSX")
_UNFINISHED = (".part", ".tmp", ".crdownload")
_BLOCK = 4 << 20
# So much goes to the disk at a time: it keeps pace with the reading, and memory holds no more of it.
_AT_ONCE = 32 << 20
_LEFT = 24 * 3600.0
_MOST_MEMBERS = 2_000
_MOST_BYTES = 200 << 30
# Text shrinks to a tenth or so; what shrinks to less than a thousandth has nothing in it.
_MOST_RATIO = 1_000
_GROWING = Text(
    zh="读取时文件仍在写入；写完后会在下次运行时接收",
    en="it was still being written; the next run takes it when it is whole",
)
_LOCKED = Text(zh="压缩包有密码，请去掉密码后重新报送", en="the archive has a password: send it without one")
_DAMAGED = Text(zh="压缩包已损坏或不完整，请重新打包报送", en="the archive is damaged or incomplete: send it again")
_METHOD = Text(
    zh="压缩包损坏，或用了不常见的压缩方式，请用普通 ZIP 方式重新打包报送",
    en="the archive is damaged or packed by an unusual method: pack it again as a plain zip",
)
NAME_LENGTH = 255


@dataclass(frozen=True)
class Kept:
    """A file whose bytes lie in the warehouse; ``problem`` says why nothing in it can be used."""

    name: str
    sha256: str
    size: int
    problem: Text | None = None


def keep_all(
    folder: Path, warehouse: Warehouse, progress: Callable[[Iterable[Path]], Iterable[Path]] = iter
) -> Iterator[Kept]:
    """Keep every file of the folder and its subfolders, and yield them by name; archives give their members."""
    _drop_left(warehouse.received(""))
    paths = sorted(path for path in folder.rglob("*") if _counts(path.relative_to(folder).parts) and path.is_file())
    for path in progress(paths):
        name = _name(os.fsencode(path.relative_to(folder).as_posix()))
        before = path.stat()
        digest = _keep(path, warehouse)
        after = path.stat()
        kept = Kept(name, digest, warehouse.received(digest).stat().st_size)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            yield Kept(kept.name, kept.sha256, kept.size, _GROWING)
        else:
            yield from _members(kept, warehouse)


def _counts(parts: tuple[str, ...]) -> bool:
    hidden = any(part.startswith(_TEMPORARY) for part in parts)
    return not hidden and PurePosixPath(parts[-1]).suffix not in _UNFINISHED


def _name(name: bytes) -> str:
    """Return a name in GBK bytes, as old archives unpack to, in characters; one too long keeps its end."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        text = name.decode("gb18030", errors="replace")
    # A line end or another control character in a name would break the line it is shown on.
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= NAME_LENGTH else "…" + text[1 - NAME_LENGTH :]


def _keep(path: Path, warehouse: Warehouse) -> str:
    """Copy the file into the warehouse, reading it once, and return its SHA-256; what is there already is not copied."""
    size, folder = path.stat().st_size, warehouse.received("")
    if folder.is_dir() and any(size == entry.stat().st_size for entry in os.scandir(folder) if _whole(entry.name)):
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        if warehouse.received(digest).is_file():
            return digest
    with path.open("rb") as source:
        return _store(source, warehouse)


def _whole(name: str) -> bool:
    """Whether a received file has its own name already; another process may be about to give it."""
    return not name.startswith(".")


def _drop_left(folder: Path) -> None:
    """Remove copies that nothing was written to for a day: the process that made them was killed."""
    for entry in os.scandir(folder) if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            if not _whole(entry.name) and time.time() - entry.stat().st_mtime > _LEFT:
                Path(entry.path).unlink()


def _store(source: IO[bytes] | _Member, warehouse: Warehouse) -> str:
    """Write what is read into the warehouse and return its SHA-256; it is on the disk before it has its name."""
    folder = warehouse.received("")
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    handle, name = tempfile.mkstemp(prefix=".", dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb", buffering=0) as copy, ThreadPoolExecutor(max_workers=1) as hashing:
            waiting, written = None, 0
            while block := source.read(_BLOCK):
                # The digest of a block is made while the block is written.
                if waiting:
                    waiting.result()
                waiting = hashing.submit(digest.update, block)
                rest = memoryview(block)
                while rest:
                    # A disk that is nearly full takes a part, and only says so the next time.
                    rest = rest[copy.write(rest) :]
                written += len(block)
                if written >= _AT_ONCE:
                    put_on_disk(copy.fileno())
                    written = 0
            if waiting:
                waiting.result()
            put_on_disk(copy.fileno())
        target = warehouse.received(digest.hexdigest())
        if not target.exists():
            temporary.chmod(0o644)
            temporary.replace(target)
            put_names_on_disk(folder)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()


def _members(kept: Kept, warehouse: Warehouse) -> Iterator[Kept]:
    path = warehouse.received(kept.sha256)
    if kept.size == 0 or not is_zip(path):
        yield kept
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            names = {member.filename for member in members}
            if "[Content_Types].xml" in names or "xl/workbook.xml" in names or not members:
                yield kept
                return
            if problem := _suspicious(members, path.stat().st_size):
                yield Kept(kept.name, kept.sha256, kept.size, problem)
                return
            wanted = [(member, _member_name(member)) for member in members]
            for member, name in sorted(wanted, key=lambda item: item[1]):
                if _counts(PurePosixPath(name).parts):
                    digest = _store(_Member(archive, member), warehouse)
                    yield Kept(
                        _name(f"{kept.name}/{name}".encode(errors="replace")),
                        digest,
                        warehouse.received(digest).stat().st_size,
                    )
    except NotImplementedError:
        yield Kept(kept.name, kept.sha256, kept.size, _METHOD)
    except RuntimeError:
        # Python's reader has no word of its own for an archive that wants a password.
        yield Kept(kept.name, kept.sha256, kept.size, _LOCKED)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, ValueError, LookupError):
        # A damaged directory can give a member an empty name, on which that reader stumbles.
        yield Kept(kept.name, kept.sha256, kept.size, _DAMAGED)


class _Member:
    """A member of an archive, read; whatever its damage makes the reader raise is a bad archive, not a bad disk."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        try:
            self._file = archive.open(member)
        except OSError as error:
            raise zipfile.BadZipFile(str(error)) from error

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        try:
            return self._file.read(size)
        except (OSError, zlib.error, lzma.LZMAError) as error:
            raise zipfile.BadZipFile(str(error)) from error


def _suspicious(members: list[zipfile.ZipInfo], size: int) -> Text | None:
    inside = sum(member.file_size for member in members)
    if len(members) > _MOST_MEMBERS or inside > min(_MOST_BYTES, max(size, 1) * _MOST_RATIO):
        return Text(
            zh=f"压缩包里有 {len(members)} 个文件、解压后 {inside:,} 字节，不是正常的报送，请重新打包",
            en=f"the archive holds {len(members)} files, {inside:,} bytes: that is no real delivery, pack it again",
        )
    if any(member.filename.lower().endswith(".zip") for member in members):
        return Text(zh="压缩包里还有压缩包，请只打包一层", en="an archive inside an archive: pack the files once")
    return None


def _member_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name: archives made on Chinese Windows carry GBK bytes without saying so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        data = member.filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename
