"""What the other country's gate signed, beside the notice of ours that brought it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Notices of before brought no such signature."""
    comment = "HopReceipt that the destination's gate signed; NULL: the notice brought none"
    op.add_column("notices", sa.Column("receipt", sa.LargeBinary(), nullable=True, comment=comment))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("notices", "receipt")
