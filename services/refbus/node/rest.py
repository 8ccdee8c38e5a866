"""When the work of a clock may be left out: nothing was written for a while, and nothing has become due.

What such a clock does is found in the store, by rows and by due times, and each look costs statements. While nothing is
written only time can make something due. So the next due moment is asked for once, when the writes have ceased, and
the clock sleeps until then; a write, and whatever else calls `wake`, ends the sleep. A moment is compared with the time
that counts, not waited for: a machine that slept, or a clock that jumps, is noticed at the next glance.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from refbus.clock import Clock

TICK_MS: Final = 1_000
"""How often all is done while something is written."""
AWAKE_MS: Final = 5_000
"""So long after the last write all is done at each tick: one step makes the next one due, also in memory."""
GLANCE_MS: Final = 5_000
"""How often a clock that sleeps looks at the time and at what another process wrote."""
AGAIN_MS: Final = 5_000
"""When is tried again what is due and could not be done: it waits for something that nobody writes."""
NET_MS: Final = 30_000
"""So long nothing is left out, whatever the due moments say."""


@dataclass(slots=True)
class Rest:
    """One clock. `change_mark` gives another number after each write (`Database.change_mark`).

    `due_ms` gives the first moment, UTC ms, at which time alone makes something due: one that is not after now when
    something is due already, None when nothing will be.
    """

    change_mark: Callable[[], int]
    clock: Clock
    due_ms: Callable[[], int | None]
    _mark: int | None = None
    _changed_ms: int = 0  # steady, as `_worked_ms`
    _worked_ms: int | None = None
    _asked: bool = False
    _due_ms: int | None = None
    _woken: threading.Event = field(default_factory=threading.Event)

    def allows(self, *, moved: bool = False) -> bool:
        """Whether this tick may do nothing; `moved`: not, whatever the store says. Raises StoreError."""
        mark, at_ms = self.change_mark(), self.clock.steady_ms()
        if moved or mark != self._mark:
            self._mark, self._changed_ms = mark, at_ms
            self._asked = False
        if not self._is_awake(at_ms) and self._may_sleep(at_ms):
            return True
        self._worked_ms, self._asked = at_ms, False
        return False

    def wake(self) -> None:
        """End the sleep: something was written, or has come."""
        self._woken.set()

    def run(self, stop: threading.Event, tick: Callable[[], None]) -> None:
        """Call `tick` until `stop` is set and `wake` was called. Whatever it raises ends this."""
        while True:
            self._woken.clear()
            if stop.is_set():
                return
            tick()
            at_ms = self.clock.steady_ms()
            if self._is_awake(at_ms):
                stop.wait(TICK_MS / 1000)
            else:
                self._woken.wait(max(0, self._left_ms()) / 1000)

    def _is_awake(self, at_ms: int) -> bool:
        return self._worked_ms is None or at_ms - self._changed_ms < AWAKE_MS

    def _may_sleep(self, at_ms: int) -> bool:
        """Whether nothing is due by time alone. Raises StoreError."""
        if self._worked_ms is None or at_ms - self._worked_ms >= NET_MS:
            return False
        return self._left_ms() > 0

    def _left_ms(self) -> int:
        """Return how long nothing becomes due, `GLANCE_MS` at most. Raises StoreError."""
        now_ms = self.clock.now_ms()
        if not self._asked:
            self._asked, self._due_ms = True, self.due_ms()
            if self._due_ms is not None and self._due_ms <= now_ms:
                self._due_ms = now_ms + AGAIN_MS
        return GLANCE_MS if self._due_ms is None else min(GLANCE_MS, self._due_ms - now_ms)
