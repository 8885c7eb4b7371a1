"""The control database records what happened, once each, and says plainly when it cannot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from medpool_etl.errors import InputError, StoreError
from medpool_etl.store import Control
from medpool_etl.store.control import Published
from medpool_etl.store.tables import Base

MARCH = ("taizhou", "2022-03")


@pytest.fixture
def control(database_url: str) -> Iterator[Control]:
    """A new control database."""
    opened = Control(database_url)
    yield opened
    opened.close()


@pytest.fixture
def database(control: Control, database_url: str) -> Iterator[sa.Connection]:
    """The same database, to look inside; foreign keys are enforced."""
    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        yield connection
    engine.dispose()


def rows(database: sa.Connection, table: str) -> int:
    """Return how many rows a table has."""
    return database.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_new_database_has_the_tables(database: sa.Connection) -> None:
    """Opening an empty database makes every table, in a folder that is made too."""
    assert set(Base.metadata.tables) <= set(sa.inspect(database).get_table_names())


def test_migrations_make_what_the_code_declares(database: sa.Connection) -> None:
    """The migrations give the very columns and unique constraints that the code declares."""
    found = sa.inspect(database)
    for name, table in Base.metadata.tables.items():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(name)}
        assert columns == {column.name: column.nullable for column in table.columns}, name
        unique = {tuple(item["column_names"]) for item in found.get_unique_constraints(name)}
        declared = {
            tuple(column.name for column in item.columns)
            for item in table.constraints
            if isinstance(item, sa.UniqueConstraint)
        }
        assert unique == declared, name
        assert found.get_pk_constraint(name)["constrained_columns"] == [c.name for c in table.primary_key], name


def test_reopened_database_keeps_everything(control: Control, database_url: str) -> None:
    """A database opened again has what was recorded before."""
    control.start_run("r1", *MARCH, "1")
    control.publish("r1", *MARCH, "final")
    control.close()
    again = Control(database_url)
    assert again.published_run(*MARCH) == "r1"
    again.close()


def test_file_is_received_once(control: Control, database: sa.Connection) -> None:
    """The same content under the same name is one row, with the look it first came with; another name is a new row."""
    (first,) = control.receive(*MARCH, [("a" * 64, "first.csv", 10)])
    again, renamed = control.receive(*MARCH, [("a" * 64, "first.csv", 10), ("a" * 64, "renamed.csv", 10)])
    assert (again.id, again.scan) == (first.id, 1)
    assert (renamed.name, renamed.scan) == ("renamed.csv", 2)
    assert rows(database, "received_files") == 2


def test_same_content_elsewhere(control: Control, database: sa.Connection) -> None:
    """The same content in another month or city is a file of its own."""
    for city, month in (MARCH, ("taizhou", "2022-04"), ("zhoushan", "2022-03")):
        control.receive(city, month, [("a" * 64, "a.csv", 10)])
    assert rows(database, "received_files") == 3


def test_unique_constraint_holds_by_itself(control: Control, database: sa.Connection) -> None:
    """Not the code alone but the database refuses a second row for the same content."""
    control.receive(*MARCH, [("a" * 64, "a.csv", 10)])
    copy = "INSERT INTO received_files (city, month, sha256, name, size, scan, received_at) SELECT city, month, sha256, name, size, scan, received_at FROM received_files"
    with pytest.raises(sa.exc.IntegrityError):
        database.execute(sa.text(copy))


def test_publication_needs_its_run(control: Control, database: sa.Connection) -> None:
    """The database refuses to point a month at a run that was never recorded."""
    with pytest.raises(sa.exc.IntegrityError):
        database.execute(sa.text("INSERT INTO publications VALUES ('taizhou', '2022-03', 'nowhere')"))


def test_looks_are_counted(control: Control) -> None:
    """Looks that find something new are counted from 1, each month on its own; what came together has one number."""
    a, b, c = (("a" * 64, "a.csv", 1), ("b" * 64, "b.csv", 1), ("c" * 64, "c.csv", 1))
    assert [row.scan for row in control.receive(*MARCH, [a, b])] == [1, 1]
    assert [row.scan for row in control.receive(*MARCH, [a, b])] == [1, 1]
    assert [row.scan for row in control.receive(*MARCH, [a, c])] == [1, 2]
    assert [row.scan for row in control.receive("taizhou", "2022-04", [c])] == [1]
    assert control.receive(*MARCH, []) == ()


def test_a_look_that_is_cut_short_leaves_nothing(control: Control, database: sa.Connection) -> None:
    """All that a look found is recorded, or none of it: what came together is never taken for versions of one another."""

    def files() -> Iterator[tuple[str, str, int]]:
        yield ("a" * 64, "a.csv", 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        control.receive(*MARCH, files())
    assert rows(database, "received_files") == 0
    assert [row.scan for row in control.receive(*MARCH, [("a" * 64, "a.csv", 1), ("b" * 64, "b.csv", 1)])] == [1, 1]


def test_run_starts_once(control: Control, database: sa.Connection) -> None:
    """A run that is started again stays as it was recorded."""
    control.start_run("r1", *MARCH, "1")
    control.start_run("r1", *MARCH, "2")
    assert database.execute(sa.text("SELECT version FROM runs")).scalars().all() == ["1"]


def test_publish_once(control: Control, database: sa.Connection) -> None:
    """Publishing the same run again changes nothing and leaves no trace in the history."""
    control.start_run("r1", *MARCH, "1")
    assert control.published_run(*MARCH) is None
    assert control.publish("r1", *MARCH, "provisional") is True
    assert control.publish("r1", *MARCH, "provisional") is False
    assert control.published() == (Published(*MARCH, "r1"),)
    assert rows(database, "publication_events") == 1


def test_publication_history(control: Control, database: sa.Connection) -> None:
    """Each switch to another run, and back once it is opened again, is kept with what it replaced."""
    control.start_run("r1", *MARCH, "1")
    assert control.publish("r1", *MARCH, "final")
    control.start_run("r2", *MARCH, "1")
    assert control.publish("r2", *MARCH, "final")
    assert not control.publish("r2", *MARCH, "final")
    control.start_run("r1", *MARCH, "1")
    assert control.publish("r1", *MARCH, "final")
    events = database.execute(sa.text("SELECT run_id, replaces FROM publication_events ORDER BY id")).all()
    assert [tuple(event) for event in events] == [("r1", None), ("r2", "r1"), ("r1", "r2")]
    assert control.published_run(*MARCH) == "r1"


def test_an_older_run_does_not_replace_a_newer(control: Control) -> None:
    """A run that was begun before the published one is refused, and the month stays."""
    for run in ("r1", "r2"):
        control.start_run(run, *MARCH, "1")
    control.publish("r2", *MARCH, "final")
    with pytest.raises(InputError, match="a newer run of taizhou 2022-03 is published already"):
        control.publish("r1", *MARCH, "final")
    assert control.published_run(*MARCH) == "r2"


def test_publications_of_many_months(control: Control) -> None:
    """Published months come by city and month, each with its own run."""
    months = [("zhoushan", "2022-01"), ("taizhou", "2022-04"), ("taizhou", "2022-03")]
    for number, month in enumerate(months):
        control.start_run(f"r{number}", *month, "1")
        control.publish(f"r{number}", *month, "final")
    assert [(item.city, item.month, item.run_id) for item in control.published()] == [
        ("taizhou", "2022-03", "r2"),
        ("taizhou", "2022-04", "r1"),
        ("zhoushan", "2022-01", "r0"),
    ]


def test_publish_records_the_figures(control: Control, database: sa.Connection) -> None:
    """Publishing notes whether the figures are final and when the run was completed, and keeps that moment."""
    control.start_run("r1", *MARCH, "1")
    control.publish("r1", *MARCH, "final")
    read = sa.text("SELECT figures, completed_at FROM runs")
    figures, completed = database.execute(read).one()
    assert figures == "final"
    assert dt.datetime.fromisoformat(str(completed)).year >= 2022
    database.commit()
    control.publish("r1", *MARCH, "final")
    assert database.execute(read).one() == (figures, completed)


def test_publish_unknown_run(control: Control) -> None:
    """A run that was never started cannot be published, and nothing changes."""
    with pytest.raises(StoreError, match="there is no run r9"):
        control.publish("r9", *MARCH, "final")
    assert control.published() == ()


@pytest.mark.parametrize(
    "address",
    [
        "foo://user:geheim@host/db",
        "user:geheim@host/db",
        "geheim",
        "",
        "postgresql://user:geheim@127.0.0.1:1/db",
        "postgresql://user:geheim@host:port/db",
        "postgresql+nodriver://user:geheim@host/db",
        "mysql+pymysql://user:geheim@host/db",
    ],
)
def test_bad_address(address: str) -> None:
    """An address that cannot be used is an error that says which setting to check, without the password."""
    with pytest.raises(StoreError) as caught:
        Control(address)
    assert "MEDPOOL_CONTROL_URL" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_folder_for_a_database(tmp_path: Path) -> None:
    """A folder where the database should be, or a file that is none, is an error that names it."""
    with pytest.raises(StoreError, match=tmp_path.name):
        Control(f"sqlite:///{tmp_path}")
    (tmp_path / "text.sqlite").write_text("this is no database, however long one waits" * 50, encoding="utf-8")
    with pytest.raises(StoreError, match=r"text\.sqlite"):
        Control(f"sqlite:///{tmp_path / 'text.sqlite'}")


def test_database_that_went_away(control: Control, database_url: str) -> None:
    """When the tables are gone in the middle, the error says that nothing was changed."""
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE received_files"))
    engine.dispose()
    with pytest.raises(StoreError, match="nothing was changed"):
        control.receive(*MARCH, [("a" * 64, "a.csv", 1)])
