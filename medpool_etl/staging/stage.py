"""Type the rows of one file, run every check of its contract over them, and write the result, in one DuckDB pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from medpool_etl import documents
from medpool_etl.contracts import Check, Column, Contract, checks_of
from medpool_etl.contracts.model import SQL_TYPES
from medpool_etl.errors import ConfigurationError, SettlementError
from medpool_etl.intake.recognise import Shape
from medpool_etl.staging.macros import MACROS, READERS
from medpool_etl.staging.raw import contract_order, load_raw
from medpool_etl.store.warehouse import whole, write_json


def stage_file(
    connection: duckdb.DuckDBPyConnection, path: Path, file_id: str, shape: Shape, contract: Contract, folder: Path
) -> dict[str, Any]:
    """Stage one file into ``folder`` and return its summary, also written there as ``<file_id>.json``.

    ``connection`` has the tables ``context`` (month_start, month_end), ``counties``, ``tax_offices`` and ``subjects``.
    The summary has ``rows`` (lines of the file by kind), ``staged``, ``set_aside`` and ``failures`` (count by check).
    Raises SettlementError when the rows read are not the rows written.
    """
    connection.execute(MACROS)
    load_raw(connection, path, shape, contract)
    checks = checks_of(contract)
    connection.execute(_typed_sql(file_id, shape, contract, checks))
    target = folder / f"{file_id}.parquet"
    with whole(target) as temporary:
        connection.execute(
            f"COPY (SELECT * FROM typed ORDER BY line_id) TO '{temporary}' (FORMAT parquet, COMPRESSION zstd)"
        )
        written = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(temporary)]).fetchone()
    summary = _summary(connection, shape, contract, checks)
    if written is None or written[0] != summary["rows"].get("data", 0):
        raise SettlementError(f"{summary['rows'].get('data', 0)} rows were read and {written} written", where=path.name)
    write_json(folder / f"{file_id}.json", summary)
    return summary


def verify_checks(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Try every condition and pattern of a contract on no rows; raises ConfigurationError naming the check that fails.

    ``connection`` is as for :func:`stage_file`.
    """
    connection.execute(MACROS)
    names = {item.name: item.type for item in contract.metadata} | {c.name: c.type for c in contract.columns}
    columns = ", ".join(
        f"CAST(NULL AS {SQL_TYPES[kind]}) AS {name}, CAST(NULL AS VARCHAR) AS raw_{name}"
        for name, kind in names.items()
    )
    shape = "0::BIGINT AS line_id, 0::BIGINT AS row_no, ''::VARCHAR AS original, 1 AS unit, 0::BIGINT AS width"
    for check in checks_of(contract):
        if check.kind in ("total", "unverified"):
            continue
        try:
            connection.execute(
                f"SELECT {_failing(check, contract, 0)} FROM (SELECT {shape}, {columns}) AS rows, context"
            ).fetchall()
            if check.kind == "pattern":
                pattern = contract.by_name[check.columns[0]].pattern or ""
                connection.execute("SELECT regexp_full_match('x', ?)", [pattern]).fetchall()
        except duckdb.Error as error:
            given, key = _written(check, contract)
            raise ConfigurationError(
                f"{check.id}: DuckDB refuses {given}: {str(error).splitlines()[0]}",
                where=documents.place(f"contracts/{contract.contract}.yaml", *key),
                do="correct the condition or pattern; `medpool check` tries it again",
            ) from error


def _written(check: Check, contract: Contract) -> tuple[str, tuple[str, int, str]]:
    """Return what a check was written as in its contract, and the key it stands under."""
    if check.kind == "own":
        index = next(i for i, own in enumerate(contract.checks) if own.id == check.id)
        return check.sql, ("checks", index, "sql")
    index = next(i for i, column in enumerate(contract.columns) if column.name == check.columns[0])
    return contract.columns[index].pattern or check.id, ("columns", index, "pattern")


