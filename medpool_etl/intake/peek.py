"""Look at the first rows of a file, whatever shape it has."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.worksheet._reader import WorkSheetParser

DELIMITERS = (",", "\t", "|", ";")
# What stands at the beginning of a line of sums.
TOTALS = ("合计", "总计", "小计")
PEEK_ROWS = 60
# Forms of several counties stand one below the other in a sheet; a sheet longer than this holds one table.
SHEET_ROWS = 2_000
_XLSX_SIGNATURE = b"PK\x03\x04"
_OLE_SIGNATURE = bytes.fromhex("D0CF11E0A1B11AE1")
_EXACT = 10**15
# A UTF-8 file with a few damaged bytes is still UTF-8; one in GB18030 is damaged nearly everywhere when read so.
_FEW = 20
_SAMPLE = 4 << 20
# Larger than any workbook an office can open; what claims more is a mistake or an attack.
_MOST_BYTES = 1 << 30
_MOST_CELLS = 30_000_000
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
_LONGEST_HEADER = 16_384
Span = tuple[int, int]


class NotReadable(Exception):
    """The file has no shape medpool reads; the message is (Chinese, English)."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass(frozen=True)
class Peek:
    """The first rows of one table-like thing: a text file read with one delimiter, or one sheet of a workbook.

    ``kind`` is text, fixed (a text whose columns stand below one another, ``spans`` says where) or xlsx.
    """

    kind: str
    rows: tuple[tuple[str, ...], ...]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    spans: tuple[Span, ...] = ()


def is_zip(path: Path) -> bool:
    """Whether the file's bytes begin like a zip archive, which a workbook is too, whatever its name."""
    with path.open("rb") as file:
        return file.read(4) == _XLSX_SIGNATURE


def peek(path: Path) -> Iterator[Peek]:
    """Yield every way the file can be looked at; raises NotReadable when there is none."""
    if path.stat().st_size == 0:
        raise NotReadable("文件是空的", "the file is empty")
    with path.open("rb") as file:
        if file.read(8) == _OLE_SIGNATURE:
            raise NotReadable(
                "是旧版 .xls 或加密的工作簿，请去掉密码并另存为 .xlsx",
                "an old .xls or an encrypted workbook: save it as .xlsx without a password",
            )
    if is_zip(path):
        for sheet, grid in workbook_rows(path):
            yield Peek("xlsx", _first_rows(grid), sheet=sheet)
        return
    encoding = text_encoding(path)
    with path.open("r", encoding=encoding, errors="replace", newline=None) as file:
        lines = [line.rstrip("\n") for line in islice(_bounded(file), PEEK_ROWS)]
    for delimiter in DELIMITERS:
        rows = tuple(_cells(line, delimiter) for line in lines)
        if any(len(row) > 1 for row in rows):
            yield Peek("text", rows, encoding=encoding, delimiter=delimiter)
    for spans in _fixed_spans(lines):
        cells = tuple(fixed_cells(line, spans) or (line.strip(),) for line in lines)
        yield Peek("fixed", cells, encoding=encoding, spans=spans)


def _first_rows(rows: Iterator[tuple[int, list[str]]]) -> tuple[tuple[str, ...], ...]:
    """Return the rows of a sheet down to where it holds one table at most, those with nothing in them too."""
    found: list[tuple[str, ...]] = []
    for number, cells in rows:
        if number > SHEET_ROWS:
            break
        found += [()] * (number - len(found) - 1)
        found.append(tuple(cells))
    return tuple(found)


def _bounded(file: Any) -> Iterator[str]:
    """Yield the lines of a text, cut where they are far too long for a title or a header."""
    while line := file.readline(_LONGEST_HEADER):
        rest = line
        while len(rest) == _LONGEST_HEADER and not rest.endswith("\n"):
            rest = file.readline(_LONGEST_HEADER)
        yield line


