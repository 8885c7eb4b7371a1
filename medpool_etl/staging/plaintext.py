"""A text file as a stream of UTF-8 lines for DuckDB, whatever its encoding and line ends, without a copy on disk.

Blocks of the file are converted and handed over as Arrow strings while DuckDB works on those before. GB18030 goes through
the C library's converter, which is three times as fast as Python's; where there is none, or it meets bytes it cannot
read, Python's codec does the block. A line end never occurs inside a character of UTF-8 or GB18030, so a file can be cut
at line ends.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from medpool_etl.intake.peek import NotReadable

_BLOCK = 4 << 20
# Code points the standard of 2022 moved out of the private area; Python's codec still has the ones of 2000.
_OLD = [*range(0xE78D, 0xE797), 0xE7C7, 0xE816, 0xE817, 0xE818, 0xE81E, 0xE826, 0xE82B, 0xE82C, 0xE831, 0xE832, 0xE83B]
_OLD += [0xE843, 0xE854, 0xE855, 0xE864]
_MOVED = dict(zip(_OLD, "︐︒︑︓︔︕︖︗︘︙ḿ𠂇𠂉𠃌龴龵龶龷𡗗龸𢦏龹龺𤇾龻", strict=True))
_OLD_M, _NEW_M = "\ue7c7".encode(), "ḿ".encode()
_SCHEMA = pa.schema([("line_id", pa.int64()), ("line", pa.string())])


class PlainText:
    """The lines of a text file below its first ``skip`` lines.

    ``count`` is how many there are, known once a stream of them has been read to its end.
    """

    def __init__(self, path: Path, encoding: str, skip: int, mark: str) -> None:
        """``mark`` is the delimiter, which stands behind every line of a stream in place of its line end."""
        self.path, self.encoding, self.skip, self.mark = path, encoding, skip, mark.encode()
        self.count = 0
        # Why the text cannot be read after all: DuckDB would only say that its source failed.
        self.refused: NotReadable | None = None

    def stream(self) -> pa.RecordBatchReader:
        """Return a new stream of the lines: ``line_id`` from 1, and ``line``, with the delimiter behind it.

        Bytes that are no text become U+FFFD, for the checks to find. Raises NotReadable for NUL or SOH bytes.
        """
        return pa.RecordBatchReader.from_batches(_SCHEMA, self._batches())

    def lines(self) -> Iterator[str]:
        """Yield the lines one by one, without line ends."""
        for batch in self._batches():
            for line in batch.column(1).to_pylist():
                yield line[: -len(self.mark)] if self.mark else line.rstrip("\n")

    def some(self, ids: np.ndarray) -> pa.Table:
        """Return the lines of these ids (in order), as a stream has them."""
        found = []
        for batch in self._batches():
            first = batch.column(0)[0].as_py()
            within = ids[(ids >= first) & (ids < first + batch.num_rows)]
            if len(within):
                found.append(batch.take(pa.array(within - first)))
        return pa.Table.from_batches(found, schema=_SCHEMA)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        count, skip = 0, self.skip
        for text in _blocks(self.path, self.encoding):
            if b"\0" in text or b"\x01" in text:
                self.refused = NotReadable("文件不是文本，也不是 XLSX 工作簿", "neither text nor an XLSX workbook")
                raise self.refused
            ends = np.flatnonzero(np.frombuffer(text, np.uint8) == 0x0A)
            if skip:
                skipped = min(skip, len(ends))
                skip -= skipped
                text = text[int(ends[skipped - 1]) + 1 :]
                ends = ends[skipped:] - ends[skipped - 1] - 1
            if not len(ends):
                continue
            offsets = np.zeros(len(ends) + 1, np.int32)
            offsets[1:] = ends + 1
            if self.mark:
                text = text.replace(b"\n", self.mark)
            lines = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(text))
            ids = pa.array(np.arange(count + 1, count + len(ends) + 1))
            yield pa.RecordBatch.from_arrays([ids, lines], schema=_SCHEMA)
            count += len(ends)
        self.count = count


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
        return text.replace(_OLD_M, _NEW_M) if _OLD_M in text else text


def _blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """Yield the file as UTF-8 blocks of whole lines, each of which ends in LF."""
    if encoding == "utf-16":
        yield from _utf16_blocks(path)
        return
    iconv = _Iconv() if encoding == "gb18030" else None
    block, out, kept = bytearray(_BLOCK), bytearray(2 * _BLOCK), 0
    try:
        with path.open("rb", buffering=0) as source:
            if encoding == "utf-8-sig":
                source.seek(3)
            while True:
                got = source.readinto(memoryview(block)[kept:])
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
                yield _ended(text if text is not None else _decode(bytes(block[:cut]), encoding))
                block[: have - cut] = block[cut:have]
                kept = have - cut
    finally:
        if iconv:
            iconv.close()


def _utf16_blocks(path: Path) -> Iterator[bytes]:
    with path.open("r", encoding="utf-16", errors="replace", newline=None) as source:
        while lines := source.readlines(_BLOCK):
            yield _ended("".join(lines).encode())


def _cut(block: bytearray, have: int) -> int:
    """Return the end of the last whole line; a CR at the very end may be half of a CRLF."""
    return max(block.rfind(b"\n", 0, have), block.rfind(b"\r", 0, have - 1)) + 1


def _decode(data: bytes, encoding: str) -> bytes:
    if encoding == "gb18030":
        return data.decode(encoding, errors="replace").translate(_MOVED).encode()
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace").encode()
    return data


def _ended(text: bytes) -> bytes:
    """Return the text with LF at the end of every line."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text if text.endswith(b"\n") else text + b"\n"
