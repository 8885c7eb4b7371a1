"""What an average pandas script does to compare both sides: floating point, one outer merge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from meter import Meter, must_be, task


def read(path: str, columns: list[str], amount: str) -> pd.DataFrame:
    """Read a side without the lines set aside; amounts become floating point, as pandas would have them from a CSV."""
    table = pq.read_table(path, columns=[*columns, amount, "original"])
    table = table.filter(table["original"].is_null()).drop_columns(["original"])
    at = table.schema.get_field_index(amount)
    return table.set_column(at, "amount", table[amount].cast(pa.float64())).to_pandas(date_as_object=False)


def main() -> None:
    """Read both sides, merge, keep what differs, and write it."""
    told = task()
    data, work = Path(told["data"]), Path(told["work"])
    facts = json.loads((data / "facts.json").read_text(encoding="utf-8"))
    parquet = json.loads((data / "staged.json").read_text(encoding="utf-8"))["parquet"]
    target, meter = work / "differences.parquet", Meter()
    with meter.phase("read"):
        keys = ["receipt_no"] if facts["scene"] == "vouchers" else ["county", "fund", "booked_date"]
        tax = read(parquet["tax_collection_detail"], keys, "paid_amount")
        keys = ["voucher_no"] if facts["scene"] == "vouchers" else ["tax_office", "subject", "booked_date"]
        treasury = read(parquet["treasury_receipts"], keys, "amount")
    with meter.phase("match"):
        merged = vouchers(tax, treasury) if facts["scene"] == "vouchers" else batches(tax, treasury)
        difference = (merged["amount_tax"].fillna(0) - merged["amount_treasury"].fillna(0)).round(2)
        one_side = merged["amount_tax"].isna() | merged["amount_treasury"].isna()
        differing = merged[(difference != 0) | one_side]
        differing.to_parquet(target)
    # The merge on the number alone sees every manual receipt twice, and not that one stands in another county.
    rows, total = facts["apart_by_number"] if facts["scene"] == "vouchers" else facts["apart"]
    must_be("rows that differ", len(differing), rows)
    must_be("their sum", f"{difference.sum():.2f}", total)
    meter.report(["read", "match"], found=rows)


def vouchers(tax: pd.DataFrame, treasury: pd.DataFrame) -> Any:
    """Merge on the number."""
    treasury = treasury.rename(columns={"voucher_no": "receipt_no"})
    return tax.merge(treasury, on="receipt_no", how="outer", suffixes=("_tax", "_treasury"))


def batches(tax: pd.DataFrame, treasury: pd.DataFrame) -> Any:
    """Sum by county, fund and day, and merge the sums."""
    treasury["county"] = treasury["tax_office"].str[1:7]
    treasury["fund"] = treasury["subject"].map({"1020301": "worker", "1021201": "resident"})
    keys = ["county", "fund", "booked_date"]
    one = tax.groupby(keys, dropna=False, as_index=False)["amount"].sum()
    other = treasury.groupby(keys, dropna=False, as_index=False)["amount"].sum()
    return one.merge(other, on=keys, how="outer", suffixes=("_tax", "_treasury"))


if __name__ == "__main__":
    main()
