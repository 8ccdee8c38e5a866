"""Waiting for the records of one topic in a thread, so that whoever else has something for this process can ring.

The client of the broker waits in one place only: while it does, nothing else ends the wait.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from refbus.bell import Bell
from refbus.bus.port import Reader, Record

_SLICE_S: Final = 2.0
"""Longest wait of the client before it is asked whether it shall go on."""


class Listener:
    """One question to a reader at a time. While one is under way (`is_asking`) nobody else may use the reader."""

    def __init__(self, reader: Reader, bell: Bell, most: int) -> None:
        """`most`: records at a time."""
        self._reader = reader
        self._bell = bell
        self._most = most
        self._enough = threading.Event()
        self._pool = ThreadPoolExecutor(1, "listening")
        self._asked: Future[list[Record]] | None = None

    @property
    def is_asking(self) -> bool:
        """Whether a question is under way, or its answer was not taken yet."""
        return self._asked is not None

    def ask(self) -> None:
        """Ask for records unless a question is under way; the bell rings when they are here, or why there are none."""
        if self._asked is None:
            self._enough.clear()
            self._asked = self._pool.submit(self._read)
            self._asked.add_done_callback(lambda _: self._bell.ring())

    def take(self) -> list[Record]:
        """Return the records that have come, none while the question is under way. Raises what the reader raised."""
        if self._asked is None or not self._asked.done():
            return []
        asked, self._asked = self._asked, None
        return asked.result()

    def rest(self) -> None:
        """Come back from the question that is under way: the reader is free, what has come is to be taken."""
        self._enough.set()
        if self._asked is not None:
            wait([self._asked])

    def close(self) -> None:
        """End the thread."""
        self.rest()
        self._pool.shutdown()

    def _read(self) -> list[Record]:
        while not self._enough.is_set():
            began = time.monotonic()
            records = self._reader.read(self._most, _SLICE_S)
            if records:
                return records
            self._enough.wait(max(0.0, began + _SLICE_S - time.monotonic()))  # a reader that did not wait
        return []
