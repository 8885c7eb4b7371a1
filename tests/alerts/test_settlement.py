"""Alerts of real settlements, sent to a real local HTTP endpoint: once to each owner, again when it matters, never a payer."""

import dataclasses
import logging
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from medpool_etl import pipeline
from medpool_etl.errors import StoreError
from medpool_etl.store import Settings
from tests.conftest import MONTH, Settled, at
from tests.support import Webhook

FAULTS = ("missing_treasury", "one_fen_agency", "bad_amount", "not_transferred")


def with_url(settings: Settings, url: str) -> Settings:
    return dataclasses.replace(settings, alert_urls=(url,))


def titles(webhook: Webhook) -> list[str]:
    return sorted(message["title"].split("：", 1)[1] for message in webhook.messages)


def test_over_three_months_each_thing_is_told_once(tmp_path: Path, webhook: Webhook) -> None:
    """Told when it arises; silent when run again; told again once it is older than 31 days; told when it ends."""
    settings = with_url(at(tmp_path), webhook.url)
    Settled(settings, *FAULTS)
    assert titles(webhook) == ["国库有待处理事项", "税务有待处理事项", "财政有待处理事项"]
    said = "\n".join(message["message"] for message in webhook.messages)
    assert "未划专户 1 笔" in said and "处理：财政开具划款凭证" in said and "实缴金额：12O3.5O" in said
    webhook.messages.clear()
    pipeline.run_month(settings, "taizhou", MONTH)
    assert webhook.messages == []
    Settled(settings, month=MONTH.plus(1), cures=False)
    overdue = {message["title"].split("：", 1)[1]: message["message"] for message in webhook.messages}
    assert "国库有待处理事项" in overdue and "已挂账" in overdue["国库有待处理事项"]
    webhook.messages.clear()
    # The files of March come again without what can be corrected there, and April with what was missing.
    Settled(settings)
    april = Settled(settings, month=MONTH.plus(1))
    assert sorted(set(titles(webhook))) == ["国库的差异已核清", "税务的差异已核清", "财政的差异已核清"]
    assert not april.simulation.expected.breaks or all(
        item.cls == "account_movement" for item in april.simulation.expected.breaks
    )


def test_a_refused_alert_fails_the_step_and_is_sent_by_the_next_run(tmp_path: Path, webhook: Webhook) -> None:
    """A destination that is down does not undo publishing: the step says so, and the next run sends what is left."""
    settings = with_url(at(tmp_path), webhook.url)
    webhook.refuse = True
    with pytest.raises(StoreError, match="3 alerts could not be delivered; the month itself is published"):
        Settled(settings, *FAULTS)
    webhook.refuse = False
    assert pipeline.run_month(settings, "taizhou", MONTH).unchanged
    assert len(webhook.messages) == 3


def test_nothing_that_leaves_names_a_payer(tmp_path: Path, webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    """No message, log line or Parquet file outside the staged rows names a payer (the rehearsal's ids are X and 16 digits)."""
    settings = with_url(at(tmp_path), webhook.url)
    with caplog.at_level(logging.DEBUG):
        settled = Settled(settings, *FAULTS, "missing_cell", "short_row", "duplicate_receipt", "manual_receipt")
    payer = re.compile(r"X\d{16}")
    tax = (settled.simulation.folder / settled.simulation.names["tax_collection_detail"]).read_text("gb18030")
    assert len(payer.findall(tax)) > 3000
    assert len(webhook.messages) >= 3
    assert not any(payer.search(str(message)) for message in webhook.messages)
    assert not payer.search(caplog.text)
    for path in [*settled.tables.glob("*.parquet"), *(settled.folder / "reconciliation").glob("*.parquet")]:
        assert not payer.search(str(pq.read_table(path).to_pydict())), path.name
    assert not payer.search(settled.simulation.record.read_text("utf-8"))
