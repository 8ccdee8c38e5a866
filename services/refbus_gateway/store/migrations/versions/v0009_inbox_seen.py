"""Which records of the inbox were read, by their bytes: a number may come twice, when a gate counts from a backup."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table. What was read before stands in no list, and is known by its offset."""
    op.create_table(
        "inbox_seen",
        sa.Column("sha256", sa.LargeBinary(), nullable=False, comment="of the body of a record"),
        sa.PrimaryKeyConstraint("sha256"),
    )
    comment = "inbox_seen has every record from here on"
    op.add_column(
        "positions", sa.Column("seen_from", sa.Integer(), nullable=False, server_default="0", comment=comment)
    )
    op.execute("UPDATE positions SET seen_from = next_offset")


def downgrade() -> None:
    """Drop both again."""
    op.drop_column("positions", "seen_from")
    op.drop_table("inbox_seen")
