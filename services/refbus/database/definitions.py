"""What a database is made of: its tables, indexes, and whatever acts by itself, as our own versions make them.

Whoever had a copy of a store in hand could have changed a definition: a trigger that deletes each withdrawal in the
moment in which it is written, a rule that drops a row which comes twice, another default, an index that is not unique
any more. No sealed value would tell of it. So a store is opened only when it is made of exactly what our migrations
make; the rows themselves are another matter (`docs/design/limits.md`).
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, text

from refbus.errors import Code, StoreError
from refbus.said import said

ACTING: Final = "SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')"
"""Finds a row in a SQLite database that acts by itself."""
_ALL: Final = text("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT GLOB 'sqlite_stat[0-9]'")
_MOST_NAMED: Final = 3
_SPACE: Final = re.compile(r"\s+")
_AROUND: Final = re.compile(r" ?([(),]) ?")

Definitions = frozenset[tuple[str, str, str, str]]
"""Type, name, table and text of everything that a database is made of, statistics of the planner left out."""


def read_definitions(connection: Connection) -> Definitions:
    """Return what a SQLite database is made of. Space and quotes do not count: releases of SQLite write them apart."""
    found = connection.execute(_ALL)
    return frozenset({(row.type, row.name, row.tbl_name, _plain(row.sql or "")) for row in found})


def digest_of(found: Definitions) -> str:
    """Return a name of definitions that is the same in every process: SHA-256, in hex."""
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def require_same(found: Definitions, made: Definitions) -> None:
    """Raise StoreError STORE_FAILED, naming what differs, unless a database is made of what our versions make."""
    if found != made:
        names = sorted({name[:60] for _, name, _, _ in found ^ made})
        raise StoreError(
            Code.STORE_FAILED, said("no version made this: %(names)s", names=", ".join(names[:_MOST_NAMED]))
        )


@lru_cache(maxsize=256)  # every opening of a database asks for the same ones
def _plain(words: str) -> str:
    return _AROUND.sub(r"\1", _SPACE.sub(" ", words.replace('"', ""))).strip()
