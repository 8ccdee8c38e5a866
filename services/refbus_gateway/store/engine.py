"""The store's file and its transactions: SQLite in WAL, synchronous=FULL, every writing transaction BEGIN IMMEDIATE.

Several commands and the `refbus run` process share the file; SQLite's own locks order them.

A transaction that returned is on the disk. Errors of the database become StoreError: STORE_FULL when the disk is full,
STORE_FAILED otherwise; nothing of the transaction is kept then, so the same call may be repeated.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from refbus.database.acting import refuse_acting
from refbus.errors import Code, RefbusError, StoreError
from refbus.files import flush_file, prepare_database
from refbus.node.store import identity

BUSY_TIMEOUT_S: Final = 20
_TRY_MS: Final = 2
HEAD: Final = "0010"
"""The newest migration. A store at this version opens without loading the migration tool."""


class Database:
    """The open database file of one home."""

    def __init__(self, path: Path, mark: Path | None = None) -> None:
        """Open or create it. `mark` as for `Store`. Raises SetupError HOME_DAMAGED, StoreError."""
        self._path = path
        if mark is not None:
            identity.require(path, mark)
        with _errors():
            prepare_database(path)
            self._engine = _engine(path)
            try:
                number = 0 if mark is None else _claim(self._engine, path, mark)
                if self._version() != HEAD:
                    _migrate(self._engine)
            except BaseException:
                self._engine.dispose()
                raise
            if mark is not None:
                identity.note(mark, number)
            self._observer = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection inside one BEGIN IMMEDIATE transaction; committed (fsync) at the end. Raises StoreError."""
        with _errors(), self._engine.execution_options(refbus_write=True).begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one consistent state and blocks no writer. Raises StoreError."""
        with _errors(), self._engine.begin() as connection:
            yield connection

    def change_mark(self) -> int:
        """Return a number that another transaction of any process makes a different one; far cheaper than a query."""
        with _errors():
            return int(self._observer.execute("PRAGMA data_version").fetchone()[0])

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the whole database to `target` while others may write. Raises StoreError."""
        copy_database(self._path, target)

    def require_sound(self) -> None:
        """Raise StoreError STORE_FAILED unless SQLite finds the whole file consistent."""
        with self.read() as connection:
            if connection.execute(text("PRAGMA integrity_check")).scalar() != "ok":
                raise StoreError(Code.STORE_FAILED, "the database is damaged")

    def scrub(self) -> None:
        """Empty the write-ahead log into the file, so that no older version of a page is left in it.

        A reader that is at work keeps it from being emptied; the next call does it. Raises StoreError.
        """
        with _errors():
            self._observer.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def close(self) -> None:
        """Release the file."""
        self._observer.close()
        self._engine.dispose()

    def _version(self) -> str | None:
        with self._engine.begin() as connection:
            refuse_acting(connection)
            found = connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")).first()
            row = connection.execute(text("SELECT version_num FROM alembic_version")).first() if found else None
        return str(row[0]) if row else None


def copy_database(source: Path, target: Path) -> None:
    """Write a consistent copy of a database to the new file `target`, flushed, in one file. Raises StoreError.

    It is read page by page, so its size does not matter; others may write meanwhile.
    """
    with _errors():
        prepare_database(target)
        with (
            closing(
                sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)
            ) as opened,
            closing(sqlite3.connect(target)) as copy,
        ):
            opened.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE").close()
        flush_file(target)


def missing_rows(path: Path, other: Path) -> bool:
    """Whether the database at `other` has a case, an event or an envelope that the one at `path` has not.

    Raises StoreError.
    """
    with _errors(), closing(sqlite3.connect(path)) as connection:
        connection.execute("ATTACH ? AS other", (str(other),)).close()
        for table, name in (("cases", "case_hash"), ("events", "event_hash"), ("outbox", "sha256")):
            query = f"SELECT 1 FROM other.{table} WHERE {name} NOT IN (SELECT {name} FROM main.{table}) LIMIT 1"  # noqa: S608
            if connection.execute(query).fetchone() is not None:
                return True
    return False


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", pool_size=2, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def prepare(dbapi_connection: sqlite3.Connection, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # BEGIN is ours, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            dbapi_connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        if connection.get_execution_options().get("refbus_write"):
            _begin_writing(raw)
        else:
            raw.execute("BEGIN DEFERRED").close()

    return engine


def _begin_writing(raw: sqlite3.Connection) -> None:
    """Begin with the write lock. SQLite itself would sleep up to 100 ms between two tries; a neighbour takes a few."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    raw.execute(f"PRAGMA busy_timeout={_TRY_MS}").close()
    try:
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE").close()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                    raise
            else:
                return
    finally:
        raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}").close()


def _claim(engine: Engine, path: Path, mark: Path) -> int:
    """Return which database this is. Two processes may arrive at once at a first start: both get the same answer."""
    writing = engine.execution_options(refbus_write=identity.number_in(mark) == 0)
    with writing.begin() as connection:

        def pragma(words: str) -> int | None:
            result = connection.exec_driver_sql(words)
            return int(result.scalar_one()) if result.returns_rows else None

        return identity.claim(pragma, path, mark)


def _migrate(engine: Engine) -> None:
    """Bring the tables to HEAD; STORE_NEWER when they are past it.

    Two processes may arrive at once: the lock is taken before the version is read.
    """
    from refbus.database import version  # late: most commands find the store at its newest version

    with engine.execution_options(refbus_write=True).begin() as connection:
        version.upgrade(connection, Path(__file__).parent / "migrations")


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except RefbusError:
        raise
    except SQLAlchemyError as error:
        raise _store_error(getattr(error, "orig", None)) from None
    except (sqlite3.Error, OSError) as error:
        raise _store_error(error) from None


def _store_error(cause: BaseException | None) -> StoreError:
    name = getattr(cause, "sqlite_errorname", "") or type(cause).__name__
    full = name == "SQLITE_FULL" or getattr(cause, "errno", None) == 28  # ENOSPC
    return StoreError(Code.STORE_FULL if full else Code.STORE_FAILED, str(name).lower())
