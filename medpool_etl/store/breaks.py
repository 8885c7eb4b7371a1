"""The life of reconciliation breaks: opened by a settlement, explained and assigned by people, ended, reopened.

A break is open, explained (still there, but a person said why), corrected (the month it arose in has it no longer) or
cleared (a later month made up for it). Settlements act as ``medpool``; every change leaves an event, which stays.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from medpool_etl.errors import InputError, SettlementError, StoreError
from medpool_etl.store.control import Control
from medpool_etl.store.tables import Break, BreakEvent, GateOverride, Run
from medpool_etl.store.transitions import (
    CLEARED,
    CORRECTED,
    EXPLAINED,
    LIVING,
    LONGEST_NOTE,
    MEDPOOL,
    OPEN,
    STATES,
    TRANSITIONS,
    Found,
    Hand,
    name_of,
    now,
    person,
    words_of,
)

__all__ = ["LIVING", "MEDPOOL", "STATES", "TRANSITIONS", "Breaks", "Decision", "Found", "Synced"]

_SHORTEST_PREFIX = 4
# SQLite limits how many values one query may name.
_CHUNK = 500


@dataclass(frozen=True)
class Synced:
    """What a settlement changed: the ids of breaks, sorted, by what happened to them."""

    opened: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What a person said of a break that still counts: explained, or ended (corrected, cleared) at that amount in fen.

    ``month`` is the one the break arose in.
    """

    break_id: str
    month: str
    state: str
    amount_fen: int
    by: str
    note: str


