"""An office whose gateway runs all the time, as `refbus run` does, and has a turn when it is given one.

It hears of what arrives and of what a command wrote as everywhere: a reader waits in a thread, and a bell rings.
"""

from __future__ import annotations

import threading

from bench.trips import Office
from refbus import bell
from refbus.bus.cluster import unheard
from refbus.bus.memory import MemoryBus, MemoryReader
from refbus.bus.port import Record, Told
from refbus_gateway.store import positions
from refbus_gateway.sync.daemon import Daemon


class WaitingBus(MemoryBus):
    """A bus in memory whose readers wait for what arrives, as those of a broker do."""

    @property
    def arrived(self) -> threading.Condition:
        """Told of each record that is put."""
        found: threading.Condition = self.__dict__.setdefault("_arrived", threading.Condition())
        return found

    def put(self, topic: str, value: bytes) -> None:
        """Store a value, and wake whoever waits."""
        with self.arrived:
            super().put(topic, value)
            self.arrived.notify_all()

    def reader(self, topic: str, told: Told = unheard) -> _Waiting:
        """Return a new reader at the beginning of `topic`."""
        return _Waiting(self, topic, told)


class _Waiting(MemoryReader):
    def __init__(self, bus: WaitingBus, topic: str, told: Told) -> None:
        super().__init__(bus, topic, told)
        self._arrived = bus.arrived

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        with self._arrived:
            records = super().read(max_records, 0)
            if not records and timeout_s:
                self._arrived.wait(timeout_s)
                records = super().read(max_records, 0)
        return records


class StandingOffice:
    """The gateway of an office, open and running."""

    def __init__(self, office: Office) -> None:
        """Open the home and begin."""
        self.office = office
        self.gateway = office.open()
        self._daemon = Daemon(self.gateway, office.bus, self.gateway.home.config())
        self._may, self._did = threading.Semaphore(0), threading.Semaphore(0)
        self._ends = self._rung = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._did.acquire()

    def ring(self) -> None:
        """Let the gateway hear that something was written, as a command does."""
        bell.ring(self.gateway.home.bell_path)
        self._rung = True

    def has_work(self) -> bool:
        """Whether something was written since its last turn, or waits in its inbox."""
        topic = self.gateway.inbox_topic
        with self.gateway.store.read() as tx:
            known = positions.position(tx, topic)
        return self._rung or (known.next_offset if known else 0) < self.office.bus.end(topic)

    def turn(self) -> None:
        """Let it have one turn."""
        self._rung = False
        self._may.release()
        self._did.acquire()

    def close(self) -> None:
        """End it, and close the home."""
        self._ends = True
        self._may.release()
        self._thread.join()
        self._daemon.close()
        self.gateway.close()

    def _run(self) -> None:
        try:
            self._daemon.run(self._stops)
        finally:
            self._did.release()

    def _stops(self) -> bool:
        """Wait for the next turn: it is asked before each."""
        self._did.release()
        self._may.acquire()
        return self._ends
