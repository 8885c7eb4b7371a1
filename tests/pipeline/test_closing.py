"""A closed month never changes; what comes late for it is an adjustment of the next month, once."""

from __future__ import annotations

import datetime as dt
import shutil
import zipfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from medpool_etl import pipeline
from medpool_etl.errors import InputError
from medpool_etl.pipeline.ready import take_in
from medpool_etl.simulator import simulate
from medpool_etl.store import Control, Settings
from tests.conftest import MONTH, Settled, at
from tests.support import read, write

TREASURY = "treasury_receipts"
Adjusted = list[tuple[object, ...]]


def amounts(settings: Settings, month: str) -> Adjusted:
    """Return the adjustments a published month lists: county, item, the four amounts, and of which month."""
    folder = pipeline.published_folder(settings, "taizhou", MONTH.parse(month))
    return duckdb.sql(
        "SELECT county, item, closed_amount, adjusted_before, corrected_amount, adjustment, of_month "
        f"FROM '{folder}/tables/adjustments.parquet' ORDER BY ALL"
    ).fetchall()


def booked(settings: Settings, month: str) -> Adjusted:
    """Return the corrections a published month booked: what they correct, account, side, amount."""
    folder = pipeline.published_folder(settings, "taizhou", MONTH.parse(month))
    return duckdb.sql(
        "SELECT corrects, account, side, amount, booked_in, entry_note "
        f"FROM '{folder}/tables/ledger_posted.parquet' WHERE corrects <> '' ORDER BY ALL"
    ).fetchall()


def receipts_with(settings: Settings, simulation: object, amount: str, name: str) -> None:
    """Send the treasury's list of the month again with another amount in its first row."""
    path = simulation.folder / simulation.names[TREASURY]  # type: ignore[attr-defined]
    rows = read(path, "utf-8-sig")
    rows[1][rows[0].index("金额")] = amount
    write(path.with_name(name), rows, "utf-8-sig")


def test_the_life_of_a_closed_month(tmp_path: Path) -> None:
    """Closed, a month keeps its run and its bytes; each late file is adjusted in the first month settled after it."""
    march = Settled(at(tmp_path))
    settings = march.settings
    before = {path: path.read_bytes() for path in march.tables.iterdir()}
    closed = pipeline.close_month(settings, "taizhou", MONTH, "张三")
    assert pipeline.close_month(settings, "taizhou", MONTH, "李四").closed_by == closed.closed_by == "张三"

    rows = read(march.simulation.folder / march.simulation.names[TREASURY], "utf-8-sig")
    county, was = rows[1][rows[0].index("征收机关")][1:7], Decimal(rows[1][rows[0].index("金额")])
    receipts_with(settings, march.simulation, str(was + 1), "更正一.csv")
    again = pipeline.run_month(settings, "taizhou", MONTH)
    assert (again.run_id, again.unchanged) == (march.run.run_id, True)
    assert {path: path.read_bytes() for path in march.tables.iterdir()} == before
    waits = [row for row in pipeline.inbox(settings, "taizhou", MONTH) if row.state == "adjustment"]
    assert [row.name for row in waits] == ["更正一.csv"]

    april_files = simulate("taizhou", MONTH.plus(1), settings.inbox)
    april = pipeline.run_month(settings, "taizhou", MONTH.plus(1))
    first = amounts(settings, "2022-04")
    assert {(row[0], row[1], row[5]) for row in first} == {
        (county, "treasury_booked", Decimal("1.00")),
        (county, "remittance_due", Decimal("1.00")),
    }
    corrected = f"2022-03/executed/premium_booked/worker/{county}"
    note = "2022-03 迟到文件：更正一.csv"
    assert [row[1:] for row in booked(settings, "2022-04")] == [
        ("1005", "debit", Decimal("1.00"), "2022-04", note),
        ("4001", "credit", Decimal("1.00"), "2022-04", note),
    ]
    assert {str(row[0]).split("#")[0] for row in booked(settings, "2022-04")} == {corrected}
    assert pipeline.run_month(settings, "taizhou", MONTH.plus(1)).unchanged
    pipeline.close_month(settings, "taizhou", MONTH.plus(1), "张三")

    simulate("taizhou", MONTH.plus(2), settings.inbox)
    pipeline.run_month(settings, "taizhou", MONTH.plus(2))
    assert amounts(settings, "2022-05") == booked(settings, "2022-05") == []
    # Of two closed months at once.
    receipts_with(settings, march.simulation, str(was + 5), "更正二.csv")
    rows = read(april_files.folder / april_files.names[TREASURY], "utf-8-sig")
    receipts_with(settings, april_files, str(Decimal(rows[1][rows[0].index("金额")]) + 2), "更正三.csv")
    pipeline.run_month(settings, "taizhou", MONTH.plus(2))
    second = amounts(settings, "2022-05")
    assert {(row[6], row[3], row[5]) for row in second} == {
        ("2022-03", Decimal("1.00"), Decimal("4.00")),
        ("2022-04", Decimal("0.00"), Decimal("2.00")),
    }
    assert {row[3] for row in booked(settings, "2022-05")} == {Decimal("4.00"), Decimal("2.00")}
    assert amounts(settings, "2022-04") == first
    assert april.complete(settings)


