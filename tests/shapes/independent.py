"""A second, small reader of the same files, written apart from medpool: what a staged row is compared with.

It knows where a table stands from the shape medpool recognised, and reads everything else with csv, ElementTree and Decimal.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

from medpool_etl.contracts import Column
from medpool_etl.intake import Shape

_EMPTY = {"", "-", "--", "—", "——", "/"}
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
# The codecs of Python and of the C library disagree about a few characters of the private area.
_PRIVATE = re.compile("[\ue000-\uf8ff\ufe10-\ufe19\u9fa6-\u9fff\u1e3f\U00020000-\U0002ffff]")

_NUMBER, _DAY = re.compile(r"\d+(\.\d+)?", re.ASCII), re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class CannotTell(Exception):
    """This reader has no opinion on a file or line."""


def narrow(text: str) -> str:
    """Return a text with full-width characters narrowed and all white space gone."""
    text = unicodedata.normalize("NFKC", text.replace("\u2212", "-")).translate(
        {0xFEFF: None, 0x200B: None, 0x1A: None}
    )
    return "".join(text.split())


def money(text: str, unit: int = 1) -> Decimal | None:
    """Read an amount in yuan; None where the text is none."""
    text = re.sub("^[¥￥]", "", narrow(text).removesuffix("元" if unit == 1 else "万元"))
    if match := re.fullmatch(r"\(([^()-]+)\)", text):
        text = "-" + match[1]
    if not re.fullmatch(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", text, re.ASCII):
        return None
    amount = Decimal(text.replace(",", "")) * unit
    return amount if amount == round(amount, 2) else None


def day(text: str) -> dt.date | None:
    """Read a day in any form; None where the text is none."""
    text = narrow(text).removesuffix("00:00:00")
    match = re.fullmatch(r"(\d{4})[-/.年](\d\d?)[-/.月](\d\d?)日?", text) or re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text)
    if match is None:
        return dt.date(1899, 12, 30) + dt.timedelta(int(text)) if re.fullmatch(r"\d{5}", text, re.ASCII) else None
    try:
        return dt.date(*map(int, match.groups()))
    except ValueError:
        return None


def month(text: str) -> dt.date | None:
    """Read a month, or a day in it; None where the text is none."""
    match = re.fullmatch(r"(\d{4})(\d\d)|(\d{4})[-/.年](\d\d?)月?", narrow(text), re.ASCII)
    if match is None:
        found = day(text)
        return found.replace(day=1) if found else None
    year, number = int(match[1] or match[3]), int(match[2] or match[4])
    return dt.date(year, number, 1) if 1 <= number <= 12 else None


def value(column: Column, text: str, unit: int) -> Any:
    """Read a cell as the contract's type of its column; None where it is empty or cannot be read."""
    plain = narrow(text)
    if plain in _EMPTY:
        return None
    if column.values is not None:
        return column.values.get(plain)
    if column.type == "money":
        return money(text, unit)
    if column.type == "date":
        return day(text)
    if column.type == "month":
        return month(text)
    if column.type in ("integer", "rate"):
        percent = plain.endswith("%")
        plain = plain.removesuffix("%").replace(",", "")
        if not re.fullmatch(r"-?\d+(\.\d+)?", plain, re.ASCII):
            return None
        number = Decimal(plain) / 100 if percent else Decimal(plain)
        return number if column.type == "rate" else int(number) if number == int(number) else None
    return plain.zfill(column.width) if column.width and plain.isdecimal() else plain


def differs(column: Column, text: str, unit: int, staged: Any) -> bool:
    """Whether a staged value is not what the text says."""
    if column.type in ("text", "code") and _PRIVATE.search(text + (staged or "")):
        return False
    if column.type in ("text", "code") and _NUMBER.fullmatch(text) and _DAY.match(staged or ""):
        # A number in a cell with a form of days is shown as one.
        return False
    read = value(column, text, unit)
    if isinstance(staged, str) and column.values is None:
        staged = narrow(staged)
    return bool(read != staged)


