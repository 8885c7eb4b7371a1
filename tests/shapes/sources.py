"""Whole files to start from: a simulated month, every contract's example, and archives of them."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import openpyxl

from medpool_etl.contracts import Contract, load_all
from medpool_etl.periods import Month
from medpool_etl.simulator import simulate
from tests.support import TITLES

MARCH = Month(2022, 3)
_ROWS = 150


def example(contract: Contract, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Return a contract's example as a text, its row written several times under other keys."""
    out = io.StringIO()
    out.writelines(f"{title.replace(',', delimiter)}\n" for title in TITLES.get(contract.contract, []))
    writer = csv.writer(out, lineterminator="\n", delimiter=delimiter)
    writer.writerow([column.header for column in contract.columns])
    for number in range(12):
        for row in contract.example:
            cells = {column.name: row.get(column.header, "") for column in contract.columns}
            for name in contract.key:
                text, digits = cells[name], contract.by_name[name].type == "code" and not contract.by_name[name].known
                if digits and text[-3:].isdecimal():
                    cells[name] = text[:-3] + f"{int(text[-3:]) + number:03d}"
            writer.writerow(cells.values())
    return out.getvalue().encode(encoding)


def as_workbook(text: str) -> bytes:
    """Return a comma-separated text as a workbook, numbers as numbers."""
    book = openpyxl.Workbook()
    for cells in csv.reader(io.StringIO(text)):
        book.active.append([float(c) if c.count(".") == 1 and c.replace(".", "").isdecimal() else c for c in cells])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sources(folder: Path) -> dict[str, bytes]:
    """Return files by name; ``folder`` is where the simulated month is written first."""
    simulated = simulate("taizhou", MARCH, folder).folder
    files: dict[str, bytes] = {}
    for path in sorted(simulated.iterdir()):
        data = path.read_bytes()
        if path.suffix == ".csv" and len(data) > 50_000:
            files[f"{path.stem} whole.csv"] = data
            data = b"".join(data.splitlines(keepends=True)[:_ROWS])
        files[path.name] = data
    for number, (name, contract) in enumerate(load_all().items()):
        if contract.layout == "table":
            delimiter, encoding = ",\t|;"[number % 4], ("utf-8", "gb18030", "utf-16", "utf-8-sig")[number // 4 % 4]
            files[f"{name}.csv"] = example(contract, delimiter, encoding)
            files[f"{name}.xlsx"] = as_workbook(example(contract).decode())
    texts = [name for name in files if name.endswith(".csv") and "whole" not in name]
    books = [name for name in files if name.endswith(".xlsx")]
    for number, method in enumerate((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for name in (texts[number], texts[-number - 1], books[number]):
                archive.writestr(zipfile.ZipInfo(name), files[name], method)
        files[f"{number}.zip"] = out.getvalue()
    return files
