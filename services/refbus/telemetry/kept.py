"""Counters that an alert compares with before, kept in a home over a restart: `counters.json`.

Without it a count that came just before a stop is gone, and one that comes just after a start looks like the old one.
A file that is missing or damaged begins at 0. It has names and closed labels, as the metrics page: nobody in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from refbus.core.documents import read_json
from refbus.errors import RefbusError
from refbus.files import read_limited, write_whole

FILE: Final = "counters.json"
_MOST: Final = 1_000_000
_MOST_COUNT: Final = 2.0**53

Series = dict[tuple[str, tuple[str, ...]], float]
"""Counts by name of the metric and values of its labels, in their order."""


def read_counts(folder: Path) -> Series:
    """Return what was kept in `folder`; nothing when that cannot be read."""
    try:
        rows = read_json(read_limited(folder / FILE, _MOST).decode())
        return {
            (str(name), tuple(map(str, labels))): float(count)
            for name, labels, count in rows
            if 0 < float(count) < _MOST_COUNT
        }
    except (RefbusError, ValueError, TypeError):
        return {}


def write_counts(folder: Path, counts: Series) -> None:
    """Keep `counts` in `folder`. Raises StoreError."""
    rows = [[name, list(labels), count] for (name, labels), count in sorted(counts.items())]
    write_whole(folder / FILE, json.dumps(rows).encode())
