"""Every kind of file is described once, consistently, and its own example keeps its own rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import openpyxl
import pytest

from medpool_etl import documents
from medpool_etl.contracts import Contract, checks_of, load_all, load_contract
from medpool_etl.errors import ConfigurationError
from medpool_etl.intake import recognise
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import staging_session
from medpool_etl.staging import stage_file

NAMES = (
    "account_statement",
    "agency_bookings",
    "county_expenditure_report",
    "tax_collection_detail",
    "treasury_receipts",
)


@pytest.fixture(scope="module")
def march() -> Iterator[duckdb.DuckDBPyConnection]:
    """A session for Taizhou's March 2022, the month of the examples."""
    with staging_session(Agreed.load("taizhou"), Month(2022, 3)) as connection:
        yield connection


def test_every_shipped_contract_loads() -> None:
    """Each shipped contract is valid, and is called what its file is called."""
    assert {"account_statement", "tax_collection_detail", "treasury_receipts"} <= set(load_all())
    for path in documents.find_all("contracts"):
        assert documents.load(path, Contract).contract == path.stem


def test_every_column_is_described_in_both_languages() -> None:
    """Users read Chinese and engineers English, of every column and check."""
    for contract in load_all().values():
        for item in (*contract.columns, *contract.metadata):
            assert item.description.zh and item.description.en, f"{contract.contract}.{item.name}"
        for check in checks_of(contract):
            for text in (check.expected, check.do):
                assert text.zh and text.en, f"{contract.contract}.{check.id}"


def test_check_ids_are_unique() -> None:
    """A check's id names one count, so it stands once in a contract."""
    for contract in load_all().values():
        ids = [check.id for check in checks_of(contract)]
        assert len(ids) == len(set(ids)), contract.contract


def test_who_a_payer_is_is_personal() -> None:
    """The payer's id is the one personal column."""
    assert load_contract("tax_collection_detail").personal == {"payer_id"}


def test_checks_a_column_implies() -> None:
    """A column's type, list, pattern, key and total each give a check, with the severity that follows."""
    severity = {check.id: check.severity for check in checks_of(load_contract("agency_bookings"))}
    assert severity["row__fields"] == severity["row__unreadable"] == severity["row__duplicate"] == "set_aside"
    assert severity["amount__form"] == severity["amount__missing"] == severity["receipt_no__form"] == "set_aside"
    assert severity["county__unknown"] == severity["payer_type__unknown"] == "set_aside"
    assert severity["amount__total"] == "reject"
    assert "county__form" not in severity


