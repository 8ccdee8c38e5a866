"""Statements that are compiled once and then run on plain tuples.

Compiling and adapting parameters anew cost as much per batch as writing it (docs/adr/0023-prepared-statements.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.engine.interfaces import Dialect

_Row = Mapping[str, Any]


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
    """An INSERT, UPDATE or DELETE with named parameters, run for many rows at once. Values are plain: no adapters."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def many(self, connection: Connection, rows: Sequence[_Row]) -> None:
        """Run the statement for each of `rows`, which map its parameters; nothing for no rows."""
        if not rows:
            return
        name = connection.dialect.name
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = _Text(self._statement, connection.dialect)
        connection.exec_driver_sql(text.text, [text.arguments(row) for row in rows])
