"""Every row of a file is staged once, under its own line, typed exactly, with all it fails and nothing about who paid."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medpool_etl.contracts import load_all
from medpool_etl.intake import recognise
from medpool_etl.intake.peek import NotReadable
from medpool_etl.periods import Month
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import staging_session
from medpool_etl.staging import stage_file
from medpool_etl.store.session import staged_sql

CONTRACTS = load_all()
HEADER = "国库,入库日期,包号,凭证号,凭证类型,级次,科目,金额,征收机关"


def voucher(number: int) -> str:
    """Return a voucher number of 18 digits."""
    return f"3331022203{number:08d}"


def line(number: int = 1, **cells: str) -> str:
    """Return a good row of the treasury's list, with some cells changed by their headers."""
    row = {
        "国库": "1110000000",
        "入库日期": "2022-03-14",
        "包号": "00000731",
        "凭证号": voucher(number),
        "凭证类型": "电子税票",
        "级次": "3",
        "科目": "1020301",
        "金额": "100.00",
        "征收机关": "13310020000",
    }
    assert set(cells) <= set(row)
    return ",".join((row | cells).values())


@dataclass
class Staged:
    """A staged file: its summary, its rows, and the Arrow schema they were written with."""

    summary: dict[str, Any]
    rows: list[dict[str, Any]]
    schema: pa.Schema

    @property
    def failures(self) -> dict[str, int]:
        """The checks that failed, with how often."""
        return {check: count for check, count in self.summary["failures"].items() if count}

    @property
    def amounts(self) -> list[Decimal | None]:
        """The amounts, in the order of the file."""
        return [row["amount"] for row in self.rows]


Stage = Callable[..., Staged]


@pytest.fixture(scope="module")
def march() -> Iterator[duckdb.DuckDBPyConnection]:
    """A session for Taizhou's March 2022."""
    with staging_session(Agreed.load("taizhou"), Month(2022, 3)) as connection:
        yield connection


