"""The sample month against figures worked out from its files by other means than medpool's own."""

import csv
import datetime as dt
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pytest

from tests.conftest import Settled

D = Decimal
# Worked out from the file of seed 1 with awk: the treasury's receipts of level 3, subject 1020301 or 1021201, summed
# in fen per 征收机关.
BY_HAND = {
    ("worker", "331002"): "49912382.46",
    ("worker", "331003"): "37322508.58",
    ("worker", "331004"): "53129654.11",
    ("worker", "331022"): "53384394.01",
    ("worker", "331023"): "56872006.60",
    ("worker", "331024"): "44352350.09",
    ("worker", "331081"): "45194079.69",
    ("worker", "331082"): "38604404.76",
    ("worker", "331083"): "48413322.32",
    ("resident", "331002"): "1690000.00",
    ("resident", "331003"): "1285000.00",
    ("resident", "331004"): "1813500.00",
    ("resident", "331022"): "1720500.00",
    ("resident", "331023"): "1875000.00",
    ("resident", "331024"): "1813000.00",
    ("resident", "331081"): "1288000.00",
    ("resident", "331082"): "1468000.00",
    ("resident", "331083"): "1675000.00",
}


def rows_of(path: Path, encoding: str, header: int) -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        lines = list(csv.reader(file))
    rows = [dict(zip(lines[header], line, strict=False)) for line in lines[header + 1 :]]
    return [row for row in rows if lines[header] and next(iter(row.values())) != "合计"]


def treasury_by_county(settled: Settled) -> dict[tuple[str, str], Decimal]:
    path = settled.simulation.folder / settled.simulation.names["treasury_receipts"]
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: D(0))
    for row in rows_of(path, "utf-8-sig", 0):
        fund = {"1020301": "worker", "1021201": "resident"}[row["科目"]]
        assert row["级次"] == "3"
        sums[(fund, row["征收机关"][1:7])] += D(row["金额"])
    return dict(sums)


def published(settled: Settled, sql: str) -> list[tuple[object, ...]]:
    return duckdb.sql(sql.replace("TABLES", str(settled.tables))).fetchall()


def test_remittances_are_the_figures_worked_out_by_hand(sample: Settled) -> None:
    """T8.1: each county's remittance is what the city treasury booked for it, due on the last day of the month."""
    rows = published(
        sample, "SELECT fund, county, amount, due_date, late_after, rule_id, clause FROM 'TABLES/remittances.parquet'"
    )
    assert {(row[0], row[1]): row[2] for row in rows} == {key: D(value) for key, value in BY_HAND.items()}
    assert treasury_by_county(sample) == {key: D(value) for key, value in BY_HAND.items()}
    assert {row[3:] for row in rows} == {
        (dt.date(2022, 3, 31), dt.date(2022, 3, 31), "T8.1", "台政办发〔2021〕48号 附件第八条第一款")
    }


def test_vouchers_are_what_the_bank_received(sample: Settled) -> None:
    """A fund's voucher is the sum of its remittances, and the bank's statement shows just that moved."""
    rows = published(
        sample, "SELECT fund, amount_due, amount_transferred, amount_outstanding FROM 'TABLES/vouchers.parquet'"
    )
    assert {row[0]: row[1:] for row in rows} == {
        "worker": (D("427185102.62"), D("427185102.62"), D("0.00")),
        "resident": (D("14628000.00"), D("14628000.00"), D("0.00")),
    }


