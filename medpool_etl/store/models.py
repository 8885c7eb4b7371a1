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


def make_view(connection: duckdb.DuckDBPyConnection, stage: str, name: str) -> None:
    """Make the view ``name`` of a model; raises SettlementError naming the model when DuckDB refuses it."""
    _run(connection, f"CREATE OR REPLACE TEMP VIEW {name} AS\n{model_sql(stage, name)}", stage, name)


def make_table(connection: duckdb.DuckDBPyConnection, stage: str, name: str) -> None:
    """Make the table ``name`` of a model; raises SettlementError naming the model when DuckDB refuses it."""
    _run(connection, f"CREATE OR REPLACE TEMP TABLE {name} AS\n{model_sql(stage, name)}", stage, name)


def _run(connection: duckdb.DuckDBPyConnection, sql: str, stage: str, name: str) -> None:
    try:
        connection.execute(sql)
    except duckdb.Error as error:
        raise SettlementError(f"DuckDB refuses the model: {error}", where=f"sql/{stage}/{name}.sql") from error
