"""How far each inbox was written, as the broker's delivery reports said it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, insert, select

from refbus.core.bounds import COUNT
from refbus.database.prepared import Prepared
from refbus.node.store.sound import is_sound
from refbus.node.store.tables import delivered

_DROP = Prepared(delete(delivered).where(delivered.c.topic == bindparam("its_topic")))
_ADD = Prepared(insert(delivered).values(topic=bindparam("topic"), next_offset=bindparam("next_offset")))


def note(connection: Connection, ends: Mapping[str, int]) -> None:
    """Write down the offset behind the newest record of each topic. A topic that was made anew begins at 0 again."""
    rows = [{"its_topic": topic, "topic": topic, "next_offset": end} for topic, end in ends.items()]
    _DROP.many(connection, rows)
    _ADD.many(connection, rows)


def ends(connection: Connection) -> dict[str, int]:
    """Return the offset behind the newest record of each topic that this store knows of; a damaged one is unknown."""
    rows = connection.execute(select(delivered))
    return {row.topic: row.next_offset for row in rows if is_sound(row, *delivered.c) and COUNT.holds(row.next_offset)}
