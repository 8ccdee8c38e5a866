"""When faults happen: at marks on the way of the load, so that events flow between any two of them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

from kafka.patience import Patience

FAULT_S = 90.0
"""How long the load waits at a mark for the fault before it, on a machine that has a core for everybody."""

Fault = Callable[[], None]


class FaultFailedError(Exception):
    """A fault could not be injected or did not end."""


class Timeline:
    """Starts each fault when the load reaches its mark; the load goes on meanwhile, up to the next mark."""

    def __init__(self, rng: random.Random, faults: Sequence[Fault], events: int) -> None:
        """Spread the faults over the first five sixths of `events`, each at a place of its own stretch."""
        stretch = events * 5 / 6 / max(1, len(faults))
        self._marks = [int(stretch * (number + rng.random())) for number in range(len(faults))]
        self._faults = list(faults)
        self._running: threading.Thread | None = None
        self._failure: Exception | None = None

    def advance(self, sent: int) -> None:
        """Start the faults whose mark is reached. Raises FaultFailedError."""
        while self._marks and self._marks[0] <= sent:
            self._join()
            self._marks.pop(0)
            self._running = threading.Thread(target=self._strike, args=(self._faults.pop(0),), daemon=True)
            self._running.start()

    def finish(self) -> None:
        """Inject what is left and wait for the last fault. Raises FaultFailedError."""
        self._marks = [0] * len(self._faults)
        self.advance(0)
        self._join()

    def _strike(self, fault: Fault) -> None:
        try:
            fault()
        except Exception as error:  # noqa: BLE001 - told to the load, which ends the scenario
            self._failure = error

    def _join(self) -> None:
        if self._running is not None:
            patience = Patience(FAULT_S)
            while self._running.is_alive():
                if not patience.holds():
                    raise FaultFailedError("a fault did not end")
                self._running.join(0.1)
        if self._failure is not None:
            raise FaultFailedError(f"{type(self._failure).__name__}: {self._failure}") from self._failure
