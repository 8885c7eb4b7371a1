"""Read a run's published tables for people: exact decimals, small frames."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from medpool_etl.marts import table_path


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Return a published table as a frame of Arrow types, so amounts stay decimals."""
    return pd.read_parquet(table_path(folder, name), dtype_backend="pyarrow")
