"""Shared fixtures: a place of its own for every test, and the sample month settled once."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

# Airflow looks these up when it is first imported, which some test modules do at the top.
ROOT = Path(__file__).resolve().parents[1]
# A process that a test starts has what this one has.
_OWN = multiprocessing.parent_process() is None
_HOME = tempfile.mkdtemp(prefix="medpool-airflow-") if _OWN else os.environ["AIRFLOW_HOME"]
os.environ.update(
    AIRFLOW_HOME=_HOME,
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__PARALLELISM="4",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=os.environ.get("TEST_AIRFLOW_URL") or f"sqlite:///{_HOME}/airflow.db",
)
for name in [name for name in os.environ if name.startswith("MEDPOOL_")]:
    del os.environ[name]
# A DAG with a deadline cannot be run by its method test().
os.environ["MEDPOOL_DEADLINE_ALERTS"] = "off"
# Tests of approvals take it away again.
UNATTENDED = os.environ["MEDPOOL_UNATTENDED"] = "测试：无人审批"

from medpool_etl import pipeline  # noqa: E402
from medpool_etl.errors import BlockedError  # noqa: E402
from medpool_etl.periods import Month  # noqa: E402
from medpool_etl.simulator import simulate  # noqa: E402
from medpool_etl.store import Settings  # noqa: E402
from tests.support import Webhook  # noqa: E402

MONTH = Month.parse("2022-03")
_SETTLED = tempfile.mkdtemp(prefix="medpool-settled-") if _OWN else ""


def pytest_unconfigure() -> None:
    """Leave nothing behind but pytest's own folders."""
    for folder in (_HOME, _SETTLED):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose data lies in the test's own folder."""
    monkeypatch.setenv("MEDPOOL_DATA", str(tmp_path / "data"))
    return Settings.load()


def at(folder: Path) -> Settings:
    """Return settings whose data lies in ``folder``, without touching the environment."""
    return Settings(
        data=folder,
        inbox=folder / "inbox",
        warehouse=folder / "warehouse",
        control_url=f"sqlite:///{folder / 'control.sqlite'}",
        alert_urls=(),
        unattended=UNATTENDED,
    )


def settle_month(settings: Settings, month: Month) -> tuple[pipeline.MonthRun, BlockedError | None]:
    """Settle a month, and over the gate if it blocks; return the run and what the gate said."""
    try:
        return pipeline.run_month(settings, "taizhou", month), None
    except BlockedError as error:
        pipeline.override(settings, "taizhou", month, "张三", "演练")
        return pipeline.run_month(settings, "taizhou", month), error


class Settled:
    """A simulated month and the run it was settled in; where the gate blocked it (``blocked``), over the gate.

    A month without faults in an empty place is settled once in a session and then copied there, but for one ``afresh``.
    """

    _kept: ClassVar[dict[tuple[int, Month], Settled]] = {}

    def __init__(
        self,
        settings: Settings,
        *faults: str,
        seed: int = 1,
        month: Month = MONTH,
        scale: int = 1,
        cures: bool = True,
        afresh: bool = False,
    ) -> None:
        self.settings, self.when = settings, month
        plain = not faults and scale == 1 and settings == at(settings.data) and os.environ.get("MEDPOOL_UNATTENDED")
        empty = not settings.data.exists() or not any(settings.data.iterdir())
        if plain == UNATTENDED and empty and not afresh:
            kept = self._kept.get((seed, month))
            if kept is None:
                place = Path(tempfile.mkdtemp(dir=_SETTLED)) / "data"
                kept = self._kept[seed, month] = Settled(at(place), seed=seed, month=month, afresh=True)
            shutil.copytree(kept.settings.data, settings.data, symlinks=True, dirs_exist_ok=True)
            folder, record = (
                settings.data / path.relative_to(kept.settings.data)
                for path in (kept.simulation.folder, kept.simulation.record)
            )
            self.simulation = replace(kept.simulation, folder=folder, record=record)
            self.run, self.blocked = kept.run, kept.blocked
        else:
            self.simulation = simulate(
                "taizhou", month, settings.inbox, seed=seed, faults=faults, scale=scale, cures=cures
            )
            self.run, self.blocked = settle_month(settings, month)
        self.folder = self.run.folder(settings)
        self.tables = self.folder / "tables"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """The faultless sample month (Taizhou 2022-03, seed 1), settled once; tests must not change it."""
    return Settled(at(tmp_path_factory.mktemp("sample")))


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A running webhook."""
    running = Webhook()
    yield running
    running.close()
