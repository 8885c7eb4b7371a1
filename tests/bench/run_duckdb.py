"""DuckDB's bare typed copy from clean UTF-8 CSV to Parquet: nothing is recoded, checked, kept or counted."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
from meter import Meter, must_be, task


def main() -> None:
    """Copy both files; ``compression`` is DuckDB's own choice unless the task names one."""
    told = task()
    data, work = Path(told["data"]), Path(told["work"])
    files = json.loads((data / "facts.json").read_text(encoding="utf-8"))["files"]
    compression = f", COMPRESSION {told['compression']}" if "compression" in told else ""
    connection, meter = duckdb.connect(), Meter()
    for name, known in files.items():
        with meter.phase(name):
            connection.execute(
                f"COPY (FROM read_csv('{_quoted(data / 'clean' / name)}.csv', columns={known['types']}, header=true,"
                f" dateformat='%Y%m%d')) TO '{_quoted(work / name)}.parquet' (FORMAT parquet{compression})"
            )
    for name, known in files.items():
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
