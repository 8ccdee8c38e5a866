"""Offsets of a topic as a node's store counts them: the broker's and a shift, so that no number comes twice.

A broker that has lost the end of a topic gives its numbers again to other records, and so does a topic that was made
anew. The store counts on instead: what the broker calls `begin` then gets the number that would have come next.
Everything that the log has is read again. What was decided is recognised by its bytes, as after a restore, and what is
new is decided: nothing is passed over because of its number.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from refbus.bus.port import Offsets, OpenTransaction, Reader, Record, ends_below
from refbus.core.units import DAY_MS
from refbus.crypto.framing import sha256
from refbus.errors import Code, SetupError
from refbus.node.store.node import get_setting
from refbus.node.store.rows import Position

PATIENCE_S = 10.0
"""So long a broker says again and again that a topic ends below the position before it is believed."""
LOST_END = "lost_end_ms"
"""Setting: when the end of a topic was seen to be lost last, 8 bytes, UTC ms. A person is alarmed for a day."""
DOUBTED = bytes(32)
"""In the place of the hash of the last record: a running service has seen that the broker lost decided records."""
_PAUSE_S = 0.5
_READ_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class CountedOn:
    """A reader whose offsets are those of the store. A `Reader`."""

    reader: Reader
    shift: int

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return the next records under the numbers of the store. Raises as every reader."""
        return numbered(self.reader.read(max_records, timeout_s), self.shift)

    def seek(self, offset: int) -> None:
        """Make `offset` the next one to be read."""
        self.reader.seek(offset - self.shift)

    def position(self) -> int:
        """Return the next offset to be read."""
        return self.reader.position() + self.shift

    def begin_offset(self) -> int:
        """Return the first offset that the log still has."""
        return self.reader.begin_offset() + self.shift

    def end_offset(self) -> int:
        """Return the offset after the newest committed record."""
        return self.reader.end_offset() + self.shift

    def reaches(self, offset: int) -> bool:
        """Whether the log goes on to `offset`."""
        return self.reader.reaches(offset - self.shift)

    def topic_id(self) -> str:
        """Return the id that the broker gave the topic."""
        return self.reader.topic_id()

    def open_transaction(self) -> OpenTransaction | None:
        """Return the first transaction that keeps records from being read, at the broker's offset."""
        return self.reader.open_transaction()

    def close(self) -> None:
        """Free the connection."""
        self.reader.close()


def lost_lately(connection: Connection, now_ms: int) -> bool:
    """Whether a broker was seen within a day to have lost the end of a topic."""
    seen = get_setting(connection, LOST_END)
    return bool(seen) and now_ms - int.from_bytes(seen or b"", "big") < DAY_MS


def numbered(records: Iterable[Record], shift: int) -> list[Record]:
    """Return records of the broker under the numbers of the store."""
    if not shift:
        return list(records)
    return [replace(each, offset=each.offset + shift, first=each.first + shift) for each in records]


def hash_of(record: Record) -> bytes | None:
    """Return what a position keeps of the record before it; None of what stands for a batch that cannot be read."""
    return None if record.unreadable else sha256(record.value)


def is_other_log(reader: Reader, known: Position, patience_s: float = PATIENCE_S) -> bool:
    """Whether the broker has lost records that were decided: the log ends below the position, or has others there.

    A broker that has only just started is given time: only the leader of the topic is believed, and only when it says
    the same for `patience_s` seconds. Raises TransportError, SetupError TOPIC_MISSING.
    """
    if known.last_hash == DOUBTED:
        return True
    began_s = time.monotonic()
    while ends_below(reader, reader.end_offset(), known.next_offset):
        if time.monotonic() - began_s >= patience_s:
            return True
        time.sleep(min(_PAUSE_S, patience_s))
    return has_other_record(reader, known)


def has_other_record(reader: Reader, known: Position) -> bool:
    """Whether there is another record before the position than the one that was decided; False when nobody can say."""
    last = known.next_offset - 1
    if known.last_hash is None or not reader.begin_offset() <= last < reader.end_offset():
        return False
    reader.seek(last)
    found = next((each for each in reader.read(1, _READ_WAIT_S) if each.offset == last), None)
    return found is not None and hash_of(found) not in {None, known.last_hash}


def behind_lost(known: Position, begin: int) -> Position:
    """Return a position that counts on: what the broker calls `begin` is decided next. No record was skipped for it."""
    return replace(known, shift=known.next_offset - begin, last_hash=None)


def behind_missing(known: Position | None, offsets: Offsets, topic: str) -> tuple[Position, int]:
    """Return where an operator lets a node go on, and how many offsets are given up for it.

    In a topic that was made anew it counts on, and how many records were lost is not known: 0. Raises SetupError USAGE
    when nothing is missing, TransportError.
    """
    topic_id, begin = offsets.topic_id(), offsets.begin_offset()
    if known is None:
        if begin <= 0:
            raise SetupError(Code.USAGE, "no record is missing")
        return Position(topic, topic_id, begin, begin, 0), begin
    if known.topic_id != topic_id:
        return replace(behind_lost(known, begin), topic_id=topic_id), 0
    missing = begin + known.shift - known.next_offset
    if missing <= 0:
        raise SetupError(Code.USAGE, "no record is missing")
    return replace(known, next_offset=known.next_offset + missing, gaps=known.gaps + missing, last_hash=None), missing
