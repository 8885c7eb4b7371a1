"""Nobody is told twice: repeats, ageing, changes, reopened lives and recoveries, for each destination by itself."""

import logging

import pytest
import sqlalchemy as sa

from medpool_etl.alerts import Alert
from medpool_etl.alerts.sending import destination_of
from medpool_etl.periods import Month
from medpool_etl.store.tables import BreakEvent, Told
from tests.alerts.runs import Office, faulty, found, set_aside
from tests.alerts.test_messages import TAX_FILE
from tests.support import Webhook

APRIL = Month.parse("2022-04")


def told(office: Office) -> set[tuple[str, str]]:
    """Return what the log was told: subject and what."""
    with office.control.session() as session:
        query = sa.select(Told.subject, Told.what).where(Told.destination == "log")
        return {(subject, what) for subject, what in session.execute(query)}


def only(messages: tuple[Alert, ...]) -> Alert:
    """Return the one message there is."""
    (message,) = messages
    return message


def test_the_same_break_is_told_once(office: Office) -> None:
    """A second run, and the next month's, say nothing of a break that is as it was; a new one is told alone."""
    assert "1 笔，差额合计 60.00 元" in only(office.tell(found()).messages).body
    assert told(office) == {(f"{1:016x}", "1/6000/new")}
    assert office.tell(found()).messages == ()
    assert office.tell(found(age_days=30), month=APRIL).messages == ()
    assert "1 笔，差额合计 7.00 元" in only(office.tell(found(), found(2, "7.00")).messages).body


def test_a_break_that_ages_is_told_again_at_each_threshold(office: Office) -> None:
    """At 31, 62 and 93 days, once each, marked as overdue with its age; not between."""
    said = {
        age: [alert.body for alert in office.tell(found(age_days=age)).messages]
        for age in (0, 30, 31, 61, 62, 92, 93, 400)
    }
    assert [age for age, bodies in said.items() if bodies] == [0, 31, 62, 93]
    assert "已挂账" not in said[0][0] and "其中逾期" not in said[0][0]
    assert "在途 1 笔（其中逾期 1 笔）" in said[31][0]
    assert "  - 【逾期】已挂账 62 天，椒江区" in said[62][0]


def test_an_old_break_first_seen_is_told_once(office: Office) -> None:
    """A break that is old when it is first seen does not come again as new, even if its age is counted anew."""
    assert "已挂账 70 天" in only(office.tell(found(age_days=70)).messages).body
    assert {what for _, what in told(office)} == {"1/6000/new", "1/6000/31", "1/6000/62"}
    for age in (0, 31, 62, 92):
        assert office.tell(found(age_days=age)).messages == ()


def test_another_amount_is_told(office: Office) -> None:
    """A break that got larger, or turned about, is told again, once."""
    office.tell(found())
    for amount in ("60.01", "-60.00"):
        assert f"差额合计 {amount} 元" in only(office.tell(found(amount=amount)).messages).body
        assert office.tell(found(amount=amount)).messages == ()


def test_recovery_is_told_once_and_a_new_life_again(office: Office) -> None:
    """A break that disappears is told as settled, once; when it is back it is told as new, and so is its second end."""
    office.tell(found())
    office.life()
    assert office.tell(found()).messages == ()
    office.life(state="corrected", ended_in="2022-03", ended_by="medpool")
    alert = only(office.tell().messages)
    assert alert.title == "【medpool】台州市 2022年3月 医保基金结算：国库的差异已核清"
    assert alert.body.split("\n") == [
        "■ 已核清 1 笔",
        "  - 2022年3月 税务征收 ↔ 国库入库：在途，椒江区 票据号 000000000000000001，差额 60.00 元：已更正：重新报送后消失",
    ]
    assert office.tell().messages == ()
    office.life(state="open", lives=2, ended_in=None, ended_by=None)
    assert "有待处理事项" in only(office.tell(found()).messages).title
    office.life(state="cleared", ended_in="2022-04", ended_by="medpool")
    assert "已核销：由2022年4月的款项核清" in only(office.tell(month=APRIL).messages).body
    assert {what for _, what in told(office)} == {"1/6000/new", "1/ended", "2/6000/new", "2/ended"}


def test_the_tenth_life_is_not_the_first(office: Office) -> None:
    """What was told of life 10 says nothing of life 1, and the other way round."""
    office.tell(found())
    office.life(lives=10, state="corrected", ended_by="medpool")
    assert office.tell().messages == ()


def test_a_person_s_word_ends_the_alarm(office: Office) -> None:
    """An explained break names who explained it and why, shortly and without ids; a break a person settled too."""
    breaks = [found(number) for number in (1, 2)]
    office.tell(*breaks)
    office.life(1, state="explained", note="付款人 33100219700101123X 重复缴费，" + "已受理退库，" * 30)
    office.life(2, state="corrected", ended_by="王会计", note="手工账已改")
    with office.control.session() as session:
        for by in ("旧人", "李科长"):
            session.add(
                BreakEvent(
                    break_id=f"{1:016x}",
                    event="explained",
                    to_state="explained",
                    amount_fen=6000,
                    by=by,
                    note="",
                    happened_at=sa.func.now(),
                )
            )
    head, explained, settled = only(office.tell(found(state="explained")).messages).body.split("\n")
    assert head == "■ 已核清 2 笔"
    assert "：已说明（李科长，付款人 （已隐去） 重复缴费，已受理退库" in explained
    assert len(explained.rpartition("李科长，")[2]) == 60 + 1 and explained.endswith("…）")
    assert settled.endswith("：已更正（王会计，手工账已改）")
    office.life(1, state="cleared", ended_in="2022-04", ended_by="medpool")
    assert office.tell(month=APRIL).messages == ()  # its end was told when it was explained