def text_lines(data: bytes, encoding: str) -> list[str]:
    """Return the lines of a text, as an editor counts them."""
    if data.startswith(b"\xef\xbb\xbf"):
        text = data[3:].decode("utf-8", "replace")
    else:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else encoding, "replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def cells_of(lines: list[str], shape: Shape) -> list[str]:
    """Return the cells of a record, which may run over several lines."""
    wanted = len(shape.first.columns)
    if shape.kind == "fixed":
        cells = lines[0].split()
        if len(cells) != wanted:
            raise CannotTell
        return cells
    try:
        records = list(csv.reader([f"{line}\n" for line in lines], delimiter=shape.delimiter, strict=True))
    except csv.Error as error:
        cells = [re.sub('^"(.*)"$', r"\1", cell) for cell in lines[0].split(shape.delimiter)]
        if len(lines) > 1 or len(cells) != wanted:
            raise CannotTell from error
        return cells
    if len(records) != 1:
        raise CannotTell
    return records[0]


def unit_of(titles: list[str]) -> int:
    """Return what one unit of an amount is worth, from what stands above the header."""
    match = re.search(r"(?<!填报)单位:?\|*\(?(?:人民币)?(万?元)", narrow("|".join(titles)))
    return 10_000 if match and match[1] == "万元" else 1


@dataclass
class Sheet:
    """A sheet: its rows in the order of the file, each with its number and its cells by position from 0."""

    name: str
    rows: list[tuple[int, dict[int, str]]]


def workbook(data: bytes) -> list[Sheet]:
    """Return the sheets of a workbook; raises CannotTell for one that is not as Excel writes it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) != len(set(names)):
                raise CannotTell
            book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
            if any(properties.get("date1904") for properties in book.iter(f"{_MAIN}workbookPr")):
                raise CannotTell
            links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
            targets = {link.get("Id"): link.get("Target", "") for link in links}
            shared: list[str] = []
            if "xl/sharedStrings.xml" in names:
                root = ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
                shared = [_text(item) for item in root.iter(f"{_MAIN}si")]
            return [
                Sheet(
                    sheet.get("name", ""),
                    _rows(archive.read("xl/" + targets[sheet.get(_LINK)].split("xl/")[-1]), shared),
                )
                for sheet in book.iter(f"{_MAIN}sheet")
            ]
    except Exception as error:
        raise CannotTell from error


def _text(item: ElementTree.Element) -> str:
    return "".join(
        part.text or "" for child in item if child.tag in (f"{_MAIN}t", f"{_MAIN}r") for part in child.iter(f"{_MAIN}t")
    )


def _rows(xml: bytes, shared: list[str]) -> list[tuple[int, dict[int, str]]]:
    rows: list[tuple[int, dict[int, str]]] = []
    number = 0
    for row in ElementTree.fromstring(xml).iter(f"{_MAIN}row"):
        number = int(row.get("r", number + 1))
        cells: dict[int, str] = {}
        position = -1
        for cell in row.iter(f"{_MAIN}c"):
            reference = re.match("[A-Z]+", cell.get("r", ""))
            position = _position(reference[0]) if reference else position + 1
            text = _cell(cell, shared)
            if text:
                cells[position] = text
        rows.append((number, cells))
    return rows


def _position(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _cell(cell: ElementTree.Element, shared: list[str]) -> str:
    kind, inner = cell.get("t", "n"), cell.find(f"{_MAIN}is")
    if kind == "inlineStr":
        return _text(inner) if inner is not None else ""
    text = cell.findtext(f"{_MAIN}v") or ""
    if kind == "s" and text:
        return shared[int(text)]
    if kind == "n" and text:
        # Excel keeps 15 digits of a number.
        return format(Decimal(format(float(text), ".15g")), "f")
    return text
