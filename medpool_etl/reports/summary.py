"""A month in short, for whoever started it: received, set aside, reconciled, to be remitted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from medpool_etl.reports.tables import read_table
from medpool_etl.store.warehouse import read_json

_PAIRS = """
SELECT pair_title, clause, sum(item_count)::BIGINT AS item_count, sum(break_count)::BIGINT AS break_count,
  sum(left_total)::DECIMAL(18,2) AS left_total, sum(right_total)::DECIMAL(18,2) AS right_total,
  sum(brought_forward)::DECIMAL(18,2) AS brought_forward, sum(difference)::DECIMAL(18,2) AS difference,
  sum(open_difference)::DECIMAL(18,2) AS open_difference, sum(open_count)::BIGINT AS open_count
FROM reconciliations GROUP BY pair, pair_title, clause ORDER BY min(position)
"""


@dataclass(frozen=True)
class Summary:
    """The month's frames: files, rows with findings, pairs (one row each), remittances, vouchers; and its standing."""

    figures: str
    reasons_zh: str
    reasons_en: str
    override_by: str
    override_reason: str
    files: pd.DataFrame
    findings: pd.DataFrame
    pairs: pd.DataFrame
    breaks: pd.DataFrame
    adjustments: pd.DataFrame
    remittances: pd.DataFrame
    vouchers: pd.DataFrame
    transfers: pd.DataFrame


def read_summary(folder: Path, pair_order: tuple[str, ...]) -> Summary:
    """Return the summary of a run; raises StoreError when the run is not complete."""
    known = read_json(folder / "summary.json")
    reconciliations = read_table(folder, "reconciliations")
    with duckdb.connect() as connection:
        order = pd.DataFrame({"pair": list(pair_order), "position": range(len(pair_order))})
        connection.register("pair_order", order)
        connection.register("all_pairs", reconciliations)
        connection.execute("CREATE TEMP VIEW reconciliations AS FROM all_pairs JOIN pair_order USING (pair)")
        pairs = connection.sql(_PAIRS).to_arrow_table().to_pandas(types_mapper=pd.ArrowDtype)
    return Summary(
        figures=known["figures"],
        reasons_zh=known["reasons_zh"],
        reasons_en=known["reasons_en"],
        override_by=known.get("override_by", ""),
        override_reason=known.get("override_reason", ""),
        files=read_table(folder, "files"),
        findings=read_table(folder, "set_aside_rows"),
        pairs=pairs,
        breaks=read_table(folder, "breaks"),
        adjustments=read_table(folder, "adjustments"),
        remittances=read_table(folder, "remittances"),
        vouchers=read_table(folder, "vouchers").sort_values("fund", ascending=False),
        transfers=read_table(folder, "transfers"),
    )
