"""Which life of a store this is: a random id, new for each store that began from an older copy of itself."""

from __future__ import annotations

import secrets
from typing import Final

from refbus_gateway.store.session import Store, Transaction

_ID: Final = "generation"
_COUNT: Final = "generation-count"


def of(store: Store) -> str:
    """Return the generation of a store (32 hexadecimal digits), made when it has none yet. Raises StoreError."""
    with store.read() as tx:
        found = tx.get(_ID)
    if found is None:
        with store.write() as tx:
            found = tx.get(_ID) or begin(tx)
    return found.hex()


def begin(tx: Transaction) -> bytes:
    """Begin a new generation and return its id (16 bytes): this store goes on from an older copy."""
    fresh = secrets.token_bytes(16)
    tx.put(_ID, fresh)
    tx.put_int(_COUNT, tx.get_int(_COUNT) + 1)
    return fresh


def count(tx: Transaction) -> int:
    """Return how many generations there were, this one included."""
    return tx.get_int(_COUNT)
