"""Databases that do something by themselves: ours have no triggers and no views, so one that has is not opened.

Whoever had a copy of a store in hand could have added a trigger that deletes each withdrawal in the moment in which it
is written, and no sealed value would tell of it.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from refbus.errors import Code, StoreError

ACTING: Final = "SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')"
"""Finds a row in a SQLite database that acts by itself."""


def refuse_acting(connection: Connection) -> None:
    """Raise StoreError STORE_FAILED when a database has triggers or views."""
    if connection.dialect.name == "sqlite" and connection.execute(text(ACTING)).first() is not None:
        raise StoreError(Code.STORE_FAILED, "it has triggers or views, which no version made")
