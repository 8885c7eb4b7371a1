"""`medpool backfill` as its users meet it: a line a period, what to do where it stops, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_cli import medpool


def test_where_it_stops_it_says_what_to_do(tmp_path: Path) -> None:
    """A city without the month ends with 2, one whose months a later rule is to say likewise; each has its line and its sum."""
    done = medpool(tmp_path, "backfill", "2022-02", "2022-03", "--city", "taizhou", "--city", "hangzhou")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "⛔ taizhou 2022-02  停在此处 stopped here" in done.stdout
    assert "there is no inbox folder for this month" in done.stdout and "杭政函〔2021〕77号" in done.stdout
    assert "taizhou: 停在此处 stopped here 1" in done.stdout and "hangzhou: 停在此处 stopped here 1" in done.stdout
    assert "2022-03" not in [line.split()[2] for line in done.stdout.splitlines() if line.startswith("⛔")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["2022-03", "2022-02", "--city", "taizhou"], "2022-03 comes behind 2022-02"),
        (["2022-01", "2022-02"], "no city has an inbox"),
        (["2022-01", "2022-02", "--city", "taizhou", "--unattended", " "], "a sentence for --unattended"),
        (["2022-01", "soon", "--city", "taizhou"], "'soon' is not a period"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, words: list[str], said: str) -> None:
    """It is refused with 2 and a sentence before anything is done."""
    done = medpool(tmp_path, "backfill", *words)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
