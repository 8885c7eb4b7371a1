"""A file is recognised by its header, whatever its name, encoding, separator or title; else it is told what it lacks."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from medpool_etl.contracts import load_all
from medpool_etl.intake import Shape, recognise
from medpool_etl.intake.peek import NotReadable
from medpool_etl.periods import Month
from medpool_etl.simulator import simulate

CONTRACTS = load_all()
HEADER = "国库,入库日期,包号,凭证号,凭证类型,级次,科目,金额,征收机关"
ROW = "1110000000,2022-03-14,00000731,333102220300000017,电子税票,3,1020301,6888.89,13310020000"
NAMES = (
    "treasury",
    "booked_date",
    "batch_no",
    "voucher_no",
    "voucher_type",
    "level",
    "subject",
    "amount",
    "tax_office",
)


def shape_of(data: str | bytes, folder: Path, name: str = "file", encoding: str = "utf-8") -> Shape:
    """Write a file and recognise it."""
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode(encoding))
    (shape,) = recognise(path, CONTRACTS).shapes
    return shape


def refusal(data: str | bytes, folder: Path) -> NotReadable:
    """Return why a file is not recognised."""
    with pytest.raises(NotReadable) as caught:
        shape_of(data, folder)
    assert caught.value.zh
    return caught.value


def workbook(*rows: list[object]) -> bytes:
    """Return a workbook whose one sheet has these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory):
    """A simulated month of Taizhou."""
    return simulate("taizhou", Month(2022, 3), tmp_path_factory.mktemp("inbox"))


def test_every_simulated_file(simulated) -> None:
    """Each file of a simulated month is recognised as what it is, with whose it is."""
    for key, name in simulated.names.items():
        contract, _, part = key.partition("/")
        (shape,) = recognise(simulated.folder / name, CONTRACTS).shapes
        assert shape.contract == contract, name
        assert shape.metadata.get(CONTRACTS[contract].expected.part_from or "", "") == part, name


def test_names_do_not_matter(simulated, tmp_path: Path) -> None:
    """The same bytes under a misleading name give the same shape."""
    for number, path in enumerate(sorted(simulated.folder.iterdir())):
        misleading = tmp_path / f"{number}.{'csv' if path.suffix == '.xlsx' else 'xlsx'}"
        misleading.write_bytes(path.read_bytes())
        assert recognise(misleading, CONTRACTS) == recognise(path, CONTRACTS)


@pytest.mark.parametrize("titles", range(6))
def test_title_rows(titles: int, tmp_path: Path) -> None:
    """Up to five title rows above the header are skipped, blank ones too, and rows are counted as in an editor."""
    text = "".join(f"{'国库清单' if row % 2 else ''}\n" for row in range(titles))
    shape = shape_of(f"{text}{HEADER}\n{ROW}\n", tmp_path)
    assert (shape.first.header_row, shape.first.first_row) == (titles + 1, titles + 2)
    assert shape.first.columns == NAMES


@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_and_encodings(delimiter: str, encoding: str, end: str, tmp_path: Path) -> None:
    """Every separator, encoding and line end offices use gives the same columns."""
    text = f"国库入库清单{end}{HEADER}{end}{ROW}{end}".replace(",", delimiter)
    shape = shape_of(text, tmp_path, encoding=encoding)
    assert (shape.contract, shape.first.columns, shape.delimiter) == ("treasury_receipts", NAMES, delimiter)
    assert shape.encoding.removesuffix("-sig") == encoding.removesuffix("-sig")


@pytest.mark.parametrize(
    "header",
    [
        HEADER.replace("金额", "金 额"),
        HEADER.replace("金额", "金　额"),
        HEADER.replace("金额", " 金额 "),
        HEADER.replace("国库", "国库代码").replace("级次", "预算级次").replace("科目", "预算科目"),
        ",".join(f'"{cell}"' for cell in HEADER.split(",")),
    ],
)
def test_header_as_offices_write_it(header: str, tmp_path: Path) -> None:
    """Spaces in a header, quotes around it and the contract's other names for it are all read."""
    assert shape_of(f"{header}\n{ROW}\n", tmp_path).first.columns == NAMES


