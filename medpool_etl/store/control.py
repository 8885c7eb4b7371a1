"""The control database: which files came, which runs were made, what is published, which alerts went out.

It is the truth about what happened; the data itself lies in the warehouse. Idempotency rests on unique constraints.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from medpool_etl.errors import ApprovalNeededError, InputError, StoreError
from medpool_etl.store.approvals import lacking
from medpool_etl.store.tables import (
    Base,
    ClosedMonth,
    Publication,
    PublicationEvent,
    ReceivedFile,
    Run,
)

# How many seconds a process waits for another that writes to an SQLite database.
_PATIENCE = 30


@dataclass(frozen=True)
class Published:
    """A published month: city, month and the run it points at."""

    city: str
    month: str
    run_id: str


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Control:
    """The control database, opened; its schema is brought up to date on opening."""

    def __init__(self, url: str) -> None:
        """Open the database at an SQLAlchemy address; raises StoreError when it cannot be used."""
        try:
            parsed = sa.make_url(url)
            if parsed.get_backend_name() == "sqlite" and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            self._engine = sa.create_engine(parsed)
            if parsed.get_backend_name() == "sqlite":
                sa.event.listen(self._engine, "connect", _sqlite_connected)
                sa.event.listen(self._engine, "begin", _sqlite_begin)
            self._upgrade()
        except (SQLAlchemyError, OSError, ImportError, ValueError) as error:
            raise StoreError(
                f"the control database cannot be used: {_reason(error)}",
                where=_without_password(url),
                expected="an SQLAlchemy address of an SQLite or PostgreSQL database that can be written",
                do=_remedy(error) or "check MEDPOOL_CONTROL_URL and the database, and run the same command again",
            ) from error

    def _upgrade(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        head = ScriptDirectory.from_config(config).get_current_head()
        with self._migrating(), self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('medpool migrations'))"))
            if MigrationContext.configure(connection).get_current_revision() == head:
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _migrating(self) -> Iterator[None]:
        """Hold an SQLite database's migrations against other processes; PostgreSQL has a lock of its own for that."""
        if self._engine.dialect.name != "sqlite" or not self._engine.url.database:
            yield
            return
        path = Path(self._engine.url.database)
        with Path(f"{path}.lock").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            made = os.fstat(file.fileno()).st_size > 0
            # SQLite would make a new one in its place, which knows of nothing that is published.
            if made and not (path.is_file() and path.stat().st_size):
                raise StoreError(
                    "the control database is gone",
                    where=str(path),
                    do=f"put it back, from the backup if need be; to begin without anything that happened, remove {path.name}.lock",
                )
            yield
            if not made:
                file.write("medpool made its control database here\n")

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session in one transaction; raises StoreError when the database does not answer."""
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except SQLAlchemyError as error:
            raise StoreError(
                f"the control database did not answer: {_reason(error)}",
                where=_without_password(str(self._engine.url)),
                do="nothing was changed; " + (_remedy(error) or "run the same command again once the database is back"),
            ) from error

    def insert_once(self, table: type[Base], **values: object) -> bool:
        """Insert a row and return True, or return False where a unique constraint says it is there already."""
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        with self.session() as session:
            done = session.connection().execute(insert(table).values(**values).on_conflict_do_nothing())
            return done.rowcount == 1

    def receive(self, city: str, month: str, files: Iterable[tuple[str, str, int]]) -> tuple[ReceivedFile, ...]:
        """Record what a look into a month's inbox found, as (SHA-256, name, size), all or nothing, and return the rows in that order.

        The look is numbered behind the last one that found something new, from 1. What was received before under the same name
        keeps the row it has. All in one transaction: of a look that is cut short nothing is known, so that files that came together
        are never taken for versions of each other.
        """
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        mine = (ReceivedFile.city == city, ReceivedFile.month == month)
        with self.session() as session:
            session.expire_on_commit = False
            scan = (session.scalar(sa.select(sa.func.max(ReceivedFile.scan)).where(*mine)) or 0) + 1
            rows = []
            for sha256, name, size in files:
                row = {"city": city, "month": month, "sha256": sha256, "name": name, "size": size, "scan": scan}
                session.execute(insert(ReceivedFile).values(**row, received_at=_now()).on_conflict_do_nothing())
                same = sa.select(ReceivedFile).where(*mine, ReceivedFile.sha256 == sha256, ReceivedFile.name == name)
                rows.append(session.scalars(same).one())
            return tuple(rows)

    def received(self, city: str, month: str) -> tuple[ReceivedFile, ...]:
        """Return every file received for a month (or for "yearly"), in the order they came."""
        with self.session() as session:
            session.expire_on_commit = False
            rows = session.scalars(
                sa.select(ReceivedFile)
                .where(ReceivedFile.city == city, ReceivedFile.month == month)
                .order_by(ReceivedFile.scan, ReceivedFile.name)
            )
            return tuple(rows)

    def late_files(self, closed: ClosedMonth) -> list[ReceivedFile]:
        """Return the files of a month whose content came after it was closed, in the order they came."""
        rows = self.received(closed.city, closed.month)
        known = {row.sha256 for row in rows if _aware(row.received_at) <= _aware(closed.closed_at)}
        return [row for row in rows if row.sha256 not in known]

    def newest_run(self, city: str, month: str) -> str | None:
        """Return the run of a month that was begun last of those whose breaks are kept, or None before the first."""
        with self.session() as session:
            return session.scalar(
                sa.select(Run.run_id)
                .where(Run.city == city, Run.month == month, Run.synced_at.is_not(None))
                .order_by(Run.opened_at.desc())
                .limit(1)
            )

    def close_month(self, city: str, month: str, run_id: str, by: str, note: str) -> ClosedMonth:
        """Close a month with the run it publishes; one closed before stays as it was."""
        self.insert_once(ClosedMonth, city=city, month=month, run_id=run_id, closed_by=by, note=note, closed_at=_now())
        closed = self.closed_month(city, month)
        assert closed is not None
        return closed

    def closed_month(self, city: str, month: str) -> ClosedMonth | None:
        """Return how a month was closed, or None while it is open."""
        return next((closed for closed in self.closed_months(city) if closed.month == month), None)

    def closed_months(self, city: str) -> tuple[ClosedMonth, ...]:
        """Return the closed months of a city, the earliest first."""
        with self.session() as session:
            session.expire_on_commit = False
            return tuple(
                session.scalars(sa.select(ClosedMonth).where(ClosedMonth.city == city).order_by(ClosedMonth.month))
            )

    def figures(self, run_id: str) -> str | None:
        """Return whether a run's figures are final or provisional; None before that is known."""
        with self.session() as session:
            return session.scalar(sa.select(Run.figures).where(Run.run_id == run_id))

    def start_run(self, run_id: str, city: str, month: str, version: str) -> None:
        """Record that a run began, or began again: of two under way, the one begun last is the newer."""
        now = _now()
        if self.insert_once(Run, run_id=run_id, city=city, month=month, version=version, started_at=now, opened_at=now):
            return
        with self.session() as session:
            session.execute(sa.update(Run).where(Run.run_id == run_id).values(opened_at=now))

    def publish(
        self,
        run_id: str,
        city: str,
        month: str,
        figures: str,
        needs: Mapping[str, str] = MappingProxyType({}),
        replaces_only: Callable[[str], bool] | None = None,
    ) -> bool:
        """Point the month at the run, in one transaction; return whether that changed anything.

        ``needs``: what must be approved, each review with the digest of its figures; ``replaces_only``: which published runs this one may
        replace (all). Raises StoreError when the run was never started, InputError when the month is closed, or points at a run begun after
        this one or not to be replaced by it, ApprovalNeededError while a review lacks its approval.
        """
        with self.session() as session:
            # All runs of the month, so that of several published at once each sees what the one before did.
            runs = sa.select(Run).where(Run.city == city, Run.month == month).order_by(Run.run_id).with_for_update()
            run = next((row for row in session.scalars(runs) if row.run_id == run_id), None)
            if run is None:
                raise StoreError(f"there is no run {run_id}", do="start the month again")
            run.figures = figures
            run.completed_at = run.completed_at or _now()
            current = session.get(Publication, (city, month), with_for_update=True)
            if current is not None and current.run_id == run_id:
                return False
            if session.get(ClosedMonth, (city, month)) is not None:
                raise InputError(
                    f"{city} {month} is closed and keeps its run",
                    do="what changed since is an adjustment of the next month: run that",
                )
            newer = session.get(Run, current.run_id) if current else None
            if newer is not None and newer.opened_at > run.opened_at:
                raise InputError(
                    f"a newer run of {city} {month} is published already ({newer.run_id})",
                    do=f"run the month again, so that it starts from the files there now: medpool run {city} {month}",
                )
            if current is not None and replaces_only is not None and not replaces_only(current.run_id):
                raise InputError(
                    f"{city} {month} is settled whole already ({current.run_id}), and this run is of a part of it",
                    do=f"run it whole: medpool run {city} {month}",
                )
            if missing := lacking(session, city, month, needs):
                raise ApprovalNeededError(
                    f"not approved: {', '.join(missing)}",
                    where=f"{city} {month}",
                    do=f"see `medpool reviews {city} {month}`",
                )
            replaces = current.run_id if current else None
            if current is None:
                session.add(Publication(city=city, month=month, run_id=run_id))
            else:
                current.run_id = run_id
            session.add(PublicationEvent(city=city, month=month, run_id=run_id, replaces=replaces, published_at=_now()))
            return True

    def published(self) -> tuple[Published, ...]:
        """Return every published month, by city and month."""
        with self.session() as session:
            rows = session.execute(
                sa.select(Publication.city, Publication.month, Publication.run_id).order_by(
                    Publication.city, Publication.month
                )
            )
            return tuple(Published(*row) for row in rows)

    def published_run(self, city: str, month: str) -> str | None:
        """Return the run a month points at, or None when nothing of it is published."""
        with self.session() as session:
            return session.scalar(
                sa.select(Publication.run_id).where(Publication.city == city, Publication.month == month)
            )


def _aware(moment: dt.datetime) -> dt.datetime:
    """Return a moment with its time zone, which SQLite does not keep."""
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _sqlite_connected(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("foreign_keys = ON", f"busy_timeout = {_PATIENCE * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later would find the database changed beneath it, not wait.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _reason(error: Exception) -> str:
    """Return the first line of what the database said, which names no password."""
    said = str(getattr(error, "orig", None) or error)
    return said.splitlines()[0] if said else type(error).__name__


def _remedy(error: Exception) -> str:
    """Return what to do about what SQLite says of itself, or "" for anything else."""
    said = _reason(error)
    if "locked" in said:
        return f"another process has been writing to it for {_PATIENCE} seconds: run the same command again once that has ended"
    return "make room on its disk, and run the same command again" if "full" in said else ""


def _without_password(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except (SQLAlchemyError, ValueError):
        return "MEDPOOL_CONTROL_URL"