def _typed_sql(file_id: str, shape: Shape, contract: Contract, checks: tuple[Check, ...]) -> str:
    positions = {name: i for i, name in enumerate(shape.columns, 1) if name}
    if shape.groups:
        positions = {name: i for i, name in enumerate(contract_order(contract), 1)}
    width = len(shape.columns) if not shape.groups else len(contract.columns)
    texts = ",\n".join(f"{_text(c, positions.get(c.name), contract, width)} AS raw_{c.name}" for c in contract.columns)
    titles = "".join(
        f", filled(tidy({_quoted(shape.metadata.get(item.name, ''))})) AS raw_{item.name}" for item in contract.metadata
    )
    metadata = "".join(
        f"CAST({READERS[item.type].format(f'raw_{item.name}')} AS {SQL_TYPES[item.type]}) AS {item.name},\n"
        for item in contract.metadata
    )
    values = ",\n".join(f"CAST({_reader(c)} AS {SQL_TYPES[c.type]}) AS {c.name}" for c in contract.columns)
    kept = ", ".join([*(item.name for item in contract.metadata), *(c.name for c in contract.columns)])
    failed = ",\n".join(
        f"CASE WHEN {_whole(c, width)} AND ({_failing(c, contract, width)}) "
        f"THEN {{'check_id': '{c.id}', 'found': {_found(c, contract)}}} END"
        for c in checks
        if c.kind not in ("total", "unverified")
    )
    aside = ", ".join(f"'{check.id}'" for check in checks if check.severity == "set_aside")
    return f"""
    CREATE OR REPLACE TEMP TABLE typed AS
    WITH texts AS (
      SELECT line_id, row_no, original, {shape.unit} AS unit,
        -- Empty fields behind the last column are what spreadsheets leave behind.
        CASE WHEN len(list_filter(cells[{width + 1}:], lambda c: tidy(c) <> '')) = 0
          THEN least(len(cells), {width}) ELSE len(cells) END AS width,
        {texts}{titles}
      FROM raw WHERE kind = 'data'
    ),
    rows AS (SELECT *, {metadata} {values} FROM texts),
    judged AS (
      SELECT rows.*, list_filter([{failed}], lambda c: c IS NOT NULL) AS failed FROM rows, context
    )
    SELECT '{file_id}' AS file_id, line_id, row_no, {kept}, failed,
      list_has_any(list_transform(failed, lambda c: c.check_id), [{aside}]) AS set_aside,
      CASE WHEN len(failed) > 0 THEN original END AS original
    FROM judged
    """


def _text(column: Column, position: int | None, contract: Contract, width: int) -> str:
    """Return the SQL for a column's text. A row of another width may be shifted, so only a key that looks like one is
    taken from it: the row is set aside whole, and its counterpart can still be told what became of it."""
    if position is None:
        return "NULL"
    text = f"filled(tidy(cells[{position}]))"
    kept = ""
    if column.name in contract.key and column.pattern:
        kept = f" WHEN regexp_full_match({text}, {_quoted(column.pattern)}) THEN {text}"
    return f"CASE WHEN width = {width} THEN {text}{kept} END"


def _reader(column: Column) -> str:
    if column.values is not None:
        cases = " ".join(f"WHEN {_quoted(text)} THEN {_quoted(code)}" for text, code in column.values.items())
        return f"CASE replace(raw_{column.name}, ' ', '') {cases} END"
    return READERS[column.type].format(f"raw_{column.name}")


def _whole(check: Check, width: int) -> str:
    """Return the SQL condition under which the check is made: a row of another width has no columns to look at."""
    return "true" if check.kind in ("fields", "unreadable") else f"width = {width}"


