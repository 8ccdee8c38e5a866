"""Copies of a database, made while others may write, and whether one has rows that another has not."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from refbus.database.failures import as_store_errors
from refbus.files import flush_file, prepare_database

_TIMEOUT_S: Final = 20


def copy_database(source: Path, target: Path) -> None:
    """Write a consistent copy of a database to the new file `target`, flushed, in one file. Raises StoreError.

    It is read page by page, so its size does not matter; others may write meanwhile.
    """
    with as_store_errors():
        prepare_database(target)
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=_TIMEOUT_S)) as opened,
            closing(sqlite3.connect(target)) as copy,
        ):
            opened.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE").close()
        flush_file(target)


def has_more(path: Path, other: Path, names: Mapping[str, str]) -> bool:
    """Whether the database at `other` has a row that the one at `path` has not.

    `names`: the tables that count, each with the column that names a row. Raises StoreError.
    """
    with as_store_errors(), closing(sqlite3.connect(path)) as connection:
        connection.execute("ATTACH ? AS other", (str(other),)).close()
        for table, name in names.items():
            query = f"SELECT 1 FROM other.{table} WHERE {name} NOT IN (SELECT {name} FROM main.{table}) LIMIT 1"  # noqa: S608
            if connection.execute(query).fetchone() is not None:
                return True
    return False
