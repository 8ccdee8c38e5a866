"""The version of a store's tables: brought up to this program's, and a newer one is named and not touched.

A version is the number at the front of a migration's file name, which is its revision: `v0003_audited.py` is 0003.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from refbus.database.acting import refuse_acting
from refbus.errors import Code, StoreError


def known(migrations: Path) -> list[str]:
    """Return the versions that this program has, oldest first."""
    return sorted(path.name[1:5] for path in (migrations / "versions").glob("v[0-9]*.py"))


def is_behind(connection: Connection, migrations: Path) -> bool:
    """Whether the tables are older than this program's. Raises as `require_known`."""
    require_known(connection, migrations)
    return current(connection) != known(migrations)[-1]


def upgrade(connection: Connection, migrations: Path) -> None:
    """Bring the tables to the newest version in `migrations`. Raises StoreError STORE_NEWER, STORE_FAILED."""
    if not is_behind(connection, migrations):
        return
    from alembic import command  # late: most openings find the newest version
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def require_known(connection: Connection, migrations: Path) -> None:
    """Raise StoreError STORE_NEWER when the tables are of a later version than any that this program has.

    STORE_FAILED when the database does something by itself (`refuse_acting`).
    """
    refuse_acting(connection)
    found = current(connection)
    if found is not None and found not in known(migrations):
        raise StoreError(Code.STORE_NEWER, f"version {found[:20]}")


def current(connection: Connection) -> str | None:
    """Return the version of the tables, None before the first."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)
