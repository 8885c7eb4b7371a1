"""DuckDB's bare typed copy from clean UTF-8 CSV to Parquet, or its reading alone: nothing is recoded, checked, kept or counted."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
from meter import Meter, must_be, task


def main() -> None:
    """Copy both files, written as DuckDB does unless the task says how (``parquet``); or only read them (``read``)."""
    told = task()
    data, work = Path(told["data"]), Path(told["work"])
    files = json.loads((data / "facts.json").read_text(encoding="utf-8"))["files"]
    connection, meter = duckdb.connect(), Meter()
    for name, known in files.items():
        rows = (
            f"FROM read_csv('{_quoted(data / 'clean' / name)}.csv', columns={known['types']}, header=true,"
            " dateformat='%Y%m%d')"
        )
        with meter.phase(name):
            if told.get("read"):
                # Every value is made and looked at.
                found = connection.execute(f"SELECT count(*), max(COLUMNS(*)) {rows}").fetchall()[0][0]
            else:
                options = told.get("parquet", "(FORMAT parquet)")
                connection.execute(f"COPY ({rows}) TO '{_quoted(work / name)}.parquet' {options}")
        if told.get("read"):
            must_be(f"{name}: rows read", found, known["rows"])
    for name, known in files.items() if not told.get("read") else ():
        amount = "实缴金额" if name == "tax_collection_detail" else "到账金额"
        found = connection.execute(
            f"SELECT count(*), CAST(sum({amount}) AS VARCHAR) FROM read_parquet('{_quoted(work / name)}.parquet')"
        ).fetchall()[0]
        must_be(f"{name}: Parquet", found, (known["rows"], known["total"]))
    meter.report(list(files))


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


if __name__ == "__main__":
    main()
