"""Connections to a store in a file, with transactions and savepoints that the driver itself begins and ends.

SQLAlchemy sees one transaction that never ends. What it does around a beginning and an end costs five to ten times what
SQLite does for them, and around a savepoint fifty times (docs/adr/0100-transactions-on-the-driver.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from refbus.database import port
from refbus.database.failures import as_usual, require_other
from refbus.errors import Code, StoreError

_SAVE: Final = "SAVEPOINT refbus"
_KEEP: Final = "RELEASE refbus"  # each names the innermost one
_UNDO: Final = "ROLLBACK TO refbus"
Begin = Callable[[sqlite3.Connection], object]


class FileConnection(Connection):
    """A connection to a file. `raw` is that of the driver, in which all runs, also what SQLAlchemy is asked for."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        raw: Any = self.connection.driver_connection
        self.raw: sqlite3.Connection = raw
        self.begin()

    def run(self, statement: str) -> None:
        """Run a statement without rows inside the transaction, and let listeners hear. Raises as SQLAlchemy does."""
        if not self.raw.in_transaction:
            raise ended()
        listeners = self.dispatch.before_cursor_execute
        if listeners:
            listeners(self, None, statement, (), None, False)
        try:
            self.raw.execute(statement).close()
        except sqlite3.Error as error:
            raise as_usual(error) from error


class _EndedError(sqlite3.OperationalError):
    """A transaction has ended before its block."""


def ended() -> DBAPIError:
    """Return the error for what is to run after its transaction has ended: it would be written for itself.

    SQLite takes a whole transaction back by itself when the disk is full or fails, also under whoever goes on behind
    that error.
    """
    return as_usual(_EndedError())


def refuse_outside(engine: Engine) -> None:
    """Let SQLAlchemy run nothing on a `FileConnection` whose transaction has `ended`."""

    def require(cursor: sqlite3.Cursor, *_: object) -> None:
        if not cursor.connection.in_transaction:
            raise _EndedError

    for name in ("do_execute", "do_executemany", "do_execute_no_params"):
        event.listen(engine, name, require)


class Connections:
    """Connections to one file that are used again, at most so many at once; the one that was used last goes first."""

    def __init__(self, make: Callable[[], FileConnection], most: int) -> None:
        self.make = make
        self.idle: list[FileConnection] = []
        self.turns: SimpleQueue[None] = SimpleQueue()  # whoever gets one may have a connection
        for _ in range(most):
            self.turns.put(None)
        self._closed = False

    def give_back(self, connection: FileConnection | None, *, again: bool = True) -> None:
        """Let others have a connection, or the turn alone. A transaction is taken back; else the connection closes.

        Where somebody interrupts a statement, SQLAlchemy has closed it already. `again`: False behind an error. Whoever
        keeps that may keep a question that is half read, and with it all that the connection saw at that moment.
        """
        try:
            if connection is None:
                return
            raw = connection.raw
            try:
                if raw.in_transaction:
                    raw.execute("ROLLBACK").close()
                usable = again and not raw.in_transaction
            except sqlite3.Error:  # what went wrong before is told
                usable = False
            if not usable:
                connection.close()
                return
            self.idle.append(connection)
            if self._closed:
                self.close()
        finally:
            self.turns.put(None)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the turn of one of them, and no connection. Raises StoreError STORE_BUSY."""
        try:
            self.turns.get(timeout=port.WAIT_S)
        except Empty:
            raise StoreError(Code.STORE_BUSY) from None
        try:
            yield
        finally:
            self.turns.put(None)

    def close(self) -> None:
        """Close those that nobody uses now, and each other one when it is given back."""
        self._closed = True
        with suppress(IndexError):
            while True:
                self.idle.pop().close()


@dataclass(slots=True)
class FileTransaction(AbstractContextManager[Connection, None]):
    """A transaction on one of some connections: kept at the end, taken back on any exception.

    Raises StoreError, STORE_BUSY when none became free in time. `begin`: how one that writes begins.
    """

    connections: Connections
    begin: Begin | None = None
    _connection: FileConnection | None = None

    def __enter__(self) -> Connection:
        try:
            self.connections.turns.get(timeout=port.WAIT_S)
        except Empty:
            raise StoreError(Code.STORE_BUSY) from None
        try:
            try:
                connection = self.connections.idle.pop()
            except IndexError:
                connection = self.connections.make()
            self._connection = connection
            if self.begin is None:
                connection.raw.execute("BEGIN DEFERRED").close()
            else:
                self.begin(connection.raw)
        except BaseException as error:
            self.connections.give_back(self._connection)
            require_other(error)
            raise
        return connection

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        connection = self._connection
        try:
            if error is None and connection is not None:
                listeners = connection.dispatch.commit
                if listeners:
                    listeners(connection)
                connection.raw.execute("COMMIT").close()
        except sqlite3.Error as failure:
            error = as_usual(failure)
        finally:
            self.connections.give_back(connection, again=error is None)
        if error is not None:
            require_other(error)


@dataclass(slots=True)
class Savepoint(AbstractContextManager[None, None]):
    """Lets an exception take back what its body wrote, and nothing before. Savepoints may be nested.

    `taken_back` hears of it.
    """

    connection: Connection
    taken_back: Callable[[], object] = lambda: None
    _nested: AbstractContextManager[object] = field(init=False)

    def __enter__(self) -> None:
        if isinstance(self.connection, FileConnection):
            self.connection.run(_SAVE)
        else:  # on a server a journey costs more than SQLAlchemy does
            self._nested = self.connection.begin_nested()
            self._nested.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self.connection
        if error is not None:
            self.taken_back()
        if not isinstance(connection, FileConnection):
            self._nested.__exit__(kind, error, trace)
        elif error is None:
            connection.run(_KEEP)
        elif not connection.invalidated and connection.raw.in_transaction:
            # else there is nothing left to take back, and nothing more can be written
            connection.run(_UNDO)
            connection.run(_KEEP)
