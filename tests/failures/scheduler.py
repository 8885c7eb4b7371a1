"""Kill what runs under a real scheduler (SQLite, LocalExecutor), and see that it goes on: a line of JSON for each thing seen.

The task's process is killed in `settle`, once; then, of corrected files, at every try; then the scheduler and everything it started in
`publish`. Airflow's own clock is helped on in its database: a retry that is due in five minutes is due at once, and a task without
a heartbeat is missed after half a minute, not five.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from medpool_etl.periods import Month
from medpool_etl.simulator import simulate
from medpool_etl.store import Warehouse
from tests.support import Webhook

ROOT = Path(__file__).resolve().parents[2]
CITY, MONTH = "taizhou", "2022-03"
DAG = f"medpool_month_{CITY}"
PATIENCE = 600
SERVICES = ("api-server --workers 1", "dag-processor", "scheduler")


class Deployment:
    """An Airflow of its own over one folder, with medpool's data in it."""

    def __init__(self, folder: Path, alerts: str) -> None:
        self.folder, self.processes = folder, list[subprocess.Popen[bytes]]()
        port = _free_port()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDPOOL_")} | {
            "MEDPOOL_DATA": str(folder / "data"),
            "MEDPOOL_UNATTENDED": "make soak-failures: a rehearsed month, nobody is asked",
            "MEDPOOL_ALERT_URLS": alerts,
            "MEDPOOL_DEADLINE_ALERTS": "off",
            "PYTHONPATH": str(ROOT),
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
            # Only what is triggered runs.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.folder / "data" / "warehouse")

    def command(self, *words: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "airflow", *words], check=True, cwd=ROOT, env=self.environment, capture_output=True
        )

    def start(self) -> None:
        """Start the services, each in a group of its own."""
        for service in SERVICES:
            with (self.folder / f"{service.split()[0]}.log").open("ab") as log:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "airflow", *service.split()],
                        cwd=ROOT,
                        env=self.environment,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )

    def kill(self) -> None:
        """Kill the services and whatever they started, tasks at work among it."""
        parents = {}
        for place in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                # The name of a process, in brackets, may hold anything.
                parents[int(place.parts[2])] = int(place.read_text().rsplit(")", 1)[1].split()[1])
        doomed = {process.pid for process in self.processes}
        while more := {child for child, parent in parents.items() if parent in doomed} - doomed:
            doomed |= more
        for process in doomed:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for service in self.processes:
            service.wait()
        self.processes.clear()

    def airflow(self, sql: str, *values: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "airflow.db", timeout=60)) as db, db:
            return db.execute(sql, values).fetchall()

    def medpool(self, sql: str) -> list[Any]:
        path = self.folder / "data" / "control.sqlite"
        if not path.is_file():
            return []
        with closing(sqlite3.connect(path, timeout=60)) as db, suppress(sqlite3.OperationalError):
            return db.execute(sql).fetchall()
        return []

    def trigger(self, run: str) -> None:
        self.command("dags", "trigger", DAG, "--run-id", run, "--conf", json.dumps({"period": MONTH}))

    def task(self, run: str, task: str) -> tuple[str, int]:
        """Return state and try of a task."""
        rows = self.airflow(
            "SELECT state, try_number FROM task_instance WHERE dag_id = ? AND run_id = ? AND task_id = ?",
            DAG,
            run,
            task,
        )
        return (str(rows[0][0]), int(rows[0][1])) if rows else ("", 0)

    def state(self, run: str) -> str:
        ((state,),) = self.airflow("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", DAG, run)
        return str(state)

    def retry_now(self, run: str, task: str) -> None:
        """Let a retry that is due later be due at once."""
        ago = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
        self.airflow(
            "UPDATE task_instance SET end_date = ? WHERE dag_id = ? AND run_id = ? AND task_id = ?", ago, DAG, run, task
        )

    def measured(self, step: str) -> bool:
        """Whether a step is being done, as its measurement says."""
        return bool(self.medpool(f"SELECT 1 FROM step_runs WHERE step = '{step}' AND outcome = 'running'"))

    def at_work(self, step: str) -> list[int]:
        """Return the processes that hold the run while a step is done."""
        if not self.measured(step):
            return []
        (run,) = self.medpool("SELECT run_id FROM runs ORDER BY opened_at DESC LIMIT 1")[0]
        found = []
        for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
            with suppress(OSError):
                target = str(descriptor.readlink())
                if target == str(self.warehouse.root / "locks" / run):
                    found.append(int(descriptor.parts[2]))
        return found


