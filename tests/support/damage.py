"""Damage in a database as a failing disk leaves it: any value in any column of one row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table


def any_column(metadata: MetaData) -> Callable[..., Any]:
    """Give a test each table, column and damaged value of a store: text where there are numbers, other bytes."""
    cases = [
        (table, column, value)
        for table in metadata.sorted_tables
        for column in table.columns
        for value in (("damaged", b"damaged") if isinstance(column.type, LargeBinary) else ("damaged",))
    ]
    return pytest.mark.parametrize(
        ("table", "column", "value"), cases, ids=lambda each: repr(each) if isinstance(each, bytes) else str(each)
    )


def write(path: Path, table: Table, column: Column[Any], value: object, group: str = "") -> bool:
    """Put a value into a column of the first row, or of the first row of each `group` (columns, as in GROUP BY).

    In an empty table, of a new row. False where the database takes no such value.
    """
    with closing(sqlite3.connect(path)) as opened, suppress(sqlite3.IntegrityError):
        if not opened.execute(f'SELECT 1 FROM "{table.name}"').fetchone():
            row = [1 if isinstance(each.type, Integer) else value for each in table.columns]
            opened.execute(f'INSERT INTO "{table.name}" VALUES ({", ".join("?" * len(row))})', row)
        first = f'(SELECT min(rowid) FROM "{table.name}" {group and f"GROUP BY {group}"})'
        opened.execute(f'UPDATE "{table.name}" SET "{column.name}" = ? WHERE rowid IN {first}', (value,))
        opened.commit()
        return True
    return False
