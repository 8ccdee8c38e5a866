"""Pumps: one per destination, each the only owner of its rows, in a thread of its own.

A row leaves the store (or starts to wait for the hop receipt) only after its own error-free delivery report: flush
returns 0 even when a record was refused. A crash anywhere repeats records; no reader gives a repeat a second effect.
So what arrived is written down for several deliveries at once, a moment later
(docs/adr/0102-marks-that-wait.md).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from refbus.backoff import BackOff
from refbus.bus.port import Producer
from refbus.clock import Clock
from refbus.core.units import HOUR_MS
from refbus.errors import RefbusError, TransportError
from refbus.node.store import delivered, outgoing
from refbus.node.store.node import NodeStore
from refbus.node.store.outgoing import Waiting
from refbus_gate.deliver.lanes import PIPELINE, Lanes
from refbus_gate.names import family

_log = logging.getLogger("refbus.gate.pump")

MOST_HELD = 1000
"""Rows that a pump keeps in memory."""
MOST_PARKED = 50_000
"""Lanes that a pump remembers to have failed; with more of them it reads nothing new until some have gone."""
_FLUSH_S = 0.1
_IDLE_S = 5.0
"""Longest wait for `wake` while something waits: for its receipt, or for its lane to be tried again."""
_REST_S = 30.0
"""Longest wait while nothing does: what was put back by an order is looked for then."""
MARK_MS = 200
"""So long a running gate waits for more deliveries before it writes down which arrived; each write flushes the disk."""
LINGER_S = 1.0
"""How long the client may wait for more of a wave; flushing ends the wait."""


@dataclass(frozen=True, slots=True)
class PumpSettings:
    """How a pump behaves. `resend_ms` is the first wait for a hop receipt; it doubles up to `longest_resend_ms`.

    `mark_ms`: so long what has arrived may wait to be written down; a crash meanwhile sends it again.
    """

    resend_ms: int = 30_000
    longest_resend_ms: int = HOUR_MS
    mark_ms: int = 0

    def wait_ms(self, attempts: int) -> int:
        """Return how long the receipt of a row may take after this many attempts."""
        return BackOff(self.resend_ms, self.longest_resend_ms).wait_ms(attempts)


class Pump:
    """Delivers the rows of one destination. `turn` does one round and is all that tests need."""

    def __init__(
        self,
        store: NodeStore,
        destination: str,
        connect: Callable[[], Producer],
        clock: Clock,
        settings: PumpSettings | None = None,
    ) -> None:
        self._store = store
        self._destination = destination
        self._connect = connect
        self._producer: Producer | None = None
        self._now_ms = clock.now_ms
        self._steady_ms = clock.steady_ms
        self._settings = settings or PumpSettings()
        self._lanes = Lanes()
        self._cursor = 0
        self._marks: list[Waiting] = []
        self._marked_by_ms: int | None = None
        self._doubted = 0
        self._overdue_at_ms: int | None = None
        self._wake = threading.Event()
        self._over = threading.Event()
        self.failures: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()

    def wake(self) -> None:
        """Tell the pump that there are new rows."""
        self._wake.set()

    def leave(self) -> None:
        """Tell the pump that its destination is no member any more: it ends, and the store keeps what is left."""
        self._over.set()
        self.wake()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set or `leave` is called. Raises StoreError; what the broker does never ends it."""

        def ends() -> bool:
            return stop.is_set() or self._over.is_set()

        while not ends():
            if not (self.turn() or ends()):  # once more: the turn may have taken the wake that came with the end
                self._sleep()
        self.close()

    def turn(self) -> bool:
        """Read, send, take reports, mark. Return whether anything is still under way."""
        self._wake.clear()
        self._read(self._steady_ms())
        self._store.database.require_lead()  # whoever was frozen meanwhile hands nothing over any more
        for row in self._lanes.sendable():
            self._send(row)
        if self._lanes.in_flight:
            self._connected().flush(_FLUSH_S)  # sends at once what is queued, so that a wave is one batch
        if self._marks_are_due():
            self._mark()
        return bool(self._lanes.in_flight or len(self._lanes))

    def _sleep(self) -> None:
        """Wait for `wake`, or until it is time to write down or try again; the store is asked when nothing woke."""
        if self._marked_by_ms is not None:
            self._wake.wait(max(0, self._marked_by_ms - self._steady_ms()) / 1000)
        elif not self._wake.wait(_IDLE_S) and not self._waits():
            self._wake.wait(_REST_S - _IDLE_S)

    def _waits(self) -> bool:
        """Whether something is to be tried again at its time."""
        return bool(self._lanes.parked) or outgoing.awaits(self._store, self._destination)

    def _marks_are_due(self) -> bool:
        """Whether what arrived is written down now.

        A row that was here when a delivery failed may be with the broker twice, and is not left to wait: its inbox
        would be longer than this store explains after a crash, as that of a copy is (`refbus_gate.restored`).
        """
        if not self._marks:
            return False
        if self._marked_by_ms is None:
            self._marked_by_ms = self._steady_ms() + self._settings.mark_ms
        many = len(self._marks) >= PIPELINE or any(row.id <= self._doubted for row in self._marks)
        return many or self._steady_ms() >= self._marked_by_ms

    def close(self) -> None:
        """Take the reports that are still due, mark, and give the rest up: the store keeps it."""
        if self._producer is not None:
            self._producer.flush(2.0)
            self._mark()
            self._producer.close()
            self._producer = None

    def _read(self, steady_ms: int) -> None:
        """Take up rows: what was parked, what came since, and from time to time what was never confirmed."""
        overdue = self._overdue_at_ms is None or steady_ms >= self._overdue_at_ms
        parked = self._lanes.to_refill(steady_ms)
        if overdue or parked:
            self._mark()  # what has arrived is not read as if it had not
        for lane in parked:
            rows = outgoing.of_lane(self._store, self._destination, lane, self._cursor, PIPELINE)
            self._lanes.refill(lane, rows, complete=len(rows) < PIPELINE)
        room = MOST_HELD - len(self._lanes)
        if room > 0 and self._lanes.parked < MOST_PARKED:
            rows = outgoing.fresh(self._store, self._destination, self._cursor, room)
            for row in rows:
                self._lanes.add(row)
                self._cursor = row.id
        if overdue:
            self._overdue_at_ms = steady_ms + min(1000, self._settings.resend_ms)
            for row in outgoing.again(self._store, self._destination, self._now_ms(), PIPELINE):
                self._lanes.add(row)

    def _send(self, row: Waiting) -> None:
        try:
            self._connected().produce(row.topic, row.value, partial(self._report, row))
        except TransportError as error:
            self._report(row, error)

    def _report(self, row: Waiting, error: RefbusError | None) -> None:
        if error is not None:
            self.failures[error.code] += 1
            self._doubted = self._cursor
            _log.warning("a row for %s was not delivered: %s", self._destination, error.code)
            self._lanes.failed(row, self._steady_ms())
        elif self._lanes.delivered(row):
            self.delivered[family(row.topic)] += 1
            self._marks.append(row)

    def _mark(self) -> None:
        """Write down what arrived, many rows in one transaction. What a crash leaves unwritten is sent again."""
        if not self._marks:
            return
        now_ms = self._now_ms()
        with self._store.database.writing() as connection:
            waits = [self._settings.wait_ms(row.attempts) for row in self._marks]
            outgoing.arrived(connection, self._marks, now_ms, waits)
            delivered.note(connection, self._inbox_ends())
        self._marks.clear()
        self._marked_by_ms = None

    def _inbox_ends(self) -> dict[str, int]:
        """Return how far the inboxes are written that have new records: what `refbus_gate.restored` compares."""
        topics = {row.topic for row in self._marks if family(row.topic) == "inbox"}
        ends = ((topic, self._connected().reported_end(topic)) for topic in topics)
        return {topic: end for topic, end in ends if end is not None}

    def _connected(self) -> Producer:
        if self._producer is None:
            self._producer = self._connect()
        return self._producer
