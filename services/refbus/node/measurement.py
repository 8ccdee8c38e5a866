"""What the metrics say of a service is measured when somebody reads them, and when its clock works anyway."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from refbus.clock import Clock
from refbus.errors import RefbusError

_log = logging.getLogger("refbus.node.measurement")
FRESH_MS: Final = 5_000
"""So old may be what a page of metrics says of the store."""


class Measurement:
    """Calls `measure` from whichever thread asks, one at a time."""

    def __init__(self, clock: Clock, measure: Callable[[], None]) -> None:
        self._clock = clock
        self._measure = measure
        self._turn = threading.Lock()
        self._measured_ms: int | None = None

    def now(self) -> None:
        """Measure. Raises what `measure` raises."""
        with self._turn:
            self._measured_ms = self._clock.steady_ms()
            self._measure()

    def lately(self) -> None:
        """Measure unless that is only seconds ago. Of a store that does not answer, the page shows what was before."""
        if self._measured_ms is not None and self._clock.steady_ms() - self._measured_ms < FRESH_MS:
            return
        try:
            self.now()
        except RefbusError as error:
            _log.warning("the metrics are not of now: %s", error.code)
