"""Polars' streaming copy from clean UTF-8 CSV to Parquet, or its reading alone; needs Polars and nothing of medpool."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from meter import Meter, must_be, task

_TYPES: dict[str, Any] = {
    "VARCHAR": pl.String,
    "BIGINT": pl.Int64,
    "DECIMAL(18,2)": pl.Decimal(18, 2),
    "DECIMAL(9,6)": pl.Decimal(9, 6),
    # Polars' reader takes no form of a date: it is read as text and converted in the same pass.
    "DATE": pl.String,
}


def main() -> None:
    """Copy both files, typed or as text; or only read them, typed (``read``)."""
    told = task()
    data, work = Path(told["data"]), Path(told["work"])
    files = json.loads((data / "facts.json").read_text(encoding="utf-8"))["files"]
    meter = Meter()
    for name, known in files.items():
        with meter.phase(name):
            types = known["types"] if told["typed"] else dict.fromkeys(known["types"], "VARCHAR")
            rows = pl.scan_csv(data / "clean" / f"{name}.csv", schema={n: _TYPES[t] for n, t in types.items()})
            dates = [header for header, kind in types.items() if kind == "DATE"]
            if dates:
                rows = rows.with_columns(pl.col(dates).str.to_date("%Y%m%d"))
            if told.get("read"):
                # Every value is made and looked at.
                found = rows.select(pl.len().alias("rows"), pl.all().max()).collect(engine="streaming")["rows"][0]
            else:
                rows.sink_parquet(work / f"{name}.parquet")
        if told.get("read"):
            must_be(f"{name}: rows read", found, known["rows"])
    for name, known in files.items() if not told.get("read") else ():
        amount = pl.col("实缴金额" if name == "tax_collection_detail" else "到账金额").cast(pl.Decimal(18, 2))
        copied = pl.scan_parquet(work / f"{name}.parquet").select(rows=pl.len(), total=amount.sum()).collect().row(0)
        must_be(f"{name}: Parquet", copied, (known["rows"], Decimal(known["total"])))
    meter.report(list(files), version=pl.__version__)


if __name__ == "__main__":
    main()
