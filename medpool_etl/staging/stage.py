"""Stage one file: a quick look at every row, a close look at those it cannot be sure of, checks across rows, counts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import duckdb

from medpool_etl.contracts import Check, Contract, checks_of
from medpool_etl.errors import SettlementError
from medpool_etl.intake.shape import Shape
from medpool_etl.staging import raw
from medpool_etl.staging.across import found_across
from medpool_etl.staging.close import FAILED_TYPE, close_sql
from medpool_etl.staging.expressions import across
from medpool_etl.staging.macros import MACROS, days_sql
from medpool_etl.staging.plaintext import PlainText
from medpool_etl.staging.quick import known_before, quick_path, quick_sql
from medpool_etl.store.warehouse import whole, write_json

# Half the time and four fifths of the size of DuckDB's defaults: text that seldom repeats is not sorted into dictionaries.
PARQUET = "(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 2000)"


def stage_file(
    connection: duckdb.DuckDBPyConnection, path: Path, file_id: str, shape: Shape, contract: Contract, folder: Path
) -> dict[str, Any]:
    """Stage one file into ``folder`` and return its summary, also written there as ``<file_id>.json``.

    ``connection`` has the tables ``context`` (month_start, month_end), ``counties``, ``tax_offices`` and ``subjects``, and has
    been given to :func:`prepare`.
    ``<file_id>.parquet`` has the lines that had a close look, of every kind, with what they fail; ``<file_id>.plain.parquet``,
    where the file is a text of many plain rows, all lines in order, those that were certainly good typed. The summary has
    ``lines`` (of the file by kind), ``staged`` (rows of data), ``set_aside``, ``failures`` (count by check), ``sums``
    (of the amounts with a control total, in yuan), ``unmade`` (checks that lack what they need), ``blocks`` and
    ``plain`` (how many rows count from the second Parquet, and how line numbers follow). Raises SettlementError when the lines read are
    not the lines written.
    """
    checks = checks_of(contract)
    plain = quick_path(folder, file_id)
    plain.unlink(missing_ok=True)
    text = None
    if shape.kind != "xlsx":
        text = PlainText(path, shape.encoding, shape.first.first_row - 1)
    try:
        quick = _look(connection, path, text, shape, contract, checks, plain)
    except duckdb.Error as error:
        raise (text.refused if text is not None and text.refused else error) from error
    with tempfile.TemporaryDirectory(prefix="medpool-") as temporary:
        first = Path(temporary) / "close.parquet"
        connection.execute(f"COPY ({close_sql(shape, contract, checks)}) TO '{first}' (FORMAT parquet)")
        _views(connection, first, plain if quick else None, contract, checks)
        moved = found_across(connection, contract, checks) > 0 and quick
        if moved and text is not None:
            ids = connection.execute("SELECT DISTINCT line_id FROM across ORDER BY line_id").fetchnumpy()["line_id"]
            connection.register("text_lines", text.some(ids))
            _say_as_written(connection, shape, contract, checks)
        with whole(folder / f"{file_id}.parquet") as target:
            connection.execute(
                f"COPY ({_final_sql(contract, checks, shape, plain if moved else None)}) TO '{target}' {PARQUET}"
            )
            connection.execute(f"CREATE OR REPLACE TEMP VIEW looked AS FROM read_parquet('{target}')")
            if moved:
                connection.unregister("text_lines")
            summary = _summary(connection, shape, contract, checks, quick)
            lines = text.count if quick and text is not None else _one(connection, "SELECT count(*) FROM raw")
            if (counted := sum(summary["lines"].values())) != lines:
                raise SettlementError(f"{lines} lines were read and {counted} written", where=path.name)
    connection.execute("DROP VIEW IF EXISTS raw; DROP TABLE IF EXISTS raw_lines")
    write_json(folder / f"{file_id}.json", summary)
    return summary


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a session with reference tables and ``context`` the macros and types that checks and readers use."""
    connection.execute(MACROS)
    connection.execute(days_sql(connection.execute("SELECT month_start FROM context").fetchall()[0][0]))
    offices = connection.execute(
        "SELECT tax_office, min(code) FROM counties GROUP BY tax_office ORDER BY tax_office"
    ).fetchall()
    subjects = connection.execute("SELECT code, kind FROM subjects ORDER BY code").fetchall()
    for name, pairs in (("county_of_office", offices), ("kind_of_subject", subjects)):
        cases = " ".join(f"WHEN {raw.quoted(key)} THEN {raw.quoted(value)}" for key, value in pairs)
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {name}(code) AS CASE code {cases} END")


