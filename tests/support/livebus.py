"""The bus in memory for services that run by themselves: a read waits for records, and each service has its own line.

bus = LiveBus(clock)
line = bus.line()          # the same topics, reached in another way
line.down = True           # that service alone reaches no broker
line.refusing.add(topic)   # what it writes there is not taken
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from refbus.bus.address import TlsFiles
from refbus.bus.certificates import end_ms
from refbus.bus.cluster import unheard
from refbus.bus.memory import MemoryBus, MemoryReader
from refbus.bus.port import Record, Told
from refbus.errors import Code, RefbusError, TransportError


class LiveBus(MemoryBus):
    """Topics that several threads write to and wait for. `tls` is the folder of a certificate on the disk."""

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__(clock=clock)
        self.news = threading.Condition(threading.RLock())
        self.refusing: set[str] = set()
        self.tls: Path | None = None

    def line(self) -> LiveBus:
        """Return another way to the same topics, with faults of its own."""
        line = LiveBus(self._clock)
        line._logs, line.group_offsets, line.news = self._logs, self.group_offsets, self.news
        return line

    def alone(self, topic: str, *, empty: bool = False) -> None:
        """Give this line a copy of a topic, or an empty one: from here on its broker shows something else."""
        log = self.log(topic)
        self._logs = {**self._logs, topic: replace(log, records=[] if empty else list(log.records))}

    def put(self, topic: str, value: bytes) -> None:
        """Store a value at once, past every fault, and wake who waits."""
        with self.news:
            super().put(topic, value)
            self.news.notify_all()

    def store(self, topic: str, value: bytes) -> RefbusError | None:
        """Write one value, unless this line is refused there, and wake who waits."""
        if topic in self.refusing:
            return TransportError(Code.BROKER_REFUSED, "refused by order")
        with self.news:
            failure = super().store(topic, value)
            self.news.notify_all()
        return failure

    def reader(self, topic: str, told: Told = unheard) -> LiveReader:
        """Return a new reader at the beginning of `topic`; it waits for records as long as it is told to."""
        return LiveReader(self, topic, told)

    def certificate_end_ms(self) -> int | None:
        """Return when the certificate in the folder ends, UTC ms; None without one."""
        return None if self.tls is None else end_ms(TlsFiles.in_folder(self.tls))


class LiveReader(MemoryReader):
    """Reads one topic, and waits for records."""

    def __init__(self, bus: LiveBus, topic: str, told: Told = unheard) -> None:
        super().__init__(bus, topic, told)
        self._news = bus.news

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return the next records; when there are none, wait for some for so long."""
        found = super().read(max_records, 0)
        if found or not timeout_s:
            return found
        with self._news:
            self._news.wait(timeout_s)
        return super().read(max_records, 0)