def test_tax_and_agency_sums_are_those_of_their_files(sample: Settled) -> None:
    """The monthly settlement carries each county's sums of the tax file and of the agency's file."""
    names, folder = sample.simulation.names, sample.simulation.folder
    tax: dict[tuple[str, str], Decimal] = defaultdict(lambda: D(0))
    for row in rows_of(folder / names["tax_collection_detail"], "gb18030", 1):
        tax[("resident" if row["征收项目"].startswith("城乡") else "worker", row["行政区划"])] += D(row["实缴金额"])
    agency: dict[tuple[str, str], Decimal] = defaultdict(lambda: D(0))
    for row in rows_of(folder / names["agency_bookings"], "gb18030", 0):
        fund = "resident" if row["险种"] == "城乡居民医保" else "worker"
        agency[(fund, row["行政区划"])] += D(row["到账金额"].replace(",", ""))
    rows = published(
        sample, "SELECT fund, county, tax_collected, agency_booked FROM 'TABLES/monthly_settlement.parquet'"
    )
    assert {(row[0], row[1]): row[2] for row in rows} == dict(tax)
    assert {(row[0], row[1]): row[3] for row in rows} == dict(agency)


def test_county_reports_are_read_in_their_own_unit(sample: Settled) -> None:
    """Every cell of the nine reports, in 元 or 万元, stands in the mart in yuan, exact to the fen."""
    expected = {}
    for key, name in sample.simulation.names.items():
        if not key.startswith("county_expenditure_report/"):
            continue
        sheet = openpyxl.load_workbook(sample.simulation.folder / name).active
        assert sheet is not None
        unit = D(10000) if "万元" in str(sheet["F2"].value) else D(1)
        for row in sheet.iter_rows(min_row=5, max_row=14, values_only=True):
            for fund, position in (("worker", 1), ("resident", 4)):
                times, cost, paid = row[position : position + 3]
                expected[(key.split("/")[1], fund, row[0])] = (times, *(D(str(v)) * unit for v in (cost, paid)))
    rows = published(
        sample,
        "SELECT county, fund, item_name, person_times, total_cost, fund_payment FROM 'TABLES/county_expenditure.parquet'",
    )
    assert len(rows) == 9 * 2 * 10
    assert {row[:3]: row[3:] for row in rows} == expected


def test_the_counties_accounts_add_up(sample: Settled) -> None:
    """Closing = opening + received + interest − expenditure, and received = sent, for every county and fund."""
    rows = published(
        sample,
        "SELECT account_opening + account_received + account_interest - expenditure - account_closing, "
        "account_received - allocation_sent, account_opening FROM 'TABLES/monthly_settlement.parquet'",
    )
    assert {row[:2] for row in rows} == {(D(0), D(0))}
    assert all(row[2] > 0 for row in rows)


def test_the_books_balance(sample: Settled) -> None:
    """Debits equal credits in every book and fund, and the treasury deposit is nil after the transfers."""
    rows = published(
        sample,
        "SELECT books, fund, sum(CASE side WHEN 'debit' THEN amount ELSE -amount END) "
        "FROM 'TABLES/ledger_entries.parquet' GROUP BY ALL",
    )
    assert len(rows) == 10 * 2
    assert {row[2] for row in rows} == {D(0)}
    treasury = published(
        sample,
        "SELECT fund, sum(CASE side WHEN 'debit' THEN amount ELSE -amount END) FROM 'TABLES/ledger_entries.parquet' "
        "WHERE account = '1005' GROUP BY fund",
    )
    assert sorted(treasury) == [("resident", D(0)), ("worker", D(0))]


@pytest.mark.parametrize("table", ["files", "checks", "reconciliations", "transfers", "clauses"])
def test_every_table_has_rows(sample: Settled, table: str) -> None:
    """Nothing that is published is empty in a full month (breaks and set-asides are, rightly)."""
    assert published(sample, f"SELECT count(*) FROM 'TABLES/{table}.parquet'")[0][0] != 0


def test_no_row_is_lost(sample: Settled) -> None:
    """Rows read are rows accepted and rows set aside, for every file."""
    rows = published(sample, "SELECT rows_read, rows_accepted, rows_set_aside FROM 'TABLES/files.parquet'")
    assert len(rows) == 17
    assert all(read == accepted + aside for read, accepted, aside in rows)
