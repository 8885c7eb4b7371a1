"""A tax month of any size, as offices send it and as a clean UTF-8 copy, with known bad rows and known sums.

One row in 5,000 of either file is bad, at fixed places and in turn of every kind. DuckDB writes UTF-8, which is recoded in
blocks, so that memory does not grow with the rows.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
from meter import Meter, task

from medpool_etl.contracts import load_contract
from medpool_etl.contracts.model import SQL_TYPES

MONTH = "2022-03"
EVERY = 5_000
NAMES = {
    "tax_collection_detail": "台州市税务征收明细_202203.csv",
    "agency_bookings": "医保系统到账_202203.csv",
}
# What is wrong with a bad row, by its number, and the checks it must fail.
BAD = {
    "tax_collection_detail": (
        ("paid_amount__form",),
        ("paid_date__missing",),
        ("row__fields",),
        ("county__unknown", "county_of_tax_office"),
        ("row__duplicate",),
        ("booked_in_month",),
        ("due_amount__missing",),
        ("period_from__form",),
    ),
    "agency_bookings": (("amount__form",), ("period__missing",), ("row__duplicate",), ("booked_in_month",)),
}
# The amounts with a control total, and the kinds of bad rows in which they cannot be read.
AMOUNTS: dict[str, dict[str, tuple[int, ...]]] = {
    "tax_collection_detail": {"due_amount": (2, 6), "paid_amount": (0, 2)},
    "agency_bookings": {"amount": (0,)},
}
# Where in every 5,000 rows the bad one stands; neither place holds a receipt in transit, nor does what a repeat repeats.
_PLACE = {"tax_collection_detail": 2_500, "agency_bookings": 1_250}
_BACK = 1_007
_BLOCK = 8 << 20
# The office's files, the clean ones, what medpool keeps and stages, and the lines of a file before they are recoded.
_BYTES_A_ROW = 1_500
_COUNTIES = "['331002','331003','331004','331022','331023','331024','331081','331082','331083']"
_BAD_AMOUNT = """['1.005', '12O.00', '壹佰元', '"1,23.45"'][1 + (i // 40000) % 4]"""


def _rows(contract: str, rows: int) -> str:
    """Return the SELECT of a file's rows as they would be without faults, with ``bad``, the kind of fault planted.

    A receipt in 100 is in transit: the tax offices have it, the treasury and the agency do not. The row of a repeat has
    all values of the one it repeats.
    """
    repeat = next(kind for kind, checks in enumerate(BAD[contract]) if "row__duplicate" in checks)
    return f"""
    WITH numbers AS (
      SELECT i, CASE WHEN i % {EVERY} = {_PLACE[contract]} THEN (i // {EVERY}) % {len(BAD[contract])} END AS bad
      FROM range({rows}) AS t(i) {"WHERE i % 100 <> 37" if contract == "agency_bookings" else ""}
    ),
    receipts AS (SELECT i, bad, CASE WHEN bad = {repeat} THEN i - {_BACK} ELSE i END AS receipt FROM numbers),
    mixed AS (SELECT *, CAST(hash(receipt) >> 2 AS BIGINT) AS h FROM receipts),
    drawn AS (
      SELECT *, {_COUNTIES}[1 + h % 9] AS county, (h >> 4) % 3 AS payer,
        CASE WHEN (h >> 4) % 3 = 0 THEN 1 + (h >> 24) % 50 ELSE 1 END AS heads,
        DATE '2022-03-01' + CAST((h >> 16) % 28 AS INTEGER) AS paid_date
      FROM mixed
    ),
    based AS (SELECT *, heads * (480000 + (h >> 8) % 1900000) AS base FROM drawn)
    SELECT i, bad, county, payer, heads, base, paid_date,
      '3' || county || lpad(CAST(receipt AS VARCHAR), 11, '0') AS receipt_no,
      'X' || lpad(CAST((h >> 3) % 10000000000000000 AS VARCHAR), 16, '0') AS payer_id,
      ['用人单位', '灵活就业', '城乡居民'][1 + payer] AS payer_type,
      CASE WHEN payer = 2 THEN 50000 ELSE (base * 9 + 50) // 100 END AS fen,
      CASE WHEN i % 100 <> 37 THEN paid_date + CAST((h >> 40) % 3 AS INTEGER) END AS booked_date
    FROM based
    """


def _yuan(fen: str) -> str:
    return f"({fen} // 100) || '.' || lpad(CAST({fen} % 100 AS VARCHAR), 2, '0')"


def _day(name: str) -> str:
    return f"coalesce(strftime({name}, '%Y%m%d'), '')"


def _but(cell: str, *faults: tuple[int, str]) -> str:
    """Return the SQL of a cell that is another one in some kinds of bad rows."""
    return f"CASE bad {' '.join(f'WHEN {kind} THEN {text}' for kind, text in faults)} ELSE {cell} END"


def _cells(contract: str, *, clean: bool) -> list[str]:
    """Return the SQL of every cell of a line; ``clean`` ones have no fault and are written as plainly as can be."""
    fen = _yuan("fen")
    if contract == "agency_bookings":
        grouped = "format('{:,}', fen // 100) || '.' || lpad(CAST(fen % 100 AS VARCHAR), 2, '0')"
        shown = f"""CASE WHEN fen >= 100000 THEN '"' || {grouped} || '"' ELSE {grouped} END"""
        day = "strftime(booked_date, '%Y年%-m月%-d日')"
        return [
            "county",
            "payer_type",
            "CASE WHEN payer = 2 THEN '城乡居民医保' ELSE '职工医保' END",
            "'20220301'" if clean else _but("'202203'", (1, "''")),
            "receipt_no",
            _day("booked_date") if clean else _but(day, (3, "'2022年4月2日'")),
            fen if clean else _but(shown, (0, _BAD_AMOUNT)),
        ]
    cells = [
        "'1' || county || '0000'",
        "receipt_no",
        "payer_id",
        "payer_type",
        "CASE WHEN payer = 2 THEN '城乡居民基本医疗保险费' ELSE '职工基本医疗保险费' END",
        "['单位缴纳', '灵活就业人员缴纳', '城乡居民缴纳'][1 + payer]",
        "'正税'",
        "'20220301'" if clean else _but("'20220301'", (7, "'20220231'")),
        "'20220331'",
        "CAST(heads AS VARCHAR)",
        f"CASE WHEN payer = 2 THEN '' ELSE {_yuan('base')} END",
        "CASE WHEN payer = 2 THEN '' ELSE '0.09' END",
        fen if clean else _but(fen, (6, "''")),
        fen if clean else _but(fen, (0, _BAD_AMOUNT)),
        _day("paid_date") if clean else _but(_day("paid_date"), (1, "''")),
        _day("booked_date") if clean else _but(_day("booked_date"), (5, "'20220402'")),
        "CASE WHEN payer = 2 THEN '1021201' ELSE '1020301' END",
        "'3'",
        "'1110000000'",
    ]
    # The last cell brings its separator, so that it can be left out with it.
    return [*cells, "county" if clean else _but("',' || county", (2, "''"), (3, "',339999'"))]


def _write(connection: duckdb.DuckDBPyConnection, contract: str, rows: int, target: Path, *, clean: bool) -> None:
    """Write the lines of a file as UTF-8, without anything above or below them."""
    cells = _cells(contract, clean=clean)
    last = f" || {cells.pop()}" if contract == "tax_collection_detail" and not clean else ""
    line = f"concat_ws(',', {', '.join(cells)}){last}{'' if clean else ' || chr(13)'}"
    connection.execute(
        f"COPY (SELECT {line} FROM ({_rows(contract, rows)})) TO '{_quoted(target)}'"
        " (FORMAT csv, HEADER false, DELIMITER '|', QUOTE '', ESCAPE '')"
    )


def _office_file(lines: Path, target: Path, above: list[str], total: list[str]) -> None:
    """Put titles above the lines and the total below them, in GB18030, and remove the lines."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with lines.open("rb") as source, target.open("wb") as out:
        out.write("".join(f"{line}\r\n" for line in above).encode("gb18030"))
        while block := source.read(_BLOCK):
            out.write(decoder.decode(block).encode("gb18030"))
        out.write((",".join(total) + "\r\n").encode("gb18030"))
    lines.unlink()


def _facts(connection: duckdb.DuckDBPyConnection, contract: str, rows: int) -> dict[str, Any]:
    """Return what must be found in a file: rows, rows to set aside, failures by check, and sums in yuan."""
    kinds = {
        bad: (count, fen)
        for bad, count, fen in connection.execute(
            f"SELECT bad, count(*), CAST(sum(fen) AS BIGINT) FROM ({_rows(contract, rows)}) GROUP BY bad ORDER BY bad"
        ).fetchall()
    }
    failures: dict[str, int] = {}
    for bad, (count, _) in kinds.items():
        for check in BAD[contract][bad] if bad is not None else ():
            failures[check] = failures.get(check, 0) + count
    sums = {}
    for name, unreadable in AMOUNTS[contract].items():
        if set(unreadable) & set(kinds):
            failures[f"{name}__total_unverified"] = 1
        sums[name] = _text(sum(fen for bad, (_, fen) in kinds.items() if bad not in unreadable))
    return {
        "rows": sum(count for count, _ in kinds.values()),
        "bad": sum(count for bad, (count, _) in kinds.items() if bad is not None),
        "failures": failures,
        "sums": sums,
        "accepted": _text(kinds[None][1]),
        "total": _text(sum(fen for _, fen in kinds.values())),
    }


def _text(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def fingerprint(maker: Path = Path(__file__)) -> str:
    """Return what made the data: data of another generator is not reused."""
    return hashlib.sha256(maker.read_bytes()).hexdigest()[:16]


def made(folder: Path) -> bool:
    """Whether a folder holds a whole month, made by this generator."""
    facts = folder / "facts.json"
    return facts.is_file() and json.loads(facts.read_text(encoding="utf-8"))["made_by"] == fingerprint()


def make(folder: Path, rows: int) -> bool:
    """Make a month in place of what is in the folder, unless it is there; return whether it was made."""
    if made(folder):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if (free := shutil.disk_usage(folder).free) < rows * _BYTES_A_ROW:
        raise SystemExit(f"this needs {rows * _BYTES_A_ROW / 1e9:.0f} GB of disk, and {free / 1e9:.0f} GB are free")
    generate(folder, rows)
    return True


def generate(folder: Path, rows: int) -> None:
    """Write ``inbox/<month>`` (GB18030), ``clean`` (UTF-8) and, last, ``facts.json`` (what must be found)."""
    facts: dict[str, Any] = {"made_by": fingerprint(), "month": MONTH, "files": {}}
    inbox, clean = folder / "inbox" / MONTH, folder / "clean"
    for place in (inbox, clean):
        place.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        for name, file in NAMES.items():
            contract = load_contract(name)
            headers = [column.header for column in contract.columns]
            known = _facts(connection, name, rows)
            lines = folder / "lines.csv"
            _write(connection, name, rows, lines, clean=False)
            title = ["台州市基本医疗保险费征收明细（2022年3月）"] if name == "tax_collection_detail" else []
            amounts = {contract.by_name[amount].header for amount in AMOUNTS[name]}
            stated = known["total"] if name == "tax_collection_detail" else _grouped(known["total"])
            total = ["合计", *(stated if header in amounts else "" for header in headers[1:])]
            _office_file(lines, inbox / file, [*title, ",".join(headers)], total)
            _write(connection, name, rows, clean / f"{name}.body", clean=True)
            _with_header(clean / f"{name}.body", clean / f"{name}.csv", ",".join(headers))
            types = {column.header: SQL_TYPES[column.type] for column in contract.columns}
            sizes = {"office_bytes": (inbox / file).stat().st_size}
            facts["files"][name] = {"name": file, "types": types, **known, **sizes}
    (folder / "facts.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")


def _grouped(amount: str) -> str:
    yuan, fen = amount.split(".")
    return f'"{int(yuan):,}.{fen}"'


def _with_header(body: Path, target: Path, header: str) -> None:
    with body.open("rb") as source, target.open("wb") as out:
        out.write(f"{header}\n".encode())
        while block := source.read(_BLOCK):
            out.write(block)
    body.unlink()


if __name__ == "__main__":
    told, meter = task(), Meter()
    with meter.phase("generate"):
        fresh = make(Path(told["data"]), told["rows"])
    meter.report(["generate"], made=fresh)
