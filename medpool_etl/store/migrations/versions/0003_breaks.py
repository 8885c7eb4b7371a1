"""Breaks and their lives, overrides of the gate, and what whom has been told."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables; alerts are remembered by what they said from now on, not by run."""
    op.create_table(
        "breaks",
        sa.Column("break_id", sa.String(16), primary_key=True),
        sa.Column("city", sa.String(40), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("pair", sa.String(40), nullable=False),
        sa.Column("fund", sa.String(20), nullable=False),
        sa.Column("county", sa.String(20), nullable=False),
        sa.Column("item_key", sa.Text, nullable=False),
        sa.Column("break_class", sa.String(40), nullable=False),
        sa.Column("owner", sa.String(20), nullable=False),
        sa.Column("gate", sa.String(10), nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("assigned_to", sa.String(100)),
        sa.Column("seen_in", sa.String(7), nullable=False),
        sa.Column("seen_run", sa.String(16), sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("ended_in", sa.String(7)),
        sa.Column("ended_by", sa.String(100)),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("lives", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("breaks_of_city", "breaks", ["city", "state"])
    op.create_table(
        "break_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("break_id", sa.String(16), sa.ForeignKey("breaks.break_id"), nullable=False),
        sa.Column("event", sa.String(10), nullable=False),
        sa.Column("from_state", sa.String(10)),
        sa.Column("to_state", sa.String(10), nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("run_id", sa.String(16), sa.ForeignKey("runs.run_id")),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_break_events_break_id", "break_events", ["break_id"])
    op.create_table(
        "gate_overrides",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("city", sa.String(40), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("covers", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "told",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("what", sa.String(64), primary_key=True),
        sa.Column("destination", sa.String(64), primary_key=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.drop_table("sent_alerts")
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("synced_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Drop the tables; which alerts went out is forgotten."""
    with op.batch_alter_table("runs") as runs:
        runs.drop_column("synced_at")
    for name in ("told", "gate_overrides", "break_events", "breaks"):
        op.drop_table(name)
    op.create_table(
        "sent_alerts",
        sa.Column("run_id", sa.String(16), sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("owner", sa.String(20), primary_key=True),
        sa.Column("destination", sa.String(64), primary_key=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
    )
