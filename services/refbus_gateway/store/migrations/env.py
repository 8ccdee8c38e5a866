"""Alembic's entry: runs the migrations on the connection that `refbus.database` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from refbus_gateway.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
