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

MARCH = Month(2022, 3)
TITLES = {
    "account_statement": ["账号：331000100300001", "期初余额：8000000.00,期末余额：9250000.00"],
    "annual_budget": ["台州市2022年度基本医疗保险基金预算表", "编制日期：2021年12月20日,单位：元"],
    "assessment": ["台州市2021年度基本医疗保险市级统筹考核结果"],
    "enrolment": ["台州市基本医疗保险参保人数统计表", "所属期：2022年3月"],
    "provincial_average_wage": ["公布日期：2022年6月8日", "2021年浙江省全社会单位就业人员月平均工资"],
}
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
