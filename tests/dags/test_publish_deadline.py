"""The deadline of a settlement run: by when its period must be published, and the alert when it is not."""

from __future__ import annotations

import datetime as dt
import errno
import json
from collections.abc import Iterator
from typing import Any

import medpool_deadline
import pytest
from airflow.models import DagRun
from airflow.serialization.decoders import decode_deadline_alert
from airflow.serialization.encoders import encode_deadline_alert
from airflow.utils.session import create_session
from airflow.utils.types import DagRunType
from medpool_deadline import PublishBy, publish_deadline, publish_instant, tell_missed
from medpool_runs import city_of, kind_of, period_of

from medpool_etl.errors import InputError
from medpool_etl.periods import Period
from medpool_etl.store import Settings
from tests.conftest import Settled
from tests.support import Webhook


@pytest.fixture(scope="module")
def database(database: None) -> Iterator[None]:
    """Airflow's own database, without the runs of these tests afterwards."""
    yield
    with create_session() as session:
        session.query(DagRun).filter(DagRun.dag_id.like("medpool_watched_%")).delete(synchronize_session=False)


def utc(text: str) -> dt.datetime:
    """An instant in UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def evaluated(run_type: DagRunType, conf: dict[str, Any], start: dt.datetime | None, reference: PublishBy) -> Any:
    """What the reference answers for a run, as Airflow asks when it has made it."""
    run_id = f"{run_type.value}__{'_'.join(conf.values())}{start.date() if start else ''}"
    with create_session() as session:
        session.query(DagRun).filter(DagRun.dag_id == "medpool_watched_taizhou").delete()
        run = DagRun(
            dag_id="medpool_watched_taizhou",
            run_id=run_id,
            run_type=run_type,
            conf=conf,
            logical_date=start,
            data_interval=(start, start + dt.timedelta(days=31)) if start else None,
            run_after=utc("2026-01-01T00:00"),
        )
        session.add(run)
        session.flush()
        return reference._evaluate_with(session=session, dag_id=run.dag_id, run_id=run_id)


@pytest.mark.parametrize(
    ("city", "period", "instant"),
    [
        ("taizhou", "2022-03", "2022-04-29T10:00"),
        ("taizhou", "2022-opening", "2022-01-07T10:00"),
        ("zhoushan", "2021-03", "2021-04-23T10:00"),
    ],
)
def test_the_end_of_the_working_day_before(city: str, period: str, instant: str) -> None:
    """18:00 in China, as Airflow keeps instants: 10:00 UTC."""
    assert publish_instant(city, Period.parse(period)) == utc(instant)


def test_the_scheduled_run_is_of_its_interval(database: None) -> None:
    """Airflow keeps the first instant of March in China as the last of February in UTC."""
    march = utc("2022-02-28T16:00")
    assert evaluated(DagRunType.SCHEDULED, {}, march, PublishBy("taizhou", "month")) == utc("2022-04-29T10:00")
    january = utc("2021-12-31T16:00")
    assert evaluated(DagRunType.SCHEDULED, {}, january, PublishBy("taizhou", "quarter")) == utc("2022-04-29T10:00")
    assert evaluated(DagRunType.SCHEDULED, {}, january, PublishBy("taizhou", "opening")) == publish_instant(
        "taizhou", Period.parse("2023-opening")
    )


def test_what_nobody_waits_for_has_no_deadline(database: None, caplog: pytest.LogCaptureFixture) -> None:
    """A run by hand, by intake or by backfill of what is long past, a run of no period, and one whose calendar is not loaded: the run is made all
    the same, and of the last the log says why nothing watches it."""
    reference = PublishBy("taizhou", "month")
    assert evaluated(DagRunType.MANUAL, {"month": "2022-03"}, None, reference) is None
    assert evaluated(DagRunType.OPERATOR_TRIGGERED, {"period": "2022-03"}, None, reference) is None
    assert evaluated(DagRunType.BACKFILL_JOB, {}, utc("2022-02-28T16:00"), reference) is None
    assert evaluated(DagRunType.MANUAL, {}, None, reference) is None
    assert "has no deadline" not in caplog.text
    assert evaluated(DagRunType.SCHEDULED, {"period": "2026-12"}, None, reference) is None
    assert "notice of 2027 is not loaded" in caplog.text
    assert evaluated(DagRunType.SCHEDULED, {"period": "soon"}, None, reference) is None


def test_stored_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow stores the deadline as JSON and gets back what evaluates the same, through the plugin's class."""
    monkeypatch.delenv("MEDPOOL_DEADLINE_ALERTS")
    alert = publish_deadline("taizhou", "quarter")
    stored = json.loads(json.dumps(encode_deadline_alert(alert)))
    assert stored["reference"]["__class_path"] == "medpool_deadline.PublishBy"
    back = decode_deadline_alert(stored)
    assert back.reference.inner_ref == PublishBy("taizhou", "quarter") != PublishBy("taizhou", "month")
    assert back.interval == dt.timedelta(0) and back.name == "medpool_publish_quarter_taizhou"
    assert back.callback.path == "medpool_deadline.tell_missed"
    assert back.callback.kwargs == {"city": "taizhou", "kind": "quarter"}
    assert [PublishBy] == medpool_deadline.MedpoolDeadlinePlugin.deadline_references


