"""Transactions and savepoints on the driver of a file: what is kept, what is taken back, and what nobody may write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, bindparam, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from refbus.database.engine import FileDatabase
from refbus.database.prepared import Prepared
from refbus.database.transactions import FileConnection, Savepoint
from refbus.errors import Code, StoreError
from refbus.node.store.tables import setting
from refbus_gateway.store.session import KIND as GATEWAY

ADD = Prepared(insert(setting).values(name=bindparam("name"), value=bindparam("value")))
ALL = Prepared(select(setting.c.name).order_by(setting.c.name))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[FileDatabase]:
    """Give a store that several processes share, with a table of names."""
    with closing(FileDatabase(tmp_path / "store.db", GATEWAY)) as made:
        with made.writing() as connection:
            setting.create(connection)
        yield made


def add(connection: Connection, *names: str) -> None:
    """Write some names."""
    ADD.many(connection, [{"name": name, "value": b""} for name in names])


def names(database: FileDatabase) -> list[str]:
    """Return the names that are on the disk."""
    with database.reading() as connection:
        return [row.name for row in ALL.once(connection, {})]


def end_it(connection: Connection) -> None:
    """Take the transaction back as SQLite does by itself when the disk fails."""
    assert isinstance(connection, FileConnection)
    connection.raw.execute("ROLLBACK").close()


def test_a_savepoint_takes_back_its_own_and_nothing_before(database: FileDatabase) -> None:
    """Nested ones too: each takes back itself and what is inside it."""
    with database.writing() as connection:
        add(connection, "a")
        with Savepoint(connection):
            add(connection, "b")
            with pytest.raises(ZeroDivisionError), Savepoint(connection):
                _add_twice_and_fail(connection)
            add(connection, "c")
        with pytest.raises(IntegrityError), Savepoint(connection):
            _add_again(connection, "d", "a")
        add(connection, "e")
    assert names(database) == ["a", "b", "c", "e"]


def _add_twice_and_fail(connection: Connection) -> None:
    add(connection, "x")
    with Savepoint(connection):
        add(connection, "y")
    raise ZeroDivisionError


def _add_again(connection: Connection, *more: str) -> None:
    for name in more:
        add(connection, name)


@pytest.mark.parametrize("by", ["prepared", "many", "sqlalchemy", "many by sqlalchemy", "savepoint"])
def test_nothing_is_written_behind_a_transaction_that_ended(database: FileDatabase, by: str) -> None:
    """Whoever goes on behind an error would write each row for itself, and half of a whole would stay."""

    def write(connection: Connection) -> None:
        row = {"name": "late", "value": b""}
        if by == "prepared":
            ADD.once(connection, row)
        elif by == "many":
            ADD.many(connection, [row])
        elif by == "sqlalchemy":
            connection.execute(insert(setting).values(**row))
        elif by == "many by sqlalchemy":
            connection.execute(insert(setting), [row, {**row, "name": "later"}])
        else:
            with Savepoint(connection):
                connection.exec_driver_sql("SELECT 1")

    with pytest.raises(StoreError, match=Code.STORE_FAILED), database.writing() as connection:
        _end_and_write(connection, write)
    assert names(database) == []
    with database.writing() as connection:
        add(connection, "next")
    assert names(database) == ["next"]


def _end_and_write(connection: Connection, write: object) -> None:
    assert callable(write)
    add(connection, "first")
    end_it(connection)
    with pytest.raises(OperationalError):
        write(connection)


def test_an_end_that_nobody_noticed_is_told(database: FileDatabase) -> None:
    """A block that wrote nothing more does not look as if it was kept; a savepoint that was open neither."""
    with pytest.raises(StoreError, match=Code.STORE_FAILED), database.writing() as connection:
        _add_and_go_on(connection)
    assert names(database) == []


def _add_and_go_on(connection: Connection) -> None:
    add(connection, "a")
    with suppress(ZeroDivisionError), Savepoint(connection):
        end_it(connection)
        raise ZeroDivisionError


@pytest.mark.parametrize("inside", [nullcontext, Savepoint])
def test_who_is_interrupted_in_a_statement_takes_all_back(
    database: FileDatabase, inside: Callable[[Connection], AbstractContextManager[None]]
) -> None:
    """SQLAlchemy closes the connection then; the interruption is what is heard of, and the next one has another."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def add_and_be_interrupted(connection: Connection) -> None:
        add(connection, "a")
        event.listen(connection.engine, "do_execute", interrupt)
        try:
            with inside(connection):
                connection.exec_driver_sql("SELECT 1")
        finally:
            event.remove(connection.engine, "do_execute", interrupt)

    with pytest.raises(KeyboardInterrupt), database.writing() as connection:
        add_and_be_interrupted(connection)
    with database.writing() as connection:
        add(connection, "next")
    assert names(database) == ["next"]


@pytest.mark.parametrize("how", ["reading", "writing"])
def test_an_error_that_somebody_keeps_keeps_nobody_in_its_moment(
    database: FileDatabase, tmp_path: Path, how: str
) -> None:
    """A question that was half read hangs on it: whoever came next saw what it had seen, or could write nothing."""

    def read_half(connection: Connection) -> None:
        rows = connection.execute(select(setting.c.name))
        for _ in rows:
            raise ZeroDivisionError

    with database.writing() as connection:
        add(connection, "a", "b")
    with pytest.raises(ZeroDivisionError) as kept, getattr(database, how)() as connection:
        read_half(connection)
    with closing(sqlite3.connect(tmp_path / "store.db")) as other, other:
        other.execute("INSERT INTO setting (name, value) VALUES ('c', x'')")
    assert names(database) == ["a", "b", "c"]
    with database.writing() as connection:
        add(connection, "d")
    assert names(database) == ["a", "b", "c", "d"]
    assert kept.value.__traceback__ is not None


def test_who_reads_cannot_write(database: FileDatabase) -> None:
    """A transaction that reads has no turn: the database takes nothing from it."""
    with pytest.raises(StoreError), database.reading() as connection:
        add(connection, "a")
    assert names(database) == []
