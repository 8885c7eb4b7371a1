"""Files as no contract foresees them: each is read, set aside or refused for itself, and the month goes on."""

import datetime as dt
import hashlib
import io
import os
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import openpyxl
import pytest

from medpool_etl import pipeline
from medpool_etl.simulator import Simulation, simulate
from tests.conftest import MONTH, ROOT, Settled, at
from tests.support import read, write

WORKER_FISCAL, RESIDENT_FISCAL = "account_statement/331000100300001", "account_statement/331000100300002"
WORKER_PAYING, RESIDENT_PAYING = "account_statement/331000100400001", "account_statement/331000100400002"
REPORT = "county_expenditure_report/"
TAX, TREASURY, AGENCY = "tax_collection_detail", "treasury_receipts", "agency_bookings"
OUTCOMES = {"accepted", "accepted_with_set_asides", "rejected", "unusable", "superseded"}
HUGE = "9999999999999999.99"


class Edited:
    """A simulated month whose files were edited before it was settled; files are found again by their bytes."""

    def __init__(self, folder: Path, edit: Callable[["Edited"], None], seed: int = 1) -> None:
        self.settings = at(folder)
        self.simulation: Simulation = simulate("taizhou", MONTH, self.settings.inbox, seed=seed)
        self.paths = {key: self.simulation.folder / name for key, name in self.simulation.names.items()}
        edit(self)
        self.digests = {key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in self.paths.items()}
        run = pipeline.run_month(self.settings, "taizhou", MONTH)
        self.tables = run.folder(self.settings) / "tables"

    def add(self, key: str, name: str, data: bytes) -> None:
        """Put a further file into the inbox."""
        self.paths[key] = self.simulation.folder / name
        self.paths[key].write_bytes(data)

    def file(self, key: str) -> dict[str, object]:
        """Return the row of the table of files for a file."""
        cursor = duckdb.sql(f"FROM '{self.tables}/files.parquet' WHERE sha256 = '{self.digests[key]}'")
        rows = cursor.fetchall()
        assert len(rows) == 1, key
        return dict(zip(cursor.columns, rows[0], strict=True))

    def outcome(self, key: str) -> str:
        """Return what became of a file."""
        return str(self.file(key)["outcome"])

    def problem(self, key: str) -> str:
        """Return what is said to be wrong with a file, in both languages."""
        row = self.file(key)
        assert row["problem_zh"] and row["problem_en"], key
        return f"{row['problem_zh']}\n{row['problem_en']}"

    def aside(self, key: str) -> set[tuple[int, str]]:
        """Return row and check of everything set aside in a file."""
        return set(
            duckdb.sql(
                f"SELECT row_no, check_id FROM '{self.tables}/set_aside_rows.parquet' "
                f"WHERE file_id = '{self.file(key)['file_id']}' AND severity = 'warning'"
            ).fetchall()
        )

    def check(self, key: str, check: str) -> tuple[str, bool]:
        """Return how severe a check of a file is and whether it was met."""
        rows = duckdb.sql(
            f"SELECT severity, met FROM '{self.tables}/checks.parquet' "
            f"WHERE file_id = '{self.file(key)['file_id']}' AND check_id = '{check}'"
        ).fetchall()
        assert len(rows) == 1, (key, check)
        return rows[0]


def replace_text(path: Path, old: str, new: str, encoding: str = "gb18030") -> None:
    text = path.read_bytes().decode(encoding)
    assert re.search(old, text)
    path.write_bytes(re.sub(old, new, text, count=1).encode(encoding))


