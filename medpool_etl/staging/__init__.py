"""Rows as typed Parquet: every row of every recognised file, with the checks it fails and its original text.

One file gives ``staged/<contract>/<file_id>.parquet`` and a count of rows and failures, ``<file_id>.json``. Columns:
``file_id``, ``line_id`` (order in the file), ``row_no`` (the row as an editor or Excel counts it), the contract's
metadata and columns (money DECIMAL(18,2) in yuan, dates DATE), ``failed`` (check_id and found of every failed check),
``set_aside``, and ``original`` (the text of a row that fails something).
"""

from medpool_etl.staging.stage import stage_file, verify_checks

__all__ = ["stage_file", "verify_checks"]
