"""How far each inbox was written: what is behind that in the topic is newer than this copy of the store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty: what an older version has delivered is compared by its count."""
    op.create_table(
        "delivered",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_delivered")),
        comment="The offset behind the newest record of an inbox that this gate knows to be in it.",
    )


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("delivered")
