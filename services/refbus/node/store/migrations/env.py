"""Entry of Alembic: runs the steps on the connection that `refbus.database.engine` hands over."""

from __future__ import annotations

from alembic import context

from refbus.node.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
