"""Metadata files of the directory at the door: what arrived, and what the audit log has shown of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. The files of the version in force come from the directory's folder when it is first asked."""
    op.create_table(
        "directory_files",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("arrived_ms", sa.Integer(), nullable=False),
        sa.Column("proven_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path", "sha256"),
    )


def downgrade() -> None:
    """Drop the table again."""
    op.drop_table("directory_files")
