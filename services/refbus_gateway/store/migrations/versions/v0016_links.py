"""Own cases that belong together, and courses that came in and belong together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both."""
    op.create_table(
        "links",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("other_hash", sa.LargeBinary(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("links_of_case", "links", ["case_id", "other_hash"], unique=True)
    op.create_index("links_of_other", "links", ["other_hash"])
    stale = sa.text("stale")
    op.create_index("links_stale", "links", ["case_id"], sqlite_where=stale, postgresql_where=stale)
    op.create_table(
        "companions",
        sa.Column("referral_id", sa.Integer(), nullable=False),
        sa.Column("reference_hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["referral_id"], ["referrals.id"]),
        sa.PrimaryKeyConstraint("referral_id", "reference_hash"),
    )
    op.create_index("companions_of_reference", "companions", ["reference_hash"])


def downgrade() -> None:
    """Drop both again."""
    op.drop_table("companions")
    op.drop_table("links")
