"""Copies of a database, made while others may write, and whether one has rows that another has not."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, NullPool, create_engine

from refbus.database import version
from refbus.database.failures import as_store_errors
from refbus.files import flush_file, prepare_database

_TIMEOUT_S: Final = 20
_AT_ONCE: Final = 500
_NUMBER: Final = '"id"'
_OWN: Final = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
)


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


def copy_rows(source: Connection, target: Path, migrations: Path, number: int) -> None:
    """Write what a transaction on a server sees to the new file `target`: a SQLite database of the same version.

    `number` is by which the home knows it (`refbus.database.identity`). Raises StoreError.
    """
    with as_store_errors():
        prepare_database(target)
        engine = create_engine(f"sqlite:///{target}", poolclass=NullPool)
        with engine.begin() as made:
            version.run(made, migrations, version.current(source) or "head")
        with closing(sqlite3.connect(target)) as copy:
            for table in _tables(copy):
                columns = _columns(copy, table)
                rows = source.execution_options(stream_results=True, max_row_buffer=_AT_ONCE).exec_driver_sql(
                    f'SELECT {columns} FROM "{table}"'  # noqa: S608 - names of our own migrations
                )
                marks = ", ".join("?" * len(rows.keys()))
                copy.executemany(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', map(tuple, rows))  # noqa: S608
                if "AUTOINCREMENT" in _words(copy, table):
                    _note_given(source, copy, table)
            copy.execute(f"PRAGMA user_version = {number:d}")
            copy.commit()
        flush_file(target)


def put_rows(source: Path, target: Connection) -> None:
    """Let the tables of a server, inside a transaction that writes, have the rows of a file of the same version.

    Numbers that a table gives go on above every one that the file has given. Raises StoreError.
    """
    with as_store_errors(), closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as copy:
        for table in _tables(copy):
            columns = _columns(copy, table)
            marks = ", ".join(["%s"] * (columns.count(",") + 1))
            target.exec_driver_sql(f'DELETE FROM "{table}"')  # noqa: S608
            found = copy.execute(f'SELECT {columns} FROM "{table}"')  # noqa: S608
            while rows := found.fetchmany(_AT_ONCE):
                target.exec_driver_sql(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', rows)  # noqa: S608
            if _NUMBER in columns:
                (last,) = copy.execute(f'SELECT max({_NUMBER}) FROM "{table}"').fetchone()  # noqa: S608
                number = max(last or 0, _given(copy, table))
                moved = f"SELECT setval(pg_get_serial_sequence(%s, 'id'), {max(number, 1)}, {number > 0})"
                target.exec_driver_sql(moved, (table,))


def _tables(copy: sqlite3.Connection) -> list[str]:
    return sorted(name for (name,) in copy.execute(_OWN).fetchall())


def _words(copy: sqlite3.Connection, table: str) -> str:
    return str(copy.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0])


def _given(copy: sqlite3.Connection, table: str) -> int:
    """Return the last number that a table of a file has given, also to a row that is gone; 0 where that is not kept."""
    if "AUTOINCREMENT" not in _words(copy, table):
        return 0
    row = copy.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return 0 if row is None else int(row[0])


def _note_given(source: Connection, copy: sqlite3.Connection, table: str) -> None:
    asked = "SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, 'id')::regclass)"
    number = source.exec_driver_sql(asked, (table,)).scalar() or 0
    copy.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    copy.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))


def _columns(copy: sqlite3.Connection, table: str) -> str:
    return ", ".join(f'"{row[1]}"' for row in copy.execute(f'PRAGMA table_info("{table}")').fetchall())
