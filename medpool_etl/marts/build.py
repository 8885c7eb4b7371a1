"""Build the published tables of one run from its session."""

from __future__ import annotations

from pathlib import Path

import duckdb

from medpool_etl.errors import SettlementError
from medpool_etl.marts.registry import Registry
from medpool_etl.periods import PeriodKind
from medpool_etl.store.models import make_view, model_sql
from medpool_etl.store.warehouse import whole

# In the order in which they build on one another.
STAGING = (
    "treasury_premiums",
    "account_movements",
    "account_balances",
    "set_aside_keys",
    "settlement_rows",
    "flow_rows",
)
# Movements by what instructed them, as sql/settlement/matched_movements.sql makes them.
MATCHED = (
    "file_id VARCHAR, line_id BIGINT, transfer_id VARCHAR, city_flow VARCHAR, city_sign INTEGER, county_flow VARCHAR, "
    "county_sign INTEGER"
)


def staging_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views of ``sql/staging`` over the accepted rows of a session. Until movements are matched with instructions
    (``matched_movements``) none is."""
    connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS matched_movements ({MATCHED})")
    for name in STAGING:
        make_view(connection, "staging", name)


def table_path(folder: Path, table: str) -> Path:
    """Return where a run keeps a published table."""
    return folder / "tables" / f"{table}.parquet"


def build_tables(
    connection: duckdb.DuckDBPyConnection, folder: Path, registry: Registry, kind: PeriodKind = "month"
) -> dict[str, int]:
    """Write every table a run of that kind of period publishes as Parquet and return their row counts.

    Rows are ordered by all columns, so the same content gives the same bytes. Raises SettlementError when a model's
    columns or types are not those of the registry, or two rows have the same ``row_id``.
    """
    counts = {}
    for name, table in registry.of_runs(kind).items():
        try:
            found = connection.execute(f"DESCRIBE {model_sql('marts', name)}").fetchall()
        except duckdb.Error as error:
            raise SettlementError(f"DuckDB refuses the model: {error}", where=f"sql/marts/{name}.sql") from error
        actual = [(row[0], row[1]) for row in found]
        wanted = [(column, registry.terms[column].type) for column in table.columns]
        if actual != wanted:
            wrong = [f"{a} should be {w}" for a, w in zip(actual, wanted, strict=False) if a != w]
            raise SettlementError(
                f"the model's columns are not the registry's: {'; '.join(wrong) or f'{len(actual)} for {len(wanted)}'}",
                where=f"sql/marts/{name}.sql",
            )
        with whole(table_path(folder, name)) as temporary:
            connection.execute(
                f"COPY (SELECT * FROM ({model_sql('marts', name)}) ORDER BY ALL) TO '{temporary}' "
                "(FORMAT parquet, COMPRESSION zstd)"
            )
            counts[name] = _count(connection, temporary, name, "row_id" in table.columns)
    return counts


def _count(connection: duckdb.DuckDBPyConnection, path: Path, name: str, named: bool) -> int:
    distinct = "count(DISTINCT row_id)" if named else "count(*)"
    row = connection.execute(f"SELECT count(*), {distinct} FROM read_parquet(?)", [str(path)]).fetchone()
    assert row is not None
    if row[0] != row[1]:
        raise SettlementError("two rows have the same row_id", where=f"sql/marts/{name}.sql")
    return int(row[0])
