"""An alarm has its message and its values beside its English text: it is said in the language of whoever reads it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the alarms that stand stay English."""
    comment = "the same as message and values, JSON; NULL: from before, English only"
    op.add_column("alarms", sa.Column("words", sa.Text(), comment=comment))


def downgrade() -> None:
    """Drop it again."""
    with op.batch_alter_table("alarms") as batch:
        batch.drop_column("words")
