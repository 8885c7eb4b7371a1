"""What keeps a period from being published, and the alert when it is not published in time."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from medpool_etl import alerts
from medpool_etl.alerts import Alert, Outcome
from medpool_etl.alerts.daily import Item, subject_of, tell_daily
from medpool_etl.alerts.delivery import deliver
from medpool_etl.errors import StoreError
from medpool_etl.periods import Period
from medpool_etl.pipeline.done import is_ahead
from medpool_etl.pipeline.inbox import ZONE
from medpool_etl.pipeline.opening import MonthRun
from medpool_etl.pipeline.reviews import reviews
from medpool_etl.places import load_city
from medpool_etl.policy.deadline import ACTORS, Actor
from medpool_etl.store import Control, Settings, Warehouse
from medpool_etl.store.approvals import APPROVED, REJECTED, Approvals
from medpool_etl.store.steps import BLOCKED, DIED, FAILED, RUNNING, Steps

log = logging.getLogger("medpool.alerts")
# Who runs the settlement, and so hears what waits to be published.
OPERATOR: Actor = "agency"
PUBLISH = "publish"
# What is told of a deadline on the day it is late; later weeks count on.
FIRST_OVERDUE = "overdue/0"


@dataclass(frozen=True)
class Standing:
    """How a period stands that is to be published: ``state`` published, waiting, running, failed, blocked, approval, rejected or
    unpublished; in words (``zh``), and what is to be done (``do``)."""

    state: str
    zh: str
    do: str = ""


def publish_subject(city: str, period: Period) -> str:
    """Return what is remembered of a period that is late to be published."""
    return subject_of(f"deadline/{city}/{PUBLISH}/{period}")


def standing_of(settings: Settings, control: Control, city: str, period: Period) -> Standing:
    """Return what keeps a period from being published, told from the control database. Raises StoreError when it does not answer."""
    called = f"{city} {period}"
    published = control.published_run(city, str(period))
    ahead = published is not None and is_ahead(Warehouse(settings.warehouse), city, period, published)
    if published and not ahead:
        return Standing("published", "已发布")
    run_id = Approvals(control).latest_run(city, str(period))
    if run_id is None or run_id == published:
        zh = "仅先行发布了期内到期款项" if ahead else "尚未开始"
        return Standing("waiting", zh, f"文件到齐后运行 medpool run {called}；medpool inbox 列出未到的文件")
    last = next((row for row in reversed(Steps(control).listing(city, str(period))) if row.run_id == run_id), None)
    outcome, step = (last.outcome, last.step) if last else ("", "")
    if outcome in (FAILED, DIED):
        said = f"步骤 {step} 失败" + (f"：{alerts.quoted(last.error)}" if last and last.error else "（进程中断）")
        return Standing("failed", said, "按任务日志末尾的说明处理，然后在 Airflow 中清除（Clear）该任务")
    if outcome == RUNNING:
        return Standing("running", f"步骤 {step} 运行中", "在 Airflow 中查看该任务的日志")
    try:
        waiting = [item for item in reviews(settings, MonthRun(city, str(period), run_id)) if item.state != APPROVED]
    except StoreError:
        # Its tables are not there yet: nothing can wait for approval.
        waiting = []
    if outcome == BLOCKED and not (step == "publish" and waiting):
        return Standing("blocked", "已拦截：有差异阻止发布", f"更正文件、说明差异，或 medpool override {called}")
    if waiting:
        names = "、".join(f"{item.review.title.zh}（{ACTORS[item.review.by].zh}）" for item in waiting)
        if any(item.state == REJECTED for item in waiting):
            return Standing("rejected", f"审批被退回：{names}", f"按退回理由更正后重新运行 medpool run {called}")
        return Standing(
            "approval",
            f"待审批：{names}",
            f"medpool reviews {called}，然后 medpool approve {called} --run {run_id} --by 姓名，或在 Airflow 的 Required Actions 中审批",
        )
    return Standing("unpublished", "已计算，尚未发布", f"medpool run {called}")


def tell_late(settings: Settings, city: str, period: Period, by: dt.datetime, airflow: str = "") -> Outcome:
    """Tell the operator that a period should have been published by an instant and is not, and what keeps it; return what was told.

    Nothing is told of a period that is published, and of one told of before. ``airflow`` says in a word how its DAG run stands. Where the
    control database does not answer, the alert goes out all the same, without being remembered.
    """
    name, when = load_city(city).name.zh, by.astimezone(ZONE)
    try:
        control = Control(settings.control_url)
    except StoreError as error:
        log.error("the control database cannot be asked how %s %s stands: %s", city, period, error.what)
        return _tell_blindly(
            settings, _alert(name, period, when, Standing("unknown", "未知（控制库无法访问）"), airflow)
        )
    standing = Standing("unknown", "未知（数据目录无法访问）")
    try:
        standing = standing_of(settings, control, city, period)
        if standing.state == "published":
            log.info("%s %s is published: nobody is alerted", city, period)
            return Outcome((), 0)
        subject = publish_subject(city, period)
        item = Item(OPERATOR, subject, FIRST_OVERDUE, ())

        def write(_reader: str, _items: Sequence[Item]) -> Alert:
            return _alert(name, period, when, standing, airflow)

        # Several runs of one period may be late at the same instant: the second is to know what the first has told.
        with Warehouse(settings.warehouse).exclusive(f"alerts-{city}"):
            return tell_daily(control, settings.alert_urls, [subject], lambda _known: [item], write)
    except OSError as error:
        log.error("the warehouse cannot be used: %s", error.strerror)
        return _tell_blindly(settings, _alert(name, period, when, standing, airflow))
    except StoreError as error:
        log.error("the control database did not answer: %s", error.what)
        return _tell_blindly(settings, _alert(name, period, when, Standing("unknown", "未知（控制库无应答）"), airflow))
    finally:
        control.close()


def _tell_blindly(settings: Settings, alert: Alert) -> Outcome:
    log.warning("%s\n%s", alert.title, alert.body)
    return Outcome((alert,), sum(not deliver(url, alert) for url in dict.fromkeys(settings.alert_urls)))


def _alert(name: str, period: Period, by: dt.datetime, standing: Standing, airflow: str) -> Alert:
    lines = [
        f"■ {period.zh}结算应于 {by:%Y-%m-%d %H:%M} 前发布，逾期未发布",
        f"  - 目前状态：{standing.zh}" + (f"；Airflow 运行状态：{airflow}" if airflow else ""),
        "  - 据其办理的付款和报送将随之逾期；此前已发布的结果不变",
    ]
    if standing.do:
        lines.append(f"  处理：{standing.do}")
    title = f"【medpool】{name} {period.zh}结算逾期未发布：{standing.zh.split('：')[0]}"
    return Alert(OPERATOR, title, "\n".join(lines), cut="……（其余见 docs/alerts.md）")
