"""Any table in any shape offices use is read back exactly; the quick look never differs from the close one."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import openpyxl
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from medpool_etl.contracts import checks_of
from medpool_etl.intake import recognise
from medpool_etl.intake.peek import NotReadable
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import staging_session
from medpool_etl.staging import stage_file
from tests.shapes import offices
from tests.shapes.invariants import Staged, read_staged
from tests.shapes.offices import CONTRACTS, COUNTIES, Style, Table, table
from tests.shapes.sources import MARCH

KINDS = [
    "treasury_receipts",
    "agency_bookings",
    "tax_collection_detail",
    "funding_plan",
    "account_statement",
    "treasury_corrections",
]
QUICK = [kind for kind in KINDS if kind not in ("account_statement", "treasury_corrections")]
Stage = Callable[[bytes], list[Staged]]
some = settings(max_examples=14, deadline=None, database=None, suppress_health_check=list(HealthCheck))
few = settings(some, max_examples=6)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a function that recognises and stages bytes, in one session for all tests."""
    folder: Path = tmp_path_factory.mktemp("staged")
    with staging_session(Agreed.load("taizhou"), MARCH) as connection:

        def run(data: bytes) -> list[Staged]:
            path = folder / "file"
            path.write_bytes(data)
            found = recognise(path, CONTRACTS)
            assert not found.problems
            result = []
            for shape in found.shapes:
                contract = CONTRACTS[shape.contract]
                summary = stage_file(connection, path, "file", shape, contract, folder)
                result.append(read_staged(connection, folder, "file", shape, contract, summary))
            return result

        yield run


def check(staged: Staged, *tables: Table) -> None:
    """See that the rows staged are those of the tables, each value exactly, and that none fails a check that counts."""
    contract = tables[0].contract
    assert staged.contract.contract == contract.contract
    wanted = [row | data.titles for data in tables for row in data.rows]
    names = [*wanted[0]]
    assert [{name: row[name] for name in names} for row in staged.rows] == [
        {n: row[n] for n in names} for row in wanted
    ]
    severe = {c.id for c in checks_of(contract) if c.severity != "warn"}
    assert {c: n for c, n in staged.summary["failures"].items() if n and c in severe} == {}


