"""Both sides of tax ↔ treasury for a month of any size, as CSV the offices could send, with known matches and known breaks.

Two scenes: in ``vouchers`` the treasury books every receipt under its number; in ``batches`` it books ten receipts of a
county, fund and day as one line without a number. Amounts end in digits that tell kinds apart (receipts in 01, the sum of
ten of them in 10), so that nothing matches by chance. What must come out is counted here from the kind of each row.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
from generate import MONTH, fingerprint
from meter import Meter, task

from medpool_etl.contracts import load_contract
from medpool_etl.contracts.model import SQL_TYPES

PAIR = "tax_treasury"
BEFORE = "2022-02"
NAMES = {
    "tax_collection_detail": "台州市税务征收明细_202203.csv",
    "treasury_receipts": "国库入库清单_202203.csv",
}
# From this day on, what one side has alone is expected on the other next month.
_CUT_OFF = "DATE '2022-03-29'"
_COUNTIES = "['331002','331003','331004','331022','331023','331024','331081','331082','331083']"
# Manual receipts, receipts carried and listed again, carried and not listed again, carried and still open, and rare kinds.
_MANUAL, _LISTED, _CLEARED, _OPEN, _RARE = 1_000, 500, 500, 100, 100
_BYTES_A_ROW = 1_200

# One row in 100 is in transit; of every 1,000 rows one is of each other kind, until there are enough.
_VOUCHERS = f"""
CREATE TEMP TABLE receipts AS
WITH kinds AS (
  SELECT i, CAST(hash(i) >> 2 AS BIGINT) AS h, CASE
    WHEN i % 100 = 37 THEN 'in_transit'
    WHEN i % 1000 = 101 AND i // 1000 < 1000 THEN 'missing'
    WHEN i % 1000 = 202 AND i // 1000 < 1000 THEN 'one_fen'
    WHEN i % 1000 = 303 AND i // 1000 < {_MANUAL} THEN 'manual'
    WHEN i % 1000 = 404 AND i // 1000 < {_RARE} THEN 'wrong_county'
    WHEN i % 1000 = 505 AND i // 1000 < {_RARE} THEN 'set_aside'
    WHEN i % 1000 = 606 AND i // 1000 < {_RARE} THEN 'reported_before'
    WHEN i % 1000 = 707 AND i // 1000 < {_LISTED} THEN 'listed_again'
    ELSE 'plain' END AS kind
  FROM range($rows) AS t(i)
),
drawn AS (
  SELECT *, h % 9 AS c, (h >> 4) % 3 AS payer, 50 + (h >> 8) % 20000 AS m,
    DATE '2022-03-01' + CAST((h >> 24) % 28 AS INTEGER) AS paid
  FROM kinds
)
SELECT
  i, kind, c, payer,
  CASE WHEN kind = 'listed_again' THEN paid - 28 ELSE paid END AS paid_date,
  CASE WHEN kind <> 'in_transit' THEN paid + CAST((h >> 40) % 3 AS INTEGER) END AS booked_date,
  CASE WHEN kind = 'manual' THEN (1000 + i // 1000) * 100 + 77 ELSE 900 * m + 801 END AS fen
FROM drawn;

CREATE TEMP TABLE lines AS
SELECT
  i AS id, kind, c AS home, CASE WHEN kind = 'wrong_county' THEN (c + 1) % 9 ELSE c END AS c, payer,
  CASE WHEN kind = 'manual' THEN least(booked_date + 2, DATE '2022-03-31') ELSE booked_date END AS booked_date,
  fen + CAST(kind = 'one_fen' AS INTEGER) AS fen, i AS receipt
FROM receipts
WHERE booked_date IS NOT NULL AND kind NOT IN ('missing', 'reported_before')
UNION ALL
SELECT id, kind, c, c, payer, DATE '2022-03-02', fen, id FROM carried WHERE kind = 'cleared';
"""

# Groups of ten receipts share county, fund and day. The first ones stand alone on days of their own, so that each is a
# batch of one line; the others crowd on 20 days. Manual and doubled receipts stand on days without any other.
_BATCHES = f"""
CREATE TEMP TABLE groups AS
SELECT
  g,
  CASE WHEN g < 9 THEN 'one_fen' WHEN g < 18 THEN 'missing' WHEN g < 36 THEN 'cut_off' ELSE 'plain' END AS kind,
  CASE WHEN g < 36 THEN g % 9 ELSE CAST(hash(g) >> 2 AS BIGINT) % 9 END AS c,
  CASE WHEN g < 27 THEN 0 WHEN g < 36 THEN 2 ELSE (CAST(hash(g) >> 2 AS BIGINT) >> 4) % 3 END AS payer,
  DATE '2022-03-01' + CAST(CASE
    WHEN g < 9 THEN 20 WHEN g < 18 THEN 21 WHEN g < 36 THEN 29 ELSE (CAST(hash(g) >> 2 AS BIGINT) >> 8) % 20
  END AS INTEGER) AS day
FROM range(($rows - {_MANUAL} - {_RARE}) // 10) AS t(g);

-- In three large batches a line is missing, in three a line is one fen more: of each, the first.
UPDATE groups SET kind = CASE WHEN day = DATE '2022-03-02' THEN 'broken_missing' ELSE 'broken_one_fen' END
WHERE g IN (
  SELECT min(g) FROM groups
  WHERE g >= 36 AND payer < 2 AND ((c < 3 AND day = DATE '2022-03-02') OR (c BETWEEN 3 AND 5 AND day = DATE '2022-03-03'))
  GROUP BY c
);

CREATE TEMP TABLE receipts AS
SELECT
  i,
  CASE
    WHEN groups.g >= 36 AND i % 100 = 37 THEN 'in_transit'
    WHEN groups.g BETWEEN 1000 AND {_LISTED - 1} + 1000 AND i % 10 = 3 THEN 'listed_again'
    ELSE groups.kind
  END AS kind,
  c, payer,
  CASE WHEN groups.g BETWEEN 1000 AND {_LISTED - 1} + 1000 AND i % 10 = 3 THEN DATE '2022-02-25' ELSE day END AS paid_date,
  CASE WHEN groups.g < 36 OR i % 100 <> 37 THEN day END AS booked_date,
  900 * (50 + CAST(hash(i) >> 12 AS BIGINT) % 20000) + 801 AS fen, groups.g
FROM range(($rows - {_MANUAL} - {_RARE}) // 10 * 10) AS t(i)
JOIN groups ON groups.g = i // 10
UNION ALL
SELECT
  $rows + s, CASE WHEN s < {_MANUAL} THEN 'manual' ELSE 'reported_before' END, s % 9, 0,
  DATE '2022-03-25' - CAST(s >= {_MANUAL} AS INTEGER), DATE '2022-03-25' - CAST(s >= {_MANUAL} AS INTEGER),
  CASE WHEN s < {_MANUAL} THEN (1000 + s) * 100 + 77 ELSE (1000 + s) * 900 + 801 END, NULL
FROM range({_MANUAL} + {_RARE} + ($rows - {_MANUAL} - {_RARE}) % 10) AS t(s);

CREATE TEMP TABLE lines AS
SELECT
  g AS id, groups.kind, 0 AS home, any_value(receipts.c) AS c, any_value(receipts.payer) AS payer, any_value(day) AS booked_date,
  CAST(sum(fen) AS BIGINT)
    + CASE groups.kind WHEN 'one_fen' THEN -1 WHEN 'broken_one_fen' THEN 1 ELSE 0 END AS fen,
  NULL::BIGINT AS receipt
FROM receipts JOIN groups USING (g)
WHERE receipts.booked_date IS NOT NULL AND groups.kind NOT IN ('missing', 'cut_off', 'broken_missing')
GROUP BY g, groups.kind
UNION ALL
SELECT i, kind, 0, c, payer, booked_date + 2, fen, NULL FROM receipts WHERE kind = 'manual'
UNION ALL
SELECT id, kind, 0, c, payer, DATE '2022-03-28', fen, NULL FROM carried WHERE kind = 'cleared';
"""

# What February left open beside the receipts listed again: some the treasury books now, some that stay.
_CARRIED = f"""
CREATE TEMP TABLE carried AS
SELECT 2 * $rows + s AS id, CASE WHEN s < {_CLEARED} THEN 'cleared' ELSE 'open' END AS kind, s % 9 AS c, 0 AS payer,
  (5000 + s) * 100 + 66 AS fen
FROM range({_CLEARED} + {_OPEN}) AS t(s)
"""


def _number(c: str, i: str) -> str:
    return f"'3' || {_COUNTIES}[1 + {c}] || lpad(CAST({i} AS VARCHAR), 11, '0')"


def _yuan(fen: str) -> str:
    return f"({fen} // 100) || '.' || lpad(CAST({fen} % 100 AS VARCHAR), 2, '0')"


def _day(name: str) -> str:
    return f"coalesce(strftime({name}, '%Y%m%d'), '')"


# A row set aside says it was booked after the month.
_TAX = [
    f"'1' || {_COUNTIES}[1 + c] || '0000'",
    _number("c", "i"),
    "'X' || lpad(CAST((hash(i) >> 3) % 10000000000000000 AS VARCHAR), 16, '0')",
    "['用人单位', '灵活就业', '城乡居民'][1 + payer]",
    "CASE WHEN payer = 2 THEN '城乡居民基本医疗保险费' ELSE '职工基本医疗保险费' END",
    "['单位缴纳', '灵活就业人员缴纳', '城乡居民缴纳'][1 + payer]",
    "'正税'",
    "'20220301'",
    "'20220331'",
    "CAST(1 + (hash(i) >> 24) % 50 AS VARCHAR)",
    f"CASE WHEN payer = 2 OR fen % 9 <> 0 THEN '' ELSE {_yuan('(fen // 9 * 100)')} END",
    "CASE WHEN payer = 2 OR fen % 9 <> 0 THEN '' ELSE '0.09' END",
    _yuan("fen"),
    _yuan("fen"),
    _day("paid_date"),
    f"CASE WHEN kind = 'set_aside' THEN '20220401' ELSE {_day('booked_date')} END",
    "CASE WHEN payer = 2 THEN '1021201' ELSE '1020301' END",
    "'3'",
    "'1110000000'",
    f"{_COUNTIES}[1 + c]",
]
_TREASURY = [
    "'1110000000'",
    _day("booked_date"),
    "lpad(CAST(id // 1000 AS VARCHAR), 8, '0')",
    f"CASE WHEN receipt IS NULL OR kind = 'manual' THEN '' ELSE {_number('home', 'receipt')} END",
    "CASE WHEN receipt IS NULL OR kind = 'manual' THEN '手工票' ELSE '电子税票' END",
    "'3'",
    "CASE WHEN payer = 2 THEN '1021201' ELSE '1020301' END",
    _yuan("fen"),
    f"'1' || {_COUNTIES}[1 + c] || '0000'",
    "''",
]

# What must come out: the breaks by class, what each pass matches, and what a comparison without passes calls different.
_BREAKS_VOUCHERS = f"""
SELECT CASE
    WHEN kind = 'missing' AND booked_date >= {_CUT_OFF} THEN 'cut_off'
    ELSE MAP {{'in_transit': 'in_transit', 'missing': 'only_left', 'one_fen': 'amount_differs', 'wrong_county': 'wrong_county',
      'set_aside': 'row_set_aside', 'reported_before': 'duplicate'}}[kind]
  END AS class,
  CASE kind WHEN 'one_fen' THEN -1 WHEN 'set_aside' THEN -fen ELSE fen END AS fen
FROM receipts WHERE kind NOT IN ('plain', 'manual', 'listed_again')
UNION ALL
SELECT 'wrong_county', -fen FROM lines WHERE kind = 'wrong_county'
UNION ALL
SELECT 'cut_off', fen FROM carried WHERE kind = 'open'
"""
_BREAKS_BATCHES = """
SELECT MAP {'in_transit': 'in_transit', 'missing': 'only_left', 'cut_off': 'cut_off', 'reported_before': 'duplicate'}[kind] AS class, fen
FROM receipts WHERE kind IN ('in_transit', 'missing', 'cut_off', 'reported_before')
UNION ALL
SELECT 'amount_differs', 1 FROM lines WHERE kind = 'one_fen'
UNION ALL
SELECT 'only_left', fen FROM receipts SEMI JOIN broken USING (c, booked_date) WHERE payer < 2
UNION ALL
SELECT 'manual_receipt', -fen FROM lines SEMI JOIN broken USING (c, booked_date) WHERE payer < 2
UNION ALL
SELECT 'cut_off', fen FROM carried WHERE kind = 'open'
"""
_PASSES_VOUCHERS = """
SELECT CASE kind WHEN 'plain' THEN 'exact_key' WHEN 'manual' THEN 'same_amount' ELSE 'carried_over' END AS pass, fen
FROM (SELECT kind, fen FROM receipts UNION ALL SELECT kind, fen FROM carried)
WHERE kind IN ('plain', 'manual', 'listed_again', 'cleared')
"""
_PASSES_BATCHES = """
SELECT 'batch' AS pass, fen FROM receipts ANTI JOIN (FROM broken CROSS JOIN (VALUES (0), (1)) AS workers(payer)) USING (c, booked_date, payer)
WHERE kind IN ('plain', 'listed_again', 'broken_missing', 'broken_one_fen')
UNION ALL
SELECT 'same_amount', fen FROM (SELECT kind, fen FROM receipts UNION ALL SELECT kind, fen FROM carried)
WHERE kind IN ('manual', 'cleared')
"""
_APART_VOUCHERS = """
SELECT count(*) FILTER (kind <> 'plain' AND kind <> 'listed_again')
  + count(*) FILTER (kind = 'wrong_county') + (SELECT count(DISTINCT (c, payer = 2)) FROM lines WHERE kind = 'manual')
  + (SELECT count(*) FROM carried WHERE kind = 'cleared')
FROM receipts
"""
_APART_BATCHES = """
SELECT count(DISTINCT (c, payer = 2, booked_date)) FROM (
  SELECT c, payer, booked_date FROM receipts WHERE kind NOT IN ('plain', 'listed_again')
  UNION ALL
  SELECT c, payer, booked_date FROM lines WHERE kind <> 'plain'
)
"""
_APART_BY_NUMBER = """
SELECT count(*) FILTER (kind NOT IN ('plain', 'listed_again', 'wrong_county')) + count(*) FILTER (kind = 'manual')
  + (SELECT count(*) FROM carried WHERE kind = 'cleared')
FROM receipts
"""
SCENES = {
    "vouchers": (_VOUCHERS, _BREAKS_VOUCHERS, _PASSES_VOUCHERS, _APART_VOUCHERS),
    "batches": (_BATCHES, _BREAKS_BATCHES, _PASSES_BATCHES, _APART_BATCHES),
}


def _write(connection: duckdb.DuckDBPyConnection, contract: str, cells: list[str], rows: str, target: Path) -> None:
    headers = [column.header for column in load_contract(contract).columns]
    named = ", ".join(f"nullif({cell}, '') AS \"{header}\"" for cell, header in zip(cells, headers, strict=True))
    connection.execute(f"COPY (SELECT {named} FROM ({rows})) TO '{target}' (FORMAT csv, HEADER true)")


def _facts(connection: duckdb.DuckDBPyConnection, scene: str) -> dict[str, Any]:
    """Return what must be found."""
    _, breaks, passes, apart = SCENES[scene]

    def kinds(name: str, sql: str) -> dict[str, list[Any]]:
        query = f"SELECT {name}, count(*), CAST(sum(fen) AS BIGINT) FROM ({sql}) GROUP BY 1 ORDER BY 1"
        return {kind: [count, _text(fen)] for kind, count, fen in connection.execute(query).fetchall()}

    def one(sql: str) -> list[Any]:
        return list(connection.execute(sql).fetchall()[0])

    left, left_fen, aside = one(
        "SELECT count(*), CAST(sum(fen) FILTER (kind <> 'set_aside') AS BIGINT), count(*) FILTER (kind = 'set_aside') FROM receipts"
    )
    right, right_fen, own = one(
        "SELECT count(*), CAST(sum(fen) AS BIGINT), "
        "count(*) FILTER (receipt IS NULL OR kind IN ('manual', 'wrong_county', 'set_aside')) FROM lines"
    )
    carried, carried_fen = one("SELECT count(*), CAST(sum(fen) AS BIGINT) FROM carried")
    return {
        "rows": {"tax_collection_detail": left, "treasury_receipts": right},
        "set_aside": aside,
        "sums": [_text(left_fen), _text(right_fen), _text(carried_fen), _text(left_fen - right_fen + carried_fen)],
        "items": left - aside + carried + own,
        "breaks": kinds("class", breaks),
        "passes": kinds("pass", passes),
        "apart": [one(apart)[0], _text(left_fen - right_fen)],
        "apart_by_number": [one(_APART_BY_NUMBER)[0], _text(left_fen - right_fen)],
    }


def _text(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def make(folder: Path, rows: int, scene: str) -> bool:
    """Make a scene in place of what is in the folder, unless it is there; return whether it was made."""
    made_by = fingerprint(Path(__file__))
    facts = folder / "facts.json"
    if facts.is_file() and json.loads(facts.read_text(encoding="utf-8"))["made_by"] == made_by:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    inbox = folder / "inbox" / "taizhou" / MONTH
    inbox.mkdir(parents=True)
    if (free := shutil.disk_usage(folder).free) < rows * _BYTES_A_ROW:
        raise SystemExit(f"this needs {rows * _BYTES_A_ROW / 1e9:.0f} GB of disk, and {free / 1e9:.0f} GB are free")
    with duckdb.connect() as connection:
        for sql in (_CARRIED, SCENES[scene][0]):
            connection.execute(sql.replace("$rows", str(rows)))
        if scene == "batches":
            connection.execute(
                "CREATE TEMP TABLE broken AS SELECT c, day AS booked_date FROM groups WHERE kind LIKE 'broken%'"
            )
        _write(
            connection,
            "tax_collection_detail",
            _TAX,
            "FROM receipts ORDER BY hash(i)",
            inbox / NAMES["tax_collection_detail"],
        )
        # The treasury lists by day, in an order of its own.
        _write(
            connection,
            "treasury_receipts",
            _TREASURY,
            "FROM lines ORDER BY booked_date, hash(id)",
            inbox / NAMES["treasury_receipts"],
        )
        _write_before(connection, folder)
        known = _facts(connection, scene)
    types = {name: {column.header: SQL_TYPES[column.type] for column in load_contract(name).columns} for name in NAMES}
    told = {
        "made_by": made_by,
        "month": MONTH,
        "before": BEFORE,
        "scene": scene,
        "names": NAMES,
        "types": types,
        **known,
    }
    facts.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    return True


def _write_before(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write what February left open, as the month before keeps it, and the numbers of this month it had already."""
    home, fund = f"{_COUNTIES}[1 + c]", "CASE WHEN payer = 2 THEN 'resident' ELSE 'worker' END"
    connection.execute(
        f"""
        COPY (
          SELECT '{PAIR}' AS pair, 'left' AS side, {fund} AS fund, {home} AS county, number AS item_id, true AS numbered, batch, true AS in_scope,
            since, CAST(fen AS DECIMAL(18, 2)) / 100 AS amount, class, '{BEFORE}' AS origin,
            left(sha256(number), 16) AS break_id, 'breaks/taizhou/{BEFORE}/' || left(sha256(number), 16) AS row_id
          FROM (
            SELECT payer, c, {_number("c", "i")} AS number, NULL AS batch, paid_date AS since, fen, 'in_transit' AS class
            FROM receipts WHERE kind = 'listed_again'
            UNION ALL
            SELECT payer, c, {_number("c", "id")}, '2022-02-27', DATE '2022-02-27', fen, 'cut_off' FROM carried
          )
        ) TO '{folder / "carried_items.parquet"}' (FORMAT parquet)
        """
    )
    connection.execute(
        f"""
        COPY (
          SELECT {_number("c", "i")} AS number FROM receipts WHERE kind IN ('reported_before', 'listed_again')
        ) TO '{folder / "numbers_before.parquet"}' (FORMAT parquet)
        """
    )


if __name__ == "__main__":
    told, meter = task(), Meter()
    with meter.phase("generate"):
        fresh = make(Path(told["data"]), told["rows"], told["scene"])
    meter.report(["generate"], made=fresh)
