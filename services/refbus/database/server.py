"""A store in a schema of a PostgreSQL server, with the discipline that a file has: the same tables and migrations.

Beside them each schema has one row of its own, `refbus_store`: the number by which the home knows its database
(`refbus.database.identity`) and the epoch. A transaction that writes begins by locking that row, and ends at once when
it has another epoch (`refbus.database.lead`): so writers go one after the other, numbers are committed in the order in
which they are given, and whoever was taken for dead commits nothing. Reads are REPEATABLE READ.

An error of a commit may hide one that came through: whoever loses the server ends and reads again at the next start.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, create_engine, event

from refbus.database import copies, identity, version
from refbus.database.address import Schema
from refbus.database.definitions import Definitions, read_definitions
from refbus.database.failures import as_store_errors
from refbus.database.port import WAIT_S, WRITES, Database, OneWriter, StoreKind
from refbus.errors import Code, SetupError, StoreError

_READERS: Final = 16
_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SCRATCH: Final = "refbus_scratch"
_STORE: Final = "CREATE TABLE refbus_store (number bigint NOT NULL, epoch bigint NOT NULL)"


class ServerDatabase(Database):
    """A database in a schema of a server."""

    def __init__(self, schema: Schema, kind: StoreKind, mark: Path | None = None) -> None:
        """Open or create the schema, give it another epoch, and bring its tables up to date.

        `mark` as for a file. Raises SetupError HOME_DAMAGED when the database that was here is missing or another one;
        StoreError, STORE_NEWER, STORE_TAKEN_OVER.
        """
        with ExitStack() as opened, as_store_errors():
            number = self._begin(opened, schema, kind, mark)
            with self.reading() as connection:
                behind = version.is_behind(connection, kind.migrations, self._made_here)
            if behind:
                with self.writing() as connection:
                    version.run(connection, kind.migrations, "head")
            if mark is not None:
                identity.note(mark, number)
            self._opened = opened.pop_all()

    @classmethod
    def read_only(cls, schema: Schema, kind: StoreKind) -> ServerDatabase:
        """Open a schema that another process leads, to look at it. Raises SetupError HOME_NOT_FOUND; StoreError."""
        database = cls.__new__(cls)
        with ExitStack() as opened, as_store_errors():
            with schema.server.connect(called="refbus looks") as raw:
                if _number_in(raw, schema.name) == 0:
                    raise SetupError(Code.HOME_NOT_FOUND, schema.name)
            database._connect(opened, replace(schema, lead=None), kind, called="refbus looks")
            with database.reading() as connection:
                version.is_behind(connection, kind.migrations, database._made_here)
            database._opened = opened.pop_all()
        return database

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection that has found its epoch. Raises StoreError, STORE_TAKEN_OVER when it is another one."""
        if self._schema.lead is None:
            raise StoreError(Code.STORE_FAILED, self._schema.name)
        with as_store_errors(), self._turns.one(), self._engine.connect() as raw:
            connection = raw.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection
            self._written += 1

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state. Raises StoreError."""
        with as_store_errors(), self._engine.connect() as connection, connection.begin():
            yield connection

    def change_mark(self) -> int:
        """Return how often this process has written: nobody else does."""
        return self._written

    def require_lead(self) -> None:
        """Raise StoreError STORE_TAKEN_OVER unless this process led a moment ago."""
        if self._schema.lead is not None:
            self._schema.lead.require()

    def copy_to(self, target: Path) -> None:
        """Write a copy as a file of the same tables, which a file's store opens as well. Raises StoreError."""
        with self.reading() as connection:
            number = connection.exec_driver_sql("SELECT number FROM refbus_store").scalar_one()
            copies.copy_rows(connection, target, self._kind.migrations, number)

    def has_rows(self) -> bool:
        """Whether anything is in it yet. Raises StoreError."""
        with self.reading() as connection:
            tables = set(self._tables(connection.connection.driver_connection)) - {"refbus_store", "alembic_version"}
            asked = (f'SELECT EXISTS (SELECT FROM "{table}")' for table in sorted(tables))  # noqa: S608
            return any(connection.exec_driver_sql(words).scalar_one() for words in asked)

    def fill_from(self, source: Path, number: int) -> None:
        """Let the rows be those of the checked file `source`, of this program's version, and this their number.

        0: the number that is there. In one transaction. Raises StoreError.
        """
        with self.writing() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            copies.put_rows(source, connection)
            if number:
                connection.exec_driver_sql("UPDATE refbus_store SET number = %s", (number,))

    def require_sound(self) -> None:
        """Do nothing: a server checks its pages as they are read."""

    def scrub(self) -> None:
        """Let the server take dead rows away; its log and its copies have them for a while longer."""
        with as_store_errors(), self._schema.server.connect(called=self._called, statement_timeout="0") as raw:
            raw.execute("SET lock_timeout = 0")
            for table in self._tables(raw):
                raw.execute(sql.SQL("VACUUM {}").format(sql.Identifier(self._schema.name, table)))

    def close(self) -> None:
        """Close every connection; the lead is given up by whoever took it."""
        self._opened.close()

    def _tables(self, raw: Any) -> list[str]:
        found = raw.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [self._schema.name])
        return [name for (name,) in found.fetchall()]

    def _begin(self, opened: ExitStack, schema: Schema, kind: StoreKind, mark: Path | None) -> int:
        """Return the number of the schema, which has another epoch and is ours then."""
        if schema.lead is None:
            raise ValueError("a schema is written by whoever has the lead")
        called = schema.lead.called
        with schema.server.connect(called=called) as raw, raw.transaction():
            found = _number_in(raw, schema.name)
            number = found or identity.new_number()
            if mark is not None:
                number = identity.claim(found, schema.name, mark)
            if not found:
                _create(raw, schema.name, number)
            self._epoch = secrets.randbits(63)  # a count could come again on a server that was set back
            changed = sql.SQL("UPDATE {} SET epoch = %s")
            raw.execute(changed.format(sql.Identifier(schema.name, "refbus_store")), [self._epoch])
            schema.lead.require()  # or it is as it was: whoever leads now would be fenced
        self._connect(opened, schema, kind, called=called)
        return number

    def _connect(self, opened: ExitStack, schema: Schema, kind: StoreKind, *, called: str) -> None:
        self._schema, self._kind, self._called = schema, kind, called
        self._turns, self._written = OneWriter(), 0
        self._engine = self._made_engine(partial(schema.server.connect, called=called))
        opened.callback(self._engine.dispose)

    def _made_engine(self, connect: Any) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=partial(connect, search_path=self._schema.name),
            pool_size=_READERS,
            max_overflow=0,
            pool_timeout=WAIT_S,
            pool_use_lifo=True,  # no more connections than work at once
            hide_parameters=True,
        )
        begin_writing = f'BEGIN; SELECT epoch FROM "{self._schema.name}".refbus_store FOR UPDATE'  # noqa: S608 - our own name

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            raw: Any = connection.connection.driver_connection
            if not connection.get_execution_options().get(WRITES, False):
                raw.execute(_BEGIN_READING, prepare=False)
                return
            cursor = raw.execute(begin_writing, prepare=False)  # in one journey
            cursor.nextset()
            if cursor.fetchall() != [(self._epoch,)]:
                raise StoreError(Code.STORE_TAKEN_OVER, self._schema.name)

        return engine

    def _made_here(self, wanted: str | None) -> Definitions:
        """Return what the migrations make on this server up to a version: tried in a schema that is taken back."""
        with _one_transaction(self._schema, "refbus compares") as connection:
            for words in (f"CREATE SCHEMA {_SCRATCH}", f"SET LOCAL search_path = {_SCRATCH}", _STORE):
                connection.exec_driver_sql(words)
            if wanted is not None:
                version.run(connection, self._kind.migrations, wanted)
            return read_definitions(connection)


