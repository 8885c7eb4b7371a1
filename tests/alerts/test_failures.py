"""What is said of a task that failed: what medpool said of it, nothing that could be a payer's, and what to do."""

from __future__ import annotations

import logging

import pytest

from medpool_etl.alerts.failures import Failure, tell_failure, write_failure
from medpool_etl.errors import ApprovalNeededError, BlockedError, InputError, SettlementError, StoreError
from tests.support import Webhook

PAYER = "331002199001011234"


def failure(error: BaseException | str | None, city: str = "taizhou") -> Failure:
    """A failed task of the monthly DAG."""
    return Failure("medpool_month_taizhou", "manual__1", "stage", city, "2022-03", 3, error)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (InputError("a column is missing", where="表.xlsx", do="export it again"), "重试不会自愈"),
        (BlockedError("3 breaks block it"), "medpool override"),
        (ApprovalNeededError("waits for 市财政"), "等待审批"),
        (StoreError("the disk is full"), "检查控制库、磁盘"),
        (SettlementError("rows were lost"), "联系维护人员"),
        (RuntimeError("boom"), "查看任务日志末尾"),
        ("Task process exited with -9", "Task process exited with -9"),
        ("", "任务中断"),
        (None, "任务中断（进程被终止或超时）"),
    ],
)
def test_what_happened_and_what_to_do(error: BaseException | str | None, says: str) -> None:
    """Each kind of failure has its own next step; all say that what is published stands."""
    alert = write_failure(failure(error))
    assert alert.owner == "agency" and alert.title == "【medpool】台州市 2022-03 结算任务失败：stage"
    assert says in alert.body and "此前已发布的结果不受影响" in alert.body and "第 3 次尝试" in alert.body


def test_the_cause_behind_airflows_own_error() -> None:
    """Airflow wraps what medpool raised; the alert has medpool's words, line by line."""
    try:
        try:
            raise InputError(f"payer {PAYER} twice", where="表.xlsx", expected="once", do="take one away")
        except InputError as cause:
            raise RuntimeError("wrapped") from cause
    except RuntimeError as error:
        body = write_failure(failure(error)).body
    assert "表.xlsx: payer （已隐去） twice" in body and "expected: once" in body and "do: take one away" in body
    assert PAYER not in body and "wrapped" not in body


def test_an_exception_that_is_not_ours_says_only_its_name() -> None:
    """The text of a library's exception may quote rows of a file."""
    body = write_failure(failure(ValueError(f"could not convert {PAYER} 张三"))).body
    assert "程序出错：ValueError" in body and PAYER not in body and "张三" not in body


def test_a_long_error_is_cut_and_a_city_nobody_knows_is_named() -> None:
    """A message is no log."""
    alert = write_failure(failure(BlockedError("\n".join(f"break {n}" for n in range(50))), city="atlantis"))
    assert "break 11" in alert.body and "break 12" not in alert.body and "……" in alert.body
    assert "atlantis 2022-03" in alert.title


def test_nothing_is_raised(
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Where addresses cannot be read or refuse, the log has the alert and says that it was not delivered, without the address."""
    monkeypatch.setenv("MEDPOOL_ALERT_URLS_FILE", str(tmp_path_factory.mktemp("none") / "urls"))
    with caplog.at_level(logging.ERROR, logger="medpool.alerts"):
        assert tell_failure(failure(StoreError("the disk is full"))) is False
    assert "the disk is full" in caplog.text and "could not be told" in caplog.text
    monkeypatch.delenv("MEDPOOL_ALERT_URLS_FILE")
    monkeypatch.setenv("MEDPOOL_ALERT_URLS", webhook.url)
    assert tell_failure(failure(None)) is True and len(webhook.messages) == 1
    webhook.refuse = True
    caplog.clear()
    with caplog.at_level(logging.ERROR, logger="medpool.alerts"):
        assert tell_failure(failure(None)) is False
    assert "was not taken by 1 addresses" in caplog.text and webhook.url not in caplog.text