def test_full_width_header(tmp_path: Path) -> None:
    """Full-width characters in titles and sheet headers are read as plain ones."""
    sheet = workbook(
        ["户名：某专户", "账号：３３１０００１００３００００１"],
        ["期初余额：１，０００．００", "期末余额：１，０００．００", "单位：万元"],
        ["交易日期", "流水号", "借　方", "贷　方", "余　额", "对方户名", "对方账号", "摘　要"],
    )
    shape = shape_of(sheet, tmp_path)
    assert shape.metadata == {
        "account_no": "331000100300001",
        "opening_balance": "1,000.00",
        "closing_balance": "1,000.00",
    }
    assert shape.first.unit == 10_000


def test_columns_in_another_order(tmp_path: Path) -> None:
    """Columns are found by their headers, in any order."""
    header, row = (",".join(reversed(line.split(","))) for line in (HEADER, ROW))
    assert shape_of(f"{header}\n{row}\n", tmp_path).first.columns == tuple(reversed(NAMES))


def test_columns_medpool_does_not_know(tmp_path: Path) -> None:
    """Unknown columns are left alone, in front, between and behind."""
    shape = shape_of(f"序号,{HEADER.replace(',金额', ',经办人,金额')},备注\n", tmp_path)
    assert shape.first.columns == ("", *NAMES[:7], "", *NAMES[7:], "")


def test_a_column_that_may_be_empty_is_still_there(tmp_path: Path) -> None:
    """A column that is absent is more likely there under another name, which the refusal names too."""
    error = refusal(HEADER.replace("凭证号,", "凭证编码,") + "\n", tmp_path)
    assert "缺少栏目：凭证号" in error.zh
    assert "不认识的栏目：凭证编码" in error.zh


@pytest.mark.parametrize("lacking", ["金额", "征收机关"])
def test_missing_column_is_named(lacking: str, tmp_path: Path) -> None:
    """A file that lacks a required column is told which, in Chinese, with the kind of file it looks like."""
    error = refusal(",".join(cell for cell in HEADER.split(",") if cell != lacking) + "\n", tmp_path)
    assert lacking in error.zh
    assert "国库入库清单" in error.zh


def test_missing_group_of_a_form(tmp_path: Path) -> None:
    """A county report without the residents' columns is told that."""
    sheet = workbook(
        ["填报单位：331002", "所属期：2022年3月"],
        ["项目", "职工医保", "", ""],
        ["", "人次", "医疗总费用", "基金支付"],
        ["住院", 1, 2, 3],
    )
    assert "城乡居民医保/基金支付" in refusal(sheet, tmp_path).zh


def test_missing_title(tmp_path: Path) -> None:
    """A statement that does not say of which account it is, is told so."""
    header = ",".join(column.header for column in CONTRACTS["account_statement"].columns)
    assert "账号" in refusal(f"期初余额：1,期末余额：1\n{header}\n", tmp_path).zh


def test_quoted_title(tmp_path: Path) -> None:
    """An amount with separators in a quoted title cell is read whole."""
    header = ",".join(column.header for column in CONTRACTS["account_statement"].columns)
    title = '账号：331000100300001,"期初余额：8,000,000.00","期末余额：9,250,000.00"'
    metadata = shape_of(f"{title}\n{header}\n", tmp_path).metadata
    assert (metadata["opening_balance"], metadata["closing_balance"]) == ("8,000,000.00", "9,250,000.00")


