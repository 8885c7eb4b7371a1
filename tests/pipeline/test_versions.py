"""Versions of a file and of a month: what counts is the newest good file, the newest run, and an alert that arrived."""

import dataclasses
from pathlib import Path

import duckdb
import pytest

from medpool_etl import pipeline
from medpool_etl.errors import InputError
from medpool_etl.pipeline import steps
from medpool_etl.simulator import simulate
from medpool_etl.store import Control, Settings
from medpool_etl.store.told import Memory
from tests.conftest import MONTH, Settled, at
from tests.support import Webhook

CORRECTION, RESENT = "更正_国库入库清单.csv", "再报_国库入库清单.csv"


class Crash(BaseException):
    """Stands for the process ending there and then."""


def published(settings: Settings) -> str | None:
    control = Control(settings.control_url)
    try:
        return control.published_run("taizhou", str(MONTH))
    finally:
        control.close()


def treasury_of(folder: Path, *faults: str) -> bytes:
    """Return the bytes of the same month's treasury file with other faults."""
    simulation = simulate("taizhou", MONTH, folder, faults=faults)
    return (simulation.folder / simulation.names["treasury_receipts"]).read_bytes()


def outcomes(tables: Path) -> dict[str, tuple[str, str]]:
    """Return outcome and problem of every treasury file by name."""
    rows = duckdb.sql(
        f"SELECT file_name, outcome, coalesce(problem_zh, '') FROM '{tables}/files.parquet' "
        "WHERE contract = 'treasury_receipts'"
    ).fetchall()
    return {name: (outcome, problem) for name, outcome, problem in rows}


def settlement(tables: Path) -> list[tuple[object, ...]]:
    return duckdb.sql(
        f"SELECT * EXCLUDE (figures) FROM '{tables}/monthly_settlement.parquet' ORDER BY row_id"
    ).fetchall()


def test_an_older_run_is_not_published_over_a_newer_one(tmp_path: Path) -> None:
    """A run that was overtaken is refused at publishing; opened again with its own inputs, it is published again."""
    settings = at(tmp_path / "data")
    simulation = simulate("taizhou", MONTH, settings.inbox, faults=["one_fen_treasury"])
    older = pipeline.open_month(settings, "taizhou", MONTH)
    for name in ("stage", "judge", "reconcile", "settle"):
        steps.STEPS[name](settings, older)
    correction = simulation.folder / CORRECTION
    correction.write_bytes(treasury_of(tmp_path / "right"))
    newer = pipeline.run_month(settings, "taizhou", MONTH)
    assert newer.run_id != older.run_id
    with pytest.raises(InputError):
        pipeline.publish(settings, older)
    assert published(settings) == newer.run_id
    correction.unlink()
    again = pipeline.run_month(settings, "taizhou", MONTH)
    assert again.run_id == older.run_id == published(settings)


def test_the_first_version_sent_again_counts_again(tmp_path: Path) -> None:
    """The bytes of the first version, sent under a new name after the second, are the newest version."""
    first = Settled(at(tmp_path / "data"), "one_fen_treasury")
    name = first.simulation.names["treasury_receipts"]
    (first.simulation.folder / CORRECTION).write_bytes(treasury_of(tmp_path / "right"))
    second = pipeline.run_month(first.settings, "taizhou", MONTH)
    assert settlement(second.folder(first.settings) / "tables") != settlement(first.tables)
    (first.simulation.folder / RESENT).write_bytes((first.simulation.folder / name).read_bytes())
    third = pipeline.run_month(first.settings, "taizhou", MONTH)
    tables = third.folder(first.settings) / "tables"
    assert settlement(tables) == settlement(first.tables)
    assert published(first.settings) == third.run_id
    found = outcomes(tables)
    assert found[CORRECTION][0] == "superseded"
    accepted = [name for name, (outcome, _) in found.items() if outcome == "accepted"]
    assert accepted in ([name], [RESENT])
    assert pipeline.run_month(first.settings, "taizhou", MONTH).unchanged


def test_a_rejected_correction_does_not_displace_the_good_version(tmp_path: Path) -> None:
    """A correction without rows is rejected and says so; the version before it still counts, with its figures."""
    first = Settled(at(tmp_path / "data"))
    name = first.simulation.names["treasury_receipts"]
    header = (first.simulation.folder / name).read_bytes().split(b"\r\n")[0] + b"\r\n"
    (first.simulation.folder / CORRECTION).write_bytes(header)
    run = pipeline.run_month(first.settings, "taizhou", MONTH)
    tables = run.folder(first.settings) / "tables"
    found = outcomes(tables)
    assert found[name][0] == "accepted"
    outcome, problem = found[CORRECTION]
    assert outcome == "rejected"
    assert "拒收" in problem and name in problem
    assert settlement(tables) == settlement(first.tables)
    assert duckdb.sql(f"SELECT DISTINCT gate FROM '{tables}/breaks.parquet'").fetchall() == [("expected",)]


def test_an_alert_is_sent_again_if_it_was_not_recorded(
    tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process dies between sending and recording, the next run sends again: twice is better than never."""
    plain = at(tmp_path)
    settings = dataclasses.replace(plain, alert_urls=(webhook.url,))
    simulate("taizhou", MONTH, settings.inbox, faults=["one_fen_treasury"])
    record, died = Memory.record, []

    def dies_once(memory: Memory, destination: str, told: object) -> None:
        if destination != "log" and not died:
            died.append(True)
            raise Crash
        record(memory, destination, told)  # type: ignore[arg-type]

    monkeypatch.setattr(Memory, "record", dies_once)
    with pytest.raises(Crash):
        pipeline.run_month(settings, "taizhou", MONTH)
    assert died
    before = len([message["title"] for message in webhook.messages])
    assert pipeline.run_month(settings, "taizhou", MONTH).unchanged
    after = [message["title"] for message in webhook.messages][before:]
    assert after and {message["title"] for message in webhook.messages} == set(after)
    pipeline.run_month(settings, "taizhou", MONTH)
    assert [message["title"] for message in webhook.messages][before:] == after
