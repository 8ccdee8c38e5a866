"""Offsets are counted on over logs, and a position says which record is before it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. What record is before a position that is there already becomes known with the next one."""
    with op.batch_alter_table("position") as position:
        position.add_column(sa.Column("shift", sa.BigInteger(), nullable=False, server_default="0"))
        position.add_column(sa.Column("last_hash", sa.LargeBinary(length=32), nullable=True))


def downgrade() -> None:
    """Drop them again."""
    with op.batch_alter_table("position") as position:
        position.drop_column("last_hash")
        position.drop_column("shift")
