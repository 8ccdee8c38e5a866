"""Alembic migrations of the node store; they travel inside the package and run when a store is opened."""
