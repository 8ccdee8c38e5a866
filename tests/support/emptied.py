"""What may stand in the place of a database that was there: nothing, an empty one, another one."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path


def _clear(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        if not each.name.endswith((".lock", ".made")):
            each.unlink()


def _truncate(path: Path) -> None:
    _clear(path)
    path.touch(0o600)


def _unmount(path: Path) -> None:
    """Leave the empty folder of a mount point, where the database has a folder of its own."""
    if (path.parent / "org.json").exists():
        _clear(path)
    else:
        shutil.rmtree(path.parent)
        path.parent.mkdir(0o700)


def _keep_tables_only(path: Path) -> None:
    """Tables as a program makes them at a first start, and nothing in them."""
    with closing(sqlite3.connect(path)) as opened:
        tables = [row[0] for row in opened.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        version = opened.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    _clear(path)
    with closing(sqlite3.connect(path)) as made:
        for words in tables:
            if "sqlite_sequence" not in words:
                made.execute(words)
        made.execute("INSERT INTO alembic_version VALUES (?)", (version,))
        made.commit()
    path.chmod(0o600)


def put_other(path: Path, other: Path) -> None:
    """Put a copy of another home's database in the place."""
    _clear(path)
    with closing(sqlite3.connect(other)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    path.chmod(0o600)


WAYS: dict[str, Callable[[Path], None]] = {
    "truncated": _truncate,
    "deleted": _clear,
    "not mounted": _unmount,
    "tables only": _keep_tables_only,
}
