"""The tables of the control database; ``migrations/versions`` holds how they came to be."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The control database's tables."""


class ReceivedFile(Base):
    """A file as it was received, once for each name and content. ``scan`` counts the look that found it first."""

    __tablename__ = "received_files"
    __table_args__ = (sa.UniqueConstraint("city", "month", "sha256", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str] = mapped_column(sa.String(40))
    month: Mapped[str] = mapped_column(sa.String(16))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    name: Mapped[str] = mapped_column(sa.String(255))
    size: Mapped[int] = mapped_column(sa.BigInteger)
    scan: Mapped[int]
    received_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class Run(Base):
    """A settlement of one city and month (or quarter, opening, clearing) from one set of inputs. ``figures`` is final or provisional once known;
    ``opened_at`` the last time somebody began it, which says what is newer when two are under way; ``synced_at`` when the
    lives of its breaks were brought in line with it."""

    __tablename__ = "runs"

    run_id: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    city: Mapped[str] = mapped_column(sa.String(40))
    month: Mapped[str] = mapped_column(sa.String(16))
    version: Mapped[str] = mapped_column(sa.String(40))
    figures: Mapped[str | None] = mapped_column(sa.String(12))
    started_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))
    opened_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))
    completed_at: Mapped[dt.datetime | None] = mapped_column(sa.DateTime(timezone=True))
    synced_at: Mapped[dt.datetime | None] = mapped_column(sa.DateTime(timezone=True))


class Publication(Base):
    """Which run a month points at now: the one switch of publishing."""

    __tablename__ = "publications"

    city: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    month: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    run_id: Mapped[str] = mapped_column(sa.ForeignKey("runs.run_id"))