def replace_cell(path: Path, old: str, new: str) -> None:
    """Replace the only cell of a workbook that holds a text."""
    book = openpyxl.load_workbook(path)
    cells = [cell for row in book.active.iter_rows() for cell in row if cell.value == old]
    assert len(cells) == 1
    cells[0].value = new
    book.save(path)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Edited:
    """A month whose files have titles, headers and amounts no contract foresees."""

    def edit(month: Edited) -> None:
        rows = read(month.paths[TAX])
        rows[20][rows[1].index("实缴金额")] = "壹佰元"
        write(month.paths[TAX], rows)
        lines = month.paths[AGENCY].read_bytes().decode("gb18030").encode().split(b"\r\n")
        cells = lines[9].split(b",")
        cells[4] += b"\xff"
        lines[9] = b",".join(cells)
        month.paths[AGENCY].write_bytes(b"\r\n".join(lines))
        replace_text(month.paths[WORKER_FISCAL], r"期初余额：[^,\r\n]+", "期初余额：壹亿元整")
        replace_text(month.paths[RESIDENT_FISCAL], r"期末余额：[^,\r\n]+", "期末余额：12O3.5O")
        replace_cell(month.paths[RESIDENT_PAYING], "对方账号", "对方帐号")
        replace_cell(month.paths[f"{REPORT}331002"], "所属期：2022年3月", "所属期：2022.02")
        replace_cell(month.paths[f"{REPORT}331003"], "所属期：2022年3月", "所属期：22年2月")
        book = openpyxl.load_workbook(month.paths[f"{REPORT}331004"])
        for row in book.active.iter_rows(min_row=5, min_col=5, max_col=7):
            for cell in row:
                if not isinstance(cell, openpyxl.cell.cell.MergedCell):
                    cell.value = None
        book.save(month.paths[f"{REPORT}331004"])
        inside = month.simulation.folder / "县报表" / month.paths[f"{REPORT}331022"].name
        inside.parent.mkdir()
        month.paths[f"{REPORT}331022"] = month.paths[f"{REPORT}331022"].rename(inside)
        month.add("old workbook", "旧报表.xls", bytes.fromhex("D0CF11E0A1B11AE1") + b"\0" * 4096)

    return Edited(tmp_path_factory.mktemp("odd"), edit)


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> Edited:
    """A month whose files have cells, lines and headers that are damaged or of another kind."""

    def edit(month: Edited) -> None:
        lines = month.paths[TAX].read_bytes().split(b"\r\n")
        cells = lines[29].split(b",")
        lines[29] = b",".join([cells[0], *cells[2:]])
        month.paths[TAX].write_bytes(b"\r\n".join(lines))
        rows = read(month.paths[TREASURY], "utf-8-sig")
        rows[10][7] = rows[11][7] = HUGE
        write(month.paths[TREASURY], rows, "utf-8-sig")
        rows = read(month.paths[AGENCY])
        rows[5][4] = "9" * 200_000
        write(month.paths[AGENCY], rows)
        replace_text(month.paths[WORKER_FISCAL], "对方账号", "对方卡号")
        data = month.paths[RESIDENT_FISCAL].read_bytes()
        month.paths[RESIDENT_FISCAL].write_bytes(data.replace(b"\r\n", b"\r"))
        book = openpyxl.load_workbook(month.paths[WORKER_PAYING])
        book.active["I4"] = "交易时间"
        book.active["I5"] = dt.time(9, 30, 15)
        book.active["I6"] = dt.timedelta(hours=30, minutes=5)
        book.save(month.paths[WORKER_PAYING])

    return Edited(tmp_path_factory.mktemp("rough"), edit)


@pytest.mark.parametrize(
    ("key", "checks"),
    [
        (f"{REPORT}331002", {"report_month__form", "month_reported"}),
        (f"{REPORT}331003", {"report_month__form"}),
        (WORKER_FISCAL, {"opening_balance__form"}),
        (RESIDENT_FISCAL, {"closing_balance__form"}),
    ],
)
def test_an_unreadable_title_rejects_the_file(key: str, checks: set[str], odd: Edited) -> None:
    """A report of another or an unreadable month, and a statement without a readable balance, are rejected."""
    assert odd.outcome(key) == "rejected"
    assert odd.problem(key)
    assert ("critical", False) in {odd.check(key, check) for check in checks}


def test_a_blank_block_of_a_report_is_not_zero(odd: Edited) -> None:
    """A county that left the residents' block blank has reported nothing of them: the report is rejected."""
    assert odd.outcome(f"{REPORT}331004") == "rejected"
    rows = duckdb.sql(f"SELECT * FROM '{odd.tables}/county_expenditure.parquet' WHERE county = '331004'").fetchall()
    assert rows == []


def test_an_unreadable_amount_leaves_the_total_unverified(odd: Edited) -> None:
    """Where one amount cannot be read, its row is set aside and the file's total is named as not verified."""
    assert odd.outcome(TAX) == "accepted_with_set_asides"
    assert odd.aside(TAX) == {(21, "paid_amount__form")}
    assert odd.check(TAX, "paid_amount__total_unverified") == ("info", False)
    assert odd.check(TAX, "paid_amount__total")[1]
    assert odd.check(TAX, "due_amount__total_unverified") == ("info", True)


def test_one_bad_byte_costs_one_row(odd: Edited) -> None:
    """A UTF-8 file with one byte that is no text is still UTF-8: that row is set aside, all others are read."""
    assert odd.outcome(AGENCY) == "accepted_with_set_asides"
    rows = odd.aside(AGENCY)
    assert (10, "row__unreadable") in rows
    assert {row for row, _ in rows} == {10}


def test_another_way_to_write_account_is_known(odd: Edited) -> None:
    """对方帐号 is 对方账号: the statement is accepted and its movements are told apart."""
    assert odd.outcome(RESIDENT_PAYING) == "accepted"
    rows = duckdb.sql(
        f"SELECT DISTINCT pair FROM '{odd.tables}/breaks.parquet' "
        "WHERE pair = 'account_activity' OR (pair = 'agency_county' AND county NOT IN ('331002', '331003', '331004'))"
    ).fetchall()
    assert rows == []