def _failing(check: Check, contract: Contract, width: int) -> str:
    """Return the SQL condition under which a row fails the check."""
    if check.kind == "fields":
        return f"width <> {width}"
    if check.kind == "unreadable":
        return "contains(original, chr(65533))"
    name = check.columns[0]
    if check.kind == "missing":
        return f"raw_{name} IS NULL"
    if check.kind == "form":
        return f"raw_{name} IS NOT NULL AND {name} IS NULL"
    if check.kind == "pattern":
        pattern = contract.by_name[name].pattern or ""
        return f"raw_{name} IS NOT NULL AND NOT regexp_full_match(raw_{name}, {_quoted(pattern)})"
    if check.kind == "unknown":
        column = contract.by_name[name]
        if column.values is not None:
            return f"raw_{name} IS NOT NULL AND {name} IS NULL"
        return f"raw_{name} IS NOT NULL AND {name} NOT IN (SELECT code FROM {column.known})"
    if check.kind == "duplicate":
        key = ", ".join(check.columns)
        there = " AND ".join(f"{column} IS NOT NULL" for column in check.columns)
        return f"{there} AND row_number() OVER (PARTITION BY {key} ORDER BY line_id) > 1"
    return f"NOT coalesce({check.sql}, true)"


def _found(check: Check, contract: Contract) -> str:
    """Return the SQL for what a failing row has where the check looks; who a payer is stays out of it."""
    if check.kind == "fields":
        return "width || ' 栏'"
    texts = []
    for name in check.columns:
        if name in contract.personal:
            texts.append("'（不显示）'")
        else:
            text = f"coalesce(raw_{name}, '（空）')"
            # In a file with payers' ids, one may have got into any column.
            hide = contract.personal and name not in contract.key
            texts.append(f"regexp_replace({text}, '[0-9A-Za-z]{{15,}}', '（已隐去）', 'g')" if hide else text)
    return f"concat_ws(' / ', {', '.join(texts)})" if texts else "'（见原文件）'"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _summary(
    connection: duckdb.DuckDBPyConnection, shape: Shape, contract: Contract, checks: tuple[Check, ...]
) -> dict[str, Any]:
    rows = dict(connection.execute("SELECT kind, count(*) FROM raw GROUP BY kind ORDER BY kind").fetchall())
    failures = {check.id: 0 for check in checks}
    failures |= dict(
        connection.execute(
            "SELECT check_id, count(*) FROM (SELECT unnest(failed).check_id AS check_id FROM typed)"
            " GROUP BY check_id ORDER BY check_id"
        ).fetchall()
    )
    for check in checks:
        if check.kind == "total":
            failures[check.id] = _total_differs(connection, shape, check.columns[0])
        if check.kind == "unverified":
            failures[check.id] = _total_unverified(connection, shape, check.columns[0])
    aside = connection.execute("SELECT count(*) FROM typed WHERE set_aside").fetchone()
    return {
        "contract": contract.contract,
        "contract_version": contract.version,
        "rows": rows,
        "staged": rows.get("data", 0),
        "set_aside": aside[0] if aside else 0,
        "failures": failures,
    }


def _total_differs(connection: duckdb.DuckDBPyConnection, shape: Shape, name: str) -> int:
    """Return 1 when the file's own total differs from the sum of its rows; 0 where a row's amount is unreadable.

    What cannot be compared is said by the check that follows it.
    """
    position = shape.columns.index(name) + 1
    found = connection.execute(
        f"""
        SELECT count(*) FILTER (text IS NOT NULL AND money(text, {shape.unit}) IS DISTINCT FROM
          (SELECT CAST(coalesce(sum({name}), 0) AS DECIMAL(18,2)) FROM typed))
        FROM (SELECT filled(tidy(cells[{position}])) AS text FROM raw WHERE kind = 'total')
        WHERE NOT EXISTS (SELECT 1 FROM typed WHERE {name} IS NULL)
        """
    ).fetchone()
    return int(found[0]) if found else 0


def _total_unverified(connection: duckdb.DuckDBPyConnection, shape: Shape, name: str) -> int:
    """Return 1 when the file states a total that cannot be compared, because a row's amount is unreadable."""
    position = shape.columns.index(name) + 1
    found = connection.execute(
        f"""
        SELECT count(*) > 0 AND EXISTS (SELECT 1 FROM typed WHERE {name} IS NULL)
        FROM raw WHERE kind = 'total' AND filled(tidy(cells[{position}])) IS NOT NULL
        """
    ).fetchone()
    return int(found[0]) if found else 0
