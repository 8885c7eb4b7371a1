"""A whole simulated year of one city through its DAGs, as Airflow runs them: opening, months, quarters, clearing."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.utils.state import DagRunState

from medpool_etl.periods import Period
from medpool_etl.store import Settings, Warehouse
from tests.conftest import ROOT
from tests.years import FIRST, check_year, settle_year

CITY = "zhoushan"


@pytest.fixture
def control_url() -> Iterator[str | None]:
    """A control database of the test's own on PostgreSQL, where there is one (`make test-postgres`); else the default."""
    server = os.environ.get("TEST_POSTGRES_URL")
    if not server:
        yield None
        return
    name = f"year_{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def fresh(kind: str) -> DAG:
    """A fresh DAG each time: a run's configuration would stay in its parameters."""
    file = "medpool_month.py" if kind == "month" else "medpool_periods.py"
    return DagBag(dag_folder=str(ROOT / "dags" / file)).dags[f"medpool_{kind}_{CITY}"]


def through_airflow(_settings: Settings, _city: str, period: Period) -> None:
    """Settle a period by a run of its DAG, and expect it to succeed."""
    run = fresh(period.kind).test(run_conf={"period": str(period)})
    assert run.state == DagRunState.SUCCESS, str(period)


def test_a_year_through_the_dags(
    database: None, control_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as by command: all final, nothing open, borne to the fen; every review is approved, by the policy of tests."""
    monkeypatch.setenv("MEDPOOL_DATA", str(tmp_path / "data"))
    if control_url:
        monkeypatch.setenv("MEDPOOL_CONTROL_URL", control_url)
    settings, year = Settings.load(), FIRST[CITY]
    check_year(settings, CITY, year, list(settle_year(settings, CITY, year, through_airflow)))
    with duckdb.connect(str(Warehouse(settings.warehouse).current_mart), read_only=True) as mart:
        decided = mart.execute(
            "SELECT review, decided_how, count(*) FROM approvals GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        started = mart.execute("SELECT count(*) FROM run_steps WHERE started_by LIKE 'airflow medpool_%'").fetchone()
    # No county closed the year with a deficit: the clearing orders nothing, and nobody is asked.
    assert decided == [("funding_plan", "unattended", 12), ("revolving_fund", "unattended", 1)]
    assert started is not None and started[0] > 12 * 7
