"""A control database in use is brought up to date, with everything that stands in it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from medpool_etl import store
from medpool_etl.store import Control
from medpool_etl.store.control import Published

MOMENT = "2026-11-01 00:00:00"


def test_a_database_with_runs_and_publications_is_upgraded(tmp_path: Path) -> None:
    """What was published and closed before quarters and clearings came stays, and their longer names then fit."""
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    engine = sa.create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            sa.text(
                "INSERT INTO runs (run_id, city, month, version, started_at, opened_at) "
                f"VALUES ('one', 'taizhou', '2022-03', '0.2.0', '{MOMENT}', '{MOMENT}')"
            )
        )
        connection.execute(sa.text("INSERT INTO publications VALUES ('taizhou', '2022-03', 'one')"))
        connection.execute(
            sa.text(
                "INSERT INTO closed_months (city, month, run_id, closed_by, note, closed_at) "
                f"VALUES ('taizhou', '2022-03', 'one', '张三', '', '{MOMENT}')"
            )
        )
    engine.dispose()
    control = Control(url)
    try:
        assert control.published() == (Published("taizhou", "2022-03", "one"),)
        assert control.closed_months("taizhou")[0].closed_by == "张三"
        control.start_run("two", "taizhou", "2022-clearing", "0.3.0")
        assert control.publish("two", "taizhou", "2022-clearing", "final")
    finally:
        control.close()
