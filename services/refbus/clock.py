"""The clock of a service: the machine's, or, for demonstrations, the machine's moved by a number in a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from refbus.errors import Code, SetupError


def machine_ms() -> int:
    """Return the time of this machine, UTC ms."""
    return time.time_ns() // 1_000_000


def clock_from(file: Path | None) -> Callable[[], int]:
    """Return a clock (UTC ms). `file` holds a whole number of ms to add, read at each call; without it no offset.

    The clock raises SetupError FILE_UNREADABLE when the file is missing or holds anything else: whoever moves it must
    replace the file in one step.
    """
    if file is None:
        return machine_ms
    place = file

    def moved_ms() -> int:
        try:
            return machine_ms() + int(place.read_text(encoding="ascii"))
        except (OSError, ValueError):
            raise SetupError(Code.FILE_UNREADABLE, f"{place.name} is not a whole number of milliseconds") from None

    return moved_ms
