"""Try the conditions of a contract against DuckDB before any file comes."""

from __future__ import annotations

import duckdb

from medpool_etl import documents
from medpool_etl.contracts import Check, Contract, checks_of
from medpool_etl.contracts.model import SQL_TYPES
from medpool_etl.errors import ConfigurationError
from medpool_etl.staging.expressions import OF_FILE, failing


def verify_checks(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Try every condition and pattern of a contract on no rows; raises ConfigurationError naming the check that fails.

    ``connection`` is as for :func:`stage_file`.
    """
    names = {item.name: item.type for item in contract.metadata} | {c.name: c.type for c in contract.columns}
    columns = ", ".join(
        f"CAST(NULL AS {SQL_TYPES[kind]}) AS {name}, CAST(NULL AS VARCHAR) AS raw_{name}"
        for name, kind in names.items()
    )
    shape = "0::BIGINT AS line_id, 0::BIGINT AS row_no, ''::VARCHAR AS original, 1 AS unit, 0 AS width, 0 AS wanted"
    for check in checks_of(contract):
        if check.kind in (*OF_FILE, "duplicate"):
            continue
        try:
            connection.execute(
                f"SELECT {failing(check, contract)} FROM (SELECT {shape}, {columns}) AS rows, context"
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
