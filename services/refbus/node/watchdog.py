"""Ends a service that stands still although it could work; something outside starts it again.

Standing still is: records wait, broker and store answer, and no position has moved for the time that the settings give.
A broker or store that does not answer is not its fault, and restarting would not help.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from refbus.bus.port import Reader
from refbus.clock import Clock
from refbus.errors import RefbusError
from refbus.node.consuming import Consumer

_log = logging.getLogger("refbus.node.watchdog")
LOOK_S = 2.0


class Testable(Protocol):
    """A store that can say whether it works."""

    def self_test(self) -> None:
        """Raise StoreError when it does not."""
        ...


@dataclass(slots=True)
class Watchdog:
    """Looks at positions and lag. `look` is one look, and all that tests need."""

    consumers: Sequence[Consumer]
    readers: Mapping[str, Reader]
    store: Testable
    patience_ms: int
    clock: Clock
    lag: dict[str, int] = field(default_factory=dict)
    progress_ms: int = 0
    _positions: tuple[int, ...] = ()
    _moved_ms: int | None = None

    def look(self) -> bool:
        """Return whether the service stands still and must end."""
        steady_ms = self.clock.steady_ms()
        positions = tuple(consumer.next_offset for consumer in self.consumers)
        try:
            ends = [self.readers[consumer.topic].end_offset() for consumer in self.consumers]
            self.store.self_test()
        except RefbusError as error:
            _log.warning("not watching: %s", error.code)
            self._moved(steady_ms)
            return False
        topics = [consumer.topic for consumer in self.consumers]
        self.lag = {topic: max(0, end - at) for topic, end, at in zip(topics, ends, positions, strict=True)}
        if positions != self._positions or not any(self.lag.values()):
            self._positions = positions
            self._moved(steady_ms)
        return self._moved_ms is not None and steady_ms - self._moved_ms >= self.patience_ms

    def _moved(self, steady_ms: int) -> None:
        """Note that the service is not standing still now."""
        self._moved_ms, self.progress_ms = steady_ms, self.clock.now_ms()

    def at_the_end(self) -> bool:
        """Whether there is nothing to read in any source now; False when the broker does not answer."""
        try:
            return all(self.readers[consumer.topic].end_offset() <= consumer.next_offset for consumer in self.consumers)
        except RefbusError:
            return False

    def run(self, stop: threading.Event, end: Callable[[str], None]) -> None:
        """Look until `stop` is set; call `end` when the service stands still."""
        while not stop.wait(LOOK_S):
            if self.look():
                end("WATCHDOG_STALLED: records wait and no position moves")
