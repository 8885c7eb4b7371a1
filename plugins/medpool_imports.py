"""Alerts of a DAG file that Airflow cannot import: until it is mended, none of its DAGs runs, and no task fails that could tell."""

from __future__ import annotations

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from medpool_etl.alerts.failures import tell_import_error


class ImportErrors:
    """What the dag-processor calls when a file that could be imported no longer can."""

    @hookimpl
    def on_new_dag_import_error(self, filename: str, stacktrace: str) -> None:
        """Tell the log and every address, once for each time it breaks; never raises."""
        tell_import_error(str(filename), str(stacktrace or ""))


class MedpoolImportsPlugin(AirflowPlugin):
    """Registers the listener."""

    name = "medpool_imports"
    listeners = [ImportErrors()]  # noqa: RUF012 - Airflow's own declaration