def test_a_file_in_a_subfolder_is_received(odd: Edited) -> None:
    """A file in a folder inside the inbox counts, and its name says where it lay."""
    row = odd.file(f"{REPORT}331022")
    assert row["outcome"] == "accepted"
    assert "县报表" in str(row["file_name"]) and odd.paths[f"{REPORT}331022"].name in str(row["file_name"])


def test_an_old_workbook_says_what_to_do(odd: Edited) -> None:
    """A workbook in Excel's old format is unusable, and the problem says to save it as .xlsx."""
    assert odd.outcome("old workbook") == "unusable"
    assert odd.problem("old workbook").count(".xlsx") == 2


def test_a_missing_field_costs_its_row_and_names_no_payer(rough: Edited) -> None:
    """A line without its second field is set aside for that alone, and the shifted payer id is shown nowhere."""
    assert rough.outcome(TAX) == "accepted_with_set_asides"
    assert rough.aside(TAX) == {(30, "row__fields")}
    for table in ("set_aside_rows", "breaks", "files"):
        rows = duckdb.sql(f"FROM '{rough.tables}/{table}.parquet'").fetchall()
        assert not re.search(r"X\d{16}", str(rows)), table


def test_an_amount_beyond_counting_is_set_aside(rough: Edited) -> None:
    """Two amounts whose sum no figure could hold are set aside as no amounts; the other rows count."""
    assert rough.outcome(TREASURY) == "accepted_with_set_asides"
    assert rough.aside(TREASURY) == {(11, "amount__form"), (12, "amount__form")}


def test_a_field_of_any_length_does_not_stop_the_month(rough: Edited) -> None:
    """A text field of 200,000 characters costs its row or its file."""
    assert rough.outcome(AGENCY) in OUTCOMES - {"accepted"}
    if rough.outcome(AGENCY) == "accepted_with_set_asides":
        assert {row for row, _ in rough.aside(AGENCY)} == {6}


def test_an_unknown_header_is_named_with_the_missing_one(rough: Edited) -> None:
    """A header nobody knows in place of one the contract has makes the file unusable; both are named."""
    assert rough.outcome(WORKER_FISCAL) == "unusable"
    problem = str(rough.file(WORKER_FISCAL)["problem_zh"])
    assert "对方账号" in problem and "对方卡号" in problem


def test_old_line_ends_lose_nothing(rough: Edited) -> None:
    """A file whose lines end with CR alone is read whole or not at all."""
    outcome = rough.outcome(RESIDENT_FISCAL)
    assert outcome in {"accepted", "rejected", "unusable"}
    if outcome == "accepted":
        assert rough.file(RESIDENT_FISCAL)["rows_read"] == 3
    else:
        assert rough.problem(RESIDENT_FISCAL)


def test_times_in_a_workbook_are_harmless(rough: Edited) -> None:
    """A column of times of day and durations the contract does not ask for leaves the statement accepted."""
    assert rough.outcome(WORKER_PAYING) == "accepted"


def test_a_name_in_gbk_bytes_is_no_hindrance(sample: Settled, tmp_path: Path) -> None:
    """A file whose name is GBK bytes is received like others, and the month comes out the same."""

    def edit(month: Edited) -> None:
        key = f"{REPORT}331023"
        name = os.fsdecode(month.paths[key].name.encode("gbk"))
        try:
            month.paths[key] = month.paths[key].rename(month.simulation.folder / name)
        except OSError:
            pytest.skip("this file system takes only names in UTF-8")

    month = Edited(tmp_path, edit)
    assert month.outcome(f"{REPORT}331023") == "accepted"
    name = str(month.file(f"{REPORT}331023")["file_name"])
    assert name.endswith("_202203.xlsx") and name.encode()
    settlement = [
        duckdb.sql(f"FROM '{tables}/monthly_settlement.parquet' ORDER BY ALL").fetchall()
        for tables in (sample.tables, month.tables)
    ]
    assert settlement[0] == settlement[1]