@pytest.fixture(scope="module")
def stage(march: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Return a function that recognises and stages bytes or text."""
    folder = tmp_path_factory.mktemp("staged")

    def run(data: str | bytes, encoding: str = "utf-8") -> Staged:
        path = folder / "file"
        path.write_bytes(data if isinstance(data, bytes) else data.encode(encoding))
        (shape,) = recognise(path, CONTRACTS).shapes
        summary = stage_file(march, path, "file", shape, CONTRACTS[shape.contract], folder)
        contract = CONTRACTS[shape.contract]
        sql = " UNION ALL ".join(staged_sql(folder, "file", contract))
        table = march.sql(f"FROM ({sql}) ORDER BY line_id").to_arrow_table()
        return Staged(summary, table.to_pylist(), table.schema)

    return run


def treasury(*lines: str, end: str = "\n") -> str:
    """Return a treasury list with these lines below the header."""
    return end.join((HEADER, *lines)) + end


def test_good_row(stage: Stage) -> None:
    """A good row is staged typed, fails nothing, and keeps no copy of its text."""
    staged = stage(treasury(line()))
    (row,) = staged.rows
    assert (row["file_id"], row["row_no"], row["voucher_no"]) == ("file", 2, voucher(1))
    assert (row["amount"], row["level"], row["booked_date"].isoformat()) == (Decimal("100.00"), "city", "2022-03-14")
    assert (row["failed"], row["set_aside"], row["original"]) == ([], False, None)
    assert staged.failures == {}
    assert staged.summary["staged"] == staged.summary["lines"]["data"] == 1


def test_money_is_decimal(stage: Stage) -> None:
    """Every money column of the Parquet is DECIMAL(18,2), dates are dates, and codes stay text."""
    schema = stage(treasury(line())).schema
    assert schema.field("amount").type == pa.decimal128(18, 2)
    assert schema.field("booked_date").type == pa.date32()
    assert schema.field("treasury").type == pa.string()
    statement = "账号：331000100300001\n期初余额：0,期末余额：1\n交易日期,流水号,借方,贷方,余额,对方户名,对方账号,摘要\n2022-03-31,1,,1,1,,,\n"
    schema = stage(statement).schema
    for name in ("opening_balance", "closing_balance", "debit", "credit", "balance"):
        assert schema.field(name).type == pa.decimal128(18, 2), name


@pytest.mark.parametrize("unseen", ["\x02", "\x1f", "\x7f", "\x85", "\u200e", "\u202c"])
def test_control_characters(unseen: str, stage: Stage) -> None:
    """A control character in a text, which nobody would see in a key that has no match, sets its row aside."""
    staged = stage(treasury(line(), line(2, 包号=f"000{unseen}0731"), line(3)))
    assert [row["set_aside"] for row in staged.rows] == [False, True, False]
    assert staged.failures == {"row__unreadable": 1}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("last_end", [True, False])
def test_line_numbers(end: str, encoding: str, last_end: bool, stage: Stage) -> None:
    """``row_no`` is the line of the file, with titles, blank lines and any line end or encoding."""
    lines = ["国库入库清单", "", HEADER, line(1), "", line(2), ",,,,,,,,", line(3), "", line(4)]
    staged = stage(end.join(lines) + (end if last_end else ""), encoding)
    assert [row["row_no"] for row in staged.rows] == [4, 6, 8, 10]
    assert staged.summary["lines"] == {"blank": 3, "data": 4}
    assert staged.failures == {}


def test_blank_lines_at_both_ends(stage: Stage) -> None:
    """Blank lines before the title and at the end change no line number."""
    staged = stage("\n\n\n" + treasury(line(1), line(2)) + "\n\n\n")
    assert [row["row_no"] for row in staged.rows] == [5, 6]


def test_mixed_line_ends(stage: Stage) -> None:
    """Lines that end in different ways are told apart all the same, or the file is refused; none is lost."""
    data = f"{HEADER}\r\n{line(1)}\n{line(2)}\r\n{line(3)}\n"
    try:
        staged = stage(data)
    except NotReadable:
        return
    assert [row["row_no"] for row in staged.rows] == [2, 3, 4]
    assert staged.failures == {}


def test_old_line_ends(stage: Stage) -> None:
    """A carriage return alone ends a line, as CRLF and LF do: no row hides behind another."""
    staged = stage(f"{HEADER}\n{line(1)}\r{line(2)}\n{line(3)}\r\n")
    assert staged.failures == {}
    assert staged.summary["lines"] == {"data": 3}


def test_workbook_row_numbers(stage: Stage) -> None:
    """In a workbook ``row_no`` is Excel's row, with blank rows and titles counted; numbers and dates are read exactly."""
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["国库入库清单"], [], HEADER.split(","), [], line(1).split(","), [], line(2).split(",")):
        sheet.append(row)
    sheet["B5"], sheet["H5"] = dt.date(2022, 3, 14), 1234567.1
    sheet["B7"], sheet["H7"], sheet["G7"] = 44634, 0.3, 1020301
    body = io.BytesIO()
    book.save(body)
    staged = stage(body.getvalue())
    assert [row["row_no"] for row in staged.rows] == [5, 7]
    assert staged.amounts == [Decimal("1234567.10"), Decimal("0.30")]
    assert {row["booked_date"].isoformat() for row in staged.rows} == {"2022-03-14"}
    assert staged.failures == {}


def test_amount_of_a_formula(stage: Stage) -> None:
    """A workbook's binary number is read as Excel shows it: 0.1 + 0.2 is 0.30."""
    book = openpyxl.Workbook()
    book.active.append(HEADER.split(","))
    book.active.append(line(1).split(","))
    book.active["H2"] = 0.1 + 0.2
    body = io.BytesIO()
    book.save(body)
    assert stage(body.getvalue()).amounts == [Decimal("0.30")]


def test_error_value_in_a_workbook(stage: Stage) -> None:
    """A cell in which Excel shows an error is not taken for an empty one."""
    header = ["交易日期", "流水号", "借方", "贷方", "余额", "对方户名", "对方账号", "摘要"]
    book = openpyxl.Workbook()
    for row in (
        ["账号：331000100300001"],
        ["期初余额：0", "期末余额：1"],
        header,
        ["2022-03-31", "1", "", "1", "1", "", "", ""],
    ):
        book.active.append(row)
    book.active["C4"] = "#REF!"
    body = io.BytesIO()
    book.save(body)
    assert stage(body.getvalue()).failures.get("debit__form") == 1


def test_quoted_fields(stage: Stage) -> None:
    """Separators and quotes inside a quoted field belong to it."""
    staged = stage(treasury(line(1, 凭证类型='"电子,税票 ""甲"""', 金额='"1,234.50"'), line(2, 凭证类型='5" 纸')))
    assert [row["voucher_type"] for row in staged.rows] == ['电子,税票 "甲"', '5" 纸']
    assert staged.amounts == [Decimal("1234.50"), Decimal("100.00")]
    assert staged.failures == {}