class Breaks:
    """The breaks of a control database, and everything that may happen to them."""

    def __init__(self, control: Control) -> None:
        """Work on an open control database, which the caller closes."""
        self._control = control

    # Settlements.

    def sync(self, run_id: str, city: str, month: str, found: Iterable[Found], carried: Collection[str]) -> Synced:
        """Bring the breaks of a city in line with the settlement of a month, in one transaction; return what changed.

        ``found`` is every break the settlement lists, ``carried`` the ids it brought forward from the month before. A
        run that was begun before one whose breaks are kept already changes nothing, and so does the same run again.
        Raises StoreError for a run that was never started, SettlementError for a break that is listed twice.
        """
        items = tuple(found)
        listed = {item.break_id: item for item in items}
        if len(listed) != len(items):
            raise SettlementError(f"run {run_id} lists a break twice", where=f"{city} {month}")
        brought = frozenset(carried)
        happened: dict[str, list[str]] = {name: [] for name in Synced.__dataclass_fields__}
        with self._writing() as session:
            if _superseded(session, run_id, city, month):
                return Synced()
            hand = Hand(session, MEDPOOL, run_id)
            known = _known(session, city, month, listed.keys() | brought)
            for item in items:
                row = known.get(item.break_id)
                event = hand.open(city, month, item) if row is None else hand.meet(row, item, month)
                if event:
                    happened[event].append(item.break_id)
            for row in known.values():
                if row.break_id in listed or row.state not in LIVING:
                    continue
                if row.month == month:
                    note = f"{month}结算不再列出 the settlement of {month} lists it no longer"
                    hand.end(row, CORRECTED, month, note)
                elif row.break_id in brought and row.month < month:
                    hand.end(row, CLEARED, month, f"由{month}结算核销 cleared by the settlement of {month}")
                else:
                    continue
                happened[row.state].append(row.break_id)
            hand.finish()
        return Synced(**{name: tuple(sorted(ids)) for name, ids in happened.items()})

    # What there is.

    def listing(
        self,
        city: str | None = None,
        *,
        state: str | None = None,
        owner: str | None = None,
        month: str | None = None,
        assigned_to: str | None = None,
        pair: str | None = None,
    ) -> tuple[Break, ...]:
        """Return the breaks with these values (None: any), by owner, day, size from the largest down, and id.

        ``month`` is the month a break arose in. Raises InputError for a state there is not.
        """
        if state is not None and state not in STATES:
            raise InputError(f"{state!r} is no state of a break", expected=f"one of {', '.join(STATES)}")
        wanted = {
            Break.city: city,
            Break.state: state,
            Break.owner: owner,
            Break.month: month,
            Break.assigned_to: assigned_to,
            Break.pair: pair,
        }
        query = sa.select(Break).where(*(column == value for column, value in wanted.items() if value is not None))
        with self._control.session() as session:
            session.expire_on_commit = False
            return tuple(
                session.scalars(
                    query.order_by(Break.owner, Break.since, sa.func.abs(Break.amount_fen).desc(), Break.break_id)
                )
            )

    def one(self, break_id: str) -> Break:
        """Return the break with this id, or whose id alone begins so (four characters at least).

        Raises InputError where there is none, or more than one.
        """
        with self._control.session() as session:
            session.expire_on_commit = False
            return _one(session, break_id)

    def history(self, break_id: str) -> tuple[BreakEvent, ...]:
        """Return everything that happened to a break, in order; raises InputError as ``one`` does."""
        with self._control.session() as session:
            session.expire_on_commit = False
            whose = _one(session, break_id).break_id
            return tuple(
                session.scalars(sa.select(BreakEvent).where(BreakEvent.break_id == whose).order_by(BreakEvent.id))
            )

    def decisions(self, city: str) -> dict[str, Decision]:
        """Return what people decided about a city's breaks and still counts, by break id, in the order of ids."""
        last = (
            sa.select(sa.func.max(BreakEvent.id))
            .where(BreakEvent.event.in_((EXPLAINED, CORRECTED, CLEARED)))
            .group_by(BreakEvent.break_id)
        )
        query = (
            sa.select(Break.break_id, Break.month, Break.state, Break.amount_fen, BreakEvent.by, BreakEvent.note)
            .join(BreakEvent, BreakEvent.break_id == Break.break_id)
            .where(Break.city == city, Break.state != OPEN, BreakEvent.id.in_(last), BreakEvent.by != MEDPOOL)
            .order_by(Break.break_id)
        )
        with self._control.session() as session:
            return {row.break_id: Decision(*row) for row in session.execute(query)}

    # What people do.

    def explain(self, break_id: str, by: str, note: str) -> Break:
        """Say why an open break is there, and return it; the word holds until its amount changes.

        Raises InputError for a break that is not open, and where nobody is named or nothing said.
        """
        with self._person(break_id, by, note) as (hand, row):
            hand.apply(row, "explained", EXPLAINED, note.strip())
        return row

    def resolve(self, break_id: str, by: str, note: str, as_: Literal["corrected", "cleared"]) -> Break:
        """End an open or explained break in somebody's name, and return it; another amount reopens it.

        Raises InputError for a break that has ended, and where nobody is named or nothing said.
        """
        with self._person(break_id, by, note) as (hand, row):
            hand.end(row, as_, row.seen_in, note.strip())
        return row

    def reopen(self, break_id: str, by: str, note: str) -> Break:
        """Take back what a person said of a break, and return it.

        Raises InputError for an open break, for one that medpool ended, and where nobody is named or nothing said.
        """
        with self._person(break_id, by, note) as (hand, row):
            if row.state not in LIVING and row.ended_by == MEDPOOL:
                raise InputError(
                    f"break {row.break_id} is {row.state} because of the files, not because a person said so",
                    where=f"{row.city} {row.ended_in}",
                    do=f"it reopens by itself if `medpool run {row.city} {row.ended_in}` lists it again",
                )
            hand.apply(row, "reopened", OPEN, note.strip())
        return row

    def assign(self, break_id: str, to: str, by: str, note: str = "") -> Break:
        """Give an open or explained break to somebody, and return it.

        Raises InputError for a break that has ended, and where nobody is named.
        """
        name = name_of(to, "whose is the break?", "name who takes it with --to")
        said = f"{name}: {note.strip()}" if note.strip() else name
        with self._person(break_id, by, said) as (hand, row):
            row.assigned_to = name
            hand.apply(row, "assigned", row.state, said)
        return row

    # The gate.

    def override(self, city: str, month: str, by: str, reason: str, covers: Mapping[str, int]) -> GateOverride:
        """Record that a person publishes a blocked month, and return it; ``covers`` gives the breaks and their fen.

        Raises InputError where nobody is named or nothing said.
        """
        row = GateOverride(
            city=city,
            month=month,
            by=person(by),
            reason=words_of(reason, LONGEST_NOTE, "why is the month published?", "say why with --note"),
            covers=json.dumps(dict(covers), sort_keys=True),
            made_at=now(),
        )
        with self._writing() as session:
            session.expire_on_commit = False
            session.add(row)
        return row

    def overrides(self, city: str, month: str) -> tuple[GateOverride, ...]:
        """Return the overrides of a month, the newest last."""
        with self._control.session() as session:
            session.expire_on_commit = False
            return tuple(
                session.scalars(
                    sa.select(GateOverride)
                    .where(GateOverride.city == city, GateOverride.month == month)
                    .order_by(GateOverride.id)
                )
            )

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """Yield a session in one transaction, alone among those that write breaks."""
        with self._control.session() as session:
            # SQLite's transactions are alone from their beginning.
            if session.get_bind().dialect.name == "postgresql":
                session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('medpool breaks'))"))
            yield session

    @contextmanager
    def _person(self, break_id: str, by: str, note: str) -> Iterator[tuple[Hand, Break]]:
        """Yield a person's hand and the break it is laid on; what was done is kept when the block ends."""
        name = person(by)
        words_of(note, LONGEST_NOTE, "nothing is said about the break", "say why with --note")
        with self._writing() as session:
            session.expire_on_commit = False
            hand = Hand(session, name)
            yield hand, _one(session, break_id)
            hand.finish()


