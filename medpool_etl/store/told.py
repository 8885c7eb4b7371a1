"""What each destination of alerts has been told, so that nobody hears the same thing twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from medpool_etl.store.control import Control
from medpool_etl.store.tables import Break, BreakEvent, Told

EXPLAINED = "explained"
ENDED = ("corrected", "cleared", EXPLAINED)
# SQLite takes 32,766 values a statement, and older ones 999.
_AT_ONCE = 500


@dataclass(frozen=True)
class Ended:
    """A break that ended or was explained, and by whom: a person, or medpool."""

    row: Break
    by: str

    @property
    def what(self) -> str:
        """What is remembered once this was told."""
        return f"{self.row.lives}/ended"


class Memory:
    """What destinations were told, and the lives of breaks it speaks of. Every method may raise StoreError."""

    def __init__(self, control: Control) -> None:
        """Remember in this control database."""
        self._control = control

    def told(self, destination: str, subjects: Iterable[str]) -> set[tuple[str, str]]:
        """Return every (subject, what) of these subjects that the destination has been told."""
        known: set[tuple[str, str]] = set()
        with self._control.session() as session:
            for some in _portions(subjects):
                query = sa.select(Told.subject, Told.what).where(
                    Told.destination == destination, Told.subject.in_(some)
                )
                known.update((subject, what) for subject, what in session.execute(query))
        return known

    def record(self, destination: str, items: Iterable[tuple[str, str]]) -> None:
        """Record that the destination has been told each (subject, what), all or none; what is there already stays."""
        now = dt.datetime.now(dt.UTC)
        rows = [
            {"subject": subject, "what": what, "destination": destination, "told_at": now}
            for subject, what in sorted(set(items))
        ]
        if not rows:
            return
        with self._control.session() as session:
            # One transaction for all: a month with a missing file may have thousands of breaks.
            insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
            session.connection().execute(insert(Told).on_conflict_do_nothing(), rows)

    def lives(self, break_ids: Iterable[str]) -> dict[str, int]:
        """Return how often each of these breaks was opened; those not recorded yet are left out."""
        found: dict[str, int] = {}
        with self._control.session() as session:
            for some in _portions(break_ids):
                query = sa.select(Break.break_id, Break.lives).where(Break.break_id.in_(some))
                found.update((break_id, lives) for break_id, lives in session.execute(query))
        return found

    def ended(self, city: str, destination: str) -> tuple[Ended, ...]:
        """Return the breaks of a city that have ended, of whose present life the destination was told, but not of its end."""
        life = sa.cast(Break.lives, sa.String) + "/"
        heard = sa.select(Told.what).where(Told.subject == Break.break_id, Told.destination == destination)
        # Whoever explains a break does not end it, so that only the event has the name.
        explained_by = (
            sa.select(BreakEvent.by)
            .where(BreakEvent.break_id == Break.break_id, BreakEvent.event == EXPLAINED)
            .order_by(BreakEvent.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = (
            sa.select(Break, sa.case((Break.state == EXPLAINED, explained_by), else_=Break.ended_by))
            .where(Break.city == city, Break.state.in_(ENDED))
            .where(heard.where(Told.what.like(life + "%")).exists())
            .where(~heard.where(Told.what == life + "ended").exists())
            .order_by(Break.break_id)
        )
        with self._control.session() as session:
            session.expire_on_commit = False
            return tuple(Ended(row, by or "") for row, by in session.execute(query))


def _portions(items: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(sorted(set(items)))
    while some := list(islice(rest, _AT_ONCE)):
        yield some
