"""Serve a folder of wheels as a package index, for the image's build inside the closed network of the rehearsal."""

from __future__ import annotations

import errno
import html
import re
import sys
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Index(SimpleHTTPRequestHandler):
    """`/simple/NAME/` lists that project's wheels; every other path is a file of the folder."""

    def do_GET(self) -> None:
        """Answer one request."""
        found = re.fullmatch(r"/simple/([^/]+)/", self.path)
        if not found:
            super().do_GET()
            return
        name = re.sub(r"[-_.]+", "-", found[1]).lower()
        wheels = [
            path.name
            for path in sorted(Path(self.directory).glob("*.whl"))
            if re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower() == name
        ]
        self.send_response(200 if wheels else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        for wheel in wheels:
            self.wfile.write(f'<a href="/{html.escape(wheel)}">{html.escape(wheel)}</a>\n'.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


def main(folder: str, address: str, port: str) -> None:
    """Serve a folder on an address that may come up a little later."""

    class Bound(Index):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=folder, **kwargs)  # type: ignore[arg-type]

    while True:
        try:
            ThreadingHTTPServer((address, int(port)), Bound).serve_forever()
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
