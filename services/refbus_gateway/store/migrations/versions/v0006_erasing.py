"""Cases whose erasure was ordered and that still wait for the answers of others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. What was destroyed before was ordered when it was destroyed."""
    comment = "erasure was ordered: nothing of it is shown or sent any more"
    op.add_column("cases", sa.Column("erasing_ms", sa.Integer(), nullable=True, comment=comment))
    op.execute("UPDATE cases SET erasing_ms = destroyed_ms")


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("cases", "erasing_ms")