class PublicationEvent(Base):
    """Every time the switch was moved, and what it pointed at before."""

    __tablename__ = "publication_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str] = mapped_column(sa.String(40))
    month: Mapped[str] = mapped_column(sa.String(16))
    run_id: Mapped[str] = mapped_column(sa.ForeignKey("runs.run_id"))
    replaces: Mapped[str | None] = mapped_column(sa.String(16))
    published_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class ClosedMonth(Base):
    """A month that keeps its run for good, and who closed it."""

    __tablename__ = "closed_months"

    city: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    month: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    run_id: Mapped[str] = mapped_column(sa.ForeignKey("runs.run_id"))
    closed_by: Mapped[str] = mapped_column(sa.String(100))
    note: Mapped[str] = mapped_column(sa.String(500))
    closed_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class Break(Base):
    """A break and where its life stands. ``month`` is the month it arose in, ``seen_in`` and ``seen_run`` the newest
    settlement that listed it, ``ended_in`` the month whose settlement ended it, ``ended_by`` who did: medpool or a person.

    ``since`` is the day its age counts from, ``lives`` how often it was opened, ``amount_fen`` left − right in fen.
    """

    __tablename__ = "breaks"
    __table_args__ = (sa.Index("breaks_of_city", "city", "state"),)

    break_id: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    city: Mapped[str] = mapped_column(sa.String(40))
    month: Mapped[str] = mapped_column(sa.String(16))
    pair: Mapped[str] = mapped_column(sa.String(40))
    fund: Mapped[str] = mapped_column(sa.String(20))
    county: Mapped[str] = mapped_column(sa.String(20))
    item_key: Mapped[str] = mapped_column(sa.Text)
    break_class: Mapped[str] = mapped_column(sa.String(40))
    owner: Mapped[str] = mapped_column(sa.String(20))
    gate: Mapped[str] = mapped_column(sa.String(10))
    amount_fen: Mapped[int] = mapped_column(sa.BigInteger)
    since: Mapped[dt.date] = mapped_column(sa.Date)
    state: Mapped[str] = mapped_column(sa.String(10))
    assigned_to: Mapped[str | None] = mapped_column(sa.String(100))
    seen_in: Mapped[str] = mapped_column(sa.String(7))
    seen_run: Mapped[str] = mapped_column(sa.ForeignKey("runs.run_id"))
    ended_in: Mapped[str | None] = mapped_column(sa.String(7))
    ended_by: Mapped[str | None] = mapped_column(sa.String(100))
    note: Mapped[str] = mapped_column(sa.String(500))
    lives: Mapped[int]
    opened_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))
    changed_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class BreakEvent(Base):
    """Everything that happened to a break, and who did it (``by`` is medpool where a settlement did)."""

    __tablename__ = "break_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    break_id: Mapped[str] = mapped_column(sa.ForeignKey("breaks.break_id"), index=True)
    event: Mapped[str] = mapped_column(sa.String(10))
    from_state: Mapped[str | None] = mapped_column(sa.String(10))
    to_state: Mapped[str] = mapped_column(sa.String(10))
    amount_fen: Mapped[int] = mapped_column(sa.BigInteger)
    by: Mapped[str] = mapped_column(sa.String(100))
    note: Mapped[str] = mapped_column(sa.String(500))
    run_id: Mapped[str | None] = mapped_column(sa.ForeignKey("runs.run_id"))
    happened_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class GateOverride(Base):
    """A person's word that a blocked month is published all the same; ``covers`` names the breaks it speaks of."""

    __tablename__ = "gate_overrides"

    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str] = mapped_column(sa.String(40))
    month: Mapped[str] = mapped_column(sa.String(16))
    by: Mapped[str] = mapped_column(sa.String(100))
    reason: Mapped[str] = mapped_column(sa.String(500))
    covers: Mapped[str] = mapped_column(sa.Text)
    made_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class PlanDecision(Base):
    """A person's word on what a county is granted of its funding plan (用款计划审核): the newest one counts."""

    __tablename__ = "plan_decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str] = mapped_column(sa.String(40))
    month: Mapped[str] = mapped_column(sa.String(16))
    fund: Mapped[str] = mapped_column(sa.String(20))
    county: Mapped[str] = mapped_column(sa.String(20))
    amount_fen: Mapped[int] = mapped_column(sa.BigInteger)
    by: Mapped[str] = mapped_column(sa.String(100))
    reason: Mapped[str] = mapped_column(sa.String(500))
    made_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class Approval(Base):
    """Somebody's decision on a review of a run: ``approved`` or ``rejected``, of the very figures ``digest`` stands for; the newest
    counts. ``how``: by a ``person``; ``carried`` from an earlier run of the period with the same figures; ``unattended`` by a policy, which
    ``reason`` then states. ``makers`` (JSON) whose word was in the figures."""

    __tablename__ = "approvals"
    __table_args__ = (sa.Index("approvals_of_period", "city", "month"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str] = mapped_column(sa.String(40))
    month: Mapped[str] = mapped_column(sa.String(16))
    run_id: Mapped[str] = mapped_column(sa.ForeignKey("runs.run_id"))
    review: Mapped[str] = mapped_column(sa.String(40))
    digest: Mapped[str] = mapped_column(sa.String(64))
    decision: Mapped[str] = mapped_column(sa.String(10))
    how: Mapped[str] = mapped_column(sa.String(12))
    by: Mapped[str] = mapped_column(sa.String(100))
    makers: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.String(500))
    made_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class RunMaker(Base):
    """A person who had a run made; who did may not approve it."""

    __tablename__ = "run_makers"

    run_id: Mapped[str] = mapped_column(sa.ForeignKey("runs.run_id"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    first_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class StepRun(Base):
    """Each time a step of a run was done: ``outcome`` is running, done, blocked, failed, or died (the process ended without a word, which
    the step's next attempt finds; until then it is running), ``rows`` and ``files`` what it worked on, ``started_by`` what had it run
    (a command, or a DAG run)."""

    __tablename__ = "step_runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(sa.ForeignKey("runs.run_id"), index=True)
    city: Mapped[str] = mapped_column(sa.String(40))
    month: Mapped[str] = mapped_column(sa.String(16))
    step: Mapped[str] = mapped_column(sa.String(20))
    outcome: Mapped[str] = mapped_column(sa.String(12))
    started_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))
    ended_at: Mapped[dt.datetime | None] = mapped_column(sa.DateTime(timezone=True))
    files: Mapped[int | None]
    rows: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_set_aside: Mapped[int | None] = mapped_column(sa.BigInteger)
    error: Mapped[str] = mapped_column(sa.String(500))
    started_by: Mapped[str] = mapped_column(sa.String(250))


class DeadlineMet(Base):
    """A person's word that what a deadline asks for was done, where no file can tell."""

    __tablename__ = "deadlines_met"

    city: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    deadline: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    period: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    by: Mapped[str] = mapped_column(sa.String(100))
    note: Mapped[str] = mapped_column(sa.String(500))
    made_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))


class Told(Base):
    """What a destination has been told: once for each subject (a break, a file) and each thing there is to say of it."""

    __tablename__ = "told"

    subject: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    what: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    destination: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    told_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))
