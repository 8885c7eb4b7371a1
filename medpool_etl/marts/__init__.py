"""What is published: tables as Parquet in each run, and one DuckDB mart over all published months."""

from medpool_etl.marts.build import build_tables, staging_views, table_path
from medpool_etl.marts.duckdb_mart import build_mart
from medpool_etl.marts.lineage import SourceRow, source_rows
from medpool_etl.marts.registry import Registry, load_registry

__all__ = [
    "Registry",
    "SourceRow",
    "build_mart",
    "build_tables",
    "load_registry",
    "source_rows",
    "staging_views",
    "table_path",
]
