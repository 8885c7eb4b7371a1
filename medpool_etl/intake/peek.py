"""Look at the first rows of a file, whatever shape it has."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

DELIMITERS = (",", "\t", "|", ";")
PEEK_ROWS = 60
_XLSX_SIGNATURE = b"PK\x03\x04"
_OLE_SIGNATURE = bytes.fromhex("D0CF11E0A1B11AE1")
_EXACT = 10**15
# A UTF-8 file with a few damaged bytes is still UTF-8; one in GB18030 is damaged nearly everywhere when read so.
_FEW = 20


class NotReadable(Exception):
    """The file has no shape medpool reads; the message is (Chinese, English)."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass(frozen=True)
class Peek:
    """The first rows of one table-like thing: a text file read with one delimiter, or one sheet of a workbook."""

    kind: str
    rows: tuple[tuple[str, ...], ...]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


def is_workbook(path: Path) -> bool:
    """Whether the file's bytes begin like an XLSX workbook, whatever its name."""
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
    if is_workbook(path):
        for sheet, grid in workbook_grids(path, PEEK_ROWS).items():
            yield Peek("xlsx", tuple(tuple(row) for row in grid), sheet=sheet)
        return
    encoding = text_encoding(path)
    with path.open("r", encoding=encoding, errors="replace", newline=None) as file:
        lines = [line.rstrip("\n") for _, line in zip(range(PEEK_ROWS), file, strict=False)]
    for delimiter in DELIMITERS:
        rows = tuple(_cells(line, delimiter) for line in lines)
        if any(len(row) > 1 for row in rows):
            yield Peek("text", rows, encoding=encoding, delimiter=delimiter)


def _cells(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:  # a field far too long for a header
        return tuple(cell.strip() for cell in line.split(delimiter))


def text_encoding(path: Path) -> str:
    """Return the encoding of a text file: a byte-order mark decides, else UTF-8 if nearly all of it is, else GB18030.

    Raises NotReadable for a file with NUL or SOH bytes, which is no text.
    """
    utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
    damaged = beyond_ascii = 0
    with path.open("rb") as file:
        first = file.read(4)
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if first.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        file.seek(0)
        while block := file.read(1 << 20):
            if b"\0" in block or b"\x01" in block:
                raise NotReadable("文件不是文本，也不是 XLSX 工作簿", "neither text nor an XLSX workbook")
            text = utf8.decode(block)
            damaged += text.count("\ufffd")
            beyond_ascii += len(text) - len(text.encode("ascii", "ignore"))
        damaged += utf8.decode(b"", final=True).count("\ufffd")
    return "utf-8" if damaged * _FEW <= beyond_ascii else "gb18030"


def workbook_grids(path: Path, rows: int | None = None) -> dict[str, list[list[str]]]:
    """Return every sheet of a workbook as rows of text, the first ``rows`` of each or all.

    Numbers come as Excel shows them at full precision (15 significant digits), dates as ``2022-03-31``.
    Raises NotReadable when the workbook is damaged or protected.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if "xl/workbook.xml" not in archive.namelist():
                raise NotReadable("压缩包不是 XLSX 工作簿", "a zip archive that is not an XLSX workbook")
        frames = pd.read_excel(
            path, sheet_name=None, header=None, dtype=object, engine="openpyxl", nrows=rows, na_filter=False
        )
    except (NotReadable, MemoryError):
        raise
    except Exception as error:  # a damaged part makes the reader fail in whatever way that part suggests
        raise NotReadable("工作簿已损坏或不完整", "the workbook is damaged or incomplete") from error
    return {
        str(name): [[cell_text(value) for value in row] for row in frame.itertuples(index=False, name=None)]
        for name, frame in frames.items()
    }


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
