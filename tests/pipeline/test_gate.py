"""What blocks a settlement, how it is let through, and that people's words are inputs like files are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb
import openpyxl
import pytest

from medpool_etl import pipeline
from medpool_etl.errors import BlockedError, InputError
from medpool_etl.pipeline import lives
from medpool_etl.places import load_city
from medpool_etl.reports import validation_path, workbook_path
from medpool_etl.simulator import simulate
from medpool_etl.store import Control, Settings, Warehouse
from tests.conftest import MONTH, Settled, at
from tests.support import Webhook


def run(settings: Settings) -> pipeline.MonthRun:
    return pipeline.run_month(settings, "taizhou", MONTH)


def sheets(folder: Path) -> str:
    """Return the second lines of all sheets of a run's workbook, which say how the month stands."""
    book = openpyxl.load_workbook(workbook_path(folder, load_city("taizhou"), MONTH))
    lines = [str(sheet.cell(2, 1).value) for sheet in book]
    assert len(set(lines)) == 1
    return lines[0]


def runs(folder: Path) -> dict[str, object]:
    found = duckdb.sql(f"FROM '{folder}/tables/runs.parquet'")
    return dict(zip(found.columns, found.fetchall()[0], strict=True))


def test_a_blocked_month_keeps_what_it_published_and_says_what_to_mend(tmp_path: Path, webhook: Webhook) -> None:
    """Nothing moves: not the publication, not the mart; the error names every break that blocks, its owner and the remedies;
    the owner is told at once."""
    first = Settled(at(tmp_path))
    plain = first.settings
    settings = dataclasses.replace(plain, alert_urls=(webhook.url,))
    warehouse = Warehouse(settings.warehouse)
    generation = warehouse.generation()
    simulate("taizhou", MONTH, settings.inbox, faults=["over_transferred", "unknown_movement", "in_transit"])
    with pytest.raises(BlockedError) as caught:
        run(settings)
    said = str(caught.value)
    assert "已拦截" in said and said.count("⛔") == 2
    assert "多划" in said and "未识别收支" in said and "（财政）" in said
    assert "medpool override taizhou 2022-03" in said
    assert caught.value.exit_code == 4
    control = Control(settings.control_url)
    assert control.published_run("taizhou", "2022-03") == first.run.run_id
    control.close()
    assert warehouse.generation() == generation
    (alert,) = webhook.messages
    assert "已拦截，未发布" in alert["title"] and "财政" in alert["title"] and alert["message"].count("⛔") >= 2
    # The workbook of the blocked run is there to look at, and says what it is.
    ((folder,),) = duckdb.sql(
        f"SELECT DISTINCT parse_dirpath(file) FROM glob('{settings.warehouse}/work/taizhou/2022-03/*/summary.json')"
    ).fetchall()
    assert "已拦截，未发布" in sheets(Path(folder))
    # Run again, it says the same, and tells nobody twice.
    with pytest.raises(BlockedError):
        run(settings)
    assert len(webhook.messages) == 1


def test_an_override_is_shown_on_every_output_and_covers_no_more_than_it_says(tmp_path: Path) -> None:
    """A named person with a reason publishes the month; workbook, report, mart and alerts show both; another break that blocks
    is not covered."""
    settings = at(tmp_path)
    simulate("taizhou", MONTH, settings.inbox, faults=["over_transferred"])
    with pytest.raises(InputError, match="nothing blocks"):
        pipeline.override(settings, "taizhou", MONTH, "张三", "理由")
    with pytest.raises(BlockedError):
        run(settings)
    for by, reason in (("", "理由"), ("张三", " ")):
        with pytest.raises(InputError):
            pipeline.override(settings, "taizhou", MONTH, by, reason)
    pipeline.override(settings, "taizhou", MONTH, "王科长", "多划部分已约定次月退回")
    published = run(settings)
    folder = published.folder(settings)
    for shown in (sheets(folder), validation_path(folder, load_city("taizhou"), MONTH).read_text("utf-8")):
        assert "王科长" in shown and "多划部分已约定次月退回" in shown
    known = runs(folder)
    assert (known["gate_state"], known["override_by"], known["override_reason"]) == (
        "overridden",
        "王科长",
        "多划部分已约定次月退回",
    )
    assert known["figures"] == "provisional"
    assert run(settings).unchanged
    simulate("taizhou", MONTH, settings.inbox, faults=["over_transferred", "unknown_movement"])
    with pytest.raises(BlockedError, match="未识别收支"):
        run(settings)
    # Mended, the month needs no override and shows none.
    simulate("taizhou", MONTH, settings.inbox)
    mended = runs(run(settings).folder(settings))
    assert (mended["gate_state"], mended["override_by"], mended["figures"]) == ("open", None, "final")


