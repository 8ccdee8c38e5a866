"""Which entries were ordered to be deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "erased",
        sa.Column("name", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_erased")),
        comment="Hashes of the entries whose record was ordered to be deleted, those that come later too.",
    )


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("erased")
