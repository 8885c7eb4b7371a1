"""Deliver a message to one Apprise address, whole or shortened to what the service takes."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from medpool_etl.alerts.message import Alert

log = logging.getLogger("medpool.alerts")
CUT = "……（其余见工作簿“差异明细”）"


def deliver(url: str, alert: Alert) -> bool:
    """Send a message to an Apprise address and return whether it was taken; says in the log why not, without the address."""
    import apprise

    kind, notifier = _kind(url), apprise.Apprise()
    try:
        with _discreet():
            if not notifier.add(url):
                log.error("a %s alert address is not one Apprise knows", kind)
                return False
            # Each must be tried, whether or not the one before it took the message.
            taken = [_send(plugin, alert) for plugin in notifier]
    except Exception as error:  # whatever a destination's plugin raises, the others are still told
        log.error("a %s destination failed: %s", kind, type(error).__name__)
        return False
    if not all(taken):
        log.error("an alert for %s was not taken by a %s destination", alert.owner, kind)
    return all(taken)


def shorten(body: str, fits: Callable[[str], bool], cut: str = CUT) -> str:
    """Return a body that fits: whole, or without its last lines and with a last line that says so (``cut``)."""
    if fits(body):
        return body
    lines = body.split("\n")
    while lines and not fits("\n".join([*lines, cut])):
        lines.pop()
    return "\n".join([*lines, cut])


def _kind(url: str) -> str:
    # What has no scheme may be a bare secret.
    scheme = re.match(r"[a-z0-9]+(?=://)", url, re.IGNORECASE)
    return scheme[0] if scheme else "nameless"


@contextmanager
def _discreet() -> Iterator[None]:
    """Keep from the log what Apprise and urllib3 would say: some of it names addresses with their tokens."""
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _send(plugin: Any, alert: Alert) -> bool:
    import apprise

    if (kind := str(plugin.secure_protocol)) in _CHATS:
        return _send_chat(kind, plugin, alert)
    # Apprise puts the title in front of the body, with a line break, where a service has no titles of its own or counts
    # both together.
    together = plugin.title_maxlen <= 0 or plugin.overflow_amalgamate_title
    room = plugin.body_maxlen - (len(alert.title) + 2 if together else 0)
    body = shorten(alert.body, lambda text: len(text) <= room, alert.cut or CUT)
    return bool(plugin.notify(title=alert.title, body=body, body_format=apprise.NotifyFormat.TEXT))


# DingTalk, WeCom and Feishu answer 200 to what they refuse (a keyword or signature that is not right, too many messages
# a minute) and say so in the answer's code, which Apprise does not read: it would take every message for delivered. So
# Apprise reads the address, and the request its plugin documents is made here.


def _dingtalk(plugin: Any, text: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": text}, "at": {"atMobiles": plugin.targets, "isAtAll": False}}


def _wecom(_plugin: Any, text: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": text}}


def _feishu(_plugin: Any, text: str) -> dict[str, Any]:
    return {"msg_type": "text", "content": {"text": text}}


_CHATS: dict[str, Callable[[Any, str], dict[str, Any]]] = {
    "dingtalk": _dingtalk,
    "wecombot": _wecom,
    "feishu": _feishu,
}


def _send_chat(kind: str, plugin: Any, alert: Alert) -> bool:
    import requests  # Apprise's own way to the network, with the same proxies

    def whole(body: str) -> str:
        return f"{alert.title}\n{body}"

    def request(text: str) -> bytes:
        # Not \uXXXX, which Apprise would write: a Chinese character would take six bytes of the limit, not three.
        return json.dumps(_CHATS[kind](plugin, text), ensure_ascii=False).encode()

    def fits(body: str) -> bool:
        # WeCom counts the text's bytes in UTF-8, DingTalk and Feishu those of the request; Apprise counts characters,
        # of which a Chinese one has three bytes.
        size = len(whole(body).encode()) if kind == "wecombot" else len(request(whole(body)))
        return size <= int(plugin.body_maxlen)

    params = {}
    if kind == "dingtalk" and plugin.secret:
        timestamp, sign = plugin.get_signature()
        # Apprise gives it quoted, and requests quotes it again: DingTalk would not recognise it.
        params = {"timestamp": timestamp, "sign": unquote(sign)}
    answer = requests.post(
        plugin.notify_url.format(token=getattr(plugin, "token", ""), key=getattr(plugin, "key", "")),
        data=request(whole(shorten(alert.body, fits, alert.cut or CUT))),
        params=params,
        headers={"Content-Type": "application/json; charset=utf-8"},
        timeout=plugin.request_timeout,
        verify=plugin.verify_certificate,
        allow_redirects=False,
    )
    said = answer.json() if answer.ok else {}
    code = next((said[name] for name in ("errcode", "code", "StatusCode") if name in said), None)
    if code == 0:
        return True
    log.error("a %s destination answered status %s, code %s", kind, answer.status_code, code)
    return False
