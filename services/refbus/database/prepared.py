"""Statements that are compiled once and then run on plain tuples, by the driver itself where the store is a file.

Compiling and adapting parameters anew cost as much per batch as writing it (docs/adr/0023-prepared-statements.md), and
then what SQLAlchemy does around each statement cost five times what SQLite does for it (0094).
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import BindParameter, ClauseElement, Column, Connection, Select, bindparam
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import MultipleResultsFound, NoResultFound

from refbus.database.failures import as_usual
from refbus.database.transactions import FileConnection, ended

_Row = Mapping[str, Any]
_MOST = 256
"""Values in one question: below every limit of the databases."""
_NAMED: Final[Any] = namedtuple
_NAME_OF: Final = itemgetter(0)


class Found(list[Any]):
    """What a statement gave: its rows, all read, as named tuples; how many rows it changed; the id of a new one."""

    __slots__ = ("lastrowid", "rowcount")
    rowcount: int
    lastrowid: int

    def all(self) -> list[Any]:
        """Return the rows."""
        return self

    def first(self) -> Any:
        """Return the first row, None when there is none."""
        return self[0] if self else None

    def one_or_none(self) -> Any:
        """Return the only row, None when there is none. Raises MultipleResultsFound."""
        if len(self) > 1:
            raise MultipleResultsFound("more than one row")
        return self[0] if self else None

    def one(self) -> Any:
        """Return the only row. Raises NoResultFound, MultipleResultsFound."""
        if len(self) == 1:
            return self[0]
        raise MultipleResultsFound("more than one row") if self else NoResultFound("no row")

    def scalar(self) -> Any:
        """Return the first value of the first row, None when there is none."""
        return self[0][0] if self else None

    def scalar_one(self) -> Any:
        """Return the first value of the only row. Raises NoResultFound, MultipleResultsFound."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        """Return the first value of the only row, None when there is none. Raises MultipleResultsFound."""
        if len(self) > 1:
            raise MultipleResultsFound("more than one row")
        return self[0][0] if self else None


class _Text:
    """A statement for one dialect: its text, the order of its parameters (None: by name), and its constants.

    `named` makes a row of what the driver gives; it is there once columns were seen, which do not change.
    """

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self.order: Sequence[str] | None = compiled.positiontup if compiled.positional else None
        self.constants: dict[str, Any] = {name: value for name, value in compiled.params.items() if value is not None}
        self.named: Callable[[Sequence[Any]], Any] | None = None

    def learn(self, columns: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
        """Take up the names of the columns, and return what makes a row."""
        named = partial(tuple.__new__, _NAMED("Row", columns, rename=True))
        self.named = named
        return named


class Prepared:
    """A statement with named parameters, run once or for many rows at once. Values are plain: no adapters."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def once(self, connection: Connection, row: _Row) -> Found:
        """Run the statement with the parameters in `row` and return what it gave. Raises as SQLAlchemy does."""
        text = self._texts.get(connection.dialect.name) or self._text(connection)
        values = {**text.constants, **row} if text.constants else row
        if not isinstance(connection, FileConnection) or text.order is None:
            return _on_server(connection, text, values)
        arguments = tuple(map(values.__getitem__, text.order))
        raw = connection.raw
        if not raw.in_transaction:
            raise ended()
        listeners = connection.dispatch.before_cursor_execute
        if listeners:  # whoever counts statements or looks at their plans hears of these too
            listeners(connection, None, text.text, arguments, None, False)
        try:
            cursor = raw.execute(text.text, arguments)
            rows = cursor.fetchall()
        except sqlite3.Error as error:
            raise as_usual(error) from error
        found = Found()
        if rows:
            found.extend(map(text.named or text.learn(tuple(map(_NAME_OF, cursor.description))), rows))
        found.rowcount, found.lastrowid = cursor.rowcount, cursor.lastrowid or 0
        return found

    def many(self, connection: Connection, rows: Sequence[_Row]) -> None:
        """Run the statement for each of `rows`, which map its parameters; nothing for no rows."""
        if not rows:
            return
        text = self._texts.get(connection.dialect.name) or self._text(connection)
        given: Sequence[_Row] = [{**text.constants, **row} for row in rows] if text.constants else rows
        if not isinstance(connection, FileConnection) or text.order is None:
            in_order = [tuple(map(each.__getitem__, text.order)) for each in given] if text.order else list(given)
            connection.exec_driver_sql(text.text, in_order)
            return
        arguments = [tuple(map(each.__getitem__, text.order)) for each in given]
        if not connection.raw.in_transaction:
            raise ended()
        listeners = connection.dispatch.before_cursor_execute
        if listeners:
            listeners(connection, None, text.text, arguments, None, True)
        try:
            connection.raw.executemany(text.text, arguments)
        except sqlite3.Error as error:
            raise as_usual(error) from error

    def _text(self, connection: Connection) -> _Text:
        name = connection.dialect.name
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = _Text(self._statement, connection.dialect)
        return text


def _on_server(connection: Connection, text: _Text, values: _Row) -> Found:
    """Run a statement once by way of SQLAlchemy, which sees to connections that are lost.

    On a server the way there costs more than SQLAlchemy does.
    """
    arguments: Any = values if text.order is None else tuple(map(values.__getitem__, text.order))
    result = connection.exec_driver_sql(text.text, arguments)
    found = Found()
    if result.returns_rows:
        found.extend(map(text.named or text.learn(list(result.keys())), result.fetchall()))
    found.rowcount = result.rowcount
    return found


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
