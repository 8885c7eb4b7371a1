"""`medpool metrics`: for people and for machines."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from medpool_etl.cli.metrics import metrics
from tests.conftest import Settled


@pytest.fixture
def of_the_sample(sample: Settled, monkeypatch: pytest.MonkeyPatch) -> Settled:
    monkeypatch.setenv("MEDPOOL_DATA", str(sample.settings.data))
    return sample


def test_for_machines(of_the_sample: Settled, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has moments with their zone and seconds as exact text, and adds up."""
    metrics("taizhou", "2022-03", runs=1, as_json=True)
    (run,) = json.loads(capsys.readouterr().out)
    assert run["run_id"] == of_the_sample.run.run_id
    assert {"open_month", "stage", "publish", "notify"} <= {step["step"] for step in run["steps"]}
    assert all(step["started_at"].endswith("+00:00") for step in run["steps"])
    assert Decimal(run["seconds"]) == sum(Decimal(step["seconds"]) for step in run["steps"])
    assert run["rows"] > 0 and run["rows_set_aside"] == 0


def test_for_people(of_the_sample: Settled, capsys: pytest.CaptureFixture[str]) -> None:
    """A table a run, its sum, and the total of all."""
    metrics("taizhou", None, runs=5, as_json=False)
    said = capsys.readouterr().out
    assert f"2022-03 运行 run {of_the_sample.run.run_id}" in said
    assert "完成 done" in said and "小计 Sum" in said and "合计 Total: 1 次运行 runs" in said


def test_nothing_yet(of_the_sample: Settled, capsys: pytest.CaptureFixture[str]) -> None:
    """A period nobody ran has no metrics, and that is no error."""
    metrics("taizhou", "2022-05", runs=5, as_json=False)
    assert "没有 None" in capsys.readouterr().out