amounts = st.lists(st.integers(1, 10**12), min_size=1, max_size=12)
seeds = st.integers(0, 2**32)
common = {
    "titles": st.sampled_from([(), ("台州市清单",), ("清单", "", "2022年3月"), ("", "一", "二", "三", "四")]),
    "unit": st.sampled_from([1, 1, 10_000]),
    "money": st.sampled_from(["plain", "grouped", "bracketed", "wide", "signed", "worded"]),
    "date": st.sampled_from(["compact", "dashed", "slashed", "words", "serial", "wide"]),
    "month": st.sampled_from(["compact", "dashed", "words"]),
    "others": st.sampled_from([(), (0,), (3,), (2, 99)]),
    "turned": st.integers(0, 7),
    "total": st.booleans(),
    "notes": st.booleans(),
}
text_only = {
    "encoding": st.sampled_from(["gb18030", "utf-8", "utf-8-sig", "utf-16"]),
    "end": st.sampled_from(["\n", "\r\n", "\r"]),
    "blank_lines": st.integers(0, 3),
    "end_of_file": st.sampled_from(["", "", "\x1a"]),
}
texts = st.builds(
    Style,
    **common,
    **text_only,
    delimiter=st.sampled_from([",", "\t", "|", ";"]),
    quoting=st.sampled_from([csv.QUOTE_NONE, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    odd_texts=st.booleans(),
    empty_cells=st.integers(0, 3),
)
fixed = st.builds(Style, **common, **text_only)
workbooks = st.builds(
    Style, **common, numbers=st.booleans(), serial=st.booleans(), tiers=st.booleans(), empty_cells=st.integers(0, 2)
)


@settings(some, max_examples=32)
@given(st.sampled_from(KINDS), amounts, seeds, texts)
def test_text(stage: Stage, kind: str, fens: list[int], seed: int, style: Style) -> None:
    """A table written as text, whatever the delimiter, quotes, encoding, line ends and forms, is read back exactly."""
    data = table(kind, Random(seed), fens, style.odd_texts)
    (staged,) = stage(offices.as_text(data, style))
    check(staged, data)


@few
@given(st.sampled_from(["treasury_receipts", "agency_bookings", "funding_plan"]), amounts, seeds, fixed)
def test_fixed_width(stage: Stage, kind: str, fens: list[int], seed: int, style: Style) -> None:
    """A table whose columns stand below one another without delimiters is read back exactly."""
    data = table(kind, Random(seed), fens)
    (staged,) = stage(offices.as_fixed(data, style))
    assert staged.shape.kind == "fixed"
    check(staged, data)


@some
@given(st.sampled_from(KINDS), amounts, seeds, workbooks)
def test_workbook(stage: Stage, kind: str, fens: list[int], seed: int, style: Style) -> None:
    """A table in a workbook, with numbers, days and codes as Excel keeps them or as text, is read back exactly."""
    data = table(kind, Random(seed), fens)
    (staged,) = stage(offices.as_workbook([data], style))
    check(staged, data)


@few
@given(
    st.sampled_from(["treasury_receipts", "tax_collection_detail", "treasury_corrections"]), amounts, seeds, workbooks
)
def test_several_sheets(stage: Stage, kind: str, fens: list[int], seed: int, style: Style) -> None:
    """A table that goes on on other sheets is one delivery, read back in order."""
    data = table(kind, Random(seed), fens * 2)
    half = len(data.rows) // 2
    parts = [Table(data.contract, data.rows[:half]), Table(data.contract, data.rows[half:])]
    (staged,) = stage(offices.as_workbook(parts, style))
    check(staged, *parts)


@few
@given(
    st.lists(st.integers(-(10**10), 10**10), min_size=1, max_size=5),
    st.integers(1, 4),
    st.sampled_from([1, 10_000]),
    st.booleans(),
)
def test_forms(stage: Stage, fens: list[int], counties: int, unit: int, stacked: bool) -> None:
    """The reports of several counties in one workbook, on sheets or below one another, are each read back exactly."""
    book, wanted = openpyxl.Workbook(), {}
    for number, county in enumerate(COUNTIES[:counties]):
        wanted[county] = offices.form([fen + number for fen in fens])
        sheet = book.active if stacked or number == 0 else book.create_sheet(county)
        for row in offices.form_rows(county, wanted[county], unit):
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    deliveries = stage(out.getvalue())
    assert [staged.shape.metadata["county"] for staged in deliveries] == list(wanted)
    items = CONTRACTS["county_expenditure_report"].by_name["item"].values or {}
    for staged in deliveries:
        lines = wanted[staged.shape.metadata["county"]]
        expected = {
            (items[item], fund): (times, Decimal(cost) / 100, Decimal(paid) / 100)
            for item, funds in lines.items()
            for fund, (times, cost, paid) in zip(("worker", "resident"), funds, strict=True)
        }
        read = {(r["item"], r["fund"]): (r["person_times"], r["total_cost"], r["amount"]) for r in staged.rows}
        assert read == expected
        assert len(staged.rows) == len(expected)
        failing = {c for c, n in staged.summary["failures"].items() if n}
        assert failing <= {"account_not_negative"}


NASTY = [
    "",
    " ",
    "-",
    "--",
    "/",
    "合计",
    "合计：",
    "小计",
    "合 计",
    "总计",
    "0",
    "00",
    "-0.00",
    "1.005",
    "1e3",
    "1,23.45",
    "1,234.50",
    "(5.00)",
    "＋5",
]
NASTY += [
    "￥5",
    "5元",
    "5万元",
    "1234567890123456789",
    "999999999999999999",
    "99999999999999.99",
    "9999999999999.99",
    "-1",
    "+1",
    ".5",
    "5.",
    "0x10",
]
NASTY += [
    "20220230",
    "20220314",
    "2022-03-14",
    "2022-3-14",
    "2022年03月14日",
    "2022年3月14日",
    "2022-03-14 00:00:00",
    "44634",
    "2022/3/14",
    "99991231",
]
NASTY += [
    "202203",
    "2022-03",
    "202213",
    "331002",
    " 331002",
    "３３１００２",
    "职工医保",
    "职工 医保",
    "3",
    "03",
    "0.09",
    "9%",
    "1",
    "10.5",
    "NaN",
    "inf",
    "'1",
]
NASTY += [
    "333102220300000017",
    "33310222030000001",
    "\ufffd",
    "\u3000",
    "a\u00a0",
    "国库",
    "入库日期",
    "金额",
    '"',
    '"x',
    'x"',
    '""',
    "'",
    "\\",
    "𠮷",
    "\u200b",
    "\x0b",
    "33310222030\x1f000017",
    "电子\x7f税票",
]


@settings(some, max_examples=24)
@given(
    st.sampled_from(QUICK),
    amounts,
    seeds,
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from(NASTY)), max_size=6),
    st.builds(Style, **{name: common[name] for name in ("money", "date", "month", "others", "turned", "total")}),
)
def test_quick_look(
    stage: Stage, kind: str, fens: list[int], seed: int, cells: list[tuple[int, int, str]], style: Style
) -> None:
    """The same bytes give the same rows, failures, rows set aside and originals with the quick look and without it."""
    rows = [["" if cell is None else str(cell) for cell in row] for row in offices.grid(table(kind, Random(seed), fens), style, offices.written)]  # fmt: skip
    for line, place, text in cells:
        row = rows[1 + line % (len(rows) - 1)]
        row[place % len(row)] = text
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    data = out.getvalue().encode()
    try:
        assert same(stage, data)
    except NotReadable:
        # Recognition comes before both looks.
        event("refused")


