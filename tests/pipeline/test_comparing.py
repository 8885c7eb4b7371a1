"""Files are held against one another and against the yearly ones before they are judged, and every row found is kept."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pytest

from medpool_etl import pipeline
from medpool_etl.simulator import simulate
from tests.conftest import MONTH, Settled, at
from tests.support import read, write


def checks(run: Path, contract: str, check: str) -> list[tuple[int | None, bool | None]]:
    """Return what was found of a check in the files of a kind."""
    return duckdb.sql(
        f"SELECT failing, met FROM '{run}/tables/checks.parquet' AS checks "
        f"JOIN '{run}/tables/files.parquet' AS files USING (file_id) "
        f"WHERE contract = '{contract}' AND check_id = '{check}' ORDER BY ALL"
    ).fetchall()


def test_bases_against_the_average_wage(sample: Settled) -> None:
    """With last year's average wage there, every base is held against 60% to 300% of it; the sample's keep within."""
    assert checks(sample.folder, "tax_collection_detail", "base_within_clamp") == [(0, True)]
    assert checks(sample.folder, "tax_collection_detail", "file__volume") == [(None, None)]


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month with a higher average wage, and a booking whose receipt nobody else knows."""
    settings = at(tmp_path_factory.mktemp("edited"))
    simulation = simulate("taizhou", MONTH, settings.inbox)
    wage = next((settings.inbox / "taizhou" / "yearly").iterdir())
    book = openpyxl.load_workbook(io.BytesIO(wage.read_bytes()))
    (cell,) = [cell for row in book.active.iter_rows() for cell in row if cell.value == 6595]
    cell.value = 7000
    book.save(wage)
    path = simulation.folder / simulation.names["agency_bookings"]
    rows = read(path)
    rows[3][rows[0].index("票据号")] = "9" * 18
    write(path, rows)
    return pipeline.run_month(settings, "taizhou", MONTH).folder(settings)


def test_bases_below_the_floor(edited: Path, sample: Settled) -> None:
    """A base below 60% of the wage is counted and listed; the independent count over the file's rows agrees."""
    (low,) = duckdb.sql(
        f"SELECT count(*) FROM '{sample.folder}/staged/tax_collection_detail/*.plain.parquet' "
        "WHERE base < heads * 4200 OR base > heads * 21000"
    ).fetchall()
    assert low[0] > 0
    assert checks(edited, "tax_collection_detail", "base_within_clamp") == [(low[0], False)]
    (listed,) = duckdb.sql(
        f"SELECT count(*), any_value(severity) FROM '{edited}/tables/set_aside_rows.parquet' WHERE check_id = 'base_within_clamp'"
    ).fetchall()
    assert listed == (low[0], "info")


def test_key_nobody_else_knows(edited: Path) -> None:
    """A key that is in no tax file is counted, and its row kept beside the staged file."""
    assert checks(edited, "agency_bookings", "receipt_no__unmatched") == [(1, False)]
    assert checks(edited, "treasury_receipts", "voucher_no__unmatched") == [(0, True)]
    kept = duckdb.sql(f"SELECT row_no, key FROM '{edited}/staged/agency_bookings/*.unmatched.parquet'").fetchall()
    assert kept == [(4, "9" * 18)]


def test_sizes_of_the_months_before(tmp_path: Path) -> None:
    """The month after is compared with this one, in percent, exactly."""
    settings = at(tmp_path)
    sizes = []
    for month in (MONTH, MONTH.plus(1)):
        simulate("taizhou", month, settings.inbox)
        run = pipeline.run_month(settings, "taizhou", month).folder(settings)
        sizes.append(
            duckdb.sql(
                f"SELECT count(*), sum(paid_amount) FROM '{run}/staged/tax_collection_detail/*.plain.parquet' "
                "WHERE original IS NULL"
            ).fetchall()[0]
        )
    assert checks(run, "tax_collection_detail", "file__volume") == [(sizes[1][0] * 100 // sizes[0][0], True)]
    percent = int(Decimal(sizes[1][1]) * 100 / Decimal(sizes[0][1]))
    assert checks(run, "tax_collection_detail", "paid_amount__sum") == [(percent, True)]
