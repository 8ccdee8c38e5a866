"""What was set aside is known by its sender, tried again when something has changed, and told once."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. What waits from before is tried once more; of whom it is, is not known."""
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("sender", sa.LargeBinary(), nullable=True, comment="keyed hash of who signed it; NULL: not known"),
        sa.Column(
            "stop",
            sa.Boolean(),
            nullable=False,
            server_default="0",
            comment="it says stop: tried again before all others",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("basis", sa.Text(), nullable=False, server_default="", comment="what was here of what it waits for"),
        sa.Column("told", sa.Boolean(), nullable=False, server_default="0", comment="people were told of it"),
    )
    for column in columns:
        op.add_column("set_aside", column)
    op.create_index("set_aside_waiting", "set_aside", ["state", "stop", "attempts"])
    op.create_index("set_aside_of_sender", "set_aside", ["sender"])


def downgrade() -> None:
    """Drop them again."""
    op.drop_index("set_aside_of_sender", table_name="set_aside")
    op.drop_index("set_aside_waiting", table_name="set_aside")
    with op.batch_alter_table("set_aside") as table:
        for name in ("told", "basis", "attempts", "stop", "sender"):
            table.drop_column(name)
