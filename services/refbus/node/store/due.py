"""When time alone makes the next row due: one step in an index for each kind of row."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, bindparam, func, select

from refbus.core.bounds import TIME_MS
from refbus.database.prepared import Prepared
from refbus.node.store.sound import earliest
from refbus.node.store.tables import deadline, hold, outgoing


def _first(column: Column[int]) -> Prepared:
    after, far = column > bindparam("after"), column <= bindparam("far")
    return Prepared(select(func.min(column)).where(after, far))


_FIRST: Final = tuple(
    _first(column) for column in (hold.c.next_ms, hold.c.deadline_ms, deadline.c.next_ms, outgoing.c.expires_ms)
)


def next_due(connection: Connection, now_ms: int) -> int | None:
    """Return when (UTC ms, after now) the next event may go on or is over, course has to be looked at, or row expires.

    None when there is none. What is due already, or has a damaged time, is not in it.
    """
    asked = {"after": now_ms, "far": TIME_MS.high}
    return earliest(statement.once(connection, asked).scalar() for statement in _FIRST)
