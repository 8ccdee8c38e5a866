"""Published statistics in a file, as the node of a country wrote them (docs/operators/statistics.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refbus.core.documents import read_json
from refbus.core.editions import MOST_BYTES, is_edition
from refbus.errors import Code, MalformedError, SetupError
from refbus.files import read_limited
from refbus.said import said


def read_edition(path: Path) -> Mapping[str, Any]:
    """Return the edition in a file: it is public, and needs no home. Raises SetupError FILE_UNREADABLE, TOO_LARGE."""
    try:
        edition: Any = read_json(read_limited(path, MOST_BYTES).decode("utf-8-sig"))
    except (UnicodeDecodeError, MalformedError):
        raise SetupError(Code.FILE_UNREADABLE, said("%(file)s is not JSON in UTF-8", file=path.name)) from None
    if not is_edition(edition):
        raise SetupError(Code.FILE_UNREADABLE, said("%(file)s is no edition of statistics", file=path.name))
    found: Mapping[str, Any] = edition
    return found
