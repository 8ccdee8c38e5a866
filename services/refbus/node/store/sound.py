"""Whether a row holds what its columns are for: SQLite keeps a value of any type in any of them, as damage leaves it.

A loop over rows sets aside what is not sound (`NodeStore.note_damaged`), and goes on with the next row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column


def is_sound(row: Any, *columns: Column[Any]) -> bool:
    """Whether the values of these columns in a row have the types of their columns; None only where it may stand."""
    for column in columns:
        value = getattr(row, column.name)
        if not (column.nullable if value is None else isinstance(value, column.type.python_type)):
            return False
    return True


def whole(value: object, otherwise: int) -> int:
    """Return a whole number, or in place of anything else what it counts as then."""
    return value if isinstance(value, int) else otherwise


def earliest(times: Iterable[object]) -> int | None:
    """Return the earliest of these times, None when none of them is one."""
    return min([each for each in times if isinstance(each, int)], default=None)
