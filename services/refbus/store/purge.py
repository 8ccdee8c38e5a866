"""Forgetting: rows that nothing can refer to any more are deleted, and what they counted is kept."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select, update

from refbus.store.tables import deadline, fact, hold, quarantine, record, tally


def purge(connection: Connection, now_ms: int) -> int:
    """Delete what is past its time at `now_ms` (UTC ms) and move its counts into the tally; return how many records."""
    waits = select(hold.c.id).where(hold.c.topic == record.c.topic, hold.c.offset == record.c.offset).exists()
    old = (record.c.keep_until_ms <= now_ms) & ~waits
    counts = connection.execute(
        select(record.c.topic, record.c.outcome, func.count()).where(old).group_by(record.c.topic, record.c.outcome)
    ).all()
    for topic, outcome, records in counts:
        _add(connection, topic, outcome, records)
    stopped = select(record.c.topic).where(
        old, record.c.topic == quarantine.c.topic, record.c.offset == quarantine.c.offset
    )
    connection.execute(delete(quarantine).where(stopped.exists()))
    connection.execute(delete(record).where(old))
    connection.execute(delete(fact).where(fact.c.keep_until_ms <= now_ms))
    connection.execute(delete(deadline).where(deadline.c.keep_until_ms <= now_ms))
    return sum(records for _, _, records in counts)


def _add(connection: Connection, topic: str, outcome: str, records: int) -> None:
    this = (tally.c.topic == topic) & (tally.c.outcome == outcome)
    changed = connection.execute(update(tally).where(this).values(records=tally.c.records + records))
    if changed.rowcount == 0:
        connection.execute(insert(tally).values(topic=topic, outcome=outcome, records=records))
