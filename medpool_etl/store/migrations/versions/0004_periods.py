"""Quarters, openings and clearings beside months, and what people decided of funding plans."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
_NAMED = ("received_files", "runs", "publications", "publication_events", "closed_months", "breaks", "gate_overrides")


def _room_for_names(was: int, length: int) -> None:
    """Change how long the name of a month or period may be. SQLite holds no text to its length, and could only do it by making every
    table anew, which its foreign keys forbid once there are rows."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for name in _NAMED:
        op.alter_column(
            name, "month", existing_type=sa.String(was), type_=sa.String(length), existing_nullable=False
        )


def upgrade() -> None:
    """Give the names of periods room, and create the decisions."""
    _room_for_names(7, 16)
    op.create_table(
        "plan_decisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("city", sa.String(40), nullable=False),
        sa.Column("month", sa.String(16), nullable=False),
        sa.Column("fund", sa.String(20), nullable=False),
        sa.Column("county", sa.String(20), nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Drop the decisions; names of periods longer than a month's do not fit any more."""
    op.drop_table("plan_decisions")
    _room_for_names(16, 7)
