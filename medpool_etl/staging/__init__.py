"""Rows as typed Parquet: every line of every recognised file, with the checks it fails and its original text.

One file gives ``staged/<contract>/<file_id>.parquet`` (the lines that had a close look), for a large text also
``<file_id>.plain.parquet`` (its lines in order, those in plain form typed), and ``<file_id>.json``, what was counted.
:func:`medpool_etl.store.session.add_rows` joins the two. Columns: ``line_id`` (order in the file), ``row_no`` (the row as
an editor or Excel counts it), ``kind``, the contract's metadata and columns (money DECIMAL(18,2) in yuan, dates DATE),
``failed`` (check_id and found of every failed check), ``set_aside``, and ``original`` (the text of a line that is no
good row of data).
"""

from medpool_etl.staging.match import unmatched
from medpool_etl.staging.stage import prepare, stage_file
from medpool_etl.staging.verify import verify_checks

__all__ = ["prepare", "stage_file", "unmatched", "verify_checks"]
