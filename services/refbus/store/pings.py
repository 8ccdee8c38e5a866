"""Pings that wait in the node store: taken in order, tried again later, forgotten when they are sent."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from refbus.store.outgoing import FAR_MS
from refbus.store.tables import ping


@dataclass(frozen=True, slots=True)
class WaitingPing:
    """A ping that is due. `attempts` were made before."""

    number: int
    organisation: str
    kind: str
    message_id: bytes
    attempts: int


def due(connection: Connection, now_ms: int, most: int) -> list[WaitingPing]:
    """Return pings whose time has come, oldest first; one that is put off further than any is counts as due."""
    columns = (ping.c.id, ping.c.organisation, ping.c.kind, ping.c.message_id, ping.c.attempts)
    come = (ping.c.next_attempt_ms <= now_ms) | (ping.c.next_attempt_ms > now_ms + FAR_MS)
    rows = connection.execute(select(*columns).where(come).order_by(ping.c.id).limit(most))
    return [WaitingPing(*row) for row in rows]


def end(connection: Connection, number: int) -> None:
    """Forget a ping that was sent or is given up."""
    connection.execute(delete(ping).where(ping.c.id == number))


def again(connection: Connection, number: int, next_attempt_ms: int) -> None:
    """Try a ping again at that time."""
    changed = {"attempts": ping.c.attempts + 1, "next_attempt_ms": next_attempt_ms}
    connection.execute(update(ping).where(ping.c.id == number).values(changed))
