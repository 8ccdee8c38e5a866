"""A node store that goes on from a copy: how it is recognised, and what it does so that no office is misled.

A store cannot know by itself that it is a copy. What this gate has written and read since shows it: records in an inbox
behind the last one that the store has delivered or is about to, or a position of the consumer group, which moves only
after the store's. Then

1. inboxes are numbered on from the highest number that can have been given since, so none is given twice
2. the store gets a new generation: 16 random bytes, with the last moment that the copy knew of
3. every heartbeat from then on says the generation, so that offices alarm a restore and not a hole

What was decided since is read and decided again (`node.topic_reader`), under the same decision ids. A gate may not
read inboxes, and need not: it only asks where they end.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from refbus.core.bounds import TIME_MS
from refbus.core.times import show_time
from refbus.core.units import DAY_MS
from refbus.crypto.framing import sha256
from refbus.errors import Code
from refbus.node.store import delivered, outgoing
from refbus.node.store.commit import commit
from refbus.node.store.node import NodeStore, get_setting
from refbus.node.store.reads import read_fence, read_inboxes, read_position
from refbus.node.store.rows import Changes, InboxRow
from refbus.node.store.tables import record

_log = logging.getLogger("refbus.gate.restored")
HEARTBEAT = "heartbeat_ms"
"""Setting: when the last heartbeats were written, 8 bytes, UTC ms."""
_GENERATION = "generation"
_RESTORED = "restored_ms"
"""Setting: when that was seen last, 8 bytes, UTC ms."""
_READ_AGAIN = "read_again/"
"""Setting: up to where a topic is read again, 8 bytes; so that a start which is cut finds nothing new."""
_ID_BYTES = 16
_ALARMED_MS = DAY_MS


@dataclass(frozen=True, slots=True)
class Generation:
    """Which restore a store goes on from: 16 random bytes, and the last moment that its copy knew of (UTC ms, or 0)."""

    id: bytes
    from_ms: int


def generation(connection: Connection) -> Generation | None:
    """Return the generation of a store that goes on from a copy; None for one that never did, or a damaged one."""
    kept = get_setting(connection, _GENERATION)
    if kept is None or len(kept) != _ID_BYTES + 8:
        return None
    return Generation(kept[:_ID_BYTES], int.from_bytes(kept[_ID_BYTES:], "big"))


def was_restored(connection: Connection, now_ms: int) -> bool:
    """Whether this store was seen to go on from a copy within a day: so long a person is alarmed."""
    seen = get_setting(connection, _RESTORED)
    return seen is not None and now_ms - int.from_bytes(seen, "big") < _ALARMED_MS


def recognise(store: NodeStore, ends: Mapping[str, int], read: Mapping[str, int | None], now_ms: int) -> bool:
    """Give a store a new generation when it goes on from a copy; return whether it does. Before anything is written.

    Where it does not, whatever is in the inboxes is its own, and noted: what waits goes out again, so a second crash
    before the mark may leave more behind than waits.

    `ends`: the end offset of every inbox of the country. `read`: what the consumer group has committed of each source.
    Raises StoreError.
    """
    with store.database.reading() as connection:
        fence = read_fence(connection)
        again = _read_again(connection, read)
        written = delivered.ends(connection)
        newer = _newer(connection, ends, written)
        known = read_inboxes(connection, newer)
        from_ms = last_moment(connection)
    changes = Changes(delivered={topic: end for topic, end in ends.items() if end > written.get(topic, 0)})
    if not again and not newer:
        if changes.delivered:
            commit(store, changes, fence, None, now_ms)
        return False
    new = Generation(os.urandom(_ID_BYTES), from_ms)
    for topic, more in newer.items():
        row = known.get(topic, InboxRow(topic, 0, bytes(32)))
        changes.inboxes[topic] = InboxRow(topic, row.sequence + more, sha256(new.id + topic.encode()))
    changes.settings[_RESTORED] = now_ms.to_bytes(8, "big")
    changes.settings[_GENERATION] = new.id + new.from_ms.to_bytes(8, "big")
    for topic, committed in again.items():
        changes.settings[_READ_AGAIN + topic] = committed.to_bytes(8, "big")
    changes.settings[HEARTBEAT] = bytes(8)  # due now: it tells the generation
    commit(store, changes, fence, None, now_ms)
    what = f"{sum(newer.values())} inbox records in {len(newer)} inboxes and {len(again)} positions are newer than it"
    _log.critical("%s: this store is a copy of %s; %s", Code.GATE_RESTORED, show_moment(from_ms), what)
    return True


def counted_on(topic: str, committed: int) -> dict[str, bytes]:
    """Return the settings by which a group that is ahead of a new count is no sign of a copy: it has the old one."""
    return {_READ_AGAIN + topic: max(committed, 0).to_bytes(8, "big")}


def show_moment(at_ms: int) -> str:
    """Return a time to the minute, UTC; in words for a store that knew of nothing."""
    return show_time(at_ms) if at_ms else "nothing: it was empty"


def _read_again(connection: Connection, read: Mapping[str, int | None]) -> dict[str, int]:
    """Return the sources that the group has read further than this store, unless that was seen at an earlier start."""
    ahead: dict[str, int] = {}
    for topic, committed in read.items():
        position = read_position(connection, topic)
        seen = int.from_bytes(get_setting(connection, _READ_AGAIN + topic) or b"", "big")
        known = max(0 if position is None else position.next_offset, seen)
        counted = None if committed is None else committed + (0 if position is None else position.shift)
        if counted is not None and counted > known:
            ahead[topic] = counted
    return ahead


def _newer(connection: Connection, ends: Mapping[str, int], written: Mapping[str, int]) -> dict[str, int]:
    """Return for each inbox how many records in it this store cannot have written, where there are any.

    Rows that wait may be in it already: a crash between delivery and the mark leaves them. They go out in order, so
    whatever is behind as many of them was written by a newer store. A store of an older version knows only counts.
    """
    counted = read_inboxes(connection, ends)
    waiting = outgoing.ready(connection, ends)
    found: dict[str, int] = {}
    for topic, end in ends.items():
        if topic in written:
            most = written[topic] + waiting.get(topic, 0)
        else:
            most = counted[topic].sequence if topic in counted else 0
        if end > most:
            found[topic] = end - most
    return found


def last_moment(connection: Connection) -> int:
    """Return the last moment (UTC ms) of which this store knows anything; 0 for an empty one."""
    beat = int.from_bytes(get_setting(connection, HEARTBEAT) or b"", "big")
    newest = connection.execute(select(func.max(record.c.at_ms)).where(record.c.at_ms <= TIME_MS.high)).scalar() or 0
    return max(beat if TIME_MS.holds(beat) else 0, int(newest))