def _cells(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:  # a field far too long for a header
        return tuple(cell.strip() for cell in line.split(delimiter))


def _fixed_spans(lines: list[str]) -> Iterator[tuple[Span, ...]]:
    """Yield where the columns of a text without delimiters may stand, in bytes as GB18030 shows them.

    A header is a line of several words; its columns are what no line below it crosses with a character.
    """
    wide = [line.encode("gb18030", errors="replace") for line in lines]
    for index, line in enumerate(wide):
        words = len(line.split())
        if words < 3:
            continue
        # A sum is wider than what it sums, so a total line says nothing of where columns stand.
        below = [other for other in wide[index + 1 :] if len(other.split()) * 2 >= words and not is_total(other)]
        length = max(len(other) for other in (line, *below))
        taken = bytearray(length)
        for other in (line, *below):
            for place, byte in enumerate(other):
                taken[place] |= byte != 0x20
        spans: list[Span] = []
        start: int | None = None
        for place in range(length + 1):
            full = place < length and taken[place]
            if full and start is None:
                start = place
            elif not full and start is not None:
                spans.append((start, place))
                start = None
        if len(spans) == words:
            yield tuple(spans)


def is_total(line: bytes) -> bool:
    """Whether a line of fixed text (GB18030) begins with a word for a total."""
    return line.split()[:1] in [[word.encode("gb18030")] for word in TOTALS]


def fixed_cells(line: str, spans: tuple[Span, ...]) -> tuple[str, ...] | None:
    """Return a line's cells, or None where a character stands between two columns: the line is not of that form."""
    data = line.encode("gb18030", errors="replace")
    if is_total(data):
        return _total_cells(data, spans)
    between = bytearray(data)
    for start, end in spans:
        between[start:end] = b" " * len(between[start:end])
    if between.strip(b" "):
        return None
    return tuple(data[start:end].decode("gb18030", errors="replace").strip() for start, end in spans)


def _total_cells(line: bytes, spans: tuple[Span, ...]) -> tuple[str, ...] | None:
    """Return the cells of a total line, whose sums may reach beyond their columns: each word is in the one it covers most."""
    cells = [""] * len(spans)
    for word in re.finditer(rb"[^ ]+", line):
        covered = [min(word.end(), end) - max(word.start(), start) for start, end in spans]
        place = covered.index(max(covered))
        if max(covered) <= 0 or cells[place]:
            return None
        cells[place] = word[0].decode("gb18030", errors="replace")
    return tuple(cells)


def text_encoding(path: Path) -> str:
    """Return the encoding of a text file: a byte-order mark decides, else UTF-8 if its beginning is, else GB18030.

    Raises NotReadable for a file that begins with NUL or SOH bytes, which is no text.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if b"\0" in sample or b"\x01" in sample:
        raise NotReadable("文件不是文本，也不是 XLSX 工作簿", "neither text nor an XLSX workbook")
    if sample.isascii():
        return "utf-8"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
        return "utf-8"
    except UnicodeDecodeError:
        text = codecs.getincrementaldecoder("utf-8")(errors="replace").decode(sample)
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return "utf-8" if text.count("\ufffd") * _FEW <= beyond_ascii else "gb18030"


def workbook_rows(path: Path) -> Iterator[tuple[str, Iterator[tuple[int, list[str]]]]]:
    """Yield every sheet of a workbook with its rows that have something in them, numbered, as text, one after the other.

    Numbers come as Excel shows them at full precision (15 significant digits), dates as ``2022-03-31``.
    Raises NotReadable when the workbook is damaged, protected, or larger than any real one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if "xl/workbook.xml" not in archive.namelist():
                raise NotReadable("压缩包不是 XLSX 工作簿", "a zip archive that is not an XLSX workbook")
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise _too_large()
        # Received files have no ending, at which openpyxl would look.
        book = openpyxl.load_workbook(path.open("rb"), read_only=True, data_only=True)
    except (NotReadable, MemoryError):
        raise
    except Exception as error:  # a damaged part makes the reader fail in whatever way that part suggests
        raise _damaged() from error
    budget = [_MOST_CELLS]
    try:
        for sheet in book.worksheets:
            yield str(sheet.title), _sheet_rows(sheet, book, budget)
    finally:
        book.close()


def _sheet_rows(sheet: Any, book: Any, budget: list[int]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a sheet that have something in them, with their numbers.

    openpyxl's own reader passes over rows and cells that do not stand in order, and makes up those that are missing:
    its parser is asked directly, and what is out of order is damage.
    """
    try:
        with sheet._get_source() as source:
            parser = WorkSheetParser(
                source,
                sheet._shared_strings,
                data_only=True,
                epoch=book.epoch,
                date_formats=book._date_formats,
                timedelta_formats=book._timedelta_formats,
            )
            before = 0
            for number, found in parser.parse():
                if number <= before:
                    raise _damaged()
                before = number
                cells: list[str] = []
                for cell in found:
                    if cell["row"] != number or cell["column"] <= len(cells):
                        raise _damaged()
                    if cell["column"] > _MOST_COLUMNS or number > _MOST_ROWS:
                        raise _too_large()
                    text = cell_text(cell["value"])
                    if text.strip():
                        budget[0] -= cell["column"] - len(cells)
                        cells += [""] * (cell["column"] - len(cells) - 1) + [text]
                if budget[0] < 0:
                    raise _too_large()
                if cells:
                    yield number, cells
    except (NotReadable, MemoryError):
        raise
    except Exception as error:
        raise _damaged() from error


def _damaged() -> NotReadable:
    return NotReadable("工作簿已损坏或不完整", "the workbook is damaged or incomplete")


def _too_large() -> NotReadable:
    return NotReadable(
        "工作簿解压后过大，不是正常的报表，请重新导出",
        "the workbook is far larger inside than any report is: export it again",
    )


def cell_text(value: Any) -> str:
    """Return a workbook cell as text: dates as ``2022-03-31``, numbers to 15 significant digits, errors as ``#N/A``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return str(value)
    if isinstance(value, str):
        return value
    # A workbook holds binary numbers; Excel itself keeps and shows 15 significant digits of them. A longer one (a
    # receipt number, say) has lost its end already: it is marked, so that no check takes it for what it was.
    number = Decimal(format(value, ".15g"))
    if number.is_nan():
        return "#N/A"
    return format(number, "f") if abs(number) < _EXACT else f"≈{number:f}"


def clean(text: str) -> str:
    """Return header text in one form: full-width characters narrowed, all white space gone."""
    return "".join(unicodedata.normalize("NFKC", text).split())
