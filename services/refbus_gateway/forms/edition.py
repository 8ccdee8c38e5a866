"""An edition of a country's yearly statistics, as its node published it (docs/operators/statistics.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from refbus.core.documents import read_json
from refbus.errors import Code, MalformedError, SetupError
from refbus.files import read_limited

_LIMIT: Final = 65_536
_FORMAT: Final = "refbus/statistics/1"


def read_edition(path: Path) -> Mapping[str, Any]:
    """Return the edition in a file: it is public, and needs no home. Raises SetupError FILE_UNREADABLE, TOO_LARGE."""
    try:
        edition: Any = read_json(read_limited(path, _LIMIT).decode("utf-8-sig"))
    except (UnicodeDecodeError, MalformedError):
        raise SetupError(Code.FILE_UNREADABLE, f"{path.name} is not JSON in UTF-8") from None
    if not isinstance(edition, dict) or edition.get("format") != _FORMAT:
        raise SetupError(Code.FILE_UNREADABLE, f"{path.name} is no edition of statistics")
    return edition
