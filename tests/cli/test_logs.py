"""What medpool writes to standard error: as lines or as JSON, and never with the id of a payer."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from medpool_etl import pipeline
from medpool_etl.cli.logs import JsonLines
from medpool_etl.errors import BlockedError
from medpool_etl.pipeline.measure import AT_WORK
from medpool_etl.simulator import FAULTS, simulate
from medpool_etl.store import Settings
from tests.conftest import MONTH, at
from tests.support import Webhook, read

PAYER = "X0123456789012345"


def medpool(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from medpool_etl.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MEDPOOL_DATA": str(data), "COLUMNS": "200", **environment},
    )


def simulated_with_many_faults(settings: Settings) -> set[str]:
    """Plant every fault of one month that leaves its files readable, and return the ids of payers in the files."""
    faults = [fault.name for fault in FAULTS.values() if not fault.whole_file and not fault.sequel]
    simulation = simulate("taizhou", MONTH, settings.inbox, faults=faults)
    ids: set[str] = set()
    for key, name in simulation.names.items():
        if key.startswith("tax_collection_detail"):
            rows = read(simulation.folder / name)
            (header,) = (number for number, row in enumerate(rows) if "缴费人识别号" in row)
            column = rows[header].index("缴费人识别号")
            ids |= {row[column].strip() for row in rows[header + 1 :] if len(row) > column}
    ids = {value for value in ids if len(value) > 8}
    assert len(ids) > 1000
    return ids


def none_of(ids: set[str], text: str) -> None:
    """No id stands in the text, whole or as a part of something longer."""
    words = set(re.findall(r"[0-9A-Za-z]+", text))
    assert not words & ids
    assert not re.search(r"X\d{16}", text)


def test_no_payer_is_named_on_the_command_line(tmp_path: Path, webhook: Webhook) -> None:
    """A month full of faults at DEBUG: every line is JSON with its zone, and neither lines, output nor alerts name a payer."""
    settings = at(tmp_path)
    ids = simulated_with_many_faults(settings)
    done = medpool(
        tmp_path,
        "run",
        "taizhou",
        "2022-03",
        MEDPOOL_LOG_FORMAT="json",
        MEDPOOL_LOG_LEVEL="DEBUG",
        MEDPOOL_ALERT_URLS=webhook.url,
    )
    assert done.returncode in (1, 4), done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert len(lines) > 50
    assert all(dt.datetime.fromisoformat(line["timestamp"]).tzinfo for line in lines)
    assert all({"timestamp", "level", "logger", "message"} <= set(line) for line in lines)
    assert {line["step"] for line in lines if "step" in line} >= {"open_month", "stage", "judge", "reconcile", "gate"}
    staged = [line for line in lines if line.get("step") == "stage" and line["logger"].startswith("medpool")]
    assert staged and {(line["city"], line["period"]) for line in staged} == {("taizhou", "2022-03")}
    assert len({line["run"] for line in staged}) == 1
    assert webhook.messages
    none_of(ids, done.stderr + done.stdout + json.dumps(webhook.messages, ensure_ascii=False))


def test_no_payer_is_named_by_the_pipeline(tmp_path: Path, webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    """The same through the plain functions that Airflow's tasks call, over the gate to the end."""
    settings = dataclasses.replace(at(tmp_path), alert_urls=(webhook.url,))
    ids = simulated_with_many_faults(settings)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(BlockedError) as stopped:
        pipeline.run_month(settings, "taizhou", MONTH)
    pipeline.override(settings, "taizhou", MONTH, "张三", "演练")
    pipeline.run_month(settings, "taizhou", MONTH)
    assert len(caplog.records) > 100 and webhook.messages
    said = "\n".join(logging.Formatter("%(name)s %(message)s").format(record) for record in caplog.records)
    none_of(ids, f"{said}\n{stopped.value}\n{json.dumps(webhook.messages, ensure_ascii=False)}")


def test_a_record_as_json() -> None:
    """One line, whatever the message holds; what is at work is named, what a library quoted is hidden."""
    token = AT_WORK.set({"city": "taizhou", "period": "2022-03"})
    try:
        try:
            raise ValueError("cannot read '91331000MA2ABCDE1F'")
        except ValueError:
            record = logging.LogRecord("medpool.x", logging.ERROR, "x", 1, "两行\n%s", (PAYER,), sys.exc_info())
        text = JsonLines().format(record)
    finally:
        AT_WORK.reset(token)
    assert "\n" not in text
    line = json.loads(text)
    assert line["level"] == "error" and line["logger"] == "medpool.x" and line["message"] == "两行\n（已隐去）"
    assert (line["city"], line["period"]) == ("taizhou", "2022-03") and "step" not in line
    assert "ValueError: cannot read '（已隐去）'" in line["exception"] and "test_logs" in line["exception"]
    assert abs(dt.datetime.fromisoformat(line["timestamp"]).timestamp() - record.created) < 0.001


def test_an_error_is_a_line_too(tmp_path: Path) -> None:
    """In JSON also what ends a command; as text it stays what it was."""
    done = medpool(tmp_path, "run", "taizhou", "2022-03", MEDPOOL_LOG_FORMAT="json")
    assert done.returncode == 2
    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert line["level"] == "error" and "there is no inbox folder for this month" in line["message"]
    done = medpool(tmp_path, "run", "taizhou", "2022-03")
    assert done.returncode == 2 and done.stderr.startswith("medpool: ")


@pytest.mark.parametrize(("name", "value"), [("MEDPOOL_LOG_FORMAT", "xml"), ("MEDPOOL_LOG_LEVEL", "loud")])
def test_an_unknown_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    """A mistake in the setting says what there is to choose from."""
    done = medpool(tmp_path, "version", **{name: value})
    assert done.returncode == 2 and f"{name}: '{value}' is not known" in done.stderr and "one of" in done.stderr