def make_anew(schema: Schema, kind: StoreKind, source: Path, number: int) -> Schema:
    """Let a schema that cannot be opened, which the caller leads, be made anew with the rows of `source`.

    The one before has another name then, NAME_before_1, and is returned. In one transaction, and behind every one that
    writes there. As `fill_from`; raises StoreError.
    """
    if schema.lead is None:
        raise ValueError("a schema is written by whoever has the lead")
    with as_store_errors(), _one_transaction(schema, schema.lead.called) as connection:
        raw: Any = connection.connection.driver_connection
        _end_writers(raw, schema)
        before = _unused(raw, schema)
        raw.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(*map(sql.Identifier, (schema.name, before.name))))
        _create(raw, schema.name, number or identity.new_number())
        version.run(connection, kind.migrations, "head")
        copies.put_rows(source, connection)
        schema.lead.require()
        connection.commit()
    return before


@contextmanager
def _one_transaction(schema: Schema, called: str) -> Iterator[Connection]:
    """Give a connection inside a transaction of any length, which is taken back unless it is committed."""
    connect = partial(schema.server.connect, called=called, statement_timeout="0")
    engine = create_engine("postgresql+psycopg://", creator=connect, hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
    finally:
        engine.dispose()


def _end_writers(raw: psycopg.Connection[Any], schema: Schema) -> None:
    """Wait for whoever writes in a schema, and let nobody begin until this transaction ends.

    A writer finds tables by the name of the schema. One that has found its epoch would go on in the new one, for a
    renaming waits for no lock of a row. One that waits here finds the row of the new schema, with another epoch.
    """
    if raw.execute("SELECT to_regclass(%s)", [f'"{schema.name}".refbus_store']).fetchone() != (None,):
        locked = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE")
        raw.execute(locked.format(sql.Identifier(schema.name, "refbus_store")))


def _unused(raw: psycopg.Connection[Any], schema: Schema) -> Schema:
    """Return the first NAME_before_1, _2, ... that is free."""
    number = 1
    while raw.execute("SELECT to_regnamespace(%s)", [f"{schema.name}_before_{number}"]).fetchone() != (None,):
        number += 1
    return schema.beside(f"{schema.name}_before_{number}")


def _number_in(raw: psycopg.Connection[Any], schema: str) -> int:
    """Return the number of a schema; 0 where there is none."""
    there = raw.execute("SELECT to_regclass(%s) IS NOT NULL", [f'"{schema}".refbus_store']).fetchone()
    if there != (True,):
        return 0
    asked = sql.SQL("SELECT number FROM {}").format(sql.Identifier(schema, "refbus_store"))
    return int((raw.execute(asked).fetchone() or (0,))[0])


def _create(raw: psycopg.Connection[Any], schema: str, number: int) -> None:
    raw.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    raw.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(schema)))
    raw.execute(_STORE)
    raw.execute("INSERT INTO refbus_store (number, epoch) VALUES (%s, 0)", [number])