@pytest.mark.parametrize("delimiter", ["\t", "|", ";"])
def test_other_separators(delimiter: str, stage: Stage) -> None:
    """The other separators are read with and without quotes, too."""
    staged = stage(
        treasury(line(1), line(2, 凭证类型='"甲"')).replace(",", delimiter).replace("甲", f"甲{delimiter}乙")
    )
    assert [row["voucher_type"] for row in staged.rows] == ["电子税票", f"甲{delimiter}乙"]
    assert staged.failures == {}


def test_field_count(stage: Stage) -> None:
    """A line with a field too few or too many is set aside with how many it has; empty fields behind do not count."""
    staged = stage(treasury(line(1) + ",,,", line(2) + ",x", line(3).rsplit(",", 1)[0], line(4)))
    assert [row["set_aside"] for row in staged.rows] == [False, True, True, False]
    assert [f["found"] for row in staged.rows for f in row["failed"] if f["check_id"] == "row__fields"] == [
        "10 栏",
        "8 栏",
    ]


@pytest.mark.parametrize("amount", ["1.00", '"1.00"'])
def test_field_count_of_a_quoted_line(amount: str, stage: Stage) -> None:
    """A line cut short is set aside whether or not it has quotes."""
    titles = "账号：331000100300001\n期初余额：0,期末余额：1\n交易日期,流水号,借方,贷方,余额,对方户名,对方账号,摘要\n"
    assert stage(f"{titles}2022-03-31,1,,{amount},1.00,国库,1\n").failures == {"row__fields": 1}


def test_duplicate_key(stage: Stage) -> None:
    """The first row with a key counts, each repeat is set aside; rows without a key are not repeats."""
    staged = stage(treasury(line(1), line(2), line(1, 金额="5"), line(1), line(3, 凭证号=""), line(4, 凭证号="")))
    assert [row["set_aside"] for row in staged.rows] == [False, False, True, True, False, False]
    assert staged.failures == {"row__duplicate": 2}
    assert staged.rows[2]["failed"] == [{"check_id": "row__duplicate", "found": voucher(1)}]


BAD_CELLS = {
    "no amount": ({"金额": "12O3"}, "amount__form", "12O3"),
    "amount left out": ({"金额": ""}, "amount__missing", "（空）"),
    "dashes for an amount": ({"金额": "--"}, "amount__missing", "（空）"),
    "impossible day": ({"入库日期": "2022-02-30"}, "booked_date__form", "2022-02-30"),
    "another month": ({"入库日期": "2022-04-01"}, "booked_in_month", "2022-04-01"),
    "negative": ({"金额": "-1.00"}, "amount_is_positive", "-1.00"),
    "unknown level": ({"级次": "9"}, "level__unknown", "9"),
    "unknown subject": ({"科目": "1021101"}, "subject__unknown", "1021101"),
    "unknown office": ({"征收机关": "13399990000"}, "tax_office__unknown", "13399990000"),
}


@pytest.mark.parametrize(("cells", "check", "found"), BAD_CELLS.values(), ids=BAD_CELLS)
def test_bad_cell(cells: dict[str, str], check: str, found: str, stage: Stage) -> None:
    """A bad cell sets its row aside under one check, with what was found and the whole line; the others stand."""
    staged = stage(treasury(line(1), line(2, **cells), line(3)))
    assert [row["set_aside"] for row in staged.rows] == [False, True, False]
    assert staged.rows[1]["failed"] == [{"check_id": check, "found": found}]
    assert staged.rows[1]["original"] == line(2, **cells)
    assert staged.failures == {check: 1}
    assert staged.summary["set_aside"] == 1


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_undecodable_bytes(encoding: str, stage: Stage) -> None:
    """A line with bytes that are no text is set aside as unreadable; the others are read."""
    data = treasury(line(1), line(2, 凭证类型="@@"), line(3)).encode(encoding).replace(b"@@", b"\xff\xff")
    staged = stage(data)
    assert [row["set_aside"] for row in staged.rows] == [False, True, False]
    assert staged.failures["row__unreadable"] == 1


@pytest.mark.parametrize("label", ["合计", "合 计", "合　计", "总计", "合计：", " 合计 "])
@pytest.mark.parametrize(("total", "differs"), [("300.00", {}), ("300.01", {"amount__total": 1}), ("", {})])
def test_total_line(label: str, total: str, differs: dict[str, int], stage: Stage) -> None:
    """A total line is no data; it must agree with the sum of the rows where it has an amount."""
    staged = stage(treasury(line(1), line(2), line(3), f"{label},,,,,,,{total},"))
    assert staged.summary["lines"] == {"data": 3, "total": 1}
    assert staged.failures == differs


