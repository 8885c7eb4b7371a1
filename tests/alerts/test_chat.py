"""Alerts to DingTalk, WeCom and Feishu, taken by a real server on this machine that answers as they do.

Only the hosts the plugins post to are replaced; the requests are checked against what the services document.
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from apprise.plugins import dingtalk, feishu, wecombot

from medpool_etl.alerts.delivery import CUT
from tests.alerts.runs import Office, found

DINGTALK = "dingtalk://SEC0123456789abcdef@aBc123"
WECOM = "wecombot://693a91f6-7Aaa-4bc4-97a0-0ec2sifa5aaa"
FEISHU = "feishu://f19C-0123_abc"
TAKEN = {"errcode": 0, "errmsg": "ok"}


class Chat:
    """A server that keeps what it is sent, and gives the answer it is told to give."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Any = TAKEN
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"].startswith("application/json")
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=False).items()}
                body = self.rfile.read(int(self.headers["Content-Length"]))
                chat.requests.append((parts.path, query, body))
                answer = chat.answer if isinstance(chat.answer, bytes) else json.dumps(chat.answer).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_arguments: object) -> None:
                return None

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    """A running server in the place of all three services."""
    running = Chat()
    services = (
        (dingtalk.NotifyDingTalk, "https://oapi.dingtalk.com"),
        (wecombot.NotifyWeComBot, "https://qyapi.weixin.qq.com"),
        (feishu.NotifyFeishu, "https://open.feishu.cn"),
    )
    for plugin, host in services:
        assert plugin.notify_url.startswith(host + "/")
        monkeypatch.setattr(plugin, "notify_url", plugin.notify_url.replace(host, running.host))
    yield running
    running.close()


def test_dingtalk(office: Office, chat: Chat) -> None:
    """DingTalk gets a text message at its robot's address, signed as it documents."""
    outcome = office.tell(found(), urls=(DINGTALK,))
    ((path, query, body),) = chat.requests
    (alert,) = outcome.messages
    assert outcome.failed == 0
    assert (path, query["access_token"]) == ("/robot/send", "aBc123")
    words = f"{query['timestamp']}\nSEC0123456789abcdef".encode()
    sign = base64.b64encode(hmac.new(b"SEC0123456789abcdef", words, hashlib.sha256).digest()).decode()
    assert query["sign"] == sign
    assert json.loads(body) == {
        "msgtype": "text",
        "text": {"content": f"{alert.title}\n{alert.body}"},
        "at": {"atMobiles": [], "isAtAll": False},
    }


def test_wecom(office: Office, chat: Chat) -> None:
    """WeCom gets a text message at its robot's address."""
    (alert,) = office.tell(found(), urls=(WECOM,)).messages
    ((path, query, body),) = chat.requests
    assert (path, query) == ("/cgi-bin/webhook/send", {"key": "693a91f6-7Aaa-4bc4-97a0-0ec2sifa5aaa"})
    assert json.loads(body) == {"msgtype": "text", "text": {"content": f"{alert.title}\n{alert.body}"}}


def test_wecom_s_own_address(office: Office, chat: Chat) -> None:
    """The address as WeCom shows it serves as well."""
    url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7Aaa"
    assert office.tell(found(), urls=(url,)).failed == 0
    assert chat.requests[0][1] == {"key": "693a91f6-7Aaa"}


def test_feishu(office: Office, chat: Chat) -> None:
    """Feishu gets a text message at its robot's address, and answers in its own way."""
    chat.answer = {"code": 0, "data": {}, "msg": "success"}
    outcome = office.tell(found(), urls=(FEISHU,))
    (alert,) = outcome.messages
    ((path, query, body),) = chat.requests
    assert (path.rstrip("/"), query) == ("/open-apis/bot/v2/hook/f19C-0123_abc", {})
    assert json.loads(body) == {"msg_type": "text", "content": {"text": f"{alert.title}\n{alert.body}"}}
    assert outcome.failed == 0


@pytest.mark.parametrize("url", [DINGTALK, WECOM, FEISHU])
@pytest.mark.parametrize(
    "answer",
    [
        {"errcode": 310000, "errmsg": "keywords not in content"},
        {"errcode": 45009, "errmsg": "api freq out of limit"},
        {"code": 19024, "msg": "Key Words Not Found"},
        {},
        [],
        b"<html>proxy</html>",
    ],
    ids=str,
)
def test_a_refusal_that_looks_like_success(office: Office, chat: Chat, url: str, answer: Any) -> None:
    """These services answer 200 to what they refuse: it counts as not delivered, and goes out again."""
    chat.answer = answer
    assert office.tell(found(), urls=(url,)).failed == 1
    chat.answer = TAKEN
    assert office.tell(found(), urls=(url,)).failed == 0
    assert len(chat.requests) == 2
    assert office.tell(found(), urls=(url,)).failed == 0
    assert len(chat.requests) == 2


def many() -> list[dict[str, Any]]:
    """Return hundreds of breaks of many classes, for one owner: far more than any service takes in one message."""
    return [
        found(number, f"{number}.05", **{"class": f"class{number % 120:03}", "class_title": f"第{number % 120}类差异"})
        for number in range(1, 700)
    ]


@pytest.mark.parametrize(("url", "limit"), [(DINGTALK, 20_000), (WECOM, 2048), (FEISHU, 20_000)])
def test_hundreds_of_breaks_fit(office: Office, chat: Chat, url: str, limit: int) -> None:
    """A long message keeps to the service's limit in bytes, in whole lines, says that there is more, and wastes little."""
    (alert,) = office.tell(*many(), urls=(url,)).messages
    ((_, _, body),) = chat.requests
    content = json.loads(body)
    text = content["content"]["text"] if url == FEISHU else content["text"]["content"]
    size = len(text.encode()) if url == WECOM else len(body)
    assert limit - 250 < size <= limit
    *lines, last = text.split("\n")
    assert last == CUT
    assert [alert.title, *alert.body.split("\n")][: len(lines)] == lines
    assert office.tell(*many(), urls=(url,)).failed == 0
    assert len(chat.requests) == 1


def test_others_are_told_when_one_is_down(office: Office, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """One service that cannot be reached keeps nobody else from being told."""
    monkeypatch.setattr(wecombot.NotifyWeComBot, "notify_url", "http://127.0.0.1:9/send?key={key}")
    assert office.tell(found(), urls=(WECOM, DINGTALK, FEISHU)).failed == 1
    assert [path.split("/")[1] for path, _, _ in chat.requests] == ["robot", "open-apis"]
