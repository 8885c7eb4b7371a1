"""The databases the control database is tried on: SQLite, and PostgreSQL where TEST_POSTGRES_URL names one."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgresql", marks=pytest.mark.skipif(not POSTGRES, reason="TEST_POSTGRES_URL names no database")
        ),
    ]
)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new, empty database: a file, or a PostgreSQL schema that is dropped after the test."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'deep' / 'control.sqlite'}"
        return
    schema = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(POSTGRES)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    own = engine.url.update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    with engine.begin() as connection:
        # A test that left a transaction open is to fail here, not to wait for ever.
        connection.execute(sa.text("SET lock_timeout = '20s'"))
        connection.execute(sa.schema.DropSchema(schema, cascade=True))
    engine.dispose()
