"""The threads of a service: whatever one of them raises ends the process, and something outside starts it again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger("refbus.node.threads")
_STOP_S = 10.0


class Threads:
    """Starts threads that share one `stop` event; `end` is told why the process must end."""

    def __init__(self, end: Callable[[str], None]) -> None:
        self.stop = threading.Event()
        self._end = end
        self._threads: list[threading.Thread] = []

    def start(self, name: str, task: Callable[[threading.Event], None]) -> None:
        """Run `task(stop)` in a thread of its own until it returns."""

        def guarded() -> None:
            try:
                task(self.stop)
            except Exception as error:  # noqa: BLE001 - whatever it is, the process ends and is started again
                _log.exception("%s failed", name)
                self._end(f"{name} failed: {type(error).__name__}")

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        """Set `stop` and wait for every thread, ten seconds at most for each."""
        self.stop.set()
        for thread in self._threads:
            thread.join(_STOP_S)
