"""Whose event a row is, so that what is sent again goes in turns by sender: nobody's flood delays another's event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
_BY_SENDER = ["destination", "state", "urgent", "sender", "next_attempt_ms"]
_BY_TURN = ["destination", "state", "urgent", "next_attempt_ms"]


def upgrade() -> None:
    """Add the column; what waits already counts as of one sender. The new index takes the place of the one by time."""
    nothing = sa.text("x''" if op.get_bind().dialect.name == "sqlite" else "''::bytea")
    with op.batch_alter_table("outgoing", recreate="never") as outgoing:  # made anew, its numbers would come again
        outgoing.add_column(sa.Column("sender", sa.LargeBinary(32), nullable=False, server_default=nothing))
    op.create_index(op.f("ix_outgoing_destination_state_urgent_sender_next_attempt_ms"), "outgoing", _BY_SENDER)
    op.drop_index(op.f("ix_outgoing_destination_state_urgent_next_attempt_ms"), table_name="outgoing")


def downgrade() -> None:
    """Drop them again."""
    op.create_index(op.f("ix_outgoing_destination_state_urgent_next_attempt_ms"), "outgoing", _BY_TURN)
    op.drop_index(op.f("ix_outgoing_destination_state_urgent_sender_next_attempt_ms"), table_name="outgoing")
    with op.batch_alter_table("outgoing") as outgoing:
        outgoing.drop_column("sender")