@pytest.mark.parametrize(
    ("title", "worth"),
    [
        ("单位：元", 1),
        ("单位：万元", 10_000),
        ("（单位：万元）", 10_000),
        ("金额单位：人民币元", 1),
        ("填报单位：万元镇", 1),
        ("无", 1),
    ],
)
def test_unit_of_amounts(title: str, worth: int, tmp_path: Path) -> None:
    """The title says whether amounts are in 元 or 万元; without a word they are in 元."""
    assert shape_of(f"{title}\n{HEADER}\n{ROW}\n", tmp_path).first.unit == worth


@pytest.mark.parametrize("unit", ["千元", "百万元", "亿元", "美元"])
def test_unit_medpool_does_not_know(unit: str, tmp_path: Path) -> None:
    """A file in another unit is refused; its amounts are never read as yuan."""
    assert unit in refusal(f"单位：{unit}\n{HEADER}\n{ROW}\n", tmp_path).zh


def test_empty_file(tmp_path: Path) -> None:
    """An empty file is called empty."""
    assert refusal(b"", tmp_path).zh == "文件是空的"


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 8,
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"%PDF-1.7\n\0\1",
    ],
    ids=["every byte", "picture", "PDF"],
)
def test_binary_file(data: bytes, tmp_path: Path) -> None:
    """A file that is neither text nor a workbook is refused with that."""
    assert "文件不是文本" in refusal(data, tmp_path).zh


def test_old_or_locked_workbook(tmp_path: Path) -> None:
    """An .xls or an encrypted workbook is refused with what to save it as."""
    assert "另存为 .xlsx" in refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), tmp_path).zh


@pytest.mark.parametrize("text", ["hello\n", "a,b,c\n1,2,3\n", "\n\n\n", "国库入库清单\n"])
def test_text_of_no_known_kind(text: str, tmp_path: Path) -> None:
    """A text without a known header is refused with the kinds there are."""
    assert "国库入库清单" in refusal(text, tmp_path).zh


def archive(**members: str) -> bytes:
    """Return a zip archive with these members."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return body.getvalue()


def test_archive_that_is_no_workbook(tmp_path: Path) -> None:
    """A zip archive of something else is told apart from a workbook."""
    assert "不是 XLSX 工作簿" in refusal(archive(readme="x"), tmp_path).zh


def scrambled(book: bytes) -> bytes:
    """Return a workbook one of whose compressed parts was overwritten."""
    with zipfile.ZipFile(io.BytesIO(book)) as file:
        place = file.getinfo("xl/worksheets/sheet1.xml").header_offset + 60
    return book[:place] + b"\xff" * 60 + book[place + 60 :]


BOOK = workbook(HEADER.split(","), *[ROW.split(",")] * 50)


@pytest.mark.parametrize(
    "data",
    [
        BOOK[: len(BOOK) // 2],
        BOOK[:-30],
        BOOK[:4],
        archive(**{"xl/workbook.xml": "this is no XML", "[Content_Types].xml": "neither is this"}),
        archive(**{"xl/workbook.xml": ""}),
        scrambled(BOOK),
    ],
    ids=["half", "without its end", "four bytes", "no XML inside", "nothing inside", "overwritten"],
)
def test_damaged_workbook(data: bytes, tmp_path: Path) -> None:
    """A workbook that is cut short or damaged inside is refused as damaged."""
    assert "损坏" in refusal(data, tmp_path).zh


def test_second_sheet(tmp_path: Path) -> None:
    """The data may stand on any sheet; which one is kept."""
    book = openpyxl.Workbook()
    book.active.append(["说明"])
    sheet = book.create_sheet("明细")
    sheet.append(["国库入库清单"])
    sheet.append(HEADER.split(","))
    body = io.BytesIO()
    book.save(body)
    shape = shape_of(body.getvalue(), tmp_path)
    assert (shape.kind, shape.first.sheet, shape.first.header_row) == ("xlsx", "明细", 2)


def test_shape_as_data(tmp_path: Path) -> None:
    """A shape written as data is read back the same."""
    shape = shape_of(f"{HEADER}\n{ROW}\n", tmp_path)
    assert Shape.from_dict(shape.as_dict()) == shape
