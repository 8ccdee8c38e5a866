"""When a row was first given to the broker's client: until then it can be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Of the rows that are there nobody knows: they count as given."""
    comment = "first given to the broker's client; NULL: it has certainly not left"
    op.add_column("outbox", sa.Column("handed_ms", sa.Integer(), nullable=True, comment=comment))
    op.execute("UPDATE outbox SET handed_ms = created_ms")


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("outbox", "handed_ms")