def missed(conf: dict[str, Any], state: str = "running") -> dict[str, Any]:
    """The context in which Airflow calls back."""
    return {
        "dag_run": {"dag_run_id": "scheduled__1", "conf": conf, "state": state, "data_interval_start": None},
        "deadline": {"id": "1", "deadline_time": "2022-04-29T10:00:00Z"},
    }


def test_a_missed_deadline_is_told_with_what_keeps_it(
    settings: Settings, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By when, how it stands, what waits for it and what to do; a second call of the same says nothing."""
    monkeypatch.setenv("MEDPOOL_ALERT_URLS", webhook.url)
    tell_missed("taizhou", "month", context=missed({"period": "2022-03"}, "failed"))
    tell_missed("taizhou", "month", context=missed({"month": "2022-03"}))
    (message,) = webhook.messages
    assert message["title"] == "【medpool】台州市 2022年3月结算逾期未发布：尚未开始"
    assert "应于 2022-04-29 18:00 前发布" in message["message"] and "Airflow 运行状态：failed" in message["message"]
    assert "medpool run taizhou 2022-03" in message["message"]


def test_what_is_published_is_not_told(sample: Settled, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that hangs although its period is published (by hand, say) keeps nobody waiting."""
    monkeypatch.setenv("MEDPOOL_DATA", str(sample.settings.data))
    monkeypatch.setenv("MEDPOOL_ALERT_URLS", webhook.url)
    tell_missed("taizhou", "month", context=missed({"period": "2022-03"}))
    assert webhook.messages == []


def test_without_the_control_database_it_is_told_all_the_same(
    settings: Settings, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can say how the period stands, and that is said."""
    monkeypatch.setenv("MEDPOOL_ALERT_URLS", webhook.url)
    monkeypatch.setenv("MEDPOOL_CONTROL_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    tell_missed("taizhou", "month", context=missed({"period": "2022-03"}))
    (message,) = webhook.messages
    assert "未知（控制库无法访问）" in message["message"]


def test_without_the_warehouse_it_is_told_all_the_same(
    sample: Settled, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that does not answer, and a place where no lock can be: the alert goes out."""
    monkeypatch.setenv("MEDPOOL_DATA", str(sample.settings.data))
    monkeypatch.setenv("MEDPOOL_ALERT_URLS", webhook.url)

    def away(*_: object) -> bool:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr("medpool_etl.pipeline.watch.publishing.is_ahead", away)
        tell_missed("taizhou", "month", context=missed({"period": "2022-03"}))
    with monkeypatch.context() as patch:
        patch.setattr("medpool_etl.pipeline.watch.publishing.Warehouse.exclusive", away)
        tell_missed("taizhou", "month", context=missed({"period": "2022-04"}))
    first, second = (message["message"] for message in webhook.messages)
    assert "未知（数据目录无法访问）" in first and "目前状态：尚未开始" in second


@pytest.mark.parametrize(
    ("kind", "conf", "start", "period"),
    [
        ("month", {"month": "2022-03"}, None, "2022-03"),
        ("quarter", {"period": "2022-Q2"}, "2021-12-31T16:00", "2022-Q2"),
        ("month", {}, "2022-02-28T16:00", "2022-03"),
        ("quarter", {}, "2022-03-31T16:00", "2022-Q2"),
        ("opening", None, "2021-12-31T16:00", "2023-opening"),
        ("clearing", {}, "2021-12-31T16:00", "2022-clearing"),
    ],
)
def test_the_period_of_a_run(kind: str, conf: dict[str, Any] | None, start: str | None, period: str) -> None:
    """Its parameter says it, else its interval, as a calendar in China shows it."""
    assert str(period_of(kind, conf, utc(start) if start else None)) == period


def test_a_run_that_names_no_period() -> None:
    """No parameter and no interval is nothing; a parameter that is no period is an error."""
    assert period_of("month", {"period": None}, None) is None
    with pytest.raises(InputError, match="is not a period"):
        period_of("month", {"period": "soon"}, None)
    assert (city_of("medpool_month_taizhou"), kind_of("medpool_month_taizhou")) == ("taizhou", "month")