def same(stage: Stage, data: bytes) -> bool:
    """Whether the quick look was taken; fails where it differs from the close one."""
    (quick,) = stage(data)
    with mock.patch("medpool_etl.staging.stage.known_before", return_value=None):
        (close,) = stage(data)
    assert close.summary["plain"] is None
    assert quick.rows == close.rows
    assert quick.lines == close.lines
    # How many rows lie in which Parquet is all that may differ.
    assert _without(quick.summary) == _without(close.summary)
    return quick.summary["plain"] is not None


def _without(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if name not in ("plain", "blocks")}


RECEIPT = "1110000000,2022-03-14,00000731,3331022203{n:08d},{kind},3,1020301,100.00,13310020000"
HEADER = "国库,入库日期,包号,凭证号,凭证类型,级次,科目,金额,征收机关"


def receipts(*rows: str, title: str = "") -> bytes:
    """Return a treasury list of these rows."""
    return ("\n".join([*([title] if title else []), HEADER, *rows]) + "\n").encode()


def receipt(number: int, kind: str = "电子税票") -> str:
    """Return a good row of a treasury list."""
    return RECEIPT.format(n=number, kind=kind)


QUOTED = ['"1,234.50"', '"-1,234.50"', '"500.00"', '"1,234"', '"1,234,567,890,123.00"', '"12,345,678,901,234.00"', '"1,234.505"', '"1,23.45"', '"1,234.50" ', ' "1,234.50"', '5"1,234.50"', '"1,234.50"5', '"1,234.5"5', '"1,234"5', '""', '","', '"1,234.50""', '"1,234.""50"', '"=1,234.50"', '"１,234.50"', '"(1,234.50)"', '"1,234.50元"']  # fmt: skip


@pytest.mark.parametrize("packet", ["00000731", '"00000731"', '"00,731"', '"1,234.50"'])
@pytest.mark.parametrize("amount", QUOTED)
def test_amounts_in_quotation_marks(stage: Stage, amount: str, packet: str) -> None:
    """What stands in quotation marks, alone in its line or not, well written or not, is the same to both looks."""
    row = receipt(1).replace("100.00", amount).replace("00000731", packet)
    assert same(stage, receipts(row, receipt(2), row.replace("2203", "2204"), receipt(3)))


def test_an_amount_in_quotation_marks_is_plain(stage: Stage) -> None:
    """Amounts with separators do not need the close look, one in a line or several."""
    rows = [receipt(n).replace("100.00", f'"{n},000.00"') for n in range(1, 6)]
    (staged,) = stage(receipts(*rows))
    assert staged.summary["plain"]["rows"] == 5
    assert [row["amount"] for row in staged.rows] == [Decimal(n * 1000) for n in range(1, 6)]


