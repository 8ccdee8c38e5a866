"""What a person said that is not signed yet, or of which an organisation has not been told yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "tellings",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("name", sa.LargeBinary(), nullable=False, unique=True, comment="random: what the body is bound to"),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="Kind"),
        sa.Column("made_ms", sa.Integer(), nullable=False, comment="when the person said it here"),
        sa.Column("tried_ms", sa.Integer(), comment="when it was last tried to sign or tell it"),
        sa.Column("code", sa.Text(), comment="why it was not told then"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("tellings_of_case", "tellings", ["case_id"])


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("tellings")
