"""Approvals and who made what they are of, the steps of runs, and deadlines people say are met."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("city", sa.String(40), nullable=False),
        sa.Column("month", sa.String(16), nullable=False),
        sa.Column("run_id", sa.String(16), sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("review", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("decision", sa.String(10), nullable=False),
        sa.Column("how", sa.String(12), nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("makers", sa.Text, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("approvals_of_period", "approvals", ["city", "month"])
    op.create_table(
        "run_makers",
        sa.Column("run_id", sa.String(16), sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "step_runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.String(16), sa.ForeignKey("runs.run_id"), nullable=False, index=True),
        sa.Column("city", sa.String(40), nullable=False),
        sa.Column("month", sa.String(16), nullable=False),
        sa.Column("step", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("files", sa.Integer),
        sa.Column("rows", sa.BigInteger),
        sa.Column("rows_set_aside", sa.BigInteger),
        sa.Column("error", sa.String(500), nullable=False),
        sa.Column("started_by", sa.String(250), nullable=False),
    )
    op.create_table(
        "deadlines_met",
        sa.Column("city", sa.String(40), primary_key=True),
        sa.Column("deadline", sa.String(40), primary_key=True),
        sa.Column("period", sa.String(16), primary_key=True),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("deadlines_met", "step_runs", "run_makers", "approvals"):
        op.drop_table(name)