@pytest.mark.parametrize("day", ["19990228", "1999-02-28", "2015年12月31日", "20990101", "2022-2-28", "2022/2/28", "20220229", "22220101"])  # fmt: skip
def test_a_day_of_any_year(stage: Stage, day: str) -> None:
    """A day in the years about the month, long before or after them, or none, is the same to both looks."""
    data = table("tax_collection_detail", Random(1), [100, 200])
    grid = [["" if cell is None else str(cell) for cell in row] for row in offices.grid(data, Style(), offices.written)]
    grid[1][grid[0].index("费款所属期起")] = day
    assert same(stage, "".join(",".join(row) + "\n" for row in grid).encode())


@pytest.mark.parametrize("label", ["合计：", "合 计", "小计 ", "总计:"])
def test_a_label_of_a_total_in_a_full_row(stage: Stage, label: str) -> None:
    """A row that says 合计 in a column medpool does not know is the same to the quick look and the close one."""
    lines = [f"序号,{HEADER}", f"1,{receipt(1)}", f"{label},{receipt(2)}"]
    assert same(stage, ("\n".join(lines) + "\n").encode())


def test_a_count_of_nineteen_digits(stage: Stage) -> None:
    """A count too large to be one is the same to the quick look and the close one."""
    data = table("tax_collection_detail", Random(1), [100])
    data.rows[0]["heads"] = 1234567890123456789
    assert same(stage, offices.as_text(data, Style()))


@pytest.mark.parametrize("title", ["单位：万元", "单 位：万元", "单　位：万　元", "单位：万 元", "金额单位：人民币 万元", "单位：人民币（万元）", "（万元）", "以万元为单位"])  # fmt: skip
def test_unit_however_it_is_spaced(stage: Stage, title: str) -> None:
    """A title that says 万元 in any way multiplies the amounts, or the file is refused."""
    try:
        (staged,) = stage(receipts(receipt(1), title=title))
    except NotReadable:
        return
    assert [row["amount"] for row in staged.rows] == [Decimal(1_000_000)]


@pytest.mark.parametrize("data", [
    receipts(receipt(1), f'"{receipt(2)}', receipt(3), receipt(4), f'"{receipt(5)}', receipt(6)),
    receipts(receipt(1), receipt(2, '"电子税票'), *map(receipt, range(3, 9))),
    receipts(*(f"{receipt(n)},{chr(34) if n == 2 else ''}x" for n in range(1, 9)), title="单位：万元").replace(b"\xe5\x85\xb3\n", b"\xe5\x85\xb3,\xe5\xa4\x87\xe6\xb3\xa8\n", 1),
], ids=["two at the beginning of rows", "in the middle of the last rows", "in the last column"])  # fmt: skip
def test_a_quotation_mark_left_open(stage: Stage, data: bytes) -> None:
    """A quotation mark that is not closed swallows no rows: each line is a row, good or set aside."""
    (staged,) = stage(data)
    assert staged.summary["lines"] == {"data": data.count(b"\n") - 1 - data.startswith("单位".encode())}


def test_two_amounts_in_a_cell(stage: Stage) -> None:
    """Two numbers on two lines of one cell are no amount."""
    (staged,) = stage(receipts(receipt(1).replace("100.00", '"100\n200"')))
    assert [(row["amount"], row["set_aside"]) for row in staged.rows] == [(None, True)]


@pytest.mark.parametrize("title", ["x" * 1_100_000, "a b " * 300_000])
def test_a_title_far_too_long(stage: Stage, title: str) -> None:
    """A title longer than any line hides no row below it."""
    (staged,) = stage(receipts(*map(receipt, range(1, 4)), title=title))
    assert [row["row_no"] for row in staged.rows] == [3, 4, 5]


def test_total_of_a_fixed_text(stage: Stage) -> None:
    """The total of a text without delimiters, which is wider than any row's amount, is compared with the rows."""
    data = table("agency_bookings", Random(1), [99_999_99, 99_999_99])
    text = offices.as_fixed(data, Style(total=True)).replace(b"199999.98", b"299999.98")
    (staged,) = stage(text)
    assert staged.summary["failures"]["amount__total"] == 1


def test_cells_of_blanks_behind_the_last_column(stage: Stage) -> None:
    """Cells of blanks behind the last column count as empty in a workbook as they do in a text."""
    data = table("treasury_receipts", Random(1), [100])
    book = openpyxl.Workbook()
    rows = offices.grid(data, Style(), offices.typed)
    for row in (rows[0], [*rows[1], " "]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    (staged,) = stage(out.getvalue())
    check(staged, data)
