"""Pings that wait in the node store: one for each organisation and kind at a time, tried again later, then forgotten.

A ping says only that there is something in the inbox, so one that is sent says it for all that wait beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, select, update

from refbus.node.store.outgoing import FAR_MS
from refbus.node.store.sound import whole
from refbus.node.store.tables import ping
from refbus.wire.transport import NoticeKind


@dataclass(frozen=True, slots=True)
class WaitingPing:
    """The oldest ping of a kind to an organisation; `last` is the newest of those that wait beside it.

    `attempts` were made before.
    """

    number: int
    organisation: str
    kind: str
    message_id: bytes
    attempts: int
    last: int


def due(connection: Connection, now_ms: int, most: int) -> list[WaitingPing]:
    """Return whom to ping: alarms first, then who waits longest, each organisation once for each kind.

    So however many pings one organisation has, it keeps no other waiting for more than one. One that is put off further
    than any is counts as due.
    """
    come = (ping.c.next_attempt_ms <= now_ms) | (ping.c.next_attempt_ms > now_ms + FAR_MS)
    first, last = func.min(ping.c.id), func.max(ping.c.id)
    groups = select(first.label("first"), last.label("last")).group_by(ping.c.organisation, ping.c.kind)
    whose = groups.having(func.max(case((come, 1), else_=0)) == 1).subquery()
    columns = (ping.c.id, ping.c.organisation, ping.c.kind, ping.c.message_id, ping.c.attempts, whose.c.last)
    order = ((ping.c.kind == NoticeKind.ALARM).desc(), ping.c.next_attempt_ms, ping.c.id)
    rows = connection.execute(select(*columns).join(whose, ping.c.id == whose.c.first).order_by(*order).limit(most))
    return [WaitingPing(*row[:4], whole(row.attempts, 0), row.last) for row in rows]


def any_waits(connection: Connection) -> bool:
    """Whether any ping is to be sent, now or later."""
    return connection.execute(select(ping.c.id).limit(1)).first() is not None


def end(connection: Connection, waiting: WaitingPing) -> None:
    """Forget a ping that was sent, and those that waited beside it."""
    connection.execute(delete(ping).where(_beside(waiting)))


def again(connection: Connection, waiting: WaitingPing, next_attempt_ms: int, most: int) -> bool:
    """Try it again at that time, and those beside it; forget what was tried `most` times. Return whether it was."""
    changed = {"attempts": ping.c.attempts + 1, "next_attempt_ms": next_attempt_ms}
    connection.execute(update(ping).where(_beside(waiting)).values(changed))
    return connection.execute(delete(ping).where(_beside(waiting), ping.c.attempts >= most)).rowcount > 0


def _beside(waiting: WaitingPing) -> ColumnElement[bool]:
    same = (ping.c.organisation == waiting.organisation, ping.c.kind == waiting.kind)
    return and_(*same, ping.c.id <= waiting.last)
