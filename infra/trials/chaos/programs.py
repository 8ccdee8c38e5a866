"""Copies of stores as another version of the program would have made them: an older one, and a newer one.

An older one is made by the store's own migrations, one step down, so that it stays right whatever is added later. A
newer one has the number of a version that no program has.
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

ONE_DOWN = "-1"
_CONTEXT = b"refbus-gateway/backup/2"


def make_older(path: Path, migrations: ModuleType, revision: str = ONE_DOWN) -> None:
    """Make a store what the program of an earlier version had."""
    config = Config()
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


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


def sign_again(backup: Path, key: StateKey) -> None:
    """Write the manifest of a changed backup anew, as its home would have written it (spec/backup.md 1 and 2)."""
    path = backup / backups.MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest.pop("mac")
    manifest["files"] = {name: sha256_of(backup / name).hex() for name in manifest["files"]}
    content = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    path.write_text(json.dumps({**manifest, "mac": key.lookup(_CONTEXT, content).hex()}), encoding="utf-8")
