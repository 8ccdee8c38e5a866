"""Alembic migrations of the database of audit keys."""
