"""Airflow for the tests of DAGs: its own database, once a process."""

import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def database() -> None:
    """Airflow's own database, on SQLite, in the test run's AIRFLOW_HOME."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
