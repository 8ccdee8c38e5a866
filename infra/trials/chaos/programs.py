"""Copies of stores as another version of the program would have made them: an older one, and a newer one.

An older one is made by the store's own migrations, up to the version before, and gets the rows of the store, so that
it stays right whatever is added later. A newer one has the number of a version that no program has.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from refbus.crypto.secretbox import StateKey
from refbus.files import sha256_of
from refbus_gateway.home import backups

_CONTEXT = b"refbus-gateway/backup/2"
_HEAD = "head"
_OWN = "'sqlite_sequence', 'alembic_version'"
_TABLES = f"SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT IN ({_OWN})"  # noqa: S608


def make_older(path: Path, migrations: ModuleType, revision: str = "") -> None:
    """Make a store what the program of an earlier version had: by default the one before the newest.

    A migration downwards would leave other words in the definitions than the earlier version had, and be refused.
    """
    config, older = Config(), path.with_name(f"{path.name}.older")
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    with create_engine(f"sqlite:///{older}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision or f"{_HEAD}-1")
    with closing(sqlite3.connect(older)) as opened:
        opened.execute("ATTACH DATABASE ? AS newer", (str(path),))
        for (table,) in opened.execute(_TABLES).fetchall():
            both = _columns(opened, "main", table) & _columns(opened, "newer", table)
            names = ", ".join(f'"{each}"' for each in sorted(both))
            opened.execute(f'INSERT INTO main."{table}" ({names}) SELECT {names} FROM newer."{table}"')  # noqa: S608
        (number,) = opened.execute("PRAGMA newer.user_version").fetchone()
        opened.execute(f"PRAGMA main.user_version = {number}")
        opened.commit()
    older.replace(path)


def make_newer(path: Path) -> None:
    """Make a store say that it is of a version to come."""
    change(path, "UPDATE alembic_version SET version_num = '9999'")


def version_of(path: Path) -> str:
    """Return the version that a store says it has, "" for one that cannot be read."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
            return str(opened.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return ""


def change(path: Path, *words: str) -> None:
    """Change a store past the product's own code."""
    with closing(sqlite3.connect(path)) as opened:
        for each in words:
            opened.execute(each)
        opened.commit()


def _columns(opened: sqlite3.Connection, schema: str, table: str) -> set[str]:
    return {row[1] for row in opened.execute(f'PRAGMA {schema}.table_info("{table}")')}


def sign_again(backup: Path, key: StateKey) -> None:
    """Write the manifest of a changed backup anew, as its home would have written it (spec/backup.md 1 and 2)."""
    path = backup / backups.MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest.pop("mac")
    manifest["files"] = {name: sha256_of(backup / name).hex() for name in manifest["files"]}
    content = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    path.write_text(json.dumps({**manifest, "mac": key.lookup(_CONTEXT, content).hex()}), encoding="utf-8")