def _superseded(session: Session, run_id: str, city: str, month: str) -> bool:
    """Return whether the breaks follow a run of the month that was begun later; if not, they follow this one from now on."""
    run = session.get(Run, run_id)
    if run is None or (run.city, run.month) != (city, month):
        raise StoreError(f"there is no run {run_id} of {city} {month}", do="start the month again")
    later = sa.select(Run.run_id).where(
        Run.city == city, Run.month == month, Run.opened_at > run.opened_at, Run.synced_at.is_not(None)
    )
    if session.scalar(later.limit(1)) is not None:
        return True
    run.synced_at = run.synced_at or now()
    return False


def _known(session: Session, city: str, month: str, ids: Collection[str]) -> dict[str, Break]:
    """Return the breaks with these ids, and those born in the month that have not ended, by id."""
    wanted = sorted(ids)
    born = sa.select(Break).where(Break.city == city, Break.month == month, Break.state.in_(LIVING))
    rows = list(session.scalars(born.order_by(Break.break_id)))
    for start in range(0, len(wanted), _CHUNK):
        rows += session.scalars(sa.select(Break).where(Break.break_id.in_(wanted[start : start + _CHUNK])))
    return {row.break_id: row for row in rows}


def _one(session: Session, break_id: str) -> Break:
    begins = break_id.strip()
    if len(begins) < _SHORTEST_PREFIX or not begins.isascii():
        raise InputError(
            f"{begins!r} does not name a break",
            expected=f"its id, or at least the first {_SHORTEST_PREFIX} characters of it",
        )
    # Not LIKE: it has wildcards, and on SQLite no upper and lower case.
    query = sa.select(Break).where(sa.func.substr(Break.break_id, 1, len(begins)) == begins)
    rows = session.scalars(query.order_by(Break.break_id).limit(6)).all()
    exact = [row for row in rows if row.break_id == begins]
    if len(exact) == 1 or len(rows) == 1:
        return (exact or rows)[0]
    if not rows:
        raise InputError(f"there is no break {begins!r}", do="take an id from `medpool breaks list --all`")
    more = ", …" if len(rows) > 5 else ""
    raise InputError(
        f"several breaks begin with {begins!r}",
        expected=f"one of {', '.join(row.break_id for row in rows[:5])}{more}",
    )
