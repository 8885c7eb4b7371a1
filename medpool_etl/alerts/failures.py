"""Alert that a task of a settlement failed: best effort, whatever else is out of order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medpool_etl.alerts.delivery import deliver
from medpool_etl.alerts.message import Alert, without_persons
from medpool_etl.errors import (
    ApprovalNeededError,
    BlockedError,
    ConfigurationError,
    InputError,
    MedpoolError,
    SettlementError,
    StoreError,
)
from medpool_etl.places import load_city
from medpool_etl.store import Settings

log = logging.getLogger("medpool.alerts")
# Who runs the settlement.
OPERATOR = "agency"
_LONGEST, _LINES = 160, 12
# What to do, by what happened: the most special first.
_REMEDIES: tuple[tuple[type[MedpoolError], str], ...] = (
    (
        ApprovalNeededError,
        "等待审批：在 Airflow 的 Required Actions 中审批，或 medpool approve；已退回的按理由更正；然后再次运行该期间",
    ),
    (BlockedError, "更正文件、说明差异（medpool breaks explain）或放行（medpool override），然后重新运行该期间"),
    (
        InputError,
        "按上面 do 一行更正；文件更正后由 intake 自动重新结算，参数有误请重新触发该期间，其余更正后清除（Clear）该任务；重试不会自愈",
    ),
    (ConfigurationError, "按上面所指文件、键、行更正配置（medpool check 复核），然后清除该任务；重试不会自愈"),
    (StoreError, "检查控制库、磁盘和数据目录；恢复后清除该任务，已完成的步骤不会重做"),
    (SettlementError, "程序自身的核对不成立，未发布任何结果：不要放行，保留现场并联系维护人员"),
)
_OTHERWISE = "查看任务日志末尾；原因消除后清除（Clear）该任务，已完成的步骤不会重做；仍失败请联系维护人员"


@dataclass(frozen=True)
class Failure:
    """A task that failed for good: of which ``city`` and ``period`` ("" where nobody can say), on which ``try_number``, and what was raised, or
    in which words its end was reported (a task that was killed raises nothing)."""

    dag_id: str
    run_id: str
    task: str
    city: str = ""
    period: str = ""
    try_number: int | None = None
    error: BaseException | str | None = None


def write_failure(failure: Failure) -> Alert:
    """Return the alert of a failed task, to who runs the settlement. It holds no id of a payer."""
    known = _medpool_error(failure.error)
    where = " ".join(part for part in (_city(failure.city), failure.period) if part) or failure.dag_id
    tried = f"（第 {failure.try_number} 次尝试）" if failure.try_number else ""
    lines = [f"■ {failure.dag_id} 的任务 {failure.task} 失败{tried}，运行 {failure.run_id}"]
    lines += [f"  - {line}" for line in _said(failure.error, known)]
    lines.append("  - 此前已发布的结果不受影响，仍然有效")
    remedy = next((text for kind, text in _REMEDIES if isinstance(known, kind)), _OTHERWISE)
    lines += [f"  处理：{remedy}", "  详见 docs/alerts.md“任务失败”和 docs/dags.md"]
    title = f"【medpool】{where} 结算任务失败：{failure.task}"
    return Alert(OPERATOR, title, "\n".join(lines), cut="……（其余见任务日志）")


def tell_failure(failure: Failure) -> bool:
    """Tell the log and every Apprise address that a task failed; return whether every address took it.

    The control database is not asked: it may be what failed. Nothing is raised; what is not delivered is said in the log.
    """
    return _tell(lambda: write_failure(failure), f"the failure of {failure.task} in {failure.dag_id}")


def tell_import_error(file: str, trace: str) -> bool:
    """Tell the log and every address that a DAG file cannot be imported, with the end of what Airflow says of it (``trace``); return whether
    every address took it. Nothing is raised."""
    return _tell(lambda: write_import_error(file, trace), f"that {file} cannot be imported")


def write_import_error(file: str, trace: str) -> Alert:
    """Return the alert of a DAG file that cannot be imported, to who runs the settlement."""
    # Behind the last frame stands what was raised, over as many lines as it has.
    behind = trace.rpartition('\n  File "')[2].splitlines()
    raised = next((number for number, line in enumerate(behind) if number and not line.startswith(" ")), 0)
    said = [line.strip() for line in behind[raised:] if line.strip()]
    lines = [f"■ {file}：在改正之前，其中所有城市、期间的 DAG 都不运行，也不再有提醒"]
    lines += [f"  - {without_persons(line)[: 2 * _LONGEST]}" for line in said[:_LINES]]
    lines += ["  - 此前已发布的结果不受影响，仍然有效"]
    lines += ["  处理：medpool check 指出文件、键、行，更正后自动恢复；airflow dags list-import-errors 列出全部"]
    return Alert(
        OPERATOR,
        f"【medpool】DAG 文件无法载入：{Path(file).name}",
        "\n".join(lines),
        cut="……（其余见 dag-processor 日志）",
    )


def _tell(write: Callable[[], Alert], what: str) -> bool:
    try:
        alert = write()
        log.error("%s\n%s", alert.title, alert.body)
        urls = Settings.load().alert_urls
        undelivered = sum(not deliver(url, alert) for url in dict.fromkeys(urls))
    except Exception as error:  # a callback that fails would hide the failure it is to tell of
        log.error("%s could not be told: %s", what, without_persons(str(error)))
        return False
    if undelivered:
        log.error("%s was not taken by %d addresses", what, undelivered)
    return not undelivered


def _medpool_error(error: BaseException | str | None) -> MedpoolError | None:
    """Return the error of medpool behind what was raised: Airflow's own exceptions carry it as their cause."""
    seen = 0
    while isinstance(error, BaseException) and seen < _LINES:
        if isinstance(error, MedpoolError):
            return error
        error, seen = error.__cause__ or error.__context__, seen + 1
    return None


def _said(error: BaseException | str | None, known: MedpoolError | None) -> list[str]:
    """Return what happened in words: those of an error of medpool, or Airflow's; of any other exception its name alone, for its text may
    quote rows of a file."""
    if known is not None:
        lines = [without_persons(line.strip())[:_LONGEST] for line in str(known).splitlines() if line.strip()]
        return [*lines[:_LINES], "……"] if len(lines) > _LINES else lines
    if isinstance(error, str):
        return [without_persons(" ".join(error.split()))[:_LONGEST]] if error.strip() else ["任务中断，没有留下原因"]
    if error is None:
        return ["任务中断（进程被终止或超时），没有留下原因"]
    return [f"程序出错：{type(error).__name__}（详情见任务日志）"]


def _city(city: str) -> str:
    try:
        return load_city(city).name.zh if city else ""
    except MedpoolError:
        return city
