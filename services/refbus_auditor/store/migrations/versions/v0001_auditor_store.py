"""First tables of the auditor's store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "entry",
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decision_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("writer", sa.String(length=32), nullable=False),
        sa.Column("logged_ms", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("origin", "place", name=op.f("pk_entry")),
        comment="What was logged, in order. `raw`, the entry as received, goes when a case is erased; the leaf stays.",
    )
    op.create_index(op.f("ix_entry_decision_id_writer"), "entry", ["decision_id", "writer"], unique=True)
    op.create_table(
        "failure",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "offset", name=op.f("pk_failure")),
        comment="How often a record failed alone; at three it is quarantined.",
    )
    op.create_table(
        "position",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("topic_id", sa.String(length=64), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("first_offset", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_position")),
        comment="How far a topic is decided. `gaps` counts offsets without a record (a writer's transaction markers).",
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
        comment="Small facts of the node itself: newest verified signed time, proof that the state key fits.",
    )
    op.create_table(
        "shard",
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("edge", sa.LargeBinary(), nullable=False),
        sa.Column("signed_size", sa.BigInteger(), nullable=False),
        sa.Column("signed_root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("proven_size", sa.BigInteger(), nullable=False),
        sa.Column("cosigned", sa.LargeBinary(), nullable=True),
        sa.Column("cosigned_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_shard")),
        comment="One log each half-year: what is in it, what was signed of it, what the quorum cosigned.",
    )
    op.create_table(
        "tally",
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("result", "code", name=op.f("pk_tally")),
        comment="What became of the records of the audit topic, so that what was read equals what is accounted for.",
    )
    op.create_table(
        "waiting",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("logged_ms", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "offset", name=op.f("pk_waiting")),
        comment="Entries whose writer's key is not known here yet: tried again when the directory moves.",
    )
    op.create_table(
        "witnessed",
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_witnessed")),
        comment="Newest checkpoint of each foreign log that this auditor cosigned, with its cosignatures.",
    )


def downgrade() -> None:
    """Drop all tables."""
    for name in ("entry", "failure", "position", "setting", "shard", "tally", "waiting", "witnessed"):
        op.drop_table(name)
