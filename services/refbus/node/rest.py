"""When the work of a timer may be left out: nothing was written for a while, and the work was done lately.

What a timer does is found in the store, by rows and by due times, and each look costs statements. While nothing is
written only time can make something due, and that may be a few seconds late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LONGEST_MS: Final = 5_000
"""So late may be what is due by time alone."""
AWAKE_MS: Final = 5_000
"""So long after the last write all is done at each tick: one step makes the next one due, also in memory."""


@dataclass(slots=True)
class Rest:
    """One timer. `change_mark` gives another number after each write (`Database.change_mark`); times are steady ms."""

    change_mark: Callable[[], int]
    steady_ms: Callable[[], int]
    _mark: int | None = None
    _changed_ms: int = 0
    _worked_ms: int = 0

    def allows(self, *, moved: bool = False) -> bool:
        """Whether this tick may do nothing; `moved`: not, whatever the store says. Raises StoreError."""
        mark, at_ms = self.change_mark(), self.steady_ms()
        if moved or mark != self._mark:
            self._mark, self._changed_ms = mark, at_ms
        if at_ms - self._changed_ms >= AWAKE_MS and at_ms - self._worked_ms < LONGEST_MS:
            return True
        self._worked_ms = at_ms
        return False
