"""Which audit entries are about one case, until it is forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables. Of the entries that were written before nobody knows the case here."""
    op.create_table(
        "audited",
        sa.Column("case_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("decision_id", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("case_key", "decision_id", name=op.f("pk_audited")),
        comment="Which audit entries are about one case: what has to be erased with it.",
    )
    op.create_table(
        "audited_case",
        sa.Column("case_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("keep_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", name=op.f("pk_audited_case")),
        comment="Cases with audit entries, and when nothing is known of them any more unless another decision comes.",
    )
    op.create_index(op.f("ix_audited_case_keep_until_ms"), "audited_case", ["keep_until_ms"], unique=False)


def downgrade() -> None:
    """Drop them again."""
    op.drop_index(op.f("ix_audited_case_keep_until_ms"), table_name="audited_case")
    op.drop_table("audited_case")
    op.drop_table("audited")
