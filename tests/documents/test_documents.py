"""A mistake in a document is named with its file, key and line, and an office's own file stands for the shipped one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import Field

from medpool_etl import documents
from medpool_etl.documents import Document, find, find_all, fingerprint, load
from medpool_etl.errors import ConfigurationError


class Item(Document):
    """An item of the test document."""

    code: str
    day: dt.date
    share: Decimal = Decimal("0")


class Sheet(Document):
    """The test document."""

    title: str
    count: int = 0
    items: tuple[Item, ...] = ()
    by_name: dict[str, Item] = Field(default_factory=dict)


@pytest.fixture(autouse=True)
def no_operator_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an operator's own documents, whatever the environment of the test run says."""
    monkeypatch.delenv("MEDPOOL_CONFIG", raising=False)


def read(text: str | bytes, folder: Path) -> Sheet:
    """Load ``text`` as the file sheet.yaml."""
    path = folder / "sheet.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(path, Sheet)


def test_good_document(tmp_path: Path) -> None:
    """Numbers with a point and dates arrive exact."""
    sheet = read("title: 表\nitems:\n  - {code: a, day: 2022-03-31, share: 0.1}\n", tmp_path)
    assert sheet.items[0].day == dt.date(2022, 3, 31)
    assert sheet.items[0].share == Decimal("0.1")


MISTAKES = {
    "unknown key": ("title: t\ncuont: 1\n", 2, "cuont", "no such key"),
    "unknown key deep down": ("title: t\nitems:\n  - {code: a, day: 2022-01-01}\n  - {code: b, day: 2022-01-01, x: 1}\n", 4, "items.1.x", "no such key"),
    "missing key": ("count: 1\n", 1, "title", "missing"),
    "missing key deep down": ("title: t\nby_name:\n  first:\n    code: a\n", 3, "by_name.first.day", "missing"),
    "key twice": ("title: t\ncount: 1\ncount: 2\n", 3, "count", "stands twice"),
    "key twice deep down": ("title: t\nitems:\n  - code: a\n    day: 2022-01-01\n    code: b\n", 5, "code", "stands twice"),
    "wrong type": ("title: t\ncount: many\n", 2, "count", "'many'"),
    "number for text": ("title: 12\n", 1, "title", "12"),
    "impossible date": ("title: t\nitems:\n  - code: a\n    day: 2022-02-30\n", 4, "items.0.day", "2022-02-30"),
    "bad YAML": ("title: t\nitems: [1, 2\ncount: 1\n", 3, "", ""),
    "bad indentation": ("title: t\n  count: 1\n", 2, "", ""),
    "two documents": ("title: t\n---\ntitle: u\n", 2, "", ""),
    "a tag that would run code": ("title: !!python/object/apply:os.getcwd []\n", 1, "", ""),
    "empty file": ("", 1, "(the whole file)", ""),
    "a list": ("- title: t\n", 1, "(the whole file)", ""),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_located(text: str, line: int, key: str, said: str, tmp_path: Path) -> None:
    """Each kind of mistake is told with the file, the line, the key and what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        read(text, tmp_path)
    message = str(caught.value)
    assert f"sheet.yaml, line {line}" in message
    assert key in message
    assert said in message


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """All mistakes of the schema are told together, so that one correction is enough."""
    with pytest.raises(ConfigurationError) as caught:
        read("cuont: 1\ncount: x\n", tmp_path)
    assert str(caught.value).count("sheet.yaml, line") == 3


def test_not_utf8(tmp_path: Path) -> None:
    """A file in another encoding is named and the remedy told."""
    with pytest.raises(ConfigurationError, match=r"sheet\.yaml.*UTF-8"):
        read("title: 台州\n".encode("gb18030"), tmp_path)


@pytest.mark.parametrize("text", ["title: a\x07b\n", "title: t\n? [a, b]\n: 1\n", "title: {{name}}\n"])
def test_odd_yaml(text: str, tmp_path: Path) -> None:
    """A control character or a key that is no text is a mistake in the file, not a crash."""
    with pytest.raises(ConfigurationError, match=r"sheet\.yaml"):
        read(text, tmp_path)


def test_no_such_file(tmp_path: Path) -> None:
    """A file that is not there is named with its path."""
    with pytest.raises(ConfigurationError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml", Sheet)


def test_documents_do_not_change(tmp_path: Path) -> None:
    """A document that was read is immutable."""
    sheet = read("title: t\n", tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        sheet.title = "u"  # type: ignore[misc]


def test_own_file_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in MEDPOOL_CONFIG stands for the shipped one of its name; the others stay."""
    own = tmp_path / "places" / "taizhou.accounts.yaml"
    own.parent.mkdir()
    own.write_text("city: taizhou\n", encoding="utf-8")
    assert find("places/taizhou.accounts.yaml") == documents.PACKAGE / "places/taizhou.accounts.yaml"
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    assert find("places/taizhou.accounts.yaml") == own
    assert find("places/taizhou.yaml") == documents.PACKAGE / "places/taizhou.yaml"


def test_own_file_joins_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file only MEDPOOL_CONFIG has is found with the shipped ones, each name once."""
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    shipped = find_all("places")
    (tmp_path / "places").mkdir()
    for name in ("taizhou.yaml", "zhoushan.yaml"):
        (tmp_path / "places" / name).write_text("city: x\n", encoding="utf-8")
    found = find_all("places")
    assert [path.name for path in found] == sorted({path.name for path in shipped} | {"zhoushan.yaml"})
    assert {path for path in found if path.parent == tmp_path / "places"} == set((tmp_path / "places").iterdir())


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipped documents never silently take the place of those an operator meant."""
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path / "config"))
    for look in (lambda: find("places/taizhou.yaml"), lambda: find_all("places")):
        with pytest.raises(ConfigurationError, match="there is no such folder"):
            look()


def test_fingerprint(tmp_path: Path) -> None:
    """The fingerprint depends on names and bytes, not on the order or the folder."""
    one, two = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text("x: 1\n", encoding="utf-8")
    two.write_text("x: 2\n", encoding="utf-8")
    first = fingerprint(one, two)
    assert fingerprint(two, one) == first
    moved = tmp_path / "elsewhere" / "a.yaml"
    moved.parent.mkdir()
    moved.write_text("x: 1\n", encoding="utf-8")
    assert fingerprint(moved, two) == first
    two.write_text("x: 3\n", encoding="utf-8")
    assert fingerprint(one, two) != first
