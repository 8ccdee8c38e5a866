"""Which rows a pump may send now. No I/O: rows and delivery reports go in, rows to send come out.

A lane is what must stay in order: a case on its way over a border, an inbox, a topic of the own country. Rows that a
gate must confirm go one at a time; others go in waves, each of which the broker takes or refuses as a whole. A lane
that fails is parked with back-off, forgets its rows and goes on one row at a time; no other lane waits for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from refbus.backoff import BackOff
from refbus.node.store.outgoing import Waiting

PIPELINE = 64
"""Most rows of a wave."""
WAVE_BYTES = 800_000
"""Most bytes of a wave with more than one row, so that it is one batch for the broker (docs/adr/0022-waves.md)."""
_WAITS = BackOff(first_ms=250, longest_ms=60_000)


@dataclass(slots=True)
class _Lane:
    """Rows of one lane, oldest first; the first `in_flight` of them are with the client.

    While `stored` the store has rows of the lane that are older than what the pump reads next, so that new ones are
    not taken up until those are here.
    """

    rows: deque[Waiting] = field(default_factory=deque)
    in_flight: int = 0
    failures: int = 0
    failed: bool = False
    stored: bool = False
    refill_at_ms: int = 0

    def wave(self) -> list[Waiting]:
        """Return the rows to send now: none while others are under way, one where order must be seen."""
        if self.failed or self.in_flight or not self.rows:
            return []
        if self.rows[0].confirmed or self.failures:
            return [self.rows[0]]
        wave: list[Waiting] = []
        size = 0
        for row in islice(self.rows, PIPELINE):
            size += len(row.value)
            if wave and (size > WAVE_BYTES or row.confirmed):
                break
            wave.append(row)
        return wave


class Lanes:
    """Rows that a pump holds in memory. Everything here can be lost: the store knows what is unsent."""

    def __init__(self) -> None:
        self._lanes: dict[bytes, _Lane] = {}
        self._ids: set[int] = set()
        self._touched: deque[bytes] = deque()  # lanes that may have something to send
        self._parked: dict[bytes, None] = {}  # lanes whose older rows are in the store alone, in order
        self.in_flight = 0

    def __len__(self) -> int:
        """Return how many rows are held."""
        return len(self._ids)

    @property
    def parked(self) -> int:
        """How many lanes wait to be read from the store again."""
        return len(self._parked)

    def add(self, row: Waiting) -> None:
        """Take a row up, unless it is here already or older ones of its lane are not."""
        lane = self._lanes.setdefault(row.lane, _Lane())
        if row.id not in self._ids and not lane.stored:
            self._keep(row, lane)

    def sendable(self) -> Iterator[Waiting]:
        """Yield rows to send now; each counts as in flight from then on."""
        for _ in range(len(self._touched)):
            lane = self._lanes.get(self._touched.popleft())
            if lane is None:
                continue
            for row in lane.wave():
                lane.in_flight += 1
                self.in_flight += 1
                yield row

    def delivered(self, row: Waiting) -> bool:
        """Note the error-free delivery report of a row. False: one before it failed, and it will be sent again."""
        lane = self._lanes[row.lane]
        counts = not lane.failed
        if counts:
            lane.failures = 0
            lane.rows.remove(row)
            self._ids.discard(row.id)
        self._reported(row.lane, lane, 0)
        return counts

    def failed(self, row: Waiting, steady_ms: int) -> None:
        """Note that a row was refused or its fate is unknown: the lane waits for its other reports, then is parked."""
        lane = self._lanes[row.lane]
        lane.failed = True
        self._reported(row.lane, lane, steady_ms)

    def to_refill(self, steady_ms: int) -> list[bytes]:
        """Return the lanes whose rows are to be read from the store again now."""
        return [name for name in self._parked if self._lanes[name].refill_at_ms <= steady_ms]

    def refill(self, name: bytes, rows: Sequence[Waiting], *, complete: bool) -> None:
        """Take up what the store has of a lane; `complete` tells that it has no older rows than the pump reads next."""
        lane = self._lanes[name]
        lane.stored, lane.refill_at_ms = not complete, 0
        self._parked.pop(name, None)
        for row in rows:
            self._keep(row, lane)
        if not rows:
            del self._lanes[name]

    def _keep(self, row: Waiting, lane: _Lane) -> None:
        lane.rows.append(row)
        self._ids.add(row.id)
        self._touched.append(row.lane)

    def _reported(self, name: bytes, lane: _Lane, steady_ms: int) -> None:
        lane.in_flight -= 1
        self.in_flight -= 1
        if lane.failed and lane.in_flight == 0:
            self._park(name, lane, steady_ms)
        elif lane.rows:
            self._touched.append(name)
        elif lane.stored:
            self._parked[name] = None
        else:
            del self._lanes[name]

    def _park(self, name: bytes, lane: _Lane, steady_ms: int) -> None:
        lane.failed, lane.stored = False, True
        lane.failures += 1
        lane.refill_at_ms = steady_ms + _WAITS.wait_ms(lane.failures)
        self._ids.difference_update(row.id for row in lane.rows)
        lane.rows.clear()
        self._parked[name] = None
