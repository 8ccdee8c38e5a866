"""What a held event waits for, and whose room it takes; what was dropped for want of room."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. What waits already is looked at once, soon, and counts against nobody."""
    with op.batch_alter_table("hold") as hold:
        hold.add_column(sa.Column("owner_key", sa.LargeBinary(length=32), nullable=True))
        hold.add_column(sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"))
        hold.add_column(sa.Column("since_ms", sa.BigInteger(), nullable=False, server_default="0"))
        hold.add_column(sa.Column("wanted_version", sa.BigInteger(), nullable=False, server_default="0"))
        hold.add_column(sa.Column("next_ms", sa.BigInteger(), nullable=False, server_default="0"))
        hold.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE hold SET size = length(sealed_record), since_ms = coalesce((SELECT record.at_ms FROM record "
        'WHERE record.topic = hold.topic AND record."offset" = hold."offset"), 0)'
    )
    looked_at = ["next_ms", "wanted_version", "owner_key", "case_key", "deadline_ms"]
    op.create_index(op.f("ix_hold_next_ms_wanted_version_owner_key_case_key_deadline_ms"), "hold", looked_at)
    op.create_index(op.f("ix_hold_owner_key_size_reason_since_ms"), "hold", ["owner_key", "size", "reason", "since_ms"])
    with op.batch_alter_table("quarantine") as quarantine:
        quarantine.add_column(sa.Column("owner_key", sa.LargeBinary(length=32), nullable=True))
        quarantine.add_column(sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE quarantine SET size = length(sealed_record)")
    op.create_index(op.f("ix_quarantine_owner_key_size_at_ms"), "quarantine", ["owner_key", "size", "at_ms"])
    op.create_table(
        "dropped",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("first_offset", sa.BigInteger(), nullable=False),
        sa.Column("last_offset", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "hour", name=op.f("pk_dropped")),
        comment="Unverified records for which there was no room, by topic and hour: counted, not kept.",
    )


def downgrade() -> None:
    """Drop them again."""
    op.drop_table("dropped")
    op.drop_index(op.f("ix_quarantine_owner_key_size_at_ms"), table_name="quarantine")
    with op.batch_alter_table("quarantine") as quarantine:
        for name in ("size", "owner_key"):
            quarantine.drop_column(name)
    op.drop_index(op.f("ix_hold_owner_key_size_reason_since_ms"), table_name="hold")
    op.drop_index(op.f("ix_hold_next_ms_wanted_version_owner_key_case_key_deadline_ms"), table_name="hold")
    with op.batch_alter_table("hold") as hold:
        for name in ("attempts", "next_ms", "wanted_version", "since_ms", "size", "owner_key"):
            hold.drop_column(name)
