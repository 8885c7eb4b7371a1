"""What several tests stand on: a webhook on this machine, and files read and written as rows."""

import csv
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

# What stands above the header where a kind of file needs it, or may have it.
TITLES = {
    "annual_parameters": ["2022年度医疗保险基金年度参数表"],
    "account_statement": ["账号：331000100300001", "期初余额：8000000.00,期末余额：9250000.00"],
    "annual_budget": ["台州市2022年度基本医疗保险基金预算表", "编制日期：2021年12月20日,单位：元"],
    "assessment": ["台州市2021年度基本医疗保险市级统筹考核结果"],
    "final_accounts": ["台州市2021年度基本医疗保险基金决算表"],
    "enrolment": ["台州市基本医疗保险参保人数统计表", "所属期：2022年3月"],
    "provincial_average_wage": ["公布日期：2022年6月8日", "2021年浙江省全社会单位就业人员月平均工资"],
}


class Webhook:
    """A webhook on this machine that keeps what it was sent, or refuses it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []
        self.refuse = False
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not webhook.refuse:
                    webhook.messages.append(json.loads(body))
                self.send_response(500 if webhook.refuse else 200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                return None

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()


def read(path: Path, encoding: str = "gb18030") -> list[list[str]]:
    """Return a CSV file as rows of cells."""
    return list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline="")))


def write(path: Path, rows: list[list[str]], encoding: str = "gb18030") -> None:
    """Write rows of cells as a CSV file."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    path.write_bytes(out.getvalue().encode(encoding))