def test_total_that_is_no_amount(stage: Stage) -> None:
    """A total that cannot be read does not pass for one that agrees."""
    assert stage(treasury(line(1), "合计,,,,,,,1OO.00,")).failures == {"amount__total": 1}


def test_total_behind_a_serial_number(stage: Stage) -> None:
    """A total line is recognised by its label in a column medpool does not know, such as 序号."""
    text = f"序号,{HEADER}\n1,{line(1)}\n2,{line(2)}\n合计,,,,,,,,999.00,\n"
    staged = stage(text)
    assert staged.summary["lines"] == {"data": 2, "total": 1}
    assert staged.failures == {"amount__total": 1}


def test_total_counts_rows_set_aside(stage: Stage) -> None:
    """The total is compared with all rows of the file, also those set aside."""
    staged = stage(treasury(line(1), line(2, 入库日期="2022-04-01"), "合计,,,,,,,200.00,"))
    assert staged.failures == {"booked_in_month": 1}


def test_subtotals(stage: Stage) -> None:
    """Subtotals are no data and not compared with the whole."""
    lines = (line(1), "小计,,,,,,,100.00,", line(2), "小计,,,,,,,100.00,", "合计,,,,,,,200.00,")
    staged = stage(treasury(*lines))
    assert staged.summary["lines"] == {"data": 2, "subtotal": 2, "total": 1}
    assert staged.failures == {}


def test_broken_line_after_a_subtotal(stage: Stage) -> None:
    """A line cut to two fields between a subtotal and further rows is a broken row, not a note."""
    staged = stage(treasury(line(1), "小计,,,,,,,100.00,", "1110000000,2022-03-14", line(2)))
    assert staged.summary["staged"] == 3
    assert staged.summary["set_aside"] == 1


def test_notes_below_the_total(stage: Stage) -> None:
    """What stands below the total is a note, not a row."""
    staged = stage(treasury(line(1), "合计,,,,,,,100.00,", "填表人：张三,,,审核人：李四,,,,,", "", "说明：无"))
    assert staged.summary["lines"] == {"blank": 1, "data": 1, "note": 2, "total": 1}
    assert staged.failures == {}


def test_many_totals_of_the_tax_file(stage: Stage) -> None:
    """Each column with a total is compared on its own."""
    contract = CONTRACTS["tax_collection_detail"]
    cells = [contract.example[0].get(column.header, "") for column in contract.columns]
    names = [column.name for column in contract.columns]
    total = ["合计"] + [""] * (len(names) - 1)
    total[names.index("due_amount")], total[names.index("paid_amount")] = "6888.89", "6888.88"
    header = ",".join(column.header for column in contract.columns)
    assert stage(f"{header}\n{','.join(cells)}\n{','.join(total)}\n").failures == {"paid_amount__total": 1}


def test_payer_is_never_shown(stage: Stage) -> None:
    """Whatever a row fails, ``found`` does not hold who paid."""
    contract = CONTRACTS["tax_collection_detail"]
    good = contract.example[0]
    bad = [
        good
        | {"缴费人识别号": "SECRET-PERSON", "缴费人数": "x", "实缴金额": "-1", "预算级次": "9", "行政区划": "339999"},
        good | {"缴费人识别号": ""},
        good | {"缴费人识别号": "SECRET-PERSON", "缴款日期": "2022-04-30"},
    ]
    header = [column.header for column in contract.columns]
    text = "\n".join([",".join(header), *(",".join(row.get(h, "") for h in header) for row in bad)]) + "\n"
    found = [failed for row in stage(text).rows for failed in row["failed"]]
    assert {"payer_id__missing", "heads__form", "paid_is_positive", "level__unknown"} <= {f["check_id"] for f in found}
    assert not [f for f in found if "SECRET" in f["found"]]
    assert [f["found"] for f in found if f["check_id"] == "payer_id__missing"] == ["（不显示）"]


def test_reordered_and_unknown_columns(stage: Stage) -> None:
    """Columns in another order, with unknown ones between, give the same rows."""
    turned = [",".join([*reversed(text.split(",")), "x"]) for text in (HEADER, line(1), line(2))]
    ordered, other = stage(treasury(line(1), line(2))), stage("\n".join(turned) + "\n")
    assert other.rows == ordered.rows


