"""Opens a service's database and keeps the discipline of its transactions.

SQLite: WAL, synchronous=FULL, every writing transaction BEGIN IMMEDIATE, a busy timeout, and a lock file so that one
process owns the database. PostgreSQL follows the same tables; there the lock file is replaced by an advisory lock.
A commit that returned is on disk; an error means that nothing of the transaction is.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from refbus.database import version
from refbus.errors import Code, SetupError, StoreError
from refbus.files import make_folder, open_lock, prepare_database, store_errors
from refbus.node.store import identity

_BUSY_TIMEOUT_MS = 10_000
_WRITES = "refbus_writes"
_PRAGMAS = (
    "PRAGMA page_size=16384",  # an envelope is one page; measured, a third of the time of the usual 4096
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys=ON",
)
MIGRATIONS = Path(__file__).resolve().parent / "migrations"


class Database:
    """One open database: `writing()` and `reading()` give connections inside a transaction."""

    def __init__(
        self, path: Path, migrations: Path = MIGRATIONS, *, wipe: bool = False, mark: Path | None = None
    ) -> None:
        """Open or create the file `path` and bring its tables up to date. `wipe` overwrites whatever is deleted.

        `mark`: the file in the home that says which database it has (`node.store.identity`); without it any one is
        taken. Raises SetupError HOME_IN_USE when another process owns it, HOME_DAMAGED when the database that was here
        is missing, empty or another one, StoreError when it cannot be opened.
        """
        self._path = path
        self._lock = own(path)
        self._one_writer = threading.Lock()
        try:
            if mark is not None:
                identity.require(path, mark)
            self._engine = _sqlite(path, wipe=wipe)
            with self.writing() as connection:
                number = 0 if mark is None else identity.claim(partial(_pragma, connection), path, mark)
                version.upgrade(connection, migrations)
            if mark is not None:
                identity.note(mark, number)
        except BaseException:
            self._lock.close()
            raise

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection inside BEGIN IMMEDIATE; commit at the end of the block, roll back on any exception."""
        with self._one_writer, _as_store_errors(), self._engine.connect() as raw:
            connection = raw.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one consistent state and writes nothing."""
        with _as_store_errors(), self._engine.connect() as connection, connection.begin():
            yield connection

    def scrub(self) -> None:
        """Empty the write-ahead log into the database, so that no older version of a page is left in it.

        A reader that is at work keeps it from being emptied; the next call does it. Raises StoreError.
        """
        with self._one_writer, _as_store_errors():
            raw = self._engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            finally:
                raw.close()

    @classmethod
    def read_only(cls, path: Path, migrations: Path = MIGRATIONS) -> Database:
        """Open a database that another process owns, only to look at it.

        Raises SetupError HOME_NOT_FOUND, StoreError STORE_NEWER.
        """
        if not path.is_file():
            raise SetupError(Code.HOME_NOT_FOUND, path.name)
        database = cls.__new__(cls)
        database._path, database._one_writer = path, threading.Lock()
        database._lock = open(os.devnull, "rb")  # noqa: SIM115 - nothing to own
        database._engine = _sqlite(path, writable=False)
        try:
            with database.reading() as connection:
                version.require_known(connection, migrations)
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Close every connection and give the database up."""
        self._engine.dispose()
        self._lock.close()


def own(path: Path) -> Any:
    """Take the lock file beside the database until it is closed. Raises SetupError HOME_IN_USE, StoreError."""
    with store_errors(path.name):
        make_folder(path.parent)
        lock = open_lock(path.with_name(path.name + ".lock"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise SetupError(Code.HOME_IN_USE, path.name) from None
    return lock


def _pragma(connection: Connection, words: str) -> int | None:
    result = connection.exec_driver_sql(words)
    return int(result.scalar_one()) if result.returns_rows else None


def _sqlite(path: Path, *, writable: bool = True, wipe: bool = False) -> Engine:
    if writable:
        prepare_database(path)
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=16,
        max_overflow=16,
        connect_args={"check_same_thread": False},
        hide_parameters=True,  # the text of an error goes to places where values must not
    )

    @event.listens_for(engine, "connect")
    def _prepare(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None  # the driver must not begin transactions by itself
        deleting = "PRAGMA secure_delete=" + ("ON" if wipe else "FAST")
        for pragma in (*_PRAGMAS, deleting) if writable else ("PRAGMA query_only=ON",):
            dbapi_connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _as_store_errors() -> Iterator[None]:
    """Turn what the database raises into StoreError; its text may quote values, so it is not repeated."""
    try:
        yield
    except IntegrityError as error:  # what was written contradicts itself: a mistake of the program, not of the disk
        raise StoreError(Code.INTERNAL_ERROR, "the database refused a row") from error
    except DBAPIError as error:
        full = "full" in str(error.orig).lower()
        raise StoreError(Code.STORE_FULL if full else Code.STORE_FAILED, type(error.orig).__name__) from error
    except SQLAlchemyError as error:
        raise StoreError(Code.STORE_FAILED, type(error).__name__) from error
    except (OSError, sqlite3.Error) as error:
        raise StoreError(Code.STORE_FAILED, type(error).__name__) from error
