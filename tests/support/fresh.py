"""New databases and key files of tests: what each of thousands would do alike is done once in a process.

Migrations run once for each kind of store, and each new database is made of what they made. Statements are compiled
once for each kind: the engines of all stores are made alike (`refbus.database.engine`).

Only a database with nothing in it is begun so; one of an older version is migrated as everywhere. Each opening compares
what a database is made of with what the migrations make (`refbus.database.version`), so also that of a new one here.

The key files of tests are copies of a few, under one passphrase: what Argon2id makes of it is remembered by salt and
cost. Who asks for it, and how often, is the product's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import LRUCache

from refbus.crypto import keyfile
from refbus.database import engine, version
from refbus.database.definitions import read_definitions

MIGRATE: Final = version.run
"""Runs the migrations."""


class Compiled(LRUCache[Any, Any]):
    """Compiled statements of all engines of one kind: SQLAlchemy names each by the engine's own dialect first."""

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a compiled statement."""
        return super().get(_shared(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_shared(key), value)


def _shared(key: Any) -> Any:
    dialect, *statement = key
    return (dialect.name, *statement)


@contextmanager
def begun_at_once() -> Iterator[None]:
    """Let new databases be begun at once in this process, and their engines share compiled statements."""
    compiled = Compiled(2_000)

    def make(url: str, **options: Any) -> Engine:
        return create_engine(url, execution_options={"compiled_cache": compiled}, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(version, "run", _begin)
        patch.setattr(engine, "create_engine", make)
        yield


@dataclass(frozen=True, slots=True)
class Stretch:
    """Argon2id as key files use it, which remembers what it made."""

    salt: bytes
    length: int
    iterations: int
    lanes: int
    memory_cost: int

    @lru_cache(maxsize=4_096)  # noqa: B019 - a few bytes each, and kept for the session on purpose
    def derive(self, words: bytes) -> bytes:
        """Return the key of a passphrase."""
        stretch = Argon2id(
            salt=self.salt,
            length=self.length,
            iterations=self.iterations,
            lanes=self.lanes,
            memory_cost=self.memory_cost,
        )
        return stretch.derive(words)


@contextmanager
def stretched_once() -> Iterator[None]:
    """Let one passphrase be stretched once in this process for all key files with one salt and cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "Argon2id", Stretch)
        yield


@cache
def statements(migrations: Path) -> tuple[str, ...]:
    """Return what makes a database as the migrations do, rows of theirs too; they are run for it."""
    memory = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with memory.begin() as connection:
            MIGRATE(connection, migrations, "head")
            raw: Any = connection.connection.driver_connection
            return tuple(words for words in raw.iterdump() if words not in {"BEGIN TRANSACTION;", "COMMIT;"})
    finally:
        memory.dispose()


def _begin(connection: Connection, migrations: Path, wanted: str) -> None:
    if wanted != "head" or connection.dialect.name != "sqlite" or read_definitions(connection):
        MIGRATE(connection, migrations, wanted)
        return
    raw: Any = connection.connection.driver_connection
    for words in statements(migrations):
        raw.execute(words)
