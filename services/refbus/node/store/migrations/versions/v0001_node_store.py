"""First tables of the node store."""

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
        "fact",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fact_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("keep_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "fact_key", name=op.f("pk_fact")),
        comment="State that decisions read: consent by consent id, referral by referral id, parties by case handle.",
    )
    op.create_index(op.f("ix_fact_keep_until_ms"), "fact", ["keep_until_ms"], unique=False)
    op.create_table(
        "failure",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "offset", name=op.f("pk_failure")),
        comment="How often a record failed alone; at three it is quarantined.",
    )
    op.create_table(
        "fence",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("decisions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fence")),
        comment="One row: how many deciding transactions there were, so that none rests on moved state.",
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("case_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("deadline_ms", sa.BigInteger(), nullable=False),
        sa.Column("sealed_record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        comment="Events that wait: the record as received, why, and until when.",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_hold_case_key"), "hold", ["case_key"], unique=False)
    op.create_index(op.f("ix_hold_deadline_ms"), "hold", ["deadline_ms"], unique=False)
    op.create_index(op.f("ix_hold_topic_offset"), "hold", ["topic", "offset"], unique=True)
    op.create_table(
        "inbox",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_inbox")),
        comment="Last sequence and running hash of each organisation's inbox.",
    )
    op.create_table(
        "outgoing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("destination", sa.String(length=2), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("lane", sa.LargeBinary(length=32), nullable=False),
        sa.Column("envelope_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("sealed_value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing")),
        comment="What the pumps deliver: READY rows in order of id; AWAITING rows have arrived but not been taken.",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_outgoing_destination_state_id"), "outgoing", ["destination", "state", "id"], unique=False)
    op.create_index(op.f("ix_outgoing_envelope_key"), "outgoing", ["envelope_key"], unique=False)
    op.create_index(op.f("ix_outgoing_expires_ms"), "outgoing", ["expires_ms"], unique=False)
    op.create_index(op.f("ix_outgoing_lane"), "outgoing", ["lane"], unique=False)
    op.create_index(op.f("ix_outgoing_state_next_attempt_ms"), "outgoing", ["state", "next_attempt_ms"], unique=False)
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
        "quarantine",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("sealed_record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "offset", name=op.f("pk_quarantine")),
        comment="Refused and quarantined records as received, for replay by an operator.",
    )
    op.create_table(
        "record",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decision_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("record_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("signed_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("envelope_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("event_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("keep_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("sealed_answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("topic", "offset", name=op.f("pk_record")),
        comment="What became of each record: accounting, recognition of resends and events, what to answer.",
    )
    op.create_index(op.f("ix_record_decision_id"), "record", ["decision_id"], unique=True)
    op.create_index(op.f("ix_record_envelope_key"), "record", ["envelope_key"], unique=False)
    op.create_index(op.f("ix_record_event_key"), "record", ["event_key"], unique=False)
    op.create_index(op.f("ix_record_keep_until_ms"), "record", ["keep_until_ms"], unique=False)
    op.create_index(op.f("ix_record_record_key"), "record", ["record_key"], unique=True)
    op.create_index(op.f("ix_record_signed_key"), "record", ["signed_key"], unique=True)
    op.create_index(op.f("ix_record_topic_outcome"), "record", ["topic", "outcome"], unique=False)
    op.create_table(
        "setting",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
        comment="Small facts of the node itself: newest verified signed time, proof that the state key fits.",
    )
    op.create_table(
        "tally",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "outcome", name=op.f("pk_tally")),
        comment="Counts of `record` rows that were old enough to be deleted, so that the balance holds for ever.",
    )


def downgrade() -> None:
    """Drop them again."""
    op.drop_table("tally")
    op.drop_table("setting")
    op.drop_index(op.f("ix_record_topic_outcome"), table_name="record")
    op.drop_index(op.f("ix_record_signed_key"), table_name="record")
    op.drop_index(op.f("ix_record_record_key"), table_name="record")
    op.drop_index(op.f("ix_record_keep_until_ms"), table_name="record")
    op.drop_index(op.f("ix_record_event_key"), table_name="record")
    op.drop_index(op.f("ix_record_envelope_key"), table_name="record")
    op.drop_index(op.f("ix_record_decision_id"), table_name="record")
    op.drop_table("record")
    op.drop_table("quarantine")
    op.drop_table("position")
    op.drop_index(op.f("ix_outgoing_state_next_attempt_ms"), table_name="outgoing")
    op.drop_index(op.f("ix_outgoing_lane"), table_name="outgoing")
    op.drop_index(op.f("ix_outgoing_expires_ms"), table_name="outgoing")
    op.drop_index(op.f("ix_outgoing_envelope_key"), table_name="outgoing")
    op.drop_index(op.f("ix_outgoing_destination_state_id"), table_name="outgoing")
    op.drop_table("outgoing")
    op.drop_table("inbox")
    op.drop_index(op.f("ix_hold_topic_offset"), table_name="hold")
    op.drop_index(op.f("ix_hold_deadline_ms"), table_name="hold")
    op.drop_index(op.f("ix_hold_case_key"), table_name="hold")
    op.drop_table("hold")
    op.drop_table("fence")
    op.drop_table("failure")
    op.drop_index(op.f("ix_fact_keep_until_ms"), table_name="fact")
    op.drop_table("fact")
