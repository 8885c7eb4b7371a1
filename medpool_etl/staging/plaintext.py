"""A text file as a stream of UTF-8 lines for DuckDB, whatever its encoding and line ends, without a copy on disk.

Blocks of the file are converted and handed over as Arrow strings while DuckDB works on those before. GB18030 goes through
the C library's converter, which is three times as fast as Python's; where there is none, or it meets bytes it cannot
read, Python's codec does the block. A line end never occurs inside a character of UTF-8 or GB18030, so a file can be cut
at line ends.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from medpool_etl.intake.peek import NotReadable
from medpool_etl.store.warehouse import let_go

_BLOCK = 4 << 20
# What is read again for a line of its own.
_PART = 128 << 10
# Code points the standard of 2022 moved out of the private area; Python's codec still has the ones of 2000.
_OLD = [*range(0xE78D, 0xE797), 0xE7C7, 0xE816, 0xE817, 0xE818, 0xE81E, 0xE826, 0xE82B, 0xE82C, 0xE831, 0xE832, 0xE83B]
_OLD += [0xE843, 0xE854, 0xE855, 0xE864]
_MOVED = dict(zip(_OLD, "︐︒︑︓︔︕︖︗︘︙ḿ𠂇𠂉𠃌龴龵龶龷𡗗龸𢦏龹龺𤇾龻", strict=True))
_OLD_M, _NEW_M = "\ue7c7".encode(), "ḿ".encode()
_SCHEMA = pa.schema([("line_id", pa.int64()), ("line", pa.string_view())])
_LF, _CR, _BOM = 0x0A, 0x0D, 3
# A string view of Arrow holds a text of so many bytes itself.
_IN_VIEW = 12
_BEHIND = b"\n\n\n"


@dataclass(frozen=True)
class _Piece:
    """Where some whole lines of a file lie: how many bytes from an offset, and how many lines."""

    offset: int
    size: int
    lines: int


class PlainText:
    """The lines of a text file below its first ``skip`` lines.

    ``count`` is how many there are, known once a stream of them has been read to its end.
    """

    def __init__(self, path: Path, encoding: str, skip: int) -> None:
        self.path, self.encoding, self.skip = path, encoding, skip
        self.count = 0
        # Why the text cannot be read after all: DuckDB would only say that its source failed.
        self.refused: NotReadable | None = None
        self._pieces: list[_Piece] = []

    def stream(self) -> pa.RecordBatchReader:
        """Return a new stream of the lines: ``line_id`` from 1, and ``line``, without its end.

        Bytes that are no text become U+FFFD, for the checks to find. Raises NotReadable for NUL or SOH bytes.
        """
        return pa.RecordBatchReader.from_batches(_SCHEMA, self._batches())

    def lines(self) -> Iterator[str]:
        """Yield the lines one by one, without line ends."""
        for batch in self._batches():
            yield from batch.column(1).to_pylist()

    def some(self, ids: np.ndarray) -> pa.Table:
        """Return the lines of these ids (in order), as a stream has them; only the bytes about them are read again."""
        if self.encoding == "utf-16":
            wanted = set(ids.tolist())
            return _table(ids, [line for number, line in enumerate(self.lines(), 1) if number in wanted])
        if not self._pieces:
            for _ in self._batches():
                pass
        numbers, texts = ids + (self.skip - 1), []
        ends = np.cumsum([piece.lines for piece in self._pieces])
        places = np.searchsorted(ends, numbers, side="right")
        with self.path.open("rb", buffering=0) as source:
            for place in np.unique(places):
                piece = self._pieces[place]
                source.seek(piece.offset)
                data, starts, lengths = _lines_of(_ended(source.read(piece.size)))
                let_go(source.fileno(), piece.offset, piece.size)
                for i in numbers[places == place] - (ends[place] - piece.lines):
                    texts.append(_decode(data[starts[i] : starts[i] + lengths[i]], self.encoding).decode())
        return _table(ids, texts)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        count, skip, pieces = 0, self.skip, []
        for text, parts in _blocks(self.path, self.encoding):
            if b"\0" in text or b"\x01" in text:
                self.refused = NotReadable("文件不是文本，也不是 XLSX 工作簿", "neither text nor an XLSX workbook")
                raise self.refused
            data, starts, lengths = _lines_of(text)
            if sum(part.lines for part in parts) != len(starts):
                # Some lines end in CR alone: where the parts begin, their numbers are not known.
                parts = [_Piece(parts[0].offset, sum(part.size for part in parts), len(starts))]
            pieces += parts
            skipped = min(skip, len(starts))
            skip -= skipped
            lines = _views(data, starts[skipped:], lengths[skipped:])
            if not len(lines):
                continue
            ids = pa.array(np.arange(count + 1, count + len(lines) + 1))
            yield pa.RecordBatch.from_arrays([ids, lines], schema=_SCHEMA)
            count += len(lines)
        self.count, self._pieces = count, pieces


def _table(ids: np.ndarray, texts: list[str]) -> pa.Table:
    return pa.table({"line_id": pa.array(ids, pa.int64()), "line": pa.array(texts, pa.string())})


def _lines_of(text: bytes) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return a text that ends in LF, where its lines start and how long they are without their ends, in bytes.

    What stands between them stays: no line is moved for an end of CR and LF. Only a CR of its own is made LF first.
    """
    array = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(array == _LF)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    if b"\r" in text:
        with_cr = (lengths > 0) & (array[ends - 1] == _CR)
        if np.count_nonzero(with_cr) != np.count_nonzero(array == _CR):
            return _lines_of(text.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        lengths = lengths - with_cr
    return text, starts, lengths


def _views(text: bytes, starts: np.ndarray, lengths: np.ndarray) -> pa.Array:
    """Return the lines as Arrow string views, which point into the text: length, first four bytes, buffer, start; one of at most
    twelve bytes stands in its view."""
    views = np.zeros((len(starts), 4), np.int32)
    views[:, 0], views[:, 3] = lengths, starts
    # Every four bytes of the text as a number, from every place of it.
    room = np.frombuffer(text + bytes(_IN_VIEW), np.uint8)
    fours = np.ndarray((len(text),), np.int32, room, strides=(1,))
    views[:, 1] = fours[starts]
    short, within = np.flatnonzero(lengths <= _IN_VIEW), np.arange(_IN_VIEW)
    inside = room[starts[short][:, None] + within]
    inside[within >= lengths[short][:, None]] = 0
    views[short, 1:] = inside.view(np.int32)
    return pa.Array.from_buffers(pa.string_view(), len(starts), [None, pa.py_buffer(views), pa.py_buffer(text)])


class _Iconv:
    """The C library's converter from GB18030 to UTF-8, or nothing where the system has none."""

    def __init__(self) -> None:
        self._call = None
        try:
            libc = ctypes.CDLL(None)
            libc.iconv_open.restype = ctypes.c_void_p
            libc.iconv.restype = ctypes.c_size_t
            libc.iconv.argtypes = [ctypes.c_void_p] * 5
            libc.iconv_close.argtypes = [ctypes.c_void_p]
            handle = libc.iconv_open(b"UTF-8", b"GB18030")
        except (OSError, AttributeError):
            return
        if handle not in (None, ctypes.c_void_p(-1).value):
            self._libc, self._handle, self._call = libc, handle, libc.iconv

    def close(self) -> None:
        if self._call:
            self._libc.iconv_close(self._handle)

    def convert(self, source: bytearray, length: int, target: bytearray) -> bytes | None:
        """Return the UTF-8 of the first ``length`` bytes, by way of ``target``; None where it cannot be made."""
        if not self._call:
            return None
        start = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(source)))
        end = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(target)))
        left, room = ctypes.c_size_t(length), ctypes.c_size_t(len(target))
        self._call(self._handle, None, None, None, None)
        refused = self._call(
            self._handle, ctypes.byref(start), ctypes.byref(left), ctypes.byref(end), ctypes.byref(room)
        )
        if left.value or refused == ctypes.c_size_t(-1).value:
            return None
        text = bytes(memoryview(target)[: len(target) - room.value])
        # The one character it still puts where the standard of 2000 had it.
        return text.replace(_OLD_M, _NEW_M) if b"\xee" in text else text


