"""Deadlines of courses, and pings that wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "deadline",
        sa.Column("course_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=True),
        sa.Column("keep_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("course_key", name=op.f("pk_deadline")),
        comment="When a course has to be looked at next, and which steps of its deadlines were told.",
    )
    op.create_index(op.f("ix_deadline_next_ms"), "deadline", ["next_ms"], unique=False)
    op.create_index(op.f("ix_deadline_keep_until_ms"), "deadline", ["keep_until_ms"], unique=False)
    op.create_table(
        "ping",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("message_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ping")),
        comment="Messages without content that say only: look into your inbox.",
    )
    op.create_index(op.f("ix_ping_next_attempt_ms"), "ping", ["next_attempt_ms"], unique=False)


def downgrade() -> None:
    """Drop them again."""
    op.drop_index(op.f("ix_ping_next_attempt_ms"), table_name="ping")
    op.drop_table("ping")
    op.drop_index(op.f("ix_deadline_keep_until_ms"), table_name="deadline")
    op.drop_index(op.f("ix_deadline_next_ms"), table_name="deadline")
    op.drop_table("deadline")
