"""The hash of each record that waits, so that the same bytes again take no room."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. What waits already has none: its repeats are recognised when they are logged."""
    with op.batch_alter_table("waiting") as waiting:
        waiting.add_column(sa.Column("name", sa.LargeBinary(length=32), nullable=True))
    op.create_index(op.f("ix_waiting_name"), "waiting", ["name"])


def downgrade() -> None:
    """Drop it again."""
    op.drop_index(op.f("ix_waiting_name"), table_name="waiting")
    with op.batch_alter_table("waiting") as waiting:
        waiting.drop_column("name")
