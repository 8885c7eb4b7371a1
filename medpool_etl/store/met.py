"""Deadlines of which a person has said that they are met."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from medpool_etl.store.control import Control
from medpool_etl.store.tables import DeadlineMet

# The period of what is due once.
ONCE = "once"


class Met:
    """What people said of deadlines. Every method may raise StoreError."""

    def __init__(self, control: Control) -> None:
        """Keep it in this control database."""
        self._control = control

    def record(self, city: str, deadline: str, period: str, by: str, note: str) -> bool:
        """Record a person's word that a deadline of a period is met; return False where somebody has said so before, which then stays."""
        return self._control.insert_once(
            DeadlineMet,
            city=city,
            deadline=deadline,
            period=period,
            by=by,
            note=note,
            made_at=dt.datetime.now(dt.UTC),
        )

    def of(self, city: str) -> dict[tuple[str, str], DeadlineMet]:
        """Return what was said of a city's deadlines, by deadline and period, in the order it was said."""
        with self._control.session() as session:
            session.expire_on_commit = False
            query = sa.select(DeadlineMet).where(DeadlineMet.city == city).order_by(DeadlineMet.made_at)
            return {(row.deadline, row.period): row for row in session.scalars(query)}