def main() -> int:
    """Kill, see, and return 0 where everything was finished and told."""
    with tempfile.TemporaryDirectory(prefix="medpool-scheduler-") as name:
        webhook = Webhook()
        airflow = Deployment(Path(name), webhook.url)
        try:
            return _scenes(airflow, webhook)
        finally:
            airflow.kill()
            webhook.close()


def _scenes(airflow: Deployment, webhook: Webhook) -> int:
    simulate(CITY, Month.parse(MONTH), airflow.folder / "data" / "inbox", seed=1)
    airflow.command("db", "migrate")
    airflow.start()
    _wait("the DAG", lambda: airflow.airflow("SELECT 1 FROM dag WHERE dag_id = ? AND NOT is_stale", DAG))
    airflow.command("dags", "unpause", DAG)

    airflow.trigger("once")
    _kill_task(airflow, "once", "settle", 1)
    _ended(airflow, "once", webhook)
    _say("killed once in settle", airflow, webhook, "once", "settle")

    simulate(CITY, Month.parse(MONTH), airflow.folder / "data" / "inbox", seed=2)
    airflow.trigger("always")
    for number in (1, 2, 3):
        _kill_task(airflow, "always", "settle", number)
    _ended(airflow, "always", webhook)
    _wait("the alert", lambda: any("settle" in m["title"] for m in webhook.messages), must=False)
    _say("killed at every try of settle", airflow, webhook, "always", "settle")
    told = [m for m in webhook.messages if "结算任务失败：settle" in m["title"]]

    simulate(CITY, Month.parse(MONTH), airflow.folder / "data" / "inbox", seed=3)
    airflow.trigger("all")
    _wait("publish", lambda: airflow.measured("publish"), every=0.02)
    airflow.kill()
    _say("everything killed in publish", airflow, webhook, "all", "publish")
    airflow.start()
    _ended(airflow, "all", webhook)
    _say("started again", airflow, webhook, "all", "publish")

    events = airflow.medpool("SELECT run_id, replaces FROM publication_events ORDER BY id")
    hidden = [str(path) for path in airflow.warehouse.root.rglob(".*")]
    good = len(events) == 2 and not hidden and len(told) == 1 and airflow.warehouse.current_mart.is_file()
    good = good and [airflow.state(run) for run in ("once", "always", "all")] == ["success", "failed", "success"]
    _print({"events": events, "hidden": hidden, "alerts of settle": len(told), "good": good})
    return 0 if good else 1


def _kill_task(airflow: Deployment, run: str, task: str, number: int) -> None:
    """Kill the process of a task at one of its tries, and let the next try begin at once."""

    def trying() -> list[int]:
        if airflow.task(run, task)[0] == "up_for_retry":
            airflow.retry_now(run, task)
        return airflow.at_work(task) if airflow.task(run, task) == ("running", number) else []

    for process in _wait(f"try {number} of {task}", trying, every=0.05):
        os.kill(process, signal.SIGKILL)
    _wait("Airflow to see it", lambda: airflow.task(run, task) != ("running", number))
    _print({"killed": task, "try": number, "Airflow says": airflow.task(run, task)[0]})


def _ended(airflow: Deployment, run: str, _webhook: Webhook) -> None:
    def over() -> bool:
        waiting = airflow.airflow(
            "SELECT task_id FROM task_instance WHERE dag_id = ? AND run_id = ? AND state = 'up_for_retry'", DAG, run
        )
        for (task,) in waiting:
            _print({"a retry is due in five minutes, or now": task})
            airflow.retry_now(run, task)
        return airflow.state(run) in ("success", "failed")

    _wait(f"the end of {run}", over)


def _say(what: str, airflow: Deployment, webhook: Webhook, run: str, task: str) -> None:
    state, tries = airflow.task(run, task)
    steps = airflow.medpool(f"SELECT outcome FROM step_runs WHERE step = '{task}' ORDER BY id")
    _print(
        {
            "scene": what,
            "run": airflow.state(run),
            task: f"{state}, try {tries}",
            "measured": [outcome for (outcome,) in steps],
            "published": len(airflow.medpool("SELECT 1 FROM publication_events")),
            "mart": airflow.warehouse.current_mart.is_file(),
            "alerts": [f"{m['title']} | {m['message'][:300]}" for m in webhook.messages],
        }
    )


def _wait(what: str, there: Callable[[], Any], every: float = 1.0, must: bool = True) -> Any:
    until = time.monotonic() + PATIENCE
    while not (found := there()):
        if time.monotonic() > until:
            if not must:
                return None
            raise SystemExit(f"{what}: nothing within {PATIENCE} s")
        time.sleep(every)
    return found


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _print(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
