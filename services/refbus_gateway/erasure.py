"""Erasing again after a restore: a backup has the case keys of its day, and the list beside the store goes before it.

The list (refbus.store.erased) has one line for each: the keyed hash of the case.
"""

from __future__ import annotations

from pathlib import Path

from refbus.store.erased import noted
from refbus_gateway.store import cases, erasing
from refbus_gateway.store.session import Store


def again(path: Path, store: Store, now_ms: int) -> int:
    """Erase again whatever the list names and the store still has; return how many cases that were.

    A case whose erasure this store knows of is left to `erasing.settle`, which finishes it with word to the others.
    Raises StoreError.
    """
    wanted = noted(path)
    if not wanted:
        return 0
    with store.read() as tx:
        found = [case for case in cases.every(tx) if case.live and cases.hash_of(tx, case).hex() in wanted]
    if found:
        with store.write() as tx:
            for case in found:
                erasing.destroy(tx, case, now_ms)
        store.scrub()
    return len(found)
