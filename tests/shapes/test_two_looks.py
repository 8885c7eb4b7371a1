"""Rows made to divide the quick look and the close one: both must see the same, whatever stands where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import duckdb
import pytest

from medpool_etl.contracts import Contract
from medpool_etl.intake import recognise
from medpool_etl.pipeline.agreed import Agreed
from medpool_etl.pipeline.session import staging_session
from medpool_etl.staging import stage_file
from tests.shapes.invariants import Staged, read_staged
from tests.shapes.offices import CONTRACTS
from tests.shapes.sources import MARCH

TREASURY = "国库,入库日期,包号,凭证号,凭证类型,级次,科目,金额,征收机关"
TAX = "主管税务机关,电子税票号码,缴费人识别号,缴费人类型,征收项目,征收品目,征收子目,费款所属期起,费款所属期止,缴费人数,缴费基数,费率,应缴金额,实缴金额,缴款日期,入库日期,预算科目,预算级次,收款国库,行政区划"
GOOD = {
    TREASURY: "1110000000,2022-03-14,00000731,333102220300000001,电子税票,3,1020301,100.00,13310020000",
    TAX: "13310020000,333102220300000001,X0000000000000001,用人单位,职工基本医疗保险费,单位缴纳,正税,20220301,20220331,12,76543.20,0.09,6888.89,6888.89,20220311,20220314,1020301,3,1110000000,331002",
}


def rows(form: str, *changes: dict[str, str], first: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> bytes:
    """Return a file of good rows, each with some cells changed; ``first`` columns come first, ``more`` are unknown ones."""
    known = form.split(",")
    names = [*first, *(name for name in known if name not in first), *(name for name in more if name not in first)]
    good = dict(zip(known, GOOD[form].split(","), strict=True)) | dict.fromkeys(more, "a")
    number = "凭证号" if form == TREASURY else "电子税票号码"
    lines = [",".join(names)]
    for count, change in enumerate(changes, 1):
        lines.append(",".join((good | {number: f"3331022203{count:08d}"} | change)[name] for name in names))
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture(scope="module")
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    """A session for Taizhou's March 2022."""
    with staging_session(Agreed.load("taizhou"), MARCH) as connection:
        yield connection


def look(
    session: duckdb.DuckDBPyConnection, folder: Path, data: bytes, contracts: dict[str, Contract] = CONTRACTS
) -> Staged:
    """Stage a file with both looks, see that they agree, and return what they saw."""
    (folder / "file").write_bytes(data)
    (shape,) = recognise(folder / "file", contracts).shapes
    contract, seen = contracts[shape.contract], []
    for known in (None, mock.patch("medpool_etl.staging.stage.known_before", return_value=None)):
        with known or mock.MagicMock():
            summary = stage_file(session, folder / "file", "file", shape, contract, folder)
            seen.append(read_staged(session, folder, "file", shape, contract, summary))
    quick, close = seen
    assert quick.rows == close.rows
    assert quick.lines == close.lines
    alike = [{k: v for k, v in staged.summary.items() if k not in ("plain", "blocks")} for staged in seen]
    assert alike[0] == alike[1]
    return quick


NOTE = {"more": ("备注",)}
CASES = {
    "a total behind an empty day": rows(TAX, {}, {"入库日期": "", "征收品目": "合计"}, first=("入库日期", "征收品目")),
    "a subtotal behind an empty day": rows(TAX, {}, {"入库日期": "", "征收品目": "小计"}, first=("入库日期", "征收品目")),
    **{
        f"a total behind {blank!r}": rows(TAX, {"序号": "1"}, {"序号": blank, "征收品目": "合计"}, first=("序号", "征收品目"), more=("序号",))
        for blank in (" ", '""', "\u3000", "")
    },
    "a repeated pair of headers": rows(TREASURY, {}, {"国库": "国库", "包号": "包号"}, first=("国库", "包号")),
    **{
        f"a note {note!r}": rows(TREASURY, {}, {"备注": note, "金额": amount}, {}, **NOTE)
        for note in ('"1\ufffd"', 'x"1,234"', 'x"1234"', '"x""y"', '"x,y"', '"x"y', '"1,234"', "1\x1f", '5"')
        for amount in ("100.00", '"1,000.00"')
    },
    "inch marks": rows(TREASURY, {"备注": '5"'}, {"备注": '6"'}, {}, **NOTE),
    **{f"a rate {rate}": rows(TAX, {}, {"费率": rate}) for rate in ("-5", "-1", "-0.5", "-1e0", "-0.9999999", "5", "99", "1e-3")},
    **{
        f"a base {base}": rows(TAX, {}, {"缴费基数": base, "应缴金额": due, "实缴金额": due})
        for base, due in (
            ("9999999999999999.99", "1.00"), ("9e15", "1.00"), ("9999999999999.995", "1.00"), ("9999999999999.99", "1.00"),
            ("120000000000.00", "10800000000.00"), ("999999999999.99", "90000000000.00"),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_both_looks_agree(case: str, session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Totals, repeated headers, cells nothing is read from, and values too large to work with are the same to both looks."""
    look(session, tmp_path, CASES[case])


def test_a_large_base_is_right(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A base of more than a hundred thousand million passes where the amount is right, and fails where it is not."""
    right = {"缴费基数": "120000000000.00", "应缴金额": "10800000000.00", "实缴金额": "10800000000.00"}
    staged = look(session, tmp_path, rows(TAX, right, right | {"应缴金额": "10800000001.00"}))
    assert [len(row["failed"]) for row in staged.rows] == [0, 1]


def test_halves_of_two_rows_are_no_row(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A quotation mark left open in one row and closed in the next does not make one row of the two."""
    columns = TREASURY.split(",")
    data = rows(TREASURY, {"备注": '"优秀'}, {"备注": '先进"'}, {}, first=(*columns[:4], "备注"), more=("备注",))
    staged = look(session, tmp_path, data)
    assert [row["row_no"] for row in staged.rows] == [2, 3, 4]
    assert not staged.rows[2]["failed"]


def test_a_repeated_key_is_shown_as_written(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """What is said of a repeated key is what the file has, not what it was read as."""
    header = ",".join(column.header for column in CONTRACTS["funding_plan"].columns)
    lines = [header, *["331002,职工医保,202204,28600000.00,3418227.90"] * 2]
    staged = look(session, tmp_path, ("\n".join(lines) + "\n").encode())
    (failure,) = staged.rows[1]["failed"]
    assert failure["found"] == "331002 / 职工医保 / 202204"


@pytest.mark.parametrize(
    ("name", "change", "cells"),
    [
        ("batch_no", {"pattern": r"^\d{0,8}$"}, {"包号": ""}),
        ("batch_no", {"pattern": "^[0-9-]+$"}, {"包号": "-"}),
        ("batch_no", {"pattern": "^[0-9-]+$"}, {"包号": "--"}),
        ("subject", {"pattern": "^1021"}, {}),
        ("amount", {"pattern": r"^\d+$"}, {}),
    ],
)
def test_an_office_with_other_patterns(
    name: str, change: dict[str, str], cells: dict[str, str], session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Patterns an office gives to a column hold in both looks."""
    given = CONTRACTS["treasury_receipts"].model_dump(by_alias=True)
    for column in given["columns"]:
        column.update(change if column["name"] == name else {})
    changed = CONTRACTS | {"treasury_receipts": Contract.model_validate(given)}
    staged = look(session, tmp_path, rows(TREASURY, {}, cells), changed)
    assert staged.rows[1]["set_aside"]
