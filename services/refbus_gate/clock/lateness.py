"""Since when what must be told by the clock was last told to its end, and an alarm when that is long ago."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from refbus.clock import Clock
from refbus.errors import Code

_log = logging.getLogger("refbus.gate.deadlines")

LATE_MS = 60_000
"""Work that was not done to its end for so long is told in the log, and again after each such time."""


@dataclass(slots=True)
class Lateness:
    """Noted by whoever does the work, looked at by another thread: work that is never begun is late too.

    `done_ms` is the moment (UTC) when it was last done to its end, or the start of the process.
    """

    clock: Clock
    done_ms: int = field(init=False)
    _done_ms: int = field(init=False)
    _told_ms: int = field(init=False)

    def __post_init__(self) -> None:
        """Count from the start of the process."""
        self.note(whole=True)

    def note(self, *, whole: bool) -> None:
        """Note that the work was gone through, and whether nothing of it is left."""
        if whole:
            self.done_ms, self._done_ms = self.clock.now_ms(), self.clock.steady_ms()
            self._told_ms = self._done_ms

    def look(self, why: Callable[[], str]) -> bool:
        """Say in the log that the work is late, with `why`; return whether it is."""
        steady_ms = self.clock.steady_ms()
        late_ms = steady_ms - self._done_ms
        if late_ms < LATE_MS:
            return False
        if steady_ms - self._told_ms >= LATE_MS:
            self._told_ms = steady_ms
            told = (Code.CLOCK_WORK_LATE, late_ms // 1000, why())
            _log.error("%s: for %d s deadlines were not looked at to the end: %s", *told)
        return True
