"""Which rows are sent again first when many wait for the receipt of a silent destination."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
_BY_TURN = ["destination", "state", "urgent", "next_attempt_ms"]


def upgrade() -> None:
    """Add the column; what waits already has its turn by time. The new index takes the place of the one by state."""
    with op.batch_alter_table("outgoing") as outgoing:
        outgoing.add_column(sa.Column("urgent", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(op.f("ix_outgoing_destination_state_urgent_next_attempt_ms"), "outgoing", _BY_TURN)
    op.drop_index(op.f("ix_outgoing_state_next_attempt_ms"), table_name="outgoing")


def downgrade() -> None:
    """Drop them again."""
    op.create_index(op.f("ix_outgoing_state_next_attempt_ms"), "outgoing", ["state", "next_attempt_ms"])
    op.drop_index(op.f("ix_outgoing_destination_state_urgent_next_attempt_ms"), table_name="outgoing")
    with op.batch_alter_table("outgoing") as outgoing:
        outgoing.drop_column("urgent")
