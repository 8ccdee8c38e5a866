"""Statements that are compiled once and then run on plain tuples.

Compiling and adapting parameters anew cost as much per batch as writing it (docs/adr/0023-prepared-statements.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, Column, Connection, CursorResult, Row, Select, bindparam
from sqlalchemy.engine.interfaces import Dialect

_Row = Mapping[str, Any]
_MOST = 256
"""Values in one question: below every limit of the databases."""


class _Text:
    """A statement for one dialect: its text, the order of its parameters (None: by name), and its constants."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self.order: Sequence[str] | None = compiled.positiontup if compiled.positional else None
        self.constants: dict[str, Any] = {name: value for name, value in compiled.params.items() if value is not None}

    def arguments(self, row: _Row) -> Any:
        """Return the parameters of one row as the driver wants them."""
        values = {**self.constants, **row} if self.constants else row
        return values if self.order is None else tuple([values[name] for name in self.order])


class Prepared:
    """A statement with named parameters, run once or for many rows at once. Values are plain: no adapters."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def once(self, connection: Connection, row: _Row) -> CursorResult[Any]:
        """Run the statement with the parameters in `row` and return its result."""
        text = self._texts.get(connection.dialect.name) or self._text(connection)
        values = {**text.constants, **row} if text.constants else row
        arguments = values if text.order is None else tuple(map(values.__getitem__, text.order))
        return connection.exec_driver_sql(text.text, arguments)

    def many(self, connection: Connection, rows: Sequence[_Row]) -> None:
        """Run the statement for each of `rows`, which map its parameters; nothing for no rows."""
        if rows:
            text = self._text(connection)
            connection.exec_driver_sql(text.text, [text.arguments(row) for row in rows])

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

    def rows(self, connection: Connection, values: Collection[Any], **own: object) -> Iterator[Row[Any]]:
        """Yield the rows with any of `values`; asks nothing for no values. `own`: the statement's own parameters."""
        wanted = list(values)
        for start in range(0, len(wanted), _MOST):
            yield from self._some(connection, wanted[start : start + _MOST], own)

    def _some(self, connection: Connection, wanted: list[Any], own: _Row) -> CursorResult[Any]:
        size = 1 << (len(wanted) - 1).bit_length()
        padded = wanted + wanted[-1:] * (size - len(wanted))
        prepared = self._sizes.get(size)
        if prepared is None:
            places: list[BindParameter[Any]] = [bindparam(f"v{number}") for number in range(size)]
            prepared = self._sizes[size] = Prepared(self._statement.where(self._column.in_(places)))
        return prepared.once(connection, {**own, **{f"v{number}": value for number, value in enumerate(padded)}})
