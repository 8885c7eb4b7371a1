"""Every file of a folder is kept by its content, archives give their members, and no archive can flood the machine."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import resource
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from medpool_etl.intake import keep
from medpool_etl.intake.keep import Kept, keep_all
from medpool_etl.store import Warehouse


@pytest.fixture
def look(tmp_path: Path) -> Callable[[], list[Kept]]:
    """Return a function that keeps what lies in the folder ``in``."""
    (tmp_path / "in").mkdir()
    return lambda: list(keep_all(tmp_path / "in", Warehouse(tmp_path / "warehouse")))


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive with these members."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return body.getvalue()


def test_bytes_and_digest(look: Callable[[], list[Kept]], tmp_path: Path) -> None:
    """A file of many blocks is kept byte for byte under its SHA-256, and nothing else is left behind."""
    data = os.urandom(9 << 20)
    (tmp_path / "in" / "大文件.csv").write_bytes(data)
    (kept,) = look()
    assert kept == Kept("大文件.csv", hashlib.sha256(data).hexdigest(), len(data))
    assert (tmp_path / "warehouse" / "received" / kept.sha256).read_bytes() == data
    look()
    assert [path.name for path in (tmp_path / "warehouse" / "received").iterdir()] == [kept.sha256]


def test_members_of_an_archive(look: Callable[[], list[Kept]], tmp_path: Path) -> None:
    """A zip of files gives its files, folders inside too, and leaves out what programs put beside them."""
    members = {"国库/清单.csv": b"a", "系统到账.csv": b"b", "__MACOSX/x": b"c", ".DS_Store": b"d", "~$锁.xlsx": b"e"}
    (tmp_path / "in" / "3月.zip").write_bytes(archive(members))
    assert [(kept.name, kept.problem) for kept in look()] == [
        ("3月.zip/国库/清单.csv", None),
        ("3月.zip/系统到账.csv", None),
    ]


def test_names_in_an_archive_of_chinese_windows(look: Callable[[], list[Kept]], tmp_path: Path) -> None:
    """Names that stand as GBK bytes in an archive are read as Chinese."""
    name = "国库清单.csv"
    data = archive({"x" * len(name.encode("gbk")): b"a"}).replace(b"x" * len(name.encode("gbk")), name.encode("gbk"))
    (tmp_path / "in" / "a.zip").write_bytes(data)
    assert [kept.name for kept in look()] == [f"a.zip/{name}"]


def test_a_workbook_is_no_archive(look: Callable[[], list[Kept]], tmp_path: Path) -> None:
    """A workbook, which is a zip too, stays whole, also when it is damaged inside."""
    data = archive({"[Content_Types].xml": b"<", "xl/workbook.xml": b"<"})
    (tmp_path / "in" / "a.xlsx").write_bytes(data)
    assert look() == [Kept("a.xlsx", hashlib.sha256(data).hexdigest(), len(data))]


def locked() -> bytes:
    """Return an archive whose member says it is encrypted."""
    data = bytearray(archive({"a.csv": b"a" * 100}))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def nameless() -> bytes:
    """Return an archive whose directory gives its member an empty name."""
    data = bytearray(archive({"a.csv": b"a" * 100}))
    start = data.rindex(b"PK\x01\x02")
    data[start + 28 : start + 30] = b"\0\0"
    data[start + 32 : start + 34] = b"\5\0"
    return bytes(data)


def unusual() -> bytes:
    """Return an archive packed by a method Python's reader does not know."""
    data = bytearray(archive({"a.csv": b"a" * 100}))
    data[8] = data[data.rindex(b"PK\x01\x02") + 10] = 97
    return bytes(data)