def test_another_run_of_a_closed_month_is_refused(tmp_path: Path) -> None:
    """The control database itself refuses to point a closed month at another run."""
    settings = at(tmp_path)
    control = Control(settings.control_url)
    for run in ("one", "two"):
        control.start_run(run, "taizhou", "2022-03", "test")
    control.publish("one", "taizhou", "2022-03", "final")
    control.close_month("taizhou", "2022-03", "one", "张三", "")
    with pytest.raises(InputError, match="is closed"):
        control.publish("two", "taizhou", "2022-03", "final")
    assert control.published_run("taizhou", "2022-03") == "one"
    assert control.closed_months("taizhou")[0].closed_at.date() >= dt.date(2026, 1, 1)
    control.close()


def test_what_no_published_run_knows_is_not_closed_over(sample: Settled, tmp_path: Path) -> None:
    """A correction that intake has seen and nobody has settled, or a newer run that waits, would never be looked at again: it is named, and a
    note says why the month is closed without it."""
    settings = at(shutil.copytree(sample.settings.data, tmp_path / "data", symlinks=True))
    correction = settings.month_inbox("taizhou", MONTH) / "更正.csv"
    original = next(settings.month_inbox("taizhou", MONTH).glob("国库入库清单*"))
    correction.write_bytes(original.read_bytes().replace(b"\r\n", b"\n"))
    take_in(settings, "taizhou", dt.date(2022, 4, 6))
    with pytest.raises(InputError, match=r"does not know: 更正\.csv") as error:
        pipeline.close_month(settings, "taizhou", MONTH, "张三")
    assert "medpool run taizhou 2022-03" in error.value.do
    (correction.parent / "补报").mkdir()
    with zipfile.ZipFile(correction.parent / "补报" / "更正.zip", "w") as archive:
        archive.write(correction, "更正.csv")
    correction.unlink()
    take_in(settings, "taizhou", dt.date(2022, 4, 6))
    with pytest.raises(InputError, match=r"does not know: 补报/更正\.zip/更正\.csv"):
        pipeline.close_month(settings, "taizhou", MONTH, "张三")
    correction.write_bytes(original.read_bytes().replace(b"\r\n", b"\n"))
    shutil.rmtree(correction.parent / "补报")
    run = pipeline.open_month(settings, "taizhou", MONTH)
    with pytest.raises(InputError, match=rf"更正\.csv、run {run.run_id}"):
        pipeline.close_month(settings, "taizhou", MONTH, "张三")
    correction.unlink()
    with pytest.raises(InputError, match=rf"does not know: run {run.run_id}"):
        pipeline.close_month(settings, "taizhou", MONTH, "张三")
    assert pipeline.close_month(settings, "taizhou", MONTH, "张三", "与原件相同").run_id == sample.run.run_id


def test_a_file_that_was_overwritten_before_keeps_nothing_open(tmp_path: Path) -> None:
    """What lay in the inbox half written, was looked at and then replaced, is no reason not to close the month made from what took its place."""
    settings = at(tmp_path)
    files = simulate("taizhou", MONTH, settings.inbox)
    path = files.folder / files.names[TREASURY]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    take_in(settings, "taizhou", dt.date(2022, 4, 6))
    path.write_bytes(whole)
    run = pipeline.run_month(settings, "taizhou", MONTH)
    assert pipeline.close_month(settings, "taizhou", MONTH, "张三").run_id == run.run_id


def test_what_cannot_be_closed(tmp_path: Path) -> None:
    """A month that is not published, nobody's name, and provisional figures without a note are refused."""
    settings = at(tmp_path)
    with pytest.raises(InputError, match="nothing of taizhou 2022-03"):
        pipeline.close_month(settings, "taizhou", MONTH, "张三")
    with pytest.raises(InputError, match="who closes"):
        pipeline.close_month(settings, "taizhou", MONTH, " ")
    control = Control(settings.control_url)
    control.start_run("one", "taizhou", "2022-03", "test")
    control.publish("one", "taizhou", "2022-03", "provisional")
    control.close()
    with pytest.raises(InputError, match="provisional"):
        pipeline.close_month(settings, "taizhou", MONTH, "张三")
    assert pipeline.close_month(settings, "taizhou", MONTH, "张三", "审计后结账").note == "审计后结账"
