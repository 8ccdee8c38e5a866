"""Prepared statements on the driver of a file: the same rows and the same errors as by way of SQLAlchemy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, bindparam, delete, event, insert, select
from sqlalchemy.exc import IntegrityError, MultipleResultsFound, NoResultFound, OperationalError

from refbus.database.engine import FileDatabase
from refbus.database.port import Database
from refbus.database.prepared import AnyOf, Prepared
from refbus.errors import Code, StoreError
from refbus.node.store.node import KIND
from refbus.node.store.tables import outgoing, setting

ADD = Prepared(insert(setting).values(name=bindparam("name"), value=bindparam("value")))
ALL = Prepared(select(setting).order_by(setting.c.name))
ONE = Prepared(select(setting.c.value).where(setting.c.name == bindparam("its_name")))
DROP = Prepared(delete(setting).where(setting.c.name >= bindparam("first")))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Give a store with three settings."""
    made = FileDatabase(tmp_path / "store.db", KIND)
    with made.writing() as connection:
        ADD.many(connection, [{"name": name, "value": name.encode()} for name in "abc"])
    yield made
    made.close()


def test_rows_are_those_that_sqlalchemy_gives(database: Database) -> None:
    """By name, by place and whole; a column without a value is None."""
    with database.writing() as connection:
        row: dict[str, Any] = dict.fromkeys([column.name for column in outgoing.c if not column.nullable], 1)
        row |= dict.fromkeys(("destination", "topic", "state"), "kg")
        row |= dict.fromkeys(("lane", "sealed_value", "sender"), b"bytes")
        connection.execute(insert(outgoing).values(**row))
        for table in (setting, outgoing):
            found, usual = Prepared(select(table)).once(connection, {}).all(), connection.execute(select(table)).all()
            assert [tuple(row) for row in found] == [tuple(row) for row in usual]
            names = [column.name for column in table.c]
            assert [tuple([getattr(row, name) for name in names]) for row in found] == [tuple(row) for row in usual]


def test_what_was_found_is_asked_for_as_usual(database: Database) -> None:
    """The first row, the only one, the only value; how many rows changed, and the id of a new one."""
    with database.writing() as connection:
        assert [row.name for row in ALL.once(connection, {})] == ["a", "b", "c"]
        assert ALL.once(connection, {}).first() == ("a", b"a")
        assert ONE.once(connection, {"its_name": "b"}).one() == (b"b",)
        assert ONE.once(connection, {"its_name": "b"}).scalar_one() == b"b"
        nothing = ONE.once(connection, {"its_name": "x"})
        assert (nothing.first(), nothing.one_or_none(), nothing.scalar(), nothing.scalar_one_or_none()) == (None,) * 4
        with pytest.raises(NoResultFound):
            nothing.one()
        with pytest.raises(MultipleResultsFound):
            ALL.once(connection, {}).one_or_none()
        assert DROP.once(connection, {"first": "b"}).rowcount == 2
        assert ADD.once(connection, {"name": "d", "value": b""}).lastrowid


def test_a_row_that_contradicts_another_is_told_as_by_sqlalchemy(database: Database) -> None:
    """Loops that go on behind one bad row, and stop when the disk is in trouble, know the two by these errors."""
    again = {"name": "a", "value": b"secret"}
    with database.writing() as connection, pytest.raises(IntegrityError) as refused:
        ADD.once(connection, again)
    assert isinstance(refused.value.orig, sqlite3.IntegrityError)
    assert "secret" not in str(refused.value)
    with pytest.raises(StoreError, match=Code.INTERNAL_ERROR), database.writing() as connection:
        ADD.many(connection, [again])


@pytest.mark.parametrize(
    "change", ["DROP TABLE setting", "UPDATE setting SET name = CAST(x'ff' AS TEXT) WHERE name = 'a'"]
)
def test_what_the_database_cannot_do_is_told_as_by_sqlalchemy(database: Database, change: str) -> None:
    """A table that is missing, or a text that is none: found when it runs, or when its rows are read."""
    with database.writing() as connection:
        connection.exec_driver_sql(change)
    with database.reading() as connection, pytest.raises(OperationalError):
        ALL.once(connection, {})
    with pytest.raises(StoreError, match=Code.STORE_FAILED), database.reading() as connection:
        ALL.once(connection, {})


def test_who_listens_hears_of_each_statement(database: Database) -> None:
    """Plans are looked at, and statements counted, as of any other."""
    heard = list[tuple[str, Any, bool]]()

    def hear(_connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, many: bool) -> None:
        heard.append((statement.partition(" ")[0], given, many))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        with database.writing() as connection:
            ONE.once(connection, {"its_name": "a"})
            ADD.many(connection, [{"name": "d", "value": b""}])
            list(AnyOf(select(setting), setting.c.name).rows(connection, ["a", "b"]))
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    assert heard == [("SELECT", ("a",), False), ("INSERT", [("d", b"")], True), ("SELECT", ("a", "b"), False)]


def test_nothing_of_it_outlives_a_transaction_that_fails(database: Database) -> None:
    """The driver is inside the transaction that the store began."""
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        _drop_and_fail(connection)
    with database.reading() as connection:
        assert len(ALL.once(connection, {}).all()) == 3


def _drop_and_fail(connection: Connection) -> None:
    assert DROP.once(connection, {"first": "a"}).rowcount == 3
    raise ZeroDivisionError
