"""Alerts by mail, taken by a real SMTP server on this machine."""

import email
import email.policy
import logging
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.alerts.runs import Office, found


class Post:
    """An SMTP server that keeps the mails it is given by who logged in as office/geheim."""

    def __init__(self) -> None:
        self.refuse = False
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        # The server tries its own port once it runs, so it cannot be left to the system to choose one then.
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.controller = Controller(
            self, "127.0.0.1", self.port, authenticator=self.login, auth_required=True, auth_require_tls=False
        )
        self.controller.start()

    def login(self, _server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"office", b"geheim"))

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        if self.refuse:
            return "451 try again later"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return "250 OK"

    def stop(self) -> None:
        """Stop listening, if it has not been stopped yet."""
        if not self.controller.loop.is_closed():
            self.controller.stop()

    def url(self) -> str:
        """Return the Apprise address of two recipients on this server."""
        return (
            f"mailto://office:geheim@127.0.0.1:{self.port}?mode=insecure&from=medpool@example.org"
            "&to=treasury@example.org,deputy@example.org"
        )


@pytest.fixture
def post() -> Iterator[Post]:
    """A running SMTP server."""
    running = Post()
    yield running
    running.stop()


def test_mail_arrives_as_it_was_written(office: Office, post: Post) -> None:
    """Each recipient gets subject and body as plain text, exactly as composed; a second run sends nothing."""
    outcome = office.tell(*(found(number, f"{number}.00") for number in range(1, 400)), urls=(post.url(),))
    assert outcome.failed == 0
    (alert,) = outcome.messages
    assert sorted(to for _, to in post.envelopes) == [["deputy@example.org"], ["treasury@example.org"]]
    for mail in post.mails:
        assert mail["Subject"] == alert.title
        assert "medpool@example.org" in mail["From"]
        text = mail.get_body(("plain",))
        assert text is not None and mail.get_body(("html",)) is None
        assert text.get_content().replace("\r\n", "\n").rstrip("\n") == alert.body
    assert "399 笔" in alert.body
    office.tell(*(found(number, f"{number}.00") for number in range(1, 400)), urls=(post.url(),))
    assert len(post.mails) == 2


def test_a_mail_server_that_refuses_or_is_down_is_a_failure(
    office: Office, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    """A mail that was not taken goes out with the next run; the log holds neither address nor password."""
    post.refuse = True
    with caplog.at_level(logging.DEBUG, logger="apprise"):
        assert office.tell(found(), urls=(post.url(),)).failed == 1
    # The mail server of the test logs what it is told; it is not ours.
    said = "\n".join(record.getMessage() for record in caplog.records if record.name != "mail.log")
    assert "geheim" not in said and "example.org" not in said
    post.refuse = False
    assert office.tell(found(), urls=(post.url(),)).failed == 0
    assert len(post.mails) == 2
    post.stop()
    assert office.tell(found(), found(2), urls=(post.url(),)).failed == 1
