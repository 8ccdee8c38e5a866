"""Which sealed records are evidence, and stay whatever their writer orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. No entry was marked before there were marks."""
    with op.batch_alter_table("entry") as entry:
        entry.add_column(sa.Column("stays", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop it again."""
    with op.batch_alter_table("entry") as entry:
        entry.drop_column("stays")
