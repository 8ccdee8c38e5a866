"""Ids of all keys that this home ever had: what a directory may list under this organisation's name."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import insert, select

from refbus.core.ids import KeyId
from refbus_gateway.store.schema import own_keys
from refbus_gateway.store.session import Transaction


def known(tx: Transaction) -> set[KeyId]:
    """Return the ids of all keys that are, or were, in this home."""
    return {KeyId(row.kid) for row in tx.connection.execute(select(own_keys.c.kid))}


def remember(tx: Transaction, kids: Collection[KeyId], now_ms: int) -> None:
    """Remember these too."""
    fresh = sorted(set(kids) - known(tx))
    if fresh:
        tx.connection.execute(insert(own_keys), [{"kid": kid, "since_ms": now_ms} for kid in fresh])
