"""Alembic's entry: migrations run on the connection that medpool_etl.store.control hands over."""

from alembic import context

from medpool_etl.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
