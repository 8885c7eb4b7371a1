"""First tables: received files, runs, publications and their history, sent alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "received_files",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("city", sa.String(40), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("scan", sa.Integer, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("city", "month", "sha256", "name"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(16), primary_key=True),
        sa.Column("city", sa.String(40), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("figures", sa.String(12)),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "publications",
        sa.Column("city", sa.String(40), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("run_id", sa.String(16), sa.ForeignKey("runs.run_id"), nullable=False),
    )
    op.create_table(
        "publication_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("city", sa.String(40), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("run_id", sa.String(16), sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("replaces", sa.String(16)),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "sent_alerts",
        sa.Column("run_id", sa.String(16), sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("owner", sa.String(20), primary_key=True),
        sa.Column("destination", sa.String(64), primary_key=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("sent_alerts", "publication_events", "publications", "runs", "received_files"):
        op.drop_table(table)
