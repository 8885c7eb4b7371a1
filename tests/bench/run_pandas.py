"""What an average pandas script does with the offices' files: amounts as floating point, a handful of masks, Parquet."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from meter import Meter, task

COUNTIES = ["331002", "331003", "331004", "331022", "331023", "331024", "331081", "331082", "331083"]


def tax(path: Path, work: Path) -> int:
    """Read, convert, check and write the tax offices' file; return how many rows were put aside."""
    rows = pd.read_csv(path, encoding="gb18030", dtype=str, skiprows=1).iloc[:-1]
    for name in ("缴费人数", "缴费基数", "费率", "应缴金额", "实缴金额"):
        rows[name] = pd.to_numeric(rows[name], errors="coerce")
    booked_text = rows["入库日期"].notna()
    for name in ("费款所属期起", "费款所属期止", "缴款日期", "入库日期"):
        rows[name] = pd.to_datetime(rows[name], format="%Y%m%d", errors="coerce")
    bad = rows.drop(columns=["缴费基数", "费率", "入库日期"]).isna().any(axis=1)
    bad |= rows["电子税票号码"].duplicated() | ~rows["行政区划"].isin(COUNTIES)
    bad |= booked_text & ~rows["入库日期"].between("2022-03-01", "2022-03-31")
    bad |= (rows["缴款日期"] > rows["入库日期"]) | (rows["实缴金额"] <= 0)
    bad |= (rows["缴费人类型"] == "城乡居民") != (rows["征收项目"] == "城乡居民基本医疗保险费")
    rows[bad].to_csv(work / "tax.bad.csv")
    rows[~bad].to_parquet(work / "tax.parquet")
    return int(bad.sum())


def agency(path: Path, work: Path) -> int:
    """Read, convert, check and write the agency's file; return how many rows were put aside."""
    rows = pd.read_csv(path, encoding="gb18030", dtype=str).iloc[:-1]
    rows["到账金额"] = pd.to_numeric(rows["到账金额"].str.replace(",", ""), errors="coerce")
    rows["到账日期"] = pd.to_datetime(rows["到账日期"], format="%Y年%m月%d日", errors="coerce")
    rows["费款所属期"] = pd.to_datetime(rows["费款所属期"], format="%Y%m", errors="coerce")
    bad = rows.isna().any(axis=1) | rows["票据号"].duplicated() | ~rows["行政区划"].isin(COUNTIES)
    bad |= ~rows["到账日期"].between("2022-03-01", "2022-03-31")
    bad |= (rows["缴费人类型"] == "城乡居民") != (rows["险种"] == "城乡居民医保")
    rows[bad].to_csv(work / "agency.bad.csv")
    rows[~bad].to_parquet(work / "agency.parquet")
    return int(bad.sum())


def main() -> None:
    """Do both files."""
    told = task()
    data, work = Path(told["data"]), Path(told["work"])
    facts = json.loads((data / "facts.json").read_text(encoding="utf-8"))
    inbox, meter, found = data / "inbox" / facts["month"], Meter(), 0
    for name, script in (("tax_collection_detail", tax), ("agency_bookings", agency)):
        with meter.phase(name):
            found += script(inbox / facts["files"][name]["name"], work)
    meter.report(list(meter.seconds), found=found)


if __name__ == "__main__":
    main()
