"""The version of a store's tables: brought up to this program's, and a newer one is named and not touched."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from refbus.database.acting import refuse_acting
from refbus.errors import Code, StoreError


def upgrade(connection: Connection, migrations: Path) -> None:
    """Bring the tables to the newest version in `migrations`. Raises StoreError STORE_NEWER, STORE_FAILED."""
    config = _config(migrations)
    _require_known(connection, config)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def require_known(connection: Connection, migrations: Path) -> None:
    """Raise StoreError STORE_NEWER when the tables are of a later version than any that this program has.

    STORE_FAILED when the database does something by itself (`refuse_acting`).
    """
    _require_known(connection, _config(migrations))


def current(connection: Connection) -> str | None:
    """Return the version of the tables, None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _require_known(connection: Connection, config: Config) -> None:
    refuse_acting(connection)
    found = current(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(Code.STORE_NEWER, f"version {found[:20]}")


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    return config
