"""Counts of all records are kept as they are written, and what the pumps owe is summed from an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
_BY_TOPIC = ["topic", "state", "created_ms"]


def upgrade() -> None:
    """Add to the tally what it did not count: the records that have a row. Their index by outcome is not needed."""
    _count(1)
    op.drop_index(op.f("ix_record_topic_outcome"), table_name="record")
    op.create_index(op.f("ix_outgoing_topic_state_created_ms"), "outgoing", _BY_TOPIC)
    urgent = sa.text("urgent > 0")
    op.create_index("ix_outgoing_urgent", "outgoing", ["state", "sender"], sqlite_where=urgent, postgresql_where=urgent)


def downgrade() -> None:
    """Take them off again."""
    _count(-1)
    op.drop_index("ix_outgoing_urgent", table_name="outgoing")
    op.drop_index(op.f("ix_outgoing_topic_state_created_ms"), table_name="outgoing")
    op.create_index(op.f("ix_record_topic_outcome"), "record", ["topic", "outcome"], unique=False)


def _count(sign: int) -> None:
    connection = op.get_bind()
    record = sa.table("record", sa.column("topic", sa.String), sa.column("outcome", sa.String))
    tally = sa.table(
        "tally", sa.column("topic", sa.String), sa.column("outcome", sa.String), sa.column("records", sa.BigInteger)
    )
    counted = sa.select(record.c.topic, record.c.outcome, sa.func.count())
    for topic, outcome, records in connection.execute(counted.group_by(record.c.topic, record.c.outcome)).all():
        same = (tally.c.topic == topic, tally.c.outcome == outcome)
        grown = sa.update(tally).where(*same).values(records=tally.c.records + sign * records)
        if connection.execute(grown).rowcount == 0:
            connection.execute(sa.insert(tally).values(topic=topic, outcome=outcome, records=records))
