"""How much each writer has written in an hour, and whose room an entry that waits takes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the column. What waits already counts against nobody."""
    op.create_table(
        "usage",
        sa.Column("writer", sa.String(length=32), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("names", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("writer", "hour", name=op.f("pk_usage")),
        comment="What each member wrote in an hour (UTC): records, bytes, and decisions that it ordered to be erased.",
    )
    with op.batch_alter_table("waiting") as waiting:
        waiting.add_column(sa.Column("owner", sa.String(length=40), nullable=True))
        waiting.add_column(sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE waiting SET size = length(raw)")
    op.create_index(op.f("ix_waiting_owner_code_offset_size"), "waiting", ["owner", "code", "offset", "size"])


def downgrade() -> None:
    """Drop them again."""
    op.drop_index(op.f("ix_waiting_owner_code_offset_size"), table_name="waiting")
    with op.batch_alter_table("waiting") as waiting:
        for name in ("size", "owner"):
            waiting.drop_column(name)
    op.drop_table("usage")
