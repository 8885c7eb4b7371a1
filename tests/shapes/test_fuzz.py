"""Damaged files are refused by name, or what is read from them is right: a fixed sample, and the ways that were hard."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from random import Random

import openpyxl
import pytest

from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import staging_session
from tests.shapes import offices
from tests.shapes.fuzz import Fuzzer
from tests.shapes.mutations import parts
from tests.shapes.offices import Style, table
from tests.shapes.sources import MARCH

FILES, SEED = 100, 2022
# Longest for one small file here; whoever waits for a month waits for a hundred of them.
SECONDS = 5


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzer]:
    """Return files to damage, and one session in which they are staged."""
    with staging_session(Agreed.load("taizhou"), MARCH) as connection:
        yield Fuzzer(tmp_path_factory.mktemp("fuzz"), connection, SEED)


def test_damaged_files(fuzzer: Fuzzer) -> None:
    """A sample of damaged files: none fails in a way nobody foresaw, loses a line, or gives another number."""
    failing = {}
    for number in range(FILES):
        if failures := (result := fuzzer.run(number)).failures:
            failing[f"--seed {SEED} --only {number}: {result.name}"] = failures
    assert failing == {}


def test_whole_files(fuzzer: Fuzzer) -> None:
    """The files that are damaged are staged without a fault while they are whole: the second reader agrees with medpool."""
    for name, data in fuzzer.sources.items():
        # The workbooks are much alike: some of them will do.
        if (name.endswith((".csv", ".zip", "s.xlsx")) and "whole" not in name) or "椒江" in name or "市经办" in name:
            result = fuzzer.settle(name, data)
            assert result.failures == [], name
            assert not [outcome for outcome in result.outcomes if "refused" in outcome], name


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["stored", "deflate", "bzip2", "lzma"]
)  # fmt: skip
def test_archive_damaged_inside(method: int, fuzzer: Fuzzer) -> None:
    """An archive of which a member was overwritten is refused as damaged, however it was packed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a.csv", fuzzer.sources["treasury_receipts.csv"] * 20, method)
    data = bytearray(out.getvalue())
    for place in range(60, 100):
        data[place] ^= 0x5A
    result = fuzzer.settle("archive", bytes(data))
    assert result.failures == []
    assert result.outcomes["refused: archive"] == 1


def test_archive_that_lacks_a_piece(fuzzer: Fuzzer) -> None:
    """An archive that lost some bytes on its way, so that its directory points before its beginning, is refused as damaged."""
    data = fuzzer.sources["1.zip"]
    result = fuzzer.settle("archive", data[:40] + data[240:])
    assert result.failures == []
    assert result.outcomes["refused: archive"] == 1


def book(change: Callable[[str], str], rows: int = 5) -> bytes:
    """Return a treasury list as a workbook, the XML of whose sheet was changed."""
    data, out = openpyxl.Workbook(), io.BytesIO()
    for row in offices.grid(table("treasury_receipts", Random(1), [100] * rows), Style(), offices.typed):
        data.active.append(row)
    data.save(out)
    return parts(Random(1), out.getvalue(), lambda _, text: change(text), "worksheets/")


def more(rows: str) -> Callable[[str], str]:
    """Return a change of a sheet: more rows at its end."""
    return lambda text: text.replace("</sheetData>", f"{rows}</sheetData>")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('<row r="4"', '<row r="3"'),
        lambda text: text.replace('<row r="2"', '<row r="5"'),
        lambda text: text.replace('<c r="I3"', '<c r="B3"'),
        lambda text: text.replace('<c r="D3"', '<c r="C3"'),
    ],
    ids=["a row number twice", "row numbers out of order", "cells out of order", "a cell twice"],
)
def test_workbook_out_of_order(change: Callable[[str], str], fuzzer: Fuzzer) -> None:
    """A workbook whose rows or cells are numbered wrongly loses none of them, or is refused."""
    assert fuzzer.settle("workbook", book(change)).failures == []


@pytest.mark.parametrize(
    "change",
    [
        more("".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(10, 60))),
        more('<row r="1048576"><c r="A1048576"><v>1</v></c></row>'),
        more('<row r="4000000000"><c r="A4000000000"><v>1</v></c></row>'),
        more("".join(f'<row r="{n}"/>' for n in range(10, 100_000))),
    ],
    ids=["a cell in the last column", "a cell in the last row", "a row beyond the last", "empty rows"],
)
def test_workbook_with_a_cell_far_off(change: Callable[[str], str], fuzzer: Fuzzer) -> None:
    """A cell far from the table does not make a workbook take longer than a file may."""
    result = fuzzer.settle("workbook", book(change))
    assert result.failures == []
    assert result.seconds < SECONDS


@pytest.mark.parametrize("piece", ["x", "a b ", "1,", '"', "=", "国库 "])
@pytest.mark.parametrize("place", ["above", "within"])
def test_a_line_far_too_long(piece: str, place: str, fuzzer: Fuzzer) -> None:
    """A line of a megabyte does not make a text take longer than a file may, or hide a row."""
    out = io.StringIO()
    csv.writer(out).writerows(offices.grid(table("treasury_receipts", Random(1), [100] * 9), Style(), offices.written))
    lines = out.getvalue().splitlines()
    lines.insert(0 if place == "above" else 4, piece * (1_200_000 // len(piece)))
    result = fuzzer.settle("text", "\r\n".join(lines).encode("gb18030"))
    assert result.failures == []
    assert result.outcomes["rows"] >= 9
    assert result.seconds < SECONDS