def _look(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    text: PlainText | None,
    shape: Shape,
    contract: Contract,
    checks: tuple[Check, ...],
    plain: Path,
) -> bool:
    """Make ``raw``, the lines for the close look, and return whether the quick look has taken the others."""
    quick = text is not None and _quick(connection, text, shape, contract, checks, plain)
    if text is None:
        raw.workbook(connection, path, shape, contract)
        return False
    if shape.kind == "fixed":
        raw.fixed_text(connection, text, shape)
        return False
    if quick:
        raw.leftover(connection, plain, shape)
    else:
        raw.whole_text(connection, text, shape)
    if raw.broken_rows(connection, text, shape):
        plain.unlink(missing_ok=True)
        return False
    return quick


def _quick(
    connection: duckdb.DuckDBPyConnection,
    text: PlainText,
    shape: Shape,
    contract: Contract,
    checks: tuple[Check, ...],
    target: Path,
) -> bool:
    """Take the quick look at a text, if it is worth anything; return whether it was taken."""
    known = known_before(connection, text, shape, contract)
    if known is None:
        return False
    connection.register("text_lines", text.stream())
    with whole(target) as temporary:
        connection.execute(f"COPY ({quick_sql(shape, contract, checks, known)}) TO '{temporary}' {PARQUET}")
        order = connection.execute(
            "SELECT count(*) FILTER (line_id <> file_row_number + 1), count(*) FROM read_parquet(?, file_row_number = true)",
            [str(temporary)],
        ).fetchall()
        if order != [(0, text.count)]:
            raise SettlementError("DuckDB did not write the lines as they stand in the file", where=text.path.name)
    connection.unregister("text_lines")
    return True


def _views(
    connection: duckdb.DuckDBPyConnection,
    first: Path,
    plain: Path | None,
    contract: Contract,
    checks: tuple[Check, ...],
) -> None:
    """Make ``close`` (every line that had a close look, odd ones decided) and ``staged`` (all rows of data)."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW close AS
        WITH looked AS (FROM read_parquet('{first}')),
        totals AS (SELECT block, min(line_id) AS first_total FROM looked WHERE kind = 'total' GROUP BY block),
        decided AS (
          SELECT looked.* REPLACE (
            CASE WHEN kind = 'odd' THEN CASE WHEN line_id > first_total THEN 'note' ELSE 'data' END ELSE kind END AS kind
          )
          FROM looked LEFT JOIN totals USING (block)
        )
        SELECT * REPLACE (CASE WHEN kind = 'data' THEN failed ELSE [] END AS failed) FROM decided
        """
    )
    names = ", ".join([*(item.name for item in contract.metadata), *(c.name for c in contract.columns)])
    others = [f"found__{check.id}" for check in checks if across(check)]
    shown = "".join(f", {name}" for name in others)
    empty = "".join(f", NULL::VARCHAR AS {name}" for name in others)
    rows = f"SELECT line_id, block, {names}{shown} FROM close WHERE kind = 'data'"
    if plain is not None:
        rows += f"""
          UNION ALL SELECT line_id, 1 AS block, {names}{empty}
          FROM read_parquet('{plain}') WHERE original IS NULL"""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW staged AS {rows}")


def _say_as_written(
    connection: duckdb.DuckDBPyConnection, shape: Shape, contract: Contract, checks: tuple[Check, ...]
) -> None:
    """Let what checks across rows found be told in the file's own words where a value is not its text.

    ``text_lines`` has the lines of the rows they found fault with.
    """
    spoken = [
        check.id
        for check in checks
        if across(check)
        and any(c.type not in ("text", "code") or c.values for c in map(contract.by_name.__getitem__, check.columns))
    ]
    if not spoken:
        return
    raw.named_lines(connection, shape)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE again AS {close_sql(shape, contract, checks)}")
    for name in spoken:
        connection.execute(
            f"UPDATE across SET found = again.found__{name} FROM again"
            f" WHERE across.line_id = again.line_id AND across.check_id = '{name}'"
        )
    connection.execute("DROP TABLE again")


