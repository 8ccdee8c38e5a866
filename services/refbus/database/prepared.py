"""Statements that are compiled once and then run on plain tuples, by the driver itself where the store is a file.

Compiling and adapting parameters anew cost as much per batch as writing it (docs/adr/0023-prepared-statements.md), and
then what SQLAlchemy does around each statement cost five times what SQLite does for it (0094).
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BindParameter, ClauseElement, Column, Connection, Select, bindparam
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound

_Row = Mapping[str, Any]
_MOST = 256
"""Values in one question: below every limit of the databases."""
_RECORD: Final[Any] = namedtuple
_FILE: Final = "sqlite"
"""The dialect whose driver is asked directly. On a server the way there costs more than SQLAlchemy does."""


class Found:
    """What a statement gave: its rows, all read, as named tuples; how many rows it changed; the id of a new one."""

    __slots__ = ("_rows", "lastrowid", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int, lastrowid: int | None = None) -> None:
        self._rows = rows
        self.rowcount = rowcount
        self.lastrowid: Any = lastrowid

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        """Return the rows."""
        return self._rows

    def first(self) -> Any:
        """Return the first row, None when there is none."""
        return self._rows[0] if self._rows else None

    def one_or_none(self) -> Any:
        """Return the only row, None when there is none. Raises MultipleResultsFound."""
        if len(self._rows) > 1:
            raise MultipleResultsFound("more than one row")
        return self.first()

    def one(self) -> Any:
        """Return the only row. Raises NoResultFound, MultipleResultsFound."""
        row = self.one_or_none()
        if row is None:
            raise NoResultFound("no row")
        return row

    def scalar(self) -> Any:
        """Return the first value of the first row, None when there is none."""
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        """Return the first value of the only row. Raises NoResultFound, MultipleResultsFound."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        """Return the first value of the only row, None when there is none. Raises MultipleResultsFound."""
        row = self.one_or_none()
        return None if row is None else row[0]


class _Text:
    """A statement for one dialect: its text, the order of its parameters (None: by name), and its constants."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self.order: Sequence[str] | None = compiled.positiontup if compiled.positional else None
        self.constants: dict[str, Any] = {name: value for name, value in compiled.params.items() if value is not None}
        self._in_file = dialect.name == _FILE
        self._named: Callable[[Sequence[Any]], Any] | None = None

    def arguments(self, row: _Row) -> Any:
        """Return the parameters of one row as the driver wants them."""
        values = {**self.constants, **row} if self.constants else row
        return values if self.order is None else tuple([values[name] for name in self.order])

    def run(self, connection: Connection, arguments: Any, *, many: bool = False) -> Found:
        """Run the statement with the parameters of a row, or of `many`. Raises DBAPIError, as SQLAlchemy does."""
        if not self._in_file:
            result = connection.exec_driver_sql(self.text, arguments)
            if not result.returns_rows:
                return Found([], result.rowcount)
            return Found(self._rows(tuple(result.keys()), result.fetchall()), result.rowcount)
        raw: Any = connection.connection.driver_connection
        listeners = connection.dispatch.before_cursor_execute
        if listeners:  # whoever counts statements or looks at their plans hears of these too
            listeners(connection, None, self.text, arguments, None, many)
        try:
            cursor = (raw.executemany if many else raw.execute)(self.text, arguments)
            if cursor.description is None:
                return Found([], cursor.rowcount, cursor.lastrowid)
            columns = tuple([each[0] for each in cursor.description])
            return Found(self._rows(columns, cursor.fetchall()), cursor.rowcount)
        except sqlite3.Error as error:  # callers know what is about a row, and what about the disk, by these
            text = "a prepared statement"
            raise DBAPIError.instance(text, (), error, sqlite3.Error, hide_parameters=True) from error

    def _rows(self, columns: tuple[str, ...], rows: Sequence[Any]) -> list[Any]:
        if not rows:
            return []
        if self._named is None:  # the columns of a statement do not change
            self._named = _RECORD("Row", columns, rename=True)._make
        return list(map(self._named, rows))


class Prepared:
    """A statement with named parameters, run once or for many rows at once. Values are plain: no adapters."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def once(self, connection: Connection, row: _Row) -> Found:
        """Run the statement with the parameters in `row` and return what it gave."""
        text = self._texts.get(connection.dialect.name) or self._text(connection)
        values = {**text.constants, **row} if text.constants else row
        arguments = values if text.order is None else tuple([values[name] for name in text.order])
        return text.run(connection, arguments)

    def many(self, connection: Connection, rows: Sequence[_Row]) -> None:
        """Run the statement for each of `rows`, which map its parameters; nothing for no rows."""
        if rows:
            text = self._text(connection)
            text.run(connection, [text.arguments(row) for row in rows], many=True)

    def _text(self, connection: Connection) -> _Text:
        name = connection.dialect.name
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = _Text(self._statement, connection.dialect)
        return text


class AnyOf:
    """A SELECT of the rows in which a column has one of some values: compiled for 1, 2, 4, ... values, then reused.

    It may have parameters of its own.
    """

    def __init__(self, statement: Select[Any], column: Column[Any]) -> None:
        self._statement = statement
        self._column = column
        self._sizes: dict[int, Prepared] = {}

    def rows(self, connection: Connection, values: Collection[Any], **own: object) -> Iterator[Any]:
        """Yield the rows with any of `values`; asks nothing for no values. `own`: the statement's own parameters."""
        wanted = list(values)
        for start in range(0, len(wanted), _MOST):
            yield from self._some(connection, wanted[start : start + _MOST], own)

    def _some(self, connection: Connection, wanted: list[Any], own: _Row) -> Found:
        size = 1 << (len(wanted) - 1).bit_length()
        padded = wanted + wanted[-1:] * (size - len(wanted))
        prepared = self._sizes.get(size)
        if prepared is None:
            places: list[BindParameter[Any]] = [bindparam(f"v{number}") for number in range(size)]
            prepared = self._sizes[size] = Prepared(self._statement.where(self._column.in_(places)))
        return prepared.once(connection, {**own, **{f"v{number}": value for number, value in enumerate(padded)}})
