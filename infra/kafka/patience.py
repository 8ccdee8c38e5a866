"""How long to wait for something: as long as something moves. A slow or busy machine is no fault; one that stands is.

patience = Patience()
while not done():
    if not patience.holds(position):
        raise TimeoutError("nothing has moved")
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

STILL_S = 60.0
"""So long may nothing move, in seconds of a machine that has a core for everybody who wants one."""
_TELL_S = 15.0
_LOAD = Path("/proc/loadavg")


class Patience:
    """What is left of it. Time in which processes had to wait for a core counts by the part of it that they had."""

    def __init__(self, still_s: float = STILL_S) -> None:
        self._still_s = still_s
        self._sign: object = None
        self._waited_s = 0.0
        self._looked = time.monotonic()

    def holds(self, sign: object = None) -> bool:
        """Whether to wait on: `sign` (a position, the size of a log) is new, or has not been the same for too long."""
        now = time.monotonic()
        if sign != self._sign:
            self._sign, self._waited_s = sign, 0.0
        else:
            self._waited_s += (now - self._looked) * _share()
        self._looked = now
        return self._waited_s < self._still_s


def wait(
    what: str,
    holds: Callable[[], bool],
    sign: Callable[[], object] = lambda: None,
    *,
    still_s: float = STILL_S,
    say: Callable[[str], None] = lambda _line: None,
    pause_s: float = 0.1,
) -> None:
    """Ask again until `holds`; says every 15 s what is awaited. Raises TimeoutError when nothing moved for too long."""
    patience, told = Patience(still_s), time.monotonic()
    while not holds():
        if not patience.holds(sign()):
            raise TimeoutError(what)
        if time.monotonic() - told > _TELL_S:
            say(f"still waiting: {what}")
            told = time.monotonic()
        time.sleep(pause_s)


def _share() -> float:
    """Return which part of a core each process that wants one has now, at most 1."""
    try:
        running = int(_LOAD.read_text(encoding="ascii").split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return 1.0
    return min(1.0, (os.cpu_count() or 1) / max(1, running))
