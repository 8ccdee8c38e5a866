"""The first tables of the gateway's store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("cleared_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_hash", sa.LargeBinary(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False, comment="collected here, as against received"),
        sa.Column(
            "wrapped_key",
            sa.LargeBinary(),
            nullable=True,
            comment="the case key under the store key; NULL once destroyed",
        ),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("destroyed_ms", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_hash"),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="Single values: clock floor, last synchronisation, fingerprint of the store key.",
    )
    op.create_table(
        "positions",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("next_offset", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("running_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("topic"),
    )
    op.create_table(
        "set_aside",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="EVENT or NOTICE"),
        sa.Column("value", sa.LargeBinary(), nullable=False, comment="the sealed bytes as received"),
        sa.Column("state", sa.Text(), nullable=False, comment="HELD: tried again; REFUSED: kept as evidence"),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column(
            "consent_hash", sa.LargeBinary(), nullable=False, comment="of the consent id: all versions of one consent"
        ),
        sa.Column("record_hash", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("received_ms", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("record_hash"),
    )
    op.create_index("consents_of_case", "consents", ["case_id"], unique=False)
    op.create_table(
        "counterparts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("org_hash", sa.LargeBinary(), nullable=False, comment="of the case and the organisation"),
        sa.Column("handle_hash", sa.LargeBinary(), nullable=False, comment="of the organisation and the case handle"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("handle_hash"),
    )
    op.create_index("counterparts_of_case", "counterparts", ["case_id", "org_hash"], unique=True)
    op.create_table(
        "referrals",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("referral_hash", sa.LargeBinary(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("counterpart_id", sa.Integer(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False, comment="requested here, as against received"),
        sa.Column(
            "request_hash",
            sa.LargeBinary(),
            nullable=True,
            comment="of organisation and content: the same request is sent once",
        ),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.ForeignKeyConstraint(
            ["counterpart_id"],
            ["counterparts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("referral_hash"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column(
            "event_hash", sa.LargeBinary(), nullable=False, comment="of sender and event id: effects happen once"
        ),
        sa.Column(
            "content_hash",
            sa.LargeBinary(),
            nullable=False,
            comment="of type, referral and payload: one event id, one content",
        ),
        sa.Column("referral_id", sa.Integer(), nullable=False),
        sa.Column("outgoing", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, comment="EventStatus"),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("seen_ms", sa.Integer(), nullable=True, comment="when a person first opened it"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["referral_id"],
            ["referrals.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_hash"),
    )
    op.create_index("events_of_referral", "events", ["referral_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column(
            "event_id",
            sa.Integer(),
            nullable=True,
            comment="NULL for an audit entry or an answer without a stored event",
        ),
        sa.Column(
            "confirmed", sa.Boolean(), nullable=False, comment="a gate must confirm it, as against the broker alone"
        ),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True, comment="sealed bytes as they travel; NULL once settled"),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="RowState"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("next_ms", sa.Integer(), nullable=False),
        sa.Column("produced_ms", sa.Integer(), nullable=True),
        sa.Column("expires_at_hour", sa.Integer(), nullable=True),
        sa.Column("recipient_kid", sa.LargeBinary(), nullable=True),
        sa.Column("signer_kid", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["events.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_index("outbox_due", "outbox", ["state", "next_ms"], unique=False)
    op.create_index("outbox_of_event", "outbox", ["event_id"], unique=False)
    op.create_table(
        "withdrawals",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("consent_hash", sa.LargeBinary(), nullable=False),
        sa.Column("outgoing", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.Integer(), nullable=False),
        sa.Column("acknowledged_ms", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["events.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("codes", sa.Text(), nullable=False, comment="joined by spaces"),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.LargeBinary(), nullable=False),
        sa.Column("received_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["outbox_id"],
            ["outbox.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notices_of_row", "notices", ["outbox_id"], unique=False)
