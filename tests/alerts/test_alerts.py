"""Alerts, sent to a real local HTTP endpoint: to each owner, once a run, and without payers' ids."""

import logging
import re
from pathlib import Path

import pytest

from medpool_etl import alerts, pipeline
from medpool_etl.errors import StoreError
from medpool_etl.places import load_city
from medpool_etl.store import Settings
from tests.conftest import MONTH, Settled, at
from tests.support import Webhook

FAULTS = ("in_transit", "one_fen_agency", "bad_amount", "not_transferred")


def with_url(settings: Settings, url: str) -> Settings:
    return Settings(settings.data, settings.inbox, settings.warehouse, settings.control_url, (url,))


def test_each_owner_gets_one_message_a_run(tmp_path: Path, webhook: Webhook) -> None:
    """Tax, treasury and finance are told once what is theirs; running the month again tells nobody again."""
    settings = with_url(at(tmp_path), webhook.url)
    Settled(settings, *FAULTS)
    titles = sorted(message["title"].split("：")[1].removesuffix("有待处理事项") for message in webhook.messages)
    assert titles == ["国库", "税务", "财政"]
    by_owner = {message["title"]: message["message"] for message in webhook.messages}
    finance = next(text for title, text in by_owner.items() if "财政" in title)
    assert "未划专户 1 笔" in finance and "处理：财政开具划款凭证" in finance
    tax = next(text for title, text in by_owner.items() if "税务" in title)
    assert "实缴金额：12O3.5O" in tax and "第" in tax
    pipeline.run_month(settings, "taizhou", MONTH)
    assert len(webhook.messages) == 3


def test_an_agreeing_month_alerts_nobody(sample: Settled) -> None:
    """Where everything agrees there is nothing to say."""
    assert alerts.compose(sample.folder, load_city("taizhou"), MONTH) == ()


def test_alerts_carry_no_payer_id(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No message, log line or published table names a payer (the rehearsal's ids are X and 16 digits)."""
    with caplog.at_level(logging.DEBUG):
        settled = Settled(at(tmp_path), *FAULTS, "missing_cell", "short_row", "duplicate_receipt")
    payer = re.compile(r"X\d{16}")
    tax = (settled.simulation.folder / settled.simulation.names["tax_collection_detail"]).read_text("gb18030")
    assert len(payer.findall(tax)) > 3000
    messages = alerts.compose(settled.folder, load_city("taizhou"), MONTH)
    assert len(messages) >= 3
    assert not any(payer.search(alert.title + alert.body) for alert in messages)
    assert not payer.search(caplog.text)
    for path in settled.tables.glob("*.parquet"):
        import pyarrow.parquet as pq

        assert not payer.search(str(pq.read_table(path).to_pydict())), path.name


def test_a_refused_alert_fails_the_step_and_is_sent_by_the_next_run(tmp_path: Path, webhook: Webhook) -> None:
    """A destination that is down does not undo publishing: the step says so, and the next run sends what is left."""
    settings = with_url(at(tmp_path), webhook.url)
    webhook.refuse = True
    with pytest.raises(StoreError, match="3 alerts could not be delivered; the month itself is published"):
        Settled(settings, *FAULTS)
    webhook.refuse = False
    run = pipeline.run_month(settings, "taizhou", MONTH)
    assert run.unchanged
    assert len(webhook.messages) == 3


def test_a_missing_report_is_the_county_s(tmp_path: Path) -> None:
    """A file that did not come is named to the office that owes it, with sender and deadline."""
    settled = Settled(at(tmp_path), "missing_report")
    messages = {alert.owner: alert.body for alert in alerts.compose(settled.folder, load_city("taizhou"), MONTH)}
    assert set(messages) == {"county"}
    assert "缺少" in messages["county"] and "次月15日前" in messages["county"]
