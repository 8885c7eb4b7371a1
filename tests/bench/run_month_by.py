"""A rehearsed month, settled in one of four ways: by the command, in a warm process, by Airflow's `dag.test()`, by a real scheduler."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meter import Meter, must_be, task

ROOT = Path(__file__).resolve().parents[2]
CITY, MONTH = "taizhou", "2022-03"
DAG = f"medpool_month_{CITY}"
# How long a service may take to answer, and a run to end, before the measurement is given up.
STARTS, ENDS = 240, 900


def main() -> None:
    """Settle the month, then look whether it is the very run everybody else made."""
    told = task()
    work, meter = Path(told["work"]), Meter()
    os.environ |= {
        "MEDPOOL_DATA": str(work / "data"),
        "MEDPOOL_INBOX": str(Path(told["data"]) / "inbox"),
        "MEDPOOL_UNATTENDED": "make bench: a rehearsed month, nobody is asked",
        "PYTHONPATH": str(ROOT),
    }
    facts: dict[str, Any] = {"command": _command, "warm": _warm, "test": _test, "scheduler": _scheduler}[told["how"]](
        meter, work
    )
    run, steps = _published()
    if told.get("run"):
        must_be("the run", run, told["run"])
    meter.report(["month"], run=run, steps=steps, **facts)


def _command(meter: Meter, _work: Path) -> dict[str, Any]:
    with meter.phase("month"):
        subprocess.run(
            [sys.executable, "-c", "from medpool_etl.cli import main; main()", "run", CITY, MONTH],
            check=True,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
    return {}


def _warm(meter: Meter, work: Path) -> dict[str, Any]:
    _warm_up(work)
    from medpool_etl import pipeline
    from medpool_etl.periods import Month
    from medpool_etl.store import Settings

    with meter.phase("month"):
        pipeline.run_month(Settings.load(), CITY, Month.parse(MONTH))
    return {}


def _warm_up(work: Path) -> None:
    """Settle the month once elsewhere, so that everything is imported and the files are in memory."""
    from medpool_etl import pipeline
    from medpool_etl.periods import Month
    from medpool_etl.store import Settings

    wanted = os.environ["MEDPOOL_DATA"]
    os.environ["MEDPOOL_DATA"] = str(work / "warm")
    pipeline.run_month(Settings.load(), CITY, Month.parse(MONTH))
    os.environ["MEDPOOL_DATA"] = wanted
    shutil.rmtree(work / "warm")


def _published() -> tuple[str, float]:
    """Return the run the month publishes, and the seconds its steps took by medpool's own measurement."""
    sys.path.insert(0, str(ROOT))
    import sqlalchemy as sa

    from medpool_etl.store import Control, Settings
    from medpool_etl.store.tables import StepRun

    control = Control(Settings.load().control_url)
    try:
        run = control.published_run(CITY, MONTH)
        must_be("whether the month is published", run is not None, True)
        with control.session() as session:
            times = session.execute(sa.select(StepRun.started_at, StepRun.ended_at)).all()
        return str(run), sum((ended - started).total_seconds() for started, ended in times if ended)
    finally:
        control.close()


