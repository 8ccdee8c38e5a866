"""A store in a file of its home: SQLite, and the discipline of its transactions.

WAL, synchronous=FULL, every writing transaction BEGIN IMMEDIATE. A commit that returned is on disk; an error means that
nothing of the transaction is, so the same call may be repeated. Stores on a server: `refbus.database.server`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from refbus import locks
from refbus.database import copies, identity, version
from refbus.database.failures import BUSY, as_store_errors
from refbus.database.port import WAIT_S, WRITES, Database, StoreKind
from refbus.database.transactions import Connections, FileConnection, FileTransaction, refuse_outside
from refbus.errors import Code, SetupError, StoreError
from refbus.files import make_folder, open_lock, prepare_database, store_errors
from refbus.said import said

_BUSY_TIMEOUT_MS: Final = 20_000
_TRY_MS: Final = 2
_READERS: Final = 32
_LOOKS_ONLY: Final = "query_only=ON"


class FileDatabase(Database):
    """A database in a file."""

    def __init__(self, path: Path, kind: StoreKind, mark: Path | None = None) -> None:
        """Open or create the file `path` and bring its tables up to date.

        `mark`: the file in the home that says which database it has (`refbus.database.identity`); without it any one
        is taken. Raises SetupError HOME_IN_USE when another process owns it, HOME_DAMAGED when the database that was
        here is missing, empty or another one, StoreError when it cannot be opened, STORE_NEWER.
        """
        with ExitStack() as opened, as_store_errors():
            if not kind.shared:
                opened.enter_context(own(path))
            if mark is not None:
                identity.require(path, mark)
            prepare_database(path)
            self._begin(opened, path, kind)
            number = self._settle(kind, mark)
            if mark is not None:
                identity.note(mark, number)
            self._opened = opened.pop_all()

    @classmethod
    def read_only(cls, path: Path, kind: StoreKind) -> FileDatabase:
        """Open a database that another process owns, only to look at it.

        Raises SetupError HOME_NOT_FOUND, StoreError STORE_NEWER.
        """
        if not path.is_file():
            raise SetupError(Code.HOME_NOT_FOUND, path.name)
        database = cls.__new__(cls)
        with ExitStack() as opened, as_store_errors():
            database._begin(opened, path, kind, writable=False)
            with database.reading() as connection:
                version.is_behind(connection, kind.migrations)  # for what it refuses: older tables are read as they are
            database._opened = opened.pop_all()
        return database

    def writing(self) -> FileTransaction:
        """Give a connection inside BEGIN IMMEDIATE. Raises StoreError."""
        return FileTransaction(self._writer, self._begin_writing)

    def reading(self) -> FileTransaction:
        """Give a connection inside BEGIN. Raises StoreError."""
        return FileTransaction(self._readers)

    def change_mark(self) -> int:
        """Return SQLite's count of the transactions of others, of any process."""
        with as_store_errors():
            return int(self._observer.execute("PRAGMA data_version").fetchone()[0])

    def require_lead(self) -> None:
        """Do nothing: the lock of a file is with its process until that has ended."""

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the whole database to `target` while others may write. Raises StoreError."""
        copies.copy_database(self._path, target)

    def require_sound(self) -> None:
        """Raise StoreError STORE_FAILED unless SQLite finds the whole file consistent."""
        with self.reading() as connection:
            if connection.exec_driver_sql("PRAGMA integrity_check").scalar() != "ok":
                raise StoreError(Code.STORE_FAILED, said("the database is damaged"))

    def scrub(self) -> None:
        """Empty the write-ahead log into the database, so that no older version of a page is left in it.

        A reader that is at work keeps it from being emptied; the next call does it. Raises StoreError.

        SQLite waits for readers with the write lock in its hand. Who writes here waits for the turn, which is longer.
        """
        with as_store_errors(), self._writer.turn(), closing(self._connected()) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def close(self) -> None:
        """Close every connection and give the database up."""
        self._opened.close()

    def _begin(self, opened: ExitStack, path: Path, kind: StoreKind, *, writable: bool = True) -> None:
        self._path = path
        self._begin_writing = _begin_beside_others if kind.shared else _begin_at_once
        pragmas = _pragmas(kind) if writable else ()
        hasty = (f"busy_timeout={_TRY_MS}",) if kind.shared else ()
        may_write = (*pragmas, *hasty) if writable else (_LOOKS_ONLY,)
        self._writer = Connections(partial(_writing, _engine(path, may_write)), 1)
        self._readers = Connections(partial(FileConnection, _engine(path, (*pragmas, _LOOKS_ONLY))), _READERS)
        opened.callback(self._readers.close)
        opened.callback(self._writer.close)
        self._observer = opened.enter_context(closing(self._connected()))

    def _connected(self) -> sqlite3.Connection:
        """Return a connection of its own, beside those for transactions."""
        return sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_MS / 1000, check_same_thread=False)

    def _settle(self, kind: StoreKind, mark: Path | None) -> int:
        """Bring the tables to this program's version; return the number of the database, 0 without `mark`.

        What is to be written is written in one transaction: two processes may arrive at once at a first start. Most
        openings find nothing to write, and load no migration tool.
        """
        with self.reading() as connection:
            behind = version.is_behind(connection, kind.migrations)
            if not behind and (mark is None or identity.number_in(mark)):
                return self._claimed(connection, mark)
        with self.writing() as connection:
            number = self._claimed(connection, mark)
            version.upgrade(connection, kind.migrations)
        return number

    def _claimed(self, connection: Connection, mark: Path | None) -> int:
        if mark is None:
            return 0
        found = int(connection.exec_driver_sql(identity.GET).scalar_one())
        number = identity.claim(found, self._path.name, mark)
        if number != found:
            connection.exec_driver_sql(f"{identity.GET} = {number}")
        return number


@contextmanager
def own(path: Path) -> Iterator[None]:
    """Hold the lock file beside the database. Raises SetupError HOME_IN_USE, StoreError."""
    with store_errors(path.name):
        make_folder(path.parent)
        lock = open_lock(path.with_name(path.name + ".lock"))
    with lock:
        try:
            locks.take(lock.fileno(), wait=False)
        except OSError:
            raise SetupError(Code.HOME_IN_USE, path.name) from None
        yield


def _engine(path: Path, pragmas: Sequence[str]) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,  # `Connections` keeps them
        connect_args={"check_same_thread": False, "timeout": _BUSY_TIMEOUT_MS / 1000},
        hide_parameters=True,  # the text of an error goes to places where values must not
    )

    @event.listens_for(engine, "connect")
    def _prepare(dbapi_connection: sqlite3.Connection, _record: object) -> None:
        dbapi_connection.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in pragmas:
            dbapi_connection.execute(f"PRAGMA {pragma}").close()

    refuse_outside(engine)
    return engine


def _writing(engine: Engine) -> FileConnection:
    connection = FileConnection(engine)
    connection.execution_options(**{WRITES: True})
    return connection


def _pragmas(kind: StoreKind) -> tuple[str, ...]:
    return (
        f"page_size={kind.page_bytes}",
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
        "secure_delete=" + ("ON" if kind.wipe else "FAST"),
    )


def _begin_at_once(raw: sqlite3.Connection) -> None:
    raw.execute("BEGIN IMMEDIATE").close()


def _begin_beside_others(raw: sqlite3.Connection) -> None:
    """Begin with the write lock. SQLite itself would sleep up to 100 ms between two tries; a neighbour takes a few.

    So the connection that writes waits for `_TRY_MS` only. Inside its transaction it waits for nobody.
    """
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname not in BUSY or time.monotonic() > deadline:
                raise
        else:
            return
