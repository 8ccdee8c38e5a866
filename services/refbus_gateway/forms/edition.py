"""An edition of a country's yearly statistics, as its node published it (docs/operators/statistics.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from refbus.core.bounds import COUNT
from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, SetupError
from refbus.files import read_limited
from refbus.said import said

_LIMIT: Final = 65_536
_FORMAT: Final = "refbus/statistics/1"


def read_edition(path: Path) -> Mapping[str, Any]:
    """Return the edition in a file: it is public, and needs no home. Raises SetupError FILE_UNREADABLE, TOO_LARGE."""
    try:
        edition: Any = read_json(read_limited(path, _LIMIT).decode("utf-8-sig"))
    except (UnicodeDecodeError, MalformedError):
        raise SetupError(Code.FILE_UNREADABLE, said("%(file)s is not JSON in UTF-8", file=path.name)) from None
    if not _is_edition(edition):
        raise SetupError(Code.FILE_UNREADABLE, said("%(file)s is no edition of statistics", file=path.name))
    found: Mapping[str, Any] = edition
    return found


def _is_edition(value: Any) -> bool:
    """Whether a value has all that is shown of an edition: anybody can have written the file."""
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        return False
    named = isinstance(value.get("country"), str) and type(value.get("year")) is int and _is_half(value.get("half"))
    tables = value.get("tables")
    return named and isinstance(tables, list) and all(map(_is_table, tables))


def _is_half(value: Any) -> bool:
    """Whether a value names a half of the year, or the whole."""
    return value is None or (type(value) is int and value in {1, 2})


def _is_table(value: Any) -> bool:
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in ("kind", "split_by")):
        return False
    cells = value.get("cells")
    return isinstance(cells, dict) and all(map(_is_told, (value.get("total"), *cells.values())))


def _is_told(value: Any) -> bool:
    """Whether a value is a count, or says that it is not told."""
    return value is None or (type(value) is int and COUNT.holds(value))
