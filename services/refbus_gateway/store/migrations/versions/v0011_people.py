"""People of the organisation, what they did, and which case is whose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, all empty: a home has no people before somebody begins."""
    op.create_table(
        "people",
        sa.Column("person_id", sa.Text(), primary_key=True, comment="random; names the key slot too"),
        sa.Column("state", sa.Text(), nullable=False, comment="State"),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column(
            "body", sa.LargeBinary(), nullable=False, comment="names, role, one-time codes; sealed under the store key"
        ),
        comment="Who works here; at most users.MOST.",
    )
    op.create_table(
        "doings",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False, comment="keyed hash of who did it"),
        sa.Column(
            "body", sa.LargeBinary(), nullable=False, comment="who, role, action, number; sealed under the store key"
        ),
        sa.Column("mac", sa.LargeBinary(), nullable=False, comment="over this row and the one before it"),
        comment="Who did what, without content; two years (doings.KEEP_MS), at most doings.MOST.",
    )
    op.create_index("doings_of_person", "doings", ["person"])
    op.create_index("doings_by_time", "doings", ["at_ms"])
    op.create_table(
        "assignments",
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("cases.id"), primary_key=True),
        sa.Column("person_id", sa.Text(), nullable=False, comment="whose case it is now"),
        sa.Column("since_ms", sa.Integer(), nullable=False),
        comment="Who works on a case; one row for each.",
    )
    op.create_index("assignments_of_person", "assignments", ["person_id"])


def downgrade() -> None:
    """Drop them again."""
    for name in ("assignments", "doings", "people"):
        op.drop_table(name)
