"""A note of whoever hands a case over, for whoever looks after it now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nothing was noted before."""
    comment = "the note of a hand-over, sealed under the case key"
    op.add_column("assignments", sa.Column("note", sa.LargeBinary(), comment=comment))


def downgrade() -> None:
    """Drop it again."""
    with op.batch_alter_table("assignments") as batch:
        batch.drop_column("note")
