"""Lines come through exactly, whatever the encoding, the line ends and the size of the blocks they are read in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medpool_etl.intake.peek import NotReadable
from medpool_etl.staging import plaintext
from medpool_etl.staging.plaintext import PlainText

PIECES = st.sampled_from(["a", "中", "\r\n", "\n", "\r", "，", '"', "𠂇", "é", ",", "ḿ", "1.00"])


@given(
    text=st.lists(PIECES, max_size=120).map("".join),
    encoding=st.sampled_from(["gb18030", "utf-8", "utf-8-sig", "utf-16"]),
    block=st.sampled_from([2, 7, 64, 4 << 20]),
    skip=st.integers(0, 4),
    iconv=st.booleans(),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines(text: str, encoding: str, block: int, skip: int, iconv: bool, tmp_path: Path) -> None:
    """Every line behind the skipped ones is there once, as an editor shows it, with or without the C library's help."""
    path = tmp_path / "file"
    path.write_bytes(text.encode(encoding))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    wanted = (lines if lines[-1] else lines[:-1])[skip:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plaintext, "_BLOCK", block)
        patch.setattr(plaintext, "_PART", max(block // 4, 1))
        if not iconv:
            patch.setattr(plaintext._Iconv, "convert", lambda *_arguments: None)
        plain = PlainText(path, encoding, skip)
        assert list(plain.lines()) == wanted
        assert plain.count == len(wanted)
        table = plain.stream().read_all()
        every_third = np.arange(1, len(wanted) + 1, 3)
        some = plain.some(every_third)
    assert table["line"].to_pylist() == wanted
    assert table["line_id"].to_pylist() == list(range(1, len(wanted) + 1))
    assert (some["line_id"].to_pylist(), some["line"].to_pylist()) == (every_third.tolist(), wanted[::3])


@pytest.mark.parametrize(
    ("data", "encoding"), [("中文\n".encode("gb18030") + b"\xff\n", "gb18030"), (b"\xc3(\n", "utf-8")]
)
def test_bytes_that_are_no_text(data: bytes, encoding: str, tmp_path: Path) -> None:
    """A byte that is no text becomes the mark the checks look for; the lines around it are whole."""
    (tmp_path / "file").write_bytes(b"1,2\n" + data + b"3,4\n")
    lines = list(PlainText(tmp_path / "file", encoding, 0).lines())
    assert (lines[0], lines[-1]) == ("1,2", "3,4")
    assert "\ufffd" in "".join(lines)


@pytest.mark.parametrize("byte", [b"\0", b"\x01"])
def test_binary_further_down(byte: bytes, tmp_path: Path) -> None:
    """A file that turns out to be no text behind its beginning is refused by name."""
    (tmp_path / "file").write_bytes(b"1,2\n" * 10 + byte)
    with pytest.raises(NotReadable):
        list(PlainText(tmp_path / "file", "utf-8", 0).lines())


def test_every_character_of_the_standard(tmp_path: Path) -> None:
    """The C library's converter and Python's give the same for every two-byte character of GB18030."""
    codes = [bytes([a, b]) for a in range(0x81, 0xFF) for b in (*range(0x40, 0x7F), *range(0x80, 0xFF))]
    readable = [code for code in codes if "\ufffd" not in code.decode("gb18030", errors="replace")]
    (tmp_path / "file").write_bytes(b"\n".join(readable))
    plain = PlainText(tmp_path / "file", "gb18030", 0)
    fast = list(plain.lines())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plaintext._Iconv, "convert", lambda *_arguments: None)
        assert list(plain.lines()) == fast
    assert len(fast) == len(readable) > 23_000
