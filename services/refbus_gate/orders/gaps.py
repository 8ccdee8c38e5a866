"""Going on behind records that the broker no longer has, by order of an operator and never by itself.

`python -m refbus_gate accept-gap kz.outbox`, while the gate is stopped. The offsets count as holding no record, so the
account balances, and how many were given up stays in the position row. What was in them is not lost for good: senders
keep every event until its receipt and send it again.
"""

from __future__ import annotations

import logging

from refbus.bus.port import Offsets
from refbus.errors import Code, SetupError
from refbus.node.store.commit import commit
from refbus.node.store.node import NodeStore
from refbus.node.store.reads import read_fence, read_position
from refbus.node.store.rows import Changes, Position

_log = logging.getLogger("refbus.gate.gaps")


def accept_gap(store: NodeStore, offsets: Offsets, topic: str, now_ms: int) -> int:
    """Move the position of `topic` to the first record that the broker has; return how many offsets are given up.

    Raises SetupError: USAGE when nothing is missing, LOG_TRUNCATED when the topic was made anew: its offsets begin
    again and would collide with decided ones.
    """
    topic_id, begin = offsets.topic_id(), offsets.begin_offset()
    with store.database.reading() as connection:
        known, fence = read_position(connection, topic), read_fence(connection)
    if known is not None and known.topic_id != topic_id:
        raise SetupError(Code.LOG_TRUNCATED, "the topic was made anew; only its backup can be continued")
    missing = begin - (0 if known is None else known.next_offset)
    if missing <= 0:
        raise SetupError(Code.USAGE, "no record is missing")
    first, gaps = (begin, 0) if known is None else (known.first_offset, known.gaps + missing)
    commit(store, Changes(position=Position(topic, topic_id, begin, first, gaps)), fence, known, now_ms)
    _log.critical("an operator gave up %d offsets of %s", missing, topic)
    return missing
