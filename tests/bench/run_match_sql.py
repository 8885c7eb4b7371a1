"""DuckDB on the same sides: scan the columns the model reads, copy the CSV to Parquet, or match in one plain statement."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
from meter import Meter, must_be, task

# What each side is, as a person would write it down: rows set aside have no typed values.
LEFT = "SELECT county, fund, receipt_no, booked_date, paid_amount AS amount FROM read_parquet('{tax}') WHERE original IS NULL"
RIGHT = """
SELECT substr(tax_office, 2, 6) AS county, CASE subject WHEN '1021201' THEN 'resident' ELSE 'worker' END AS fund,
  voucher_no, booked_date, amount
FROM read_parquet('{treasury}')
WHERE original IS NULL"""
KEYS = {"vouchers": ("receipt_no", "voucher_no"), "batches": ("booked_date", "booked_date")}
# The columns the pair's model reads.
READ = {
    "tax_collection_detail": "line_id, original, receipt_no, fund, county, levy_kind, paid_date, booked_date, paid_amount",
    "treasury_receipts": "line_id, original, voucher_no, booked_date, level, subject, tax_office, adjustment_period, amount",
}


def main() -> None:
    """Do what the task says, in an amount of ``memory`` if it says so."""
    told = task()
    data, work = Path(told["data"]), Path(told["work"])
    facts = json.loads((data / "facts.json").read_text(encoding="utf-8"))
    parquet = json.loads((data / "staged.json").read_text(encoding="utf-8"))["parquet"]
    limit = {"memory_limit": told["memory"]} if "memory" in told else {}
    connection, meter = duckdb.connect(config={"temp_directory": str(work / "spill"), **limit}), Meter()
    if told["what"] == "match":
        _match(connection, facts, parquet, work, meter)
        return
    for name, rows in facts["rows"].items():
        with meter.phase(name):
            if told["what"] == "scan":
                sql = (
                    f"SELECT count(*), max(COLUMNS(*)) FROM (SELECT {READ[name]} FROM read_parquet('{parquet[name]}'))"
                )
                found = connection.execute(sql).fetchall()[0][0]
            else:
                source = data / "inbox" / "taizhou" / facts["month"] / facts["names"][name]
                columns = f"columns={facts['types'][name]}, header=true, dateformat='%Y%m%d'"
                sql = f"COPY (FROM read_csv('{source}', {columns})) TO '{work / name}.parquet' (FORMAT parquet)"
                found = connection.execute(sql).fetchall()[0][0]
        must_be(f"{name}: rows", found, rows)
    meter.report(list(meter.seconds))


def _match(
    connection: duckdb.DuckDBPyConnection, facts: dict[str, str], parquet: dict[str, str], work: Path, meter: Meter
) -> None:
    """Sum both sides by key, join them, and write what differs."""
    left, right = KEYS[facts["scene"]]
    sides = {"tax": parquet["tax_collection_detail"], "treasury": parquet["treasury_receipts"]}
    target = work / "differences.parquet"
    with meter.phase("match"):
        connection.execute(
            f"""
            COPY (
              SELECT coalesce(tax.county, treasury.county) AS county, coalesce(tax.fund, treasury.fund) AS fund,
                coalesce(tax.key, treasury.key) AS key, tax.amount AS tax, treasury.amount AS treasury
              FROM (SELECT county, fund, {left} AS key, sum(amount) AS amount FROM ({LEFT.format(**sides)}) GROUP BY ALL) AS tax
              FULL JOIN (
                SELECT county, fund, {right} AS key, sum(amount) AS amount FROM ({RIGHT.format(**sides)}) GROUP BY ALL
              ) AS treasury
                ON treasury.county = tax.county AND treasury.fund = tax.fund AND treasury.key = tax.key
              WHERE tax.amount IS DISTINCT FROM treasury.amount
            ) TO '{target}' (FORMAT parquet)
            """
        )
    found = connection.execute(
        f"SELECT count(*), CAST(sum(coalesce(tax, 0) - coalesce(treasury, 0)) AS VARCHAR) FROM read_parquet('{target}')"
    ).fetchall()[0]
    must_be("what differs", list(found), facts["apart"])
    meter.report(["match"], found=found[0])


if __name__ == "__main__":
    main()