def test_recovery_and_alarm_share_a_message(office: Office) -> None:
    """An owner gets one message a run, whatever it has to say; another city's breaks are none of it."""
    office.tell(found(), found(3))
    office.life(1, state="corrected", ended_by="medpool")
    office.life(3, state="corrected", ended_by="medpool", city="ningbo")
    alert = only(office.tell(found(2)).messages)
    assert alert.title.endswith("国库有待处理事项")
    assert "在途 1 笔" in alert.body and "■ 已核清 1 笔" in alert.body


def test_recovery_is_told_only_to_whom_the_break_was_told(office: Office, webhook: Webhook) -> None:
    """A destination that came later hears nothing of the end of what it never heard of."""
    office.tell(found())
    office.life(state="corrected", ended_by="medpool")
    assert len(office.tell(urls=(webhook.url,)).messages) == 1
    assert webhook.messages == []


def test_faulty_files_are_told_once_until_they_change(office: Office) -> None:
    """A missing file and rows set aside are told once; another content, or another number of rows, again."""
    tables = {"files": [faulty(), TAX_FILE], "set_aside_rows": [set_aside(3)]}
    assert [alert.owner for alert in office.tell(**tables).messages] == ["tax", "county"]
    assert {what for _, what in told(office)} == {"new"} and {len(subject) for subject, _ in told(office)} == {32}
    assert office.tell(**tables).messages == ()
    tables["set_aside_rows"].append(set_aside(4))
    assert "2 行被剔除" in only(office.tell(**tables).messages).body
    tables["files"][0] = faulty("rejected", file_name="县.xlsx", sha256="1" * 64, problem_zh="整个文件被拒收")
    assert only(office.tell(**tables).messages).body == "■ 文件 县.xlsx：整个文件被拒收"
    april = {"files": [faulty(month="2022-04"), TAX_FILE], "set_aside_rows": tables["set_aside_rows"]}
    assert only(office.tell(month=APRIL, **april).messages).owner == "county"


def test_a_destination_that_was_down_hears_everything_later(office: Office) -> None:
    """One that refuses is counted, does not keep another from being told, and gets one message once it is back."""
    up, down = Webhook(), Webhook()
    down.refuse = True
    assert office.tell(found(), found(2, owner="tax"), urls=(down.url, up.url)).failed == 2
    assert (len(up.messages), len(down.messages)) == (2, 0)
    assert office.tell(found(), found(3, "5.00"), urls=(down.url, up.url)).failed == 1
    assert "在途 1 笔，差额合计 5.00 元" in up.messages[2]["message"]
    down.refuse = False
    outcome = office.tell(found(), found(3, "5.00"), urls=(down.url, up.url))
    assert (outcome.messages, outcome.failed, len(up.messages)) == ((), 0, 3)
    (message,) = down.messages
    assert "在途 2 笔，差额合计 65.00 元" in message["message"]
    up.close()
    down.close()


def test_addresses_are_remembered_by_digest_and_never_logged(
    office: Office, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the database nor any log line holds an address, its token or what the services call it."""
    webhook.refuse = True
    secret = "s3cretT0ken"
    urls = (
        webhook.url.replace("json://", f"json://me:{secret}@"),
        f"nosuch://{secret}",
        f"wecombot://{secret}!!",
        f"dingtalk://{secret}-",
        secret,
    )
    with caplog.at_level(logging.DEBUG):
        assert office.tell(found(), urls=urls).failed == 5
        webhook.refuse = False
        assert office.tell(found(), urls=urls).failed == 4
    assert secret not in caplog.text and "127.0.0.1" not in caplog.text
    assert "a json destination" in caplog.text and "a nameless alert address" in caplog.text
    with office.control.session() as session:
        assert set(session.scalars(sa.select(Told.destination))) == {"log", destination_of(urls[0])}


def test_an_address_given_twice_is_told_once(office: Office, webhook: Webhook) -> None:
    """The same address twice is one destination."""
    office.tell(found(), urls=(webhook.url, webhook.url))
    assert len(webhook.messages) == 1


def test_thousands_of_breaks(office: Office, webhook: Webhook) -> None:
    """A file that is missing makes thousands of breaks: one short message, all remembered, and their end is one message."""
    breaks = [found(number) for number in range(1, 3001)]
    body = only(office.tell(*breaks, urls=(webhook.url,)).messages).body
    assert "3000 笔，差额合计 180,000.00 元" in body and len(body.split("\n")) == 8
    assert len(told(office)) == 3000
    assert office.tell(*breaks, urls=(webhook.url,)).messages == ()
    for number in range(1, 13):
        office.life(number, state="corrected", ended_by="medpool", amount_fen=100 * number)
    lines = only(office.tell(*breaks[12:], urls=(webhook.url,)).messages).body.split("\n")
    assert lines[0] == "■ 已核清 12 笔" and lines[-1] == "  - ……另有 7 笔" and "12.00 元" in lines[1]
    assert len(webhook.messages) == 2
