"""How far the inbox and the other topics were read, and which records of the inbox were."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_once

from refbus.database.prepared import Prepared
from refbus.errors import RowError
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.store.schema import inbox_seen, positions
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.vault import require_numbers

LAST_HEARTBEAT: Final = "last-heartbeat"
"""Setting: when the gate said last that the inbox is whole (ms UTC)."""
START_HASH = bytes(32)
"""Running hash of an empty inbox."""

SYNCHRONISED: Final = "synchronised"
"""Where the store keeps when everything was last read to its end, in ms UTC."""


_POSITION: Final = Prepared(select(positions).where(positions.c.topic == bindparam("wanted")))
_MOVE: Final = Prepared(
    update(positions)
    .where(positions.c.topic == bindparam("its_topic"))
    .values({each.name: bindparam(each.name) for each in positions.c if each is not positions.c.topic})
)
_SEEN: Final = Prepared(select(inbox_seen.c.sha256).where(inbox_seen.c.sha256 == bindparam("wanted")))
_NOTE_SEEN: Final = Prepared(
    insert_once(inbox_seen).values(sha256=bindparam("sha256")).on_conflict_do_nothing(index_elements=["sha256"])
)


_COMPLEMENT: Final = bytes(range(255, -1, -1))


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset of a topic; for an inbox also the last sequence and the running hash (32 bytes) up to it.

    `seen_from`: from this offset on, `has_seen` knows every record that was read.
    """

    topic_id: str
    next_offset: int
    sequence: int = 0
    running_hash: bytes = START_HASH
    seen_from: int = 0


def position(tx: Transaction, topic: str) -> Position | None:
    """Return how far a topic was read; None where that is not known, or damaged: it is read from its beginning."""
    row = _POSITION.once(tx.connection, {"wanted": topic}).first()
    with suppress(RowError):
        if row is not None:
            require_numbers(row.next_offset, row.sequence, row.seen_from)
            return Position(row.topic_id, row.next_offset, row.sequence, row.running_hash, row.seen_from)
    return None


def set_position(tx: Transaction, topic: str, new: Position) -> None:
    """Keep how far a topic was read."""
    values = {
        "topic_id": new.topic_id,
        "next_offset": new.next_offset,
        "sequence": new.sequence,
        "running_hash": new.running_hash,
        "seen_from": new.seen_from,
    }
    if _MOVE.once(tx.connection, {"its_topic": topic, **values}).rowcount == 0:
        tx.connection.execute(insert(positions).values(topic=topic, **values))


def forget_position(tx: Transaction, topic: str) -> None:
    """Read a topic from its beginning the next time."""
    tx.connection.execute(delete(positions).where(positions.c.topic == topic))


def has_seen(tx: Transaction, record: InboxRecord) -> bool:
    """Whether a record of this kind with these bytes was read before."""
    return _SEEN.once(tx.connection, {"wanted": _seen_name(record)}).first() is not None


def note_seen(tx: Transaction, record: InboxRecord) -> None:
    """Remember that a record of this kind with these bytes was read."""
    _NOTE_SEEN.once(tx.connection, {"sha256": _seen_name(record)})


def _seen_name(record: InboxRecord) -> bytes:
    """Return the SHA-256 of the bytes; of a notice its complement: whoever runs the broker can change the kind."""
    digest = hashlib.sha256(record.body).digest()
    return digest if record.kind is InboxKind.EVENT else digest.translate(_COMPLEMENT)
