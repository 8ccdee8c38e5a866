"""New databases of tests: migrations run once for each kind of store, and each new one is made of what they made.

Only a database with nothing in it is begun so; one of an older version is migrated as everywhere. Each opening compares
what a database is made of with what the migrations make (`refbus.database.version`), so also that of a new one here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from refbus.database import version
from refbus.database.definitions import read_definitions

MIGRATE: Final = version.run
"""Runs the migrations."""


@contextmanager
def begun_at_once() -> Iterator[None]:
    """Let new databases be begun at once in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(version, "run", _begin)
        yield


@cache
def statements(migrations: Path) -> tuple[str, ...]:
    """Return what makes a database as the migrations do, rows of theirs too; they are run for it."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            MIGRATE(connection, migrations, "head")
            raw: Any = connection.connection.driver_connection
            return tuple(words for words in raw.iterdump() if words not in {"BEGIN TRANSACTION;", "COMMIT;"})
    finally:
        engine.dispose()


def _begin(connection: Connection, migrations: Path, wanted: str) -> None:
    if wanted != "head" or connection.dialect.name != "sqlite" or read_definitions(connection):
        MIGRATE(connection, migrations, wanted)
        return
    for words in statements(migrations):
        connection.exec_driver_sql(words)
