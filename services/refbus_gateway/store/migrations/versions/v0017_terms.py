"""What ends by law for the person of a case: found by its 30 days. Empty: derived when first looked at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and let every case be looked at again."""
    op.create_table(
        "terms",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("terms_of_case", "terms", ["case_id", "month"], unique=True)
    op.create_index("terms_of_month", "terms", ["month", "case_id"])
    op.execute("UPDATE cases SET ends_month = NULL")


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("terms")
