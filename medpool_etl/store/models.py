"""The SQL models in ``sql/``: one SELECT a file, in folders by stage, named as the table it makes."""

from __future__ import annotations

from pathlib import Path

import duckdb

from medpool_etl.errors import ConfigurationError, SettlementError
from medpool_etl.store.settings import project_root


def model_paths() -> list[Path]:
    """Return every SQL model, by stage and name."""
    return sorted((project_root() / "sql").glob("*/*.sql"))


def model_sql(stage: str, name: str) -> str:
    """Return the text of ``sql/<stage>/<name>.sql``; raises ConfigurationError when it is not there."""
    path = project_root() / "sql" / stage / f"{name}.sql"
    if not path.is_file():
        raise ConfigurationError("there is no such SQL model", where=f"sql/{stage}/{name}.sql")
    return path.read_text(encoding="utf-8")


def make_view(connection: duckdb.DuckDBPyConnection, stage: str, model: str, name: str | None = None) -> None:
    """Make a view of a model, under its own name or ``name``; raises SettlementError when DuckDB refuses the model."""
    _make(connection, "VIEW", stage, model, name or model)


def make_table(connection: duckdb.DuckDBPyConnection, stage: str, model: str, name: str | None = None) -> None:
    """Make a table of a model, under its own name or ``name``; raises SettlementError when DuckDB refuses the model."""
    _make(connection, "TABLE", stage, model, name or model)


def _make(connection: duckdb.DuckDBPyConnection, kind: str, stage: str, model: str, name: str) -> None:
    sql = f"CREATE OR REPLACE TEMP {kind} {name} AS\n{model_sql(stage, model)}"
    try:
        connection.execute(sql)
    except duckdb.Error as error:
        raise SettlementError(f"DuckDB refuses the model: {error}", where=f"sql/{stage}/{model}.sql") from error
