"""The version of a store's tables: brought up to this program's, and a newer one is named and not touched.

A version is the number at the front of a migration's file name, which is its revision: `v0003_audited.py` is 0003.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import StaticPool

from refbus.database.definitions import Definitions, digest_of, read_definitions, require_same
from refbus.errors import Code, StoreError
from refbus.said import said

NAMED: Final = {"sqlite": "definitions.sha256", "postgresql": "definitions.postgresql.sha256"}
"""Files beside the migrations with the `digest_of` what all of them make, so that most openings need no migration."""
Made = Callable[[str | None], Definitions]
"""What the migrations make up to a version; None: before the first."""


def known(migrations: Path) -> list[str]:
    """Return the versions that this program has, oldest first."""
    return sorted([path.name[1:5] for path in (migrations / "versions").glob("v[0-9]*.py")])


def upgrade(connection: Connection, migrations: Path) -> None:
    """Bring the tables to the newest version in `migrations`. Raises StoreError STORE_NEWER, STORE_FAILED."""
    if is_behind(connection, migrations):
        run(connection, migrations, "head")


def is_behind(connection: Connection, migrations: Path, made: Made | None = None) -> bool:
    """Whether the tables are older than this program's; `made`: what the migrations make where the tables are.

    Raises StoreError STORE_NEWER when they are of a later version than any that this program has, STORE_FAILED when
    they are not exactly what the migrations make up to their version, with nothing beside them.
    """
    found, versions = current(connection), known(migrations)
    if found is not None and found not in versions:
        raise StoreError(Code.STORE_NEWER, said("version %(version)s", version=found[:20]))
    behind = found != versions[-1]
    definitions = read_definitions(connection)
    named = (migrations / NAMED[connection.dialect.name]).read_text(encoding="ascii").strip()
    if behind or digest_of(definitions) != named:
        require_same(definitions, made(found) if made is not None else made_by(migrations, found))
    return behind


@lru_cache
def made_by(migrations: Path, version: str | None) -> Definitions:
    """Return what a new database is made of that `migrations` have brought to a version; None: before the first."""
    if version is None:
        return frozenset()
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            run(connection, migrations, version)
            return read_definitions(connection)
    finally:
        engine.dispose()


def current(connection: Connection) -> str | None:
    """Return the version of the tables, None before the first."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def run(connection: Connection, migrations: Path, version: str) -> None:
    """Run the migrations up to a version."""
    from alembic import command  # late: most openings find the newest version
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["connection"] = connection
    command.upgrade(config, version)
