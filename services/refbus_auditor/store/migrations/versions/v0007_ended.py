"""What became of a log that was rebuilt, and the newest checkpoint of one that has ended early."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. No log was rebuilt or ended before."""
    with op.batch_alter_table("shard") as shard:
        shard.add_column(sa.Column("standing", sa.Integer(), nullable=False, server_default="0"))
        shard.add_column(sa.Column("newest", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Drop them again."""
    with op.batch_alter_table("shard") as shard:
        shard.drop_column("newest")
        shard.drop_column("standing")