GOOD = archive({"a.csv": b"1,2\n" * 100})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (locked(), "有密码"),
        (GOOD[: len(GOOD) // 2], "已损坏"),
        (GOOD.replace(b"a.csv", b"b.csv", 1), "已损坏"),
        (nameless(), "已损坏"),
        (unusual(), "普通 ZIP 方式"),
        (archive({"a.zip": archive({"b.csv": b"b"})}), "还有压缩包"),
        (archive({"bomb.csv": bytes(30 << 20)}), "不是正常的报送"),
        (archive({f"{n}.csv": b"" for n in range(2_001)}), "不是正常的报送"),
    ],
    ids=["password", "half", "names differ", "no name", "unusual method", "archive inside", "bomb", "too many"],
)
def test_archive_that_cannot_be_used(data: bytes, said: str, look: Callable[[], list[Kept]], tmp_path: Path) -> None:
    """An archive that is locked, damaged or a bomb is kept, named and left out; other files are not affected."""
    (tmp_path / "in" / "a.zip").write_bytes(data)
    (tmp_path / "in" / "b.csv").write_bytes(b"1")
    problems = {kept.name: kept.problem for kept in look()}
    assert problems["b.csv"] is None
    assert problems["a.zip"] is not None
    assert said in problems["a.zip"].zh


def test_file_that_is_still_written(
    look: Callable[[], list[Kept]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that grows while it is read is named and left out; whole, it is taken."""
    path = tmp_path / "in" / "a.csv"
    path.write_bytes(b"1\n")
    store = keep._store

    def slow(source: Iterable[bytes], warehouse: Warehouse) -> str:
        digest = store(source, warehouse)
        with path.open("ab") as file:
            file.write(b"2\n")
        return digest

    monkeypatch.setattr(keep, "_store", slow)
    (kept,) = look()
    assert kept.problem is not None
    assert "仍在写入" in kept.problem.zh
    monkeypatch.setattr(keep, "_store", store)
    (kept,) = look()
    assert (kept.problem, kept.size) == (None, 4)


@pytest.mark.parametrize(
    "name", ["a b.csv", "'; DROP TABLE x;--.csv", "100%_{}.csv", "😀.csv", "(1) 副本.csv", "x" * 200]
)
def test_names_with_any_characters(name: str, look: Callable[[], list[Kept]], tmp_path: Path) -> None:
    """A file may be called anything."""
    (tmp_path / "in" / name).write_bytes(b"1")
    assert [kept.name for kept in look()] == [name]


def test_names_that_would_break_a_line(look: Callable[[], list[Kept]], tmp_path: Path) -> None:
    """Line ends and control characters in a name are shown as one mark; a name too long keeps its end."""
    (tmp_path / "in" / "a\nb\x07.csv").write_bytes(b"1")
    deep = tmp_path / "in" / ("深" * 80) / ("深" * 80) / ("深" * 80)
    deep.mkdir(parents=True)
    (deep / f"{'深' * 80}.csv").write_bytes(b"2")
    names = [kept.name for kept in look()]
    assert "a�b�.csv" in names
    assert max(map(len, names)) == keep.NAME_LENGTH
    assert all(name.endswith(".csv") for name in names)


def test_a_disk_that_fills_up(look: Callable[[], list[Kept]], tmp_path: Path) -> None:
    """A file of which the disk took only a part is not kept under the digest of the whole."""
    data = os.urandom(1_200_000)
    (tmp_path / "in" / "a.csv").write_bytes(data)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            look()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "warehouse" / "received").iterdir()) == []
    (kept,) = look()
    assert (tmp_path / "warehouse" / "received" / kept.sha256).read_bytes() == data


@pytest.mark.parametrize("name", ["fdatasync", "fsync", "posix_fadvise"])
def test_a_file_system_that_cannot_be_asked(
    name: str, look: Callable[[], list[Kept]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file system refuses to be asked, files are kept all the same; a disk that fails says so."""
    (tmp_path / "in" / "a.csv").write_bytes(b"1,2\n")

    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "refused")

    monkeypatch.setattr(os, name, refuse)
    (kept,) = look()
    assert (tmp_path / "warehouse" / "received" / kept.sha256).read_bytes() == b"1,2\n"


def test_a_disk_that_fails(look: Callable[[], list[Kept]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that cannot write what it was given is no refusal: nothing is kept."""
    (tmp_path / "in" / "a.csv").write_bytes(b"1,2\n")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="broken"):
        look()
    assert list((tmp_path / "warehouse" / "received").iterdir()) == []
