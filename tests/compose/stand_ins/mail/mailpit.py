#!/usr/bin/python3
"""Catch mail on port 1025 and list it on port 8025 at /api/v1/messages, as Mailpit does; `readyz` asks whether it runs."""

from __future__ import annotations

import email
import email.policy
import json
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

MESSAGES: list[dict[str, Any]] = []


class Smtp(StreamRequestHandler):
    """One conversation: takes everything, keeps what DATA brought."""

    def say(self, line: str) -> None:
        """Answer with one line."""
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        """Read commands until QUIT or the end of the connection."""
        self.say("220 mail stand-in")
        sender, receivers = "", list[str]()
        for raw in self.rfile:
            line = raw.decode("utf-8", "replace").strip()
            verb = line[:4].upper()
            if verb == "DATA":
                self.say("354 end with a dot")
                self.keep(sender, receivers)
                receivers = []
            elif verb == "MAIL":
                sender = line.partition(":")[2].split(">")[0].strip(" <")
            elif verb == "RCPT":
                receivers.append(line.partition(":")[2].split(">")[0].strip(" <"))
            elif verb == "QUIT":
                self.say("221 bye")
                return
            self.say("250 OK")

    def keep(self, sender: str, receivers: list[str]) -> None:
        """Read a message up to its dot and put it first in the list."""
        lines = []
        for raw in self.rfile:
            if raw in (b".\r\n", b".\n"):
                break
            lines.append(raw[1:] if raw.startswith(b"..") else raw)
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        body = message.get_body(("plain", "html"))
        MESSAGES.insert(
            0,
            {
                "From": {"Address": sender},
                "To": [{"Address": address} for address in receivers],
                "Subject": str(message["subject"] or ""),
                "Snippet": " ".join(body.get_content().split())[:250] if body else "",
            },
        )


class Api(BaseHTTPRequestHandler):
    """The list of what came, and the answer to a health check."""

    def do_GET(self) -> None:
        """Answer one request."""
        pages = {"/readyz": {}, "/api/v1/messages": {"total": len(MESSAGES), "messages": MESSAGES}}
        page = pages.get(self.path.partition("?")[0])
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(page, ensure_ascii=False).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


def main() -> None:
    """Serve, or with `readyz` ask the one that serves; exits non-zero when it does not answer."""
    if sys.argv[1:] == ["readyz"]:
        urllib.request.urlopen("http://127.0.0.1:8025/readyz", timeout=4)
        return
    ThreadingTCPServer.allow_reuse_address = True
    smtp = ThreadingTCPServer(("", 1025), Smtp)
    threading.Thread(target=smtp.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", 8025), Api).serve_forever()


if __name__ == "__main__":
    main()