def test_unit_of_the_file(stage: Stage) -> None:
    """Amounts of a file in 万元 are staged in yuan, exact to the fen; its total, too."""
    staged = stage("单位：万元\n" + treasury(line(1, 金额="0.688889"), line(2, 金额="1.5"), "合计,,,,,,,2.188889,"))
    assert staged.amounts == [Decimal("6888.89"), Decimal("15000.00")]
    assert staged.failures == {}


def report(**changed: list[object]) -> bytes:
    """Return a county report in which only 住院 was paid, with some lines changed by their label."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["填报单位：331002 椒江区", "", "所属期：2022年3月", "", "单位：元"])
    sheet.append(["项目", "职工医保", "", "", "城乡居民医保"])
    sheet.append(["", "人次", "医疗总费用", "基金支付", "人次", "医疗总费用", "基金支付"])
    paid = {"住院", "合计", "本月支出", "期初余额"}
    for item in CONTRACTS["county_expenditure_report"].by_name["item"].values or {}:
        amount = 7 if item in paid else 0
        sheet.append([item, *changed.get(item, [1, 9, amount, 1, 9, amount])])
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def test_report_is_unfolded(stage: Stage) -> None:
    """A county report gives one row for each line and fund, under Excel's row number."""
    staged = stage(report())
    assert staged.failures == {}
    assert len(staged.rows) == 32
    inpatient = [row for row in staged.rows if row["item"] == "inpatient"]
    assert [(row["fund"], row["amount"], row["row_no"]) for row in inpatient] == [
        ("worker", Decimal("7.00"), 4),
        ("resident", Decimal("7.00"), 4),
    ]


@pytest.mark.parametrize(
    ("label", "cells", "check"),
    [
        ("合计", [1, 9, 8, 1, 9, 7], "total_of_items"),
        ("本月支出", [1, 9, 6, 1, 9, 7], "paid_is_total"),
        ("期末余额", [1, 9, 1, 1, 9, 0], "account_arithmetic"),
        ("药店", [], "amount__missing"),
    ],
)
def test_report_that_does_not_add_up(label: str, cells: list[object], check: str, stage: Stage) -> None:
    """A county report that does not add up, or lacks a line, fails a check that rejects it."""
    assert check in stage(report(**{label: cells})).failures


@pytest.mark.parametrize("label", ["合计", "本月支出", "期末余额", "本月拨入"])
def test_report_with_a_blank_amount(label: str, stage: Stage) -> None:
    """A county report that leaves out one of the amounts everything hangs on is not without failures."""
    assert stage(report(**{label: [1, 9, None, 1, 9, 0 if label in ("期末余额", "本月拨入") else 7]})).failures


def written(fen: int, form: int) -> str:
    """Write fen in one of the forms offices use."""
    whole, part = divmod(abs(fen), 100)
    sign = "-" if fen < 0 else ""
    return [
        f"{sign}{whole}.{part:02d}",
        f"{sign}{whole:,}.{part:02d}",
        f"({whole:,}.{part:02d})" if fen < 0 else f"￥{whole:,}.{part:02d}",
        f"{sign}{whole}.{part:02d}元".translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789.-"}),
    ][form]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(-(10**13), 10**13), st.integers(0, 3)), min_size=1, max_size=40), st.booleans())
def test_rows_in_are_rows_staged(stage: Stage, amounts: list[tuple[int, int]], dos: bool) -> None:
    """Any table of amounts in any forms is staged row for row, exact to the fen, and agrees with its own total."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n" if dos else "\n")
    writer.writerow(HEADER.split(","))
    for number, (fen, form) in enumerate(amounts):
        cells = line(number).split(",")
        cells[7] = written(fen, form)
        writer.writerow(cells)
    writer.writerow(["合计", *[""] * 6, written(sum(fen for fen, _ in amounts), 1), ""])
    staged = stage(out.getvalue(), "gb18030")
    assert staged.amounts == [Decimal(fen) / 100 for fen, _ in amounts]
    assert [row["row_no"] for row in staged.rows] == list(range(2, len(amounts) + 2))
    assert staged.summary["staged"] == len(amounts)
    assert set(staged.failures) <= {"amount_is_positive"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="gb18030", exclude_characters="\r\n\0\x01", exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=11),
        max_size=15,
    )
)  # fmt: skip
def test_no_row_is_lost(stage: Stage, cells: list[list[str]]) -> None:
    """Whatever stands in the cells, every line of the file is counted once, as what it is."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([HEADER.split(","), *cells])
    staged = stage(out.getvalue())
    assert sum(staged.summary["lines"].values()) == len(cells)
    assert staged.summary["staged"] == len(staged.rows) == staged.summary["lines"].get("data", 0)