def example_of(contract: Contract, folder: Path) -> Path:
    """Write a contract's example as a sender would, and return the file."""
    row = contract.example[0]
    if contract.layout == "table":
        titles = {"account_statement": "账号：331000100300001\n期初余额：8000000.00,期末余额：9250000.00\n"}
        cells = [row.get(column.header, "") for column in contract.columns]
        line = ",".join(f'"{cell}"' if "," in cell else cell for cell in cells)
        header = ",".join(column.header for column in contract.columns)
        path = folder / "example.csv"
        path.write_text(f"{titles.get(contract.contract, '')}{header}\n{line}\n", encoding="utf-8")
        return path
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["填报单位：331002 椒江区", "", "所属期：2022年3月", "", "单位：元"])
    sheet.append(["项目", "职工医保", "", "", "城乡居民医保", "", ""])
    sheet.append(["", "人次", "医疗总费用", "基金支付", "人次", "医疗总费用", "基金支付"])
    items = contract.by_name["item"].values or {}
    for item in items:
        sheet.append([item, "0", "0", "0", "0", "0", "0"])
        if item == row["项目"]:
            for position, header in enumerate(("人次", "医疗总费用", "基金支付"), 2):
                sheet.cell(sheet.max_row, position, row[header])
        if item in ("合计", "本月支出", "期初余额"):
            sheet.cell(sheet.max_row, 4, row["基金支付"])
    path = folder / "example.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_example_keeps_its_contract(name: str, march: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """The example of a contract is recognised as it, and fails none of its checks when staged."""
    contract = load_contract(name)
    path = example_of(contract, tmp_path)
    (shape,) = recognise(path, load_all()).shapes
    assert shape.contract == name
    summary = stage_file(march, path, "example", shape, contract, tmp_path)
    assert summary["staged"] >= 1
    assert {check: count for check, count in summary["failures"].items() if count} == {}


MISTAKES = {
    "unknown key": ("    type: enum", "    typ: enum", "columns.0.typ"),
    "missing key": ("title: {zh: 表, en: Sheet}\n", "", "key title"),
    "column twice": ("name: amount", "name: sort", "names stand twice: sort"),
    "name that is taken": ("name: sort", "name: kind", "names that staging itself uses: kind"),
    "width of an amount": ("type: money", "type: money, width: 8", "only a code has a width"),
    "no deadline": (", deadline: {months: 1, day: 5}", "", "deadline: this key is missing"),
    "yearly of no year": ("{per: city,", "{per: city, every: year,", "one per year, and only that"),
    "header twice": ("header: 金额", "header: 种类", "headers stand twice: 种类"),
    "key without column": ("key: [code]", "key: [number]", "there is no column number"),
    "check without column": ("columns: [amount]", "columns: [amounts]", "there is no column amounts"),
    "unknown severity": ("severity: warn", "severity: fatal", "checks.0.severity"),
    "unknown type": ("type: money", "type: float", "columns.1.type"),
    "enum without values": ("    values: {甲: a}\n", "", "an enum has values"),
    "total of a text": ("type: code", "type: code, total: true", "only a money column"),
    "example with a strange header": ("金额: \"1\"", "总额: \"1\"", "unknown headers: 总额"),
    "pattern that is no pattern": ("type: code", "type: code, pattern: '^(\\d'", "columns.2"),
    "metadata pattern that is no pattern": ("metadata: []", "metadata: [{name: x, pattern: '(', type: text, description: {zh: x, en: x}}]", "metadata.0"),
    "metadata without a group": ("metadata: []", "metadata: [{name: x, pattern: x, type: text, description: {zh: x, en: x}}]", "exactly one group"),
    "part from nowhere": ("{per: city,", "{per: county, part_from: part,", "there is no metadata part"),
    "part of the one file": ("{per: city,", "{per: city, part_from: x,", "part_from says whose"),
    "form without form": ("layout: table", "layout: form", "a form layout has a form"),
}  # fmt: skip

SMALL = """\
contract: small
version: 1
title: {zh: 表, en: Sheet}
description: {zh: 表, en: Sheet}
sender: {zh: 人, en: One}
owner: tax
due: {zh: 次月5日前, en: by the 5th}
source: for the test
expected: {per: city, deadline: {months: 1, day: 5}}
layout: table
key: [code]
metadata: []
columns:
  - name: sort
    header: 种类
    type: enum
    values: {甲: a}
    description: {zh: 种类, en: Kind}
  - {name: amount, header: 金额, type: money, description: {zh: 金额, en: Amount}}
  - {name: code, header: 号, type: code, description: {zh: 号, en: Number}}
checks:
  - id: positive
    severity: warn
    columns: [amount]
    sql: amount > 0
    expected: {zh: 大于零, en: positive}
    do: {zh: 核对, en: look}
example:
  - {种类: 甲, 金额: "1", 号: "1"}
"""


def read(text: str, folder: Path) -> Contract:
    """Load a contract from text."""
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return documents.load(path, Contract)


def test_small_contract_is_right(tmp_path: Path) -> None:
    """The contract that the mistakes are made in is right without them."""
    assert "positive" in [check.id for check in checks_of(read(SMALL, tmp_path))]


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    """A mistake in a contract is an error with file, line and what is wrong."""
    assert right in SMALL
    text = SMALL.replace(right, wrong, 1)
    with pytest.raises(ConfigurationError) as caught:
        read(text, tmp_path)
    message = str(caught.value)
    assert said in message
    assert "small.yaml, line " in message


@pytest.mark.parametrize(
    ("right", "wrong", "line", "key"),
    [
        ("    type: enum", "    type: list", 16, "columns.0.type"),
        ("severity: warn", "severity: fatal", 23, "checks.0.severity"),
        ("owner: tax", "owner: nobody", 6, "owner"),
        ("    header: 种类", "    haeder: 种类", 15, "columns.0.haeder"),
    ],
)
def test_mistake_is_located(right: str, wrong: str, line: int, key: str, tmp_path: Path) -> None:
    """The line told is the line of the mistake."""
    with pytest.raises(ConfigurationError) as caught:
        read(SMALL.replace(right, wrong, 1), tmp_path)
    assert f"small.yaml, line {line}, key {key}:" in str(caught.value)


def test_own_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An office can replace a contract: its aliases then count."""
    text = (documents.PACKAGE / "contracts/agency_bookings.yaml").read_text(encoding="utf-8")
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/agency_bookings.yaml").write_text(
        text.replace("aliases: [统筹区]", "aliases: [统筹区, 参保地]"), encoding="utf-8"
    )
    monkeypatch.setenv("MEDPOOL_CONFIG", str(tmp_path))
    column = load_contract("agency_bookings").header_of("参保地")
    assert column is not None
    assert column.name == "county"