def _blocks(path: Path, encoding: str) -> Iterator[tuple[bytes, list[_Piece]]]:
    """Yield the file as UTF-8 blocks of whole lines, each of which ends in LF, and where parts of them lie in the file."""
    if encoding == "utf-16":
        yield from _utf16_blocks(path)
        return
    offset = _BOM if encoding == "utf-8-sig" else 0
    iconv = _Iconv() if encoding == "gb18030" else None
    block, out, kept = bytearray(_BLOCK), bytearray(2 * _BLOCK), 0
    try:
        with path.open("rb", buffering=0) as source:
            source.seek(offset)
            while True:
                got = source.readinto(memoryview(block)[kept:])
                let_go(source.fileno(), offset, kept + got)
                have = kept + got
                cut = _cut(block, have) if got else have
                if not cut and got:
                    # A line longer than the block: make room for the rest of it.
                    kept = have
                    if have == len(block):
                        block, out = block + bytearray(len(block)), bytearray(4 * len(block))
                    continue
                if not cut:
                    return
                text = iconv.convert(block, cut, out) if iconv else None
                parts = _parts(block, cut, offset)
                yield _ended(text if text is not None else _decode(bytes(block[:cut]), encoding)), parts
                offset += cut
                block[: have - cut] = block[cut:have]
                kept = have - cut
    finally:
        if iconv:
            iconv.close()


def _utf16_blocks(path: Path) -> Iterator[tuple[bytes, list[_Piece]]]:
    with path.open("r", encoding="utf-16", errors="replace", newline=None) as source:
        while lines := source.readlines(_BLOCK):
            yield _ended("".join(lines).encode()), [_Piece(0, 0, 0)]


def _parts(block: bytearray, cut: int, offset: int) -> list[_Piece]:
    """Return where parts of a block's lines lie in the file, lines counted by LF."""
    ends = np.frombuffer(block, np.uint8, cut) == _LF
    parts, begin = [], 0
    while begin < cut:
        end = block.rfind(b"\n", begin, begin + _PART) + 1 or cut if begin + _PART < cut else cut
        lines = np.count_nonzero(ends[begin:end]) + (not ends[end - 1])
        parts.append(_Piece(offset + begin, end - begin, int(lines)))
        begin = end
    return parts


def _cut(block: bytearray, have: int) -> int:
    """Return the end of the last whole line; a CR at the very end may be half of a CRLF."""
    return max(block.rfind(b"\n", 0, have), block.rfind(b"\r", 0, have - 1)) + 1


def _decode(data: bytes, encoding: str) -> bytes:
    if encoding == "gb18030":
        # A character cut off at the end of all bytes would be another mistake than one before a line end.
        text = (data + _BEHIND).decode(encoding, errors="replace").translate(_MOVED).encode()
        return text.removesuffix(_BEHIND)
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace").encode()
    return data


def _ended(text: bytes) -> bytes:
    """Return the text with LF at its end; behind a CR it makes one line end with it."""
    return text if text.endswith(b"\n") else text + b"\n"
