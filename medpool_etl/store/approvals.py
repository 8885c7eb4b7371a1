"""What people decided of what is reviewed, and who had a run made."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from medpool_etl.errors import InputError
from medpool_etl.store.tables import Approval, ClosedMonth, Publication, PublicationEvent, Run, RunMaker
from medpool_etl.store.transitions import person

if TYPE_CHECKING:
    from medpool_etl.store.control import Control

APPROVED, REJECTED = "approved", "rejected"
PERSON, CARRIED, UNATTENDED = "person", "carried", "unattended"
# Who approves where nobody is asked, because a policy says so.
POLICY = "medpool"
LONGEST = 500


@dataclass(frozen=True)
class Decision:
    """A decision to be kept: of which ``review`` of a run, of the figures ``digest`` stands for, ``approved`` or ``rejected``, by whom
    and why, and whose word was in the figures."""

    review: str
    digest: str
    decision: str
    how: str
    by: str
    reason: str
    makers: tuple[str, ...]


class Approvals:
    """The decisions the control database keeps. Every method may raise StoreError."""

    def __init__(self, control: Control) -> None:
        """Keep them in this control database."""
        self._control = control

    def decide(self, city: str, month: str, run_id: str, decisions: Sequence[Decision]) -> None:
        """Keep decisions on a run, all or none.

        What no person decides (``carried``, ``unattended``) is kept once, never over a person's rejection, and not at all once the run is
        published. Raises InputError for a person's decision then, and once its period is closed: what has gone out is not taken
        back by a later word.
        """
        with self._control.session() as session:
            # As publishing does, so that a decision comes before it or after, and the two see each other.
            session.scalars(sa.select(Run).where(Run.city == city, Run.month == month).with_for_update()).all()
            current = session.get(Publication, (city, month))
            if current and current.run_id == run_id and all(item.how != PERSON for item in decisions):
                # Another process, working on the same run, was quicker.
                return
            if session.get(ClosedMonth, (city, month)) is not None or (current and current.run_id == run_id):
                raise InputError(
                    f"{city} {month} is published with this run already",
                    do="what is wrong with it is corrected by its files or by a decision; then run it again",
                )
            known = newest(session, city, month)
            now = dt.datetime.now(dt.UTC)
            session.add_all(
                Approval(
                    city=city,
                    month=month,
                    run_id=run_id,
                    review=item.review,
                    digest=item.digest,
                    decision=item.decision,
                    how=item.how,
                    by=item.by,
                    reason=item.reason[:LONGEST],
                    makers=json.dumps(item.makers, ensure_ascii=False),
                    made_at=now,
                )
                for item in decisions
                if item.how == PERSON or not _stands(known.get((item.review, item.digest)), run_id, item)
            )

    def newest(self, city: str, month: str) -> dict[tuple[str, str], Approval]:
        """Return the newest decision on each (review, digest) of a period."""
        with self._control.session() as session:
            session.expire_on_commit = False
            return newest(session, city, month)

    def made(self, run_id: str, name: str) -> None:
        """Record that a person had a run made; raises InputError for a name nobody has."""
        self._control.insert_once(RunMaker, run_id=run_id, name=person(name), first_at=dt.datetime.now(dt.UTC))

    def makers(self, city: str, month: str) -> set[str]:
        """Return who had runs of a period made since it was published last, for another run with the same figures has the same makers; and
        of the run begun last whoever ever had it made: inputs that come back are the same run."""
        published = (
            sa.select(sa.func.max(PublicationEvent.published_at))
            .where(PublicationEvent.city == city, PublicationEvent.month == month)
            .scalar_subquery()
        )
        query = (
            sa.select(RunMaker.name)
            .join(Run, Run.run_id == RunMaker.run_id)
            .where(Run.city == city, Run.month == month)
            .where(
                sa.or_(
                    published.is_(None), RunMaker.first_at > published, RunMaker.run_id == self.latest_run(city, month)
                )
            )
        )
        with self._control.session() as session:
            return set(session.scalars(query))

    def latest_run(self, city: str, month: str) -> str | None:
        """Return the run of a period that was begun last, or None before the first."""
        with self._control.session() as session:
            return session.scalar(
                sa.select(Run.run_id)
                .where(Run.city == city, Run.month == month)
                .order_by(Run.opened_at.desc())
                .limit(1)
            )

    def of_run(self, run_id: str) -> tuple[Approval, ...]:
        """Return every decision on a run, in the order they were made."""
        with self._control.session() as session:
            session.expire_on_commit = False
            return tuple(session.scalars(sa.select(Approval).where(Approval.run_id == run_id).order_by(Approval.id)))

    def listing(self) -> tuple[Approval, ...]:
        """Return every decision, in the order they were made."""
        with self._control.session() as session:
            session.expire_on_commit = False
            return tuple(session.scalars(sa.select(Approval).order_by(Approval.id)))


def _stands(known: Approval | None, run_id: str, item: Decision) -> bool:
    """Whether what is known already says as much: a rejection, or the very approval."""
    return known is not None and (
        known.decision == REJECTED or (known.run_id, known.how, known.by) == (run_id, item.how, item.by)
    )


def newest(session: Session, city: str, month: str) -> dict[tuple[str, str], Approval]:
    """Return the newest decision on each (review, digest) of a period, within a transaction."""
    rows = session.scalars(
        sa.select(Approval).where(Approval.city == city, Approval.month == month).order_by(Approval.id)
    )
    return {(row.review, row.digest): row for row in rows}


def lacking(session: Session, city: str, month: str, needs: Mapping[str, str]) -> list[str]:
    """Return the reviews of ``needs`` (review → digest of its figures) that nobody has approved, or that were rejected since."""
    decided = newest(session, city, month)
    return [
        name
        for name, digest in needs.items()
        if (name, digest) not in decided or decided[name, digest].decision != APPROVED
    ]
