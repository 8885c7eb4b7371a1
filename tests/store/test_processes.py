"""Many processes at one control database: everything is recorded once, and none of them fails."""

from __future__ import annotations

import datetime as dt
import multiprocessing
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import sqlalchemy as sa

from medpool_etl.store import Control
from medpool_etl.store.breaks import Breaks, Found, Synced

MANY = 8
MARCH = ("taizhou", "2022-03")
# Not forks of this process, which would wait for ever for what its other threads hold: of one that has none.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["medpool_etl.store.breaks"])
Outcome = tuple[int, object]
FOUND = [
    Found(
        break_id=f"{number:016x}",
        month=MARCH[1],
        pair="tax_treasury",
        fund="worker",
        county="331002",
        item_key=f"{number}",
        break_class="in_transit",
        owner="treasury",
        gate="warn",
        amount_fen=number,
        since=dt.date(2022, 3, 31),
    )
    for number in range(1, 51)
]


def _open(number: int, url: str, at_once: Barrier, said: Queue[Outcome]) -> None:
    """Open the database."""
    _tell(number, said, at_once.wait, lambda: Control(url).close())


def _publish(number: int, url: str, at_once: Barrier, said: Queue[Outcome]) -> None:
    """Publish the same run."""
    control = Control(url)
    _tell(number, said, at_once.wait, lambda: control.publish("r1", *MARCH, "final"))


def _publish_own(number: int, url: str, at_once: Barrier, said: Queue[Outcome]) -> None:
    """Publish a run of one's own for the same month."""
    control = Control(url)
    control.start_run(f"own{number}", *MARCH, "1")
    _tell(number, said, at_once.wait, lambda: control.publish(f"own{number}", *MARCH, "final"))


def _receive(number: int, url: str, at_once: Barrier, said: Queue[Outcome]) -> None:
    """Receive the same five files, and start the same run."""
    control = Control(url)

    def act() -> list[int]:
        control.start_run("r1", *MARCH, "1")
        return [row.id for row in control.receive(*MARCH, [(str(file) * 64, "one.csv", 1) for file in range(5)])]

    _tell(number, said, at_once.wait, act)


def _sync(number: int, url: str, at_once: Barrier, said: Queue[Outcome]) -> None:
    """Bring the breaks in line with the same run."""
    breaks = Breaks(Control(url))
    _tell(number, said, at_once.wait, lambda: breaks.sync("r1", *MARCH, FOUND, ()))


def _explain(number: int, url: str, at_once: Barrier, said: Queue[Outcome]) -> None:
    """Explain the same break."""
    breaks = Breaks(Control(url))
    _tell(number, said, at_once.wait, lambda: breaks.explain(FOUND[0].break_id, f"person {number}", "known").state)


def _tell(number: int, said: Queue[Outcome], wait: Callable[[], object], act: Callable[[], object]) -> None:
    """Act with the others at once, and tell what came of it."""
    try:
        wait()
        said.put((number, act()))
    except BaseException as error:  # the test's own process must hear of everything
        said.put((number, f"{type(error).__name__}: {error} / {error.__cause__}"[:300]))


def together(target: Callable[[int, str, Barrier, Queue[Outcome]], None], url: str) -> list[object]:
    """Let many processes do the same at once, and return what came of each."""
    at_once, said = CONTEXT.Barrier(MANY, timeout=30), CONTEXT.Queue()
    processes = [
        CONTEXT.Process(target=target, args=(number, url, at_once, said), daemon=True) for number in range(MANY)
    ]
    for process in processes:
        process.start()
    outcomes = dict(said.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(30)
    return [outcomes[number] for number in range(MANY)]


@pytest.fixture
def url(database_url: str) -> str:
    """The address of a control database with one run."""
    control = Control(database_url)
    control.start_run("r1", *MARCH, "1")
    control.close()
    return database_url


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(sql))]
    engine.dispose()
    return found


def test_open_an_empty_database(database_url: str) -> None:
    """Processes that open an empty database all find it ready."""
    assert together(_open, database_url) == [None] * MANY


def test_open_a_new_database(tmp_path: Path) -> None:
    """Processes that open a database that does not exist yet all find it ready."""
    for number in range(4):
        assert together(_open, f"sqlite:///{tmp_path / f'new{number}.sqlite'}") == [None] * MANY


def test_publish_the_same_run(url: str) -> None:
    """Of many processes that publish the same run, one changes the month, and the history has one entry."""
    outcomes = together(_publish, url)
    assert sorted(outcomes, key=str) == [False] * (MANY - 1) + [True]
    assert ask(url, "SELECT run_id FROM publications") == [("r1",)]
    assert ask(url, "SELECT run_id, replaces FROM publication_events") == [("r1", None)]


def test_go_back_to_the_same_run(url: str) -> None:
    """Of many processes that point a month back at an earlier run, one changes it, and the history has one entry."""
    control = Control(url)
    control.start_run("r2", *MARCH, "1")
    control.publish("r1", *MARCH, "final")
    control.publish("r2", *MARCH, "final")
    control.start_run("r1", *MARCH, "1")
    control.close()
    outcomes = together(_publish, url)
    assert sorted(outcomes, key=str) == [False] * (MANY - 1) + [True]
    events = ask(url, "SELECT run_id, replaces FROM publication_events ORDER BY id")
    assert events == [("r1", None), ("r2", "r1"), ("r1", "r2")]


def test_publish_different_runs(url: str) -> None:
    """Many processes that publish runs of the same month leave one publication and an unbroken history."""
    outcomes = together(_publish_own, url)
    assert True in outcomes
    assert all(outcome is True or "a newer run" in str(outcome) for outcome in outcomes)
    events = ask(url, "SELECT run_id, replaces FROM publication_events ORDER BY id")
    assert [replaces for _, replaces in events] == [None, *(run for run, _ in events[:-1])]
    assert ask(url, "SELECT run_id FROM publications") == [(events[-1][0],)]


def test_receive_the_same_files(url: str) -> None:
    """Many processes that receive the same files all get the same rows, and each file has one."""
    outcomes = together(_receive, url)
    assert outcomes == [outcomes[0]] * MANY
    assert isinstance(outcomes[0], list)
    assert ask(url, "SELECT count(*) FROM received_files") == [(5,)]
    assert ask(url, "SELECT count(*) FROM runs") == [(1,)]


def test_sync_the_same_run(url: str) -> None:
    """Of many processes that bring the breaks in line with the same run, one opens them, once each."""
    outcomes = together(_sync, url)
    assert [outcome for outcome in outcomes if outcome != Synced()] == [
        Synced(opened=tuple(item.break_id for item in FOUND))
    ]
    assert ask(url, "SELECT count(*), min(lives), max(lives) FROM breaks") == [(50, 1, 1)]
    assert ask(url, "SELECT event, count(*), count(DISTINCT break_id) FROM break_events GROUP BY event") == [
        ("opened", 50, 50)
    ]


def test_explain_the_same_break(url: str) -> None:
    """Of many people who explain the same break, one is heard, the others are told that it is explained."""
    control = Control(url)
    Breaks(control).sync("r1", *MARCH, FOUND, ())
    control.close()
    outcomes = together(_explain, url)
    assert outcomes.count("explained") == 1
    assert sum("is explained and cannot be explained" in str(outcome) for outcome in outcomes) == MANY - 1
    assert ask(url, "SELECT count(*) FROM break_events WHERE event = 'explained'") == [(1,)]