def test_what_a_person_says_of_a_break_lets_the_month_pass(tmp_path: Path) -> None:
    """An explained break stands in the tables with who said what, blocks no more, and goes on as explained; taken back, it blocks."""
    settings = at(tmp_path)
    simulate("taizhou", MONTH, settings.inbox, faults=["unknown_movement"])
    with pytest.raises(BlockedError):
        run(settings)
    (found,) = [row for row in lives.list_breaks(settings, "taizhou") if row.gate == "block"]
    lives.explain_break(settings, found.break_id[:8], "李会计", "退还误划的公益捐款，凭证附后")
    explained = run(settings)
    folder = explained.folder(settings)
    assert duckdb.sql(
        f"SELECT break_id, state, decided_by, decision_note FROM '{folder}/tables/breaks.parquet' WHERE gate = 'block'"
    ).fetchall() == [(found.break_id, "explained", "李会计", "退还误划的公益捐款，凭证附后")]
    assert runs(folder)["figures"] == "final"
    assert run(settings).unchanged
    simulate("taizhou", MONTH.plus(1), settings.inbox, cures=False)
    april = pipeline.run_month(settings, "taizhou", MONTH.plus(1)).folder(settings)
    assert runs(april)["figures"] == "final"
    assert duckdb.sql(
        f"SELECT state, decided_by FROM '{april}/tables/breaks.parquet' WHERE origin_month = '2022-03'"
    ).fetchall() == [("explained", "李会计")]
    lives.reopen_break(settings, found.break_id, "李会计", "凭证有误")
    with pytest.raises(BlockedError):
        run(settings)


def test_a_corrected_file_ends_its_break(tmp_path: Path) -> None:
    """Sent again without the fault, the month is settled anew, its break is corrected, and the owner is told so."""
    settings = at(tmp_path)
    march = Settled(settings, "one_fen_treasury", seed=7)
    (found,) = [row for row in lives.list_breaks(settings, "taizhou") if row.break_class == "amount_differs"]
    simulate("taizhou", MONTH, settings.inbox, seed=7)
    again = run(settings)
    assert again.run_id != march.run.run_id
    row, history = lives.show_break(settings, found.break_id)
    assert (row.state, row.ended_in, row.ended_by) == ("corrected", "2022-03", "medpool")
    assert [event.event for event in history] == ["opened", "corrected"]
    assert history[-1].run_id == again.run_id
    with duckdb.connect(str(Warehouse(settings.warehouse).current_mart), read_only=True) as mart:
        assert mart.execute("SELECT state FROM break_lives").fetchall() == [("corrected",)]
        assert mart.execute("SELECT count(*) FROM open_breaks").fetchall() == [(0,)]


def test_a_month_run_again_after_its_successor(tmp_path: Path) -> None:
    """A later month that carries from the older run is named; what it cleared stays cleared; run again, it carries anew."""
    settings = at(tmp_path)
    Settled(settings, "in_transit", "missing_treasury", seed=7)
    april = Settled(settings, seed=8, month=MONTH.plus(1))
    simulate("taizhou", MONTH, settings.inbox, seed=7, faults=["in_transit", "missing_treasury", "one_fen_agency"])
    march = run(settings)
    states = {row.break_class: row.state for row in lives.list_breaks(settings, "taizhou", ended_too=True)}
    assert states == {"in_transit": "cleared", "only_left": "cleared", "amount_differs": "open"}
    # The cures of the new rehearsal are the same, so April's files stay as they were.
    again = pipeline.run_month(settings, "taizhou", MONTH.plus(1))
    assert again.run_id != april.run.run_id
    known = runs(again.folder(settings))
    assert (known["carries_month"], known["carries_run_id"]) == ("2022-03", march.run_id)
    assert known["figures"] == "provisional"
    left = duckdb.sql(
        f"SELECT class, origin_month FROM '{again.folder(settings)}/tables/breaks.parquet' WHERE gate <> 'expected'"
    ).fetchall()
    assert left == [("amount_differs", "2022-03")]


def test_a_closed_month_keeps_its_breaks(tmp_path: Path) -> None:
    """Closed with an open break, a month keeps its tables; the break goes on, and ends in the month that clears it."""
    settings = at(tmp_path)
    march = Settled(settings, "missing_treasury", seed=7)
    before = {path.name: path.read_bytes() for path in march.tables.iterdir()}
    pipeline.close_month(settings, "taizhou", MONTH, "张三", "国库次月补列")
    Settled(settings, seed=8, month=MONTH.plus(1))
    (row,) = lives.list_breaks(settings, "taizhou", ended_too=True)
    assert (row.month, row.state, row.ended_in) == ("2022-03", "cleared", "2022-04")
    assert run(settings).unchanged
    assert {path.name: path.read_bytes() for path in march.tables.iterdir()} == before
    (row,) = lives.list_breaks(settings, "taizhou", ended_too=True)
    assert row.state == "cleared"