def _airflow(work: Path, database: str) -> None:
    """Give this process, and those it starts, an Airflow of their own, and make its database."""
    port = _free_port()
    os.environ |= {
        "AIRFLOW_HOME": str(work / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
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
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(_free_port()),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    _airflow_command("db", "migrate")


def _airflow_command(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "airflow", *words], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _test(meter: Meter, work: Path) -> dict[str, Any]:
    # A DAG with a deadline cannot be run by its method test().
    os.environ["MEDPOOL_DEADLINE_ALERTS"] = "off"
    _airflow(work, f"sqlite:///{work / 'airflow.db'}")
    _warm_up(work)
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(dag_folder=str(ROOT / "dags")).dags[DAG]
    with meter.phase("month"):
        ended = dag.test(run_conf={"period": MONTH})
    must_be("how the DAG's run ended", str(ended.state), "success")
    return _tasks(ended.run_id)


def _scheduler(meter: Meter, work: Path) -> dict[str, Any]:
    told = task()
    with _database(work, told.get("postgres")) as database:
        _airflow(work, database)
        with (
            _service(work, "api-server", "--workers", "1"),
            _service(work, "dag-processor"),
            _service(work, "scheduler"),
        ):
            _wait_for(STARTS, "the DAG", _is_known)
            _airflow_command("dags", "unpause", DAG)
            # Switched on, the DAG at once settles the latest month that is due, which has no inbox here and fails: that is over first.
            _wait_for(30, "", lambda: bool(_states("scheduled")), must=False)
            _wait_for(STARTS, "the run of the schedule", lambda: _ended("scheduled"))
            with meter.phase("trigger and look"):
                _airflow_command("dags", "trigger", DAG, "--run-id", "bench", "--conf", f'{{"period": "{MONTH}"}}')
                _wait_for(ENDS, "the run", lambda: _ended("manual"))
            state, seconds = _run_of("bench")
            must_be("how the DAG's run ended", state, "success")
            facts = _tasks("bench")
    # From the row of the run to its end, by Airflow's own clock: neither the command's start nor our looking counts.
    meter.seconds["month"], meter.processor["month"] = seconds, 0.0
    return facts | {"database": database.split(":")[0].split("+")[0]}


@contextmanager
def _database(work: Path, postgres: str | None) -> Iterator[str]:
    if not postgres:
        yield f"sqlite:///{work / 'airflow.db'}"
        return
    import sqlalchemy as sa

    name = f"bench_{secrets.token_hex(4)}"
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield sa.make_url(postgres).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


@contextmanager
def _service(work: Path, *words: str) -> Iterator[None]:
    """Run one of Airflow's services, in a group of its own, as long as the block lasts."""
    log = work / f"{words[0]}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *words],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, how)
                process.wait(20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def _wait_for(seconds: float, what: str, there: Callable[[], bool], must: bool = True) -> None:
    until = time.monotonic() + seconds
    while not there():
        if time.monotonic() > until:
            if not must:
                return
            raise SystemExit(f"{what}: nothing within {seconds:.0f} s")
        time.sleep(1)


def _query(sql: str, **values: object) -> list[Any]:
    import sqlalchemy as sa

    engine = sa.create_engine(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    try:
        with engine.connect() as connection:
            return list(connection.execute(sa.text(sql), values))
    finally:
        engine.dispose()


def _is_known() -> bool:
    return bool(_query("SELECT 1 FROM dag WHERE dag_id = :dag AND NOT is_stale", dag=DAG))


def _states(kind: str) -> list[str]:
    rows = _query("SELECT state FROM dag_run WHERE dag_id = :dag AND run_type = :kind", dag=DAG, kind=kind)
    return [str(state) for (state,) in rows]


def _ended(kind: str) -> bool:
    return all(state in ("success", "failed") for state in _states(kind))


def _run_of(run_id: str) -> tuple[str, float]:
    ((state, queued, ended),) = _query(
        "SELECT state, queued_at, end_date FROM dag_run WHERE dag_id = :dag AND run_id = :run", dag=DAG, run=run_id
    )
    return str(state), _seconds(queued, ended)


def _tasks(run_id: str) -> dict[str, Any]:
    """Return how many tasks a run had, and the seconds they took together."""
    rows = _query(
        "SELECT start_date, end_date FROM task_instance WHERE dag_id = :dag AND run_id = :run", dag=DAG, run=run_id
    )
    return {"tasks": len(rows), "in_tasks": sum(_seconds(start, end) for start, end in rows)}


def _seconds(start: Any, end: Any) -> float:
    import datetime as dt

    # SQLite gives text.
    first, last = (dt.datetime.fromisoformat(str(moment)) for moment in (start, end))
    return (last - first).total_seconds()


if __name__ == "__main__":
    main()