def _final_sql(contract: Contract, checks: tuple[Check, ...], shape: Shape, moved: Path | None) -> str:
    """Return the SELECT of the lines to keep, with what they fail.

    Rows the quick look was sure of (``moved``, its Parquet) join them where a check across rows found fault with them.
    """
    aside = ", ".join(f"'{check.id}'" for check in checks if check.severity == "set_aside")
    names = ", ".join([*(item.name for item in contract.metadata), *(c.name for c in contract.columns)])
    stated = "".join(f", {{0}}stated__{c.name}" for c in contract.columns if c.total)
    order = ", ".join(f"'{check.id}'" for check in checks)
    rows = f"""
      SELECT line_id, row_no, block, kind, {names}{stated.format("")}, failed || coalesce(more, []) AS failed, original
      FROM close LEFT JOIN more USING (line_id)"""
    if moved is not None:
        rows += f"""
      UNION ALL
      SELECT line_id, line_id + {shape.first.first_row - 1}, 1, 'data', {names}{stated.format("NULL::VARCHAR AS ")}, more, lines.line
      FROM (FROM read_parquet('{moved}') WHERE original IS NULL) AS plain
      JOIN more USING (line_id)
      JOIN text_lines AS lines USING (line_id)"""
    return f"""
    WITH more AS (
      SELECT line_id, list({{'check_id': check_id, 'found': found}} ORDER BY list_position([{order}], check_id)) AS more
      FROM across GROUP BY line_id
    ),
    rows AS ({rows})
    SELECT line_id, row_no, block, kind, {names}{stated.format("")}, failed :: {FAILED_TYPE} AS failed,
      list_has_any(list_transform(failed, lambda c: c.check_id), [{aside}]::VARCHAR[]) AS set_aside,
      CASE WHEN len(failed) > 0 OR kind NOT IN ('data', 'blank') THEN original END AS original
    FROM rows ORDER BY line_id
    """


def _summary(
    connection: duckdb.DuckDBPyConnection,
    shape: Shape,
    contract: Contract,
    checks: tuple[Check, ...],
    quick: bool,
) -> dict[str, Any]:
    kinds = dict(connection.execute("SELECT kind, count(*) FROM looked GROUP BY kind ORDER BY kind").fetchall())
    closely = kinds.get("data", 0)
    staged = _one(connection, "SELECT count(*) FROM staged")
    failures = {check.id: 0 for check in checks}
    failures |= dict(
        connection.execute(
            "SELECT check_id, count(*) FROM (SELECT unnest(failed).check_id AS check_id FROM looked)"
            " GROUP BY check_id ORDER BY check_id"
        ).fetchall()
    )
    sums = {}
    for column in (column for column in contract.columns if column.total):
        total, differs, unverified = _totals(connection, column.name)
        sums[column.name] = str(total)
        failures[f"{column.name}__total"], failures[f"{column.name}__total_unverified"] = differs, unverified
    context = connection.execute("FROM context")
    names = [column[0] for column in context.description or []]
    known = dict(zip(names, context.fetchall()[0], strict=True))
    return {
        "contract": contract.contract,
        "contract_version": contract.version,
        "lines": {**kinds, "data": staged},
        "staged": staged,
        "set_aside": _one(connection, "SELECT count(*) FROM looked WHERE set_aside"),
        "failures": failures,
        "sums": sums,
        # What other files and months are needed for is made when all are staged.
        "unmade": [c.id for c in contract.checks if c.needs and known.get(c.needs) is None]
        + [c.id for c in checks if c.kind in ("unmatched", "volume", "stated")],
        "blocks": _blocks(connection, shape),
        "plain": {"rows": staged - closely, "first_row": shape.first.first_row} if quick else None,
    }


def _blocks(connection: duckdb.DuckDBPyConnection, shape: Shape) -> list[dict[str, Any]]:
    """Return each block's sheet and the first line of the delivery that is in it; a block without lines has none."""
    firsts = dict(connection.execute("SELECT block, min(line_id) FROM looked GROUP BY block").fetchall())
    return [
        {"sheet": block.sheet, "first_line": firsts[number] if number > 1 else 1}
        for number, block in enumerate(shape.blocks, 1)
        if number == 1 or number in firsts
    ]


def _totals(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[Any, int, int]:
    """Return the sum of a column, how many of the file's own totals differ from the sum of their block, and how many
    could not be compared because a row's amount is unreadable."""
    total = connection.execute(f"SELECT CAST(coalesce(sum({name}), 0) AS DECIMAL(18,2)) FROM staged").fetchall()
    found = connection.execute(
        f"""
        WITH stated AS (SELECT block, {name} AS amount FROM looked WHERE kind = 'total' AND stated__{name} IS NOT NULL),
        sums AS (
          SELECT block, CAST(coalesce(sum({name}), 0) AS DECIMAL(18,2)) AS total, bool_or({name} IS NULL) AS unreadable
          FROM staged WHERE EXISTS (FROM stated) GROUP BY block
        )
        SELECT
          count(*) FILTER (NOT coalesce(unreadable, false) AND amount IS DISTINCT FROM coalesce(total, 0)),
          count(*) FILTER (coalesce(unreadable, false))
        FROM stated LEFT JOIN sums USING (block)
        """
    ).fetchall()
    differs, unverified = found[0]
    return total[0][0], int(differs > 0), int(unverified > 0)


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(connection.execute(sql).fetchall()[0][0])
