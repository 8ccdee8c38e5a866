"""What this gateway stated to the audit log with the proofs of it, the newest checkpoint of each log, own keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. What was stated before is in the log all the same; its openings were never kept here."""
    op.create_table(
        "statements",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False, comment="of the leaf as it stands in the public log"),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("event_id", sa.Integer(), nullable=True),
        sa.Column("outbox_id", sa.Integer(), nullable=True, comment="row that carries it to the log; NULL: a gate's"),
        sa.Column("kept", sa.Boolean(), nullable=False, comment="sealed under the store key: it outlives the case"),
        sa.Column("awaited", sa.Boolean(), nullable=False, comment="the proof comes over this country's topic"),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=True, comment="tlog-proof@v1 without extra; public"),
        sa.Column("proven_ms", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"]),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("leaf_hash"),
    )
    op.create_index("statements_of_event", "statements", ["event_id"])
    op.create_index("statements_of_case", "statements", ["case_id"])
    op.create_index("statements_waiting", "statements", ["awaited", "proven_ms", "at_ms"])
    op.create_table(
        "log_heads",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False, comment="the cosigned checkpoint as received"),
        sa.Column("quorum_ms", sa.Integer(), nullable=True, comment="when a quorum stood behind it"),
        sa.Column("seen_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("origin"),
    )
    op.create_table(
        "log_evidence",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False, comment="of the note: the same is kept once"),
        sa.Column("note", sa.LargeBinary(), nullable=False, comment="the checkpoint that contradicts"),
        sa.Column("against", sa.LargeBinary(), nullable=False, comment="the checkpoint that it contradicts"),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "own_keys",
        sa.Column("kid", sa.LargeBinary(), nullable=False),
        sa.Column("since_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kid"),
    )


def downgrade() -> None:
    """Drop the tables again."""
    for name in ("own_keys", "log_evidence", "log_heads", "statements"):
        op.drop_table(name)
