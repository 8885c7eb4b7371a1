"""`medpool ready` as its users meet it: what would start and why, what is missing, what nobody can use."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_cli import medpool


def test_ready_says_what_would_start_and_what_is_missing(tmp_path: Path) -> None:
    """An incomplete month waits and names the report; on its day it starts all the same; an unknown file is named."""
    assert medpool(tmp_path, "simulate", "taizhou", "2022-03").returncode == 0
    folder = tmp_path / "inbox" / "taizhou" / "2022-03"
    report = next(path for path in folder.iterdir() if "玉环市" in path.name)
    content = report.read_bytes()
    report.unlink()
    (folder / "说明.xlsx").write_bytes(b"no workbook")
    early = medpool(tmp_path, "ready", "taizhou", "--on", "2022-04-06")
    assert early.returncode == 0, early.stderr
    assert "Nothing" in early.stdout and "基金支出核算报表（玉环市）" in early.stdout and "2022-04-18" in early.stdout
    assert "2022-03/说明.xlsx" in early.stdout
    due = medpool(tmp_path, "ready", "taizhou", "--on", "2022-04-18")
    assert "its day has come, and something is missing" in due.stdout
    assert "do: medpool run taizhou 2022-03" in due.stdout
    report.write_bytes(content)
    whole = medpool(tmp_path, "ready", "taizhou", "--on", "2022-04-06")
    assert "everything it needs is in" in whole.stdout and "等待" not in whole.stdout


def test_a_day_that_is_none_and_a_city_there_is_not(tmp_path: Path) -> None:
    """Both are said without a traceback."""
    wrong = medpool(tmp_path, "ready", "taizhou", "--on", "tomorrow")
    assert wrong.returncode == 2 and "'tomorrow' is not a day" in wrong.stderr
    nowhere = medpool(tmp_path, "ready", "atlantis")
    assert nowhere.returncode == 2 and "atlantis" in nowhere.stderr and "Traceback" not in nowhere.stderr
