"""Refunds look back over the months settled before, through the files of their runs."""

import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from medpool_etl import pipeline
from medpool_etl.errors import StoreError
from medpool_etl.simulator import simulate
from tests.conftest import MONTH, Settled, at, settle_month
from tests.support import read, write

HEADER = ["国库", "退库日期", "退库凭证号", "原凭证号", "级次", "科目", "退库金额", "征收机关", "退库原因"]


def booked(settled: Settled, count: int) -> list[dict[str, str]]:
    """Return some numbered receipts of a month's treasury list, as it was written."""
    header, *rows = read(settled.simulation.folder / settled.simulation.names["treasury_receipts"], "utf-8-sig")
    while "凭证号" not in header:
        header, *rows = rows
    receipts = (dict(zip(header, row, strict=False)) for row in rows)
    return [receipt for receipt in receipts if len(receipt.get("凭证号", "")) == 18][:count]


def refund(settled: Settled, folder: Path, receipts: list[dict[str, str]]) -> None:
    """Write a list of refunds of receipts into a month's inbox."""
    rows = [
        [r["国库"], f"{settled.when.plus(2).last_day:%Y%m%d}", f"{n:08d}", r["凭证号"], r["级次"], r["科目"], r["金额"],
         r["征收机关"], "重复缴费"]
        for n, r in enumerate(receipts, 1)
    ]  # fmt: skip
    write(folder / "退库.csv", [HEADER, *rows])


def test_a_refund_finds_its_receipt_two_months_back(tmp_path: Path) -> None:
    """Of March's receipts paid back in May, one is paid back twice; without March's run May is not settled at all."""
    settings = at(tmp_path)
    march = Settled(settings)
    Settled(settings, month=MONTH.plus(1))
    simulation = simulate("taizhou", MONTH.plus(2), settings.inbox)
    once, twice = booked(march, 2)
    refund(march, simulation.folder, [once, twice, twice])

    kept = tmp_path / "kept"
    shutil.move(march.folder, kept)
    with pytest.raises(StoreError, match="missing or unreadable") as error:
        pipeline.run_month(settings, "taizhou", MONTH.plus(2))
    assert str(march.folder) in str(error.value)
    shutil.move(kept, march.folder)

    # What was transferred is now more than was booked, which blocks the month.
    run, _ = settle_month(settings, MONTH.plus(2))
    found = duckdb.sql(
        f"SELECT class, item_key, difference FROM '{run.folder(settings)}/tables/breaks.parquet' "
        "WHERE class LIKE 'refund%' ORDER BY ALL"
    ).fetchall()
    amounts = [(receipt["凭证号"], Decimal(receipt["金额"].replace(",", ""))) for receipt in (once, twice)]
    assert found == sorted([("refund", *amounts[0]), ("refund", *amounts[1]), ("refund_unfounded", *amounts[1])])
