"""Going on behind records that the broker no longer has, by order of an operator and never by itself.

`python -m refbus_gate accept-gap kz.outbox`, while the gate is stopped. Behind a hole its offsets count as holding no
record, so the account balances, and how many were given up stays in the position row. In a topic that was made anew
the store counts on and reads everything. What was in the lost records is not lost for good: senders keep every event
until its receipt and send it again.
"""

from __future__ import annotations

import logging

from refbus.bus.port import Offsets
from refbus.node.counted_on import behind_missing
from refbus.node.store.commit import commit
from refbus.node.store.node import NodeStore
from refbus.node.store.reads import read_fence, read_position
from refbus.node.store.rows import Changes
from refbus_gate.restored import counted_on

_log = logging.getLogger("refbus.gate.gaps")


def accept_gap(store: NodeStore, offsets: Offsets, topic: str, committed: int | None, now_ms: int) -> int:
    """Move the position of `topic` to the first record that the broker has; return how many offsets are given up.

    0 for a topic that was made anew: how many it had is not known. `committed` is what the consumer group has of it.
    Raises SetupError USAGE when nothing is missing, TransportError.
    """
    with store.database.reading() as connection:
        known, fence = read_position(connection, topic), read_fence(connection)
    after, missing = behind_missing(known, offsets, topic)
    settings = counted_on(topic, (committed or 0) + after.shift)
    commit(store, Changes(position=after, settings=settings), fence, known, now_ms)
    _log.critical("an operator gave up %s offsets of %s", missing or "an unknown number of", topic)
    return missing
