"""Going on behind entries that the broker no longer has: `python -m refbus_auditor accept-gap`, by an operator.

As for a gate (refbus_gate.orders.gaps). What the broker lost before it was logged is not in the log.
"""

from __future__ import annotations

import logging

from refbus.bus.port import Offsets
from refbus.database.port import Database
from refbus.node.counted_on import behind_missing
from refbus.node.store.commit import move_position
from refbus.node.store.reads import read_position

_log = logging.getLogger("refbus.auditor.gaps")


def accept_gap(database: Database, offsets: Offsets, topic: str) -> int:
    """Move the position to the first record that the broker has; return how many offsets are given up.

    0 for a topic that was made anew. Raises SetupError USAGE when nothing is missing, TransportError.
    """
    with database.reading() as connection:
        known = read_position(connection, topic)
    after, missing = behind_missing(known, offsets, topic)
    with database.writing() as connection:
        move_position(connection, after, known)
    _log.critical("an operator gave up %s offsets of %s", missing or "an unknown number of", topic)
    return missing
