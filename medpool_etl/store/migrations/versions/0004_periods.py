"""Quarters, openings and clearings beside months, and what people decided of funding plans."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
_NAMED = ("received_files", "runs", "publications", "publication_events", "closed_months", "breaks", "gate_overrides")


def upgrade() -> None:
    """Give the names of periods room, and create the decisions."""
    for name in _NAMED:
        with op.batch_alter_table(name) as table:
            table.alter_column("month", existing_type=sa.String(7), type_=sa.String(16), existing_nullable=False)
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
    for name in _NAMED:
        with op.batch_alter_table(name) as table:
            table.alter_column("month", existing_type=sa.String(16), type_=sa.String(7), existing_nullable=False)
