"""Run by Alembic; the connection, its transaction and its lock are `migrate`'s."""

from alembic import context

from gateway.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite alters tables by copying them.
    render_as_batch=True,
)
context.run_migrations()