NASTY = (
    b'"',
    b"\r",
    b"\n",
    b"\0",
    b"\x01",
    b"\xff",
    b"\x81",
    b",",
    b"\t",
    b"-",
    b"9" * 40,
    b"=1+1",
    b"''",
    b"\xef\xbb\xbf",
)
VALUES = (
    b"",
    b"0",
    b"-1",
    b"1e999",
    b"12O3",
    b"NaN",
    b"1.005",
    b"99999999999999999999",
    b"44651.5",
    b"3",
    b"\xe5\x90\x88",
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to eight of them changed, cut out or put in, half of them near the beginning."""
    body = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(min(len(body), 600) if chance.random() < 0.5 else len(body))
        match chance.randrange(3):
            case 0:
                body[place] = chance.randrange(256)
            case 1:
                del body[place : place + chance.randint(1, 30)]
            case _:
                body[place:place] = chance.choice(NASTY)
    return bytes(body)


def mutated_inside(data: bytes, chance: random.Random) -> bytes:
    """Return a workbook whose archive is sound and one of whose parts is not."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        names = source.namelist()
        hit = chance.choice([name for name in names if "sheet1" in name or "haredStrings" in name or "styles" in name])
        for name in names:
            part = source.read(name)
            values = [found.span(1) for found in re.finditer(rb"<[vt][^>]*>([^<]+)</", part)]
            if name == hit and values and chance.random() < 0.9:  # still XML, with another value in some cells
                for start, end in sorted(chance.sample(values, min(len(values), chance.randint(1, 3))), reverse=True):
                    part = part[:start] + chance.choice(VALUES) + part[end:]
            elif name == hit:
                part = mutated(part, chance)
            target.writestr(name, part)
    return out.getvalue()


def truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randint(1, len(data) - 1)]


@pytest.mark.parametrize("seed", [23, 302, 304, 306])
def test_damaged_files_never_stop_the_month(seed: int, tmp_path: Path) -> None:
    """Whatever bytes stand in any file of the month, the month is settled and every file is accounted for."""
    chance = random.Random(seed)

    def edit(month: Edited) -> None:
        for path in month.paths.values():
            data = path.read_bytes()
            # A workbook is an archive: bytes changed at random would hardly ever reach what stands in its cells.
            usual = mutated_inside if path.suffix == ".xlsx" else mutated
            (damage,) = chance.choices((usual, mutated, truncated), (8, 1, 2))
            path.write_bytes(damage(data, chance))

    month = Edited(tmp_path, edit, seed=seed)
    assert len(month.paths) == 16
    for key in month.paths:
        row = month.file(key)
        assert row["outcome"] in OUTCOMES, key
        if row["outcome"] in {"rejected", "unusable"}:
            assert month.problem(key)
        if str(row["outcome"]).startswith("accepted"):
            assert row["rows_read"] == int(str(row["rows_accepted"])) + int(str(row["rows_set_aside"])), key
    assert duckdb.sql(f"SELECT count(*) FROM '{month.tables}/runs.parquet'").fetchall() == [(1,)]


UNKNOWN_PAIR = """\
  treasury_moon:
    clause: T12.1
    title: {zh: 国库 ↔ 月球, en: Treasury ↔ moon}
    scope: city
    left: {title: {zh: 国库入库清单, en: Treasury receipts}, owner: treasury, contract: treasury_receipts}
    right: {title: {zh: 国库入库清单, en: Treasury receipts}, owner: treasury, contract: treasury_receipts}
"""
DOCUMENTS = {
    "a column the contract lacks": (
        "contracts/treasury_receipts.yaml",
        "    sql: amount > 0\n",
        "    sql: amuont > 0\n",
        ("amount_is_positive", "amuont"),
    ),
    "a pattern DuckDB does not know": (
        "contracts/agency_bookings.yaml", r"pattern: '^\d{18}$'", r"pattern: '^(?=3)\d{18}$'", ("receipt_no", "(?="),
    ),
    "another scope": (
        "policy/rulebooks/taizhou.yaml",
        "国库入库, en: Tax collected ↔ treasury booked}\n    scope: county\n",
        "国库入库, en: Tax collected ↔ treasury booked}\n    scope: city\n",
        ("pairs.tax_treasury", "scope"),
    ),
    "an unknown pair": (
        "policy/rulebooks/taizhou.yaml", "pairs:\n", f"pairs:\n{UNKNOWN_PAIR}", ("pairs", "treasury_moon"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "right", "wrong", "said"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_cannot_work_is_named_before_a_month_fails(
    document: str, right: str, wrong: str, said: tuple[str, ...], tmp_path: Path
) -> None:
    """`medpool check` finds SQL, patterns and pairs that no run could use, and names file and key."""
    text = (ROOT / "medpool_etl" / document).read_text(encoding="utf-8")
    assert right in text
    own = tmp_path / "config" / document
    own.parent.mkdir(parents=True)
    own.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from medpool_etl.cli import main; main()", "check"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "MEDPOOL_DATA": str(tmp_path / "data"),
            "MEDPOOL_CONFIG": str(tmp_path / "config"),
            "COLUMNS": "140",
        },
    )
    assert done.returncode == 2, done.stdout + done.stderr
    message = "".join(done.stderr.split())
    assert re.search(r"line\d+,key", message), done.stderr
    for part in (own.name, *said):
        assert part in message, done.stderr
