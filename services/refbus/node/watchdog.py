"""Ends a service that stands still although it could work; something outside starts it again.

Standing still is: records wait, broker and store answer, and no position has moved for the time that the settings give.
A broker or store that does not answer is not its fault, and restarting would not help.

A service whose topic has lost its end at the broker stands still in silence: its driver passes over what comes under
numbers that it has had. It ends, and its start reads again what the log has.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from refbus.bus.port import Offsets, ends_below
from refbus.clock import Clock
from refbus.errors import Code, RefbusError, StoreError
from refbus.node.counted_on import PATIENCE_S
from refbus.node.store.rows import Position
from refbus.node.topic_reader import Consumer

_log = logging.getLogger("refbus.node.watchdog")
LOOK_S = 2.0
REST_MS = 8_000
"""How often is looked while nothing waits and no position moves; shorter than `READY_MS` by what a look may take."""
ALIVE_MS = 120_000
"""A service whose watchdog has not even tried to look for so long hangs: start it again."""
READY_MS = 20_000
"""A service is ready while its last look came to its end, no longer ago than this.

What its store takes is known as of at most `TEST_MS` before, if nothing waits."""
TEST_MS = 30_000
"""How often the store is tested while no record waits."""
OPEN_LONG_MS = 20_000
"""A transaction that is open for so long is named: no member of the system writes in one."""
COMPARE_MS = 60_000
"""How often the record before a position of then is looked at: a log that was cut may have grown again since."""


class Testable(Protocol):
    """A store that can say whether it works."""

    def self_test(self) -> None:
        """Raise StoreError when it does not."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the sources ended at a moment, UTC ms: what is decided up to there is all that was written before."""

    at_ms: int
    ends: Mapping[str, int]


@dataclass(slots=True)
class Watchdog:
    """Looks at positions, lag and open transactions. `look` is one look, and all that tests need.

    `seen_ms` is the moment (UTC) of the last look that came to its end; while it ages, nobody watches.
    """

    consumers: Sequence[Consumer]
    offsets: Mapping[str, Offsets]
    store: Testable
    patience_ms: int
    clock: Clock
    lag: dict[str, int] = field(default_factory=dict)
    progress_ms: int = 0
    seen_ms: int = 0
    cut: str = ""
    """The topic of which the broker has lost what was decided, once that is certain."""
    open_since_ms: int | None = None
    _positions: tuple[int, ...] = ()
    _moved_ms: int | None = None
    _seen_ms: int | None = None  # as `seen_ms`, on the clock that never jumps
    _whole_ms: int | None = None  # steady: the last look that came to its end
    _blind_ms: int | None = None  # steady: since when nobody answers; None while no look is under way or has failed
    _rests: bool = False  # whether the last look found nothing that waits, and that nothing had moved
    _tried_ms: int | None = None  # steady: the last look, whatever came of it
    _open: dict[str, tuple[int, int]] = field(default_factory=dict)  # topic -> offset, steady ms
    _short: dict[str, int] = field(default_factory=dict)  # topic that ends below its position -> since steady ms
    _compared_ms: int | None = None
    _tested_ms: int | None = None  # steady: when the store was last found to work
    _before: dict[str, Position] = field(default_factory=dict)  # what was decided at the last comparison
    _named: set[tuple[str, int]] = field(default_factory=set)
    _mark: Mark | None = None
    _asking: threading.Lock = field(default_factory=threading.Lock)  # a reader answers one thread at a time

    def watch(self, consumer: Consumer, offsets: Offsets) -> None:
        """Watch one more topic, from the next look on."""
        with self._asking:
            self.consumers = (*(each for each in self.consumers if each.topic != consumer.topic), consumer)
            self.offsets = {**self.offsets, consumer.topic: offsets}
            self._mark = None

    def unwatch(self, topic: str) -> None:
        """Watch a topic no more: nothing is waited for that comes from there."""
        with self._asking:
            self.consumers = tuple(each for each in self.consumers if each.topic != topic)
            self.offsets = {name: asked for name, asked in self.offsets.items() if name != topic}
            self._mark = None

    def look(self) -> bool:
        """Return whether the service stands still and must end."""
        steady_ms = self._tried_ms = self.clock.steady_ms()
        self._blind_ms, self._rests = self._blind_ms or steady_ms, False
        try:
            with self._asking:
                positions = self._where()
                ends = self._ends()
                self._transactions(steady_ms)
                self._cuts(ends, steady_ms)
            lag = {topic: max(0, end - at) for (topic, end), at in zip(ends.items(), positions, strict=True)}
            self._test(steady_ms, waits=any(lag.values()))
        except RefbusError as error:
            _log.warning("not watching: %s", error.code)
            self._moved(steady_ms)
            if self._seen_ms is None:
                self._seen(steady_ms)
            self._blind_ms = self._seen_ms
            return False
        self._seen(steady_ms)
        self._whole_ms, self._blind_ms = steady_ms, None
        waited, waits = any(self.lag.values()), any(lag.values())
        self.lag = lag
        self._rests = positions == self._positions and not (waits or self._open or self._short)
        if positions != self._positions or not (waited and waits):  # patience begins when it is first seen to wait
            self._positions = positions
            self._moved(steady_ms)
        return bool(self.cut) or (self._moved_ms is not None and steady_ms - self._moved_ms >= self.patience_ms)

    def is_due(self) -> bool:
        """Return whether it is time to look: always, and less often while nothing waits and nothing moves.

        What arrives moves a position. What arrives and is not even taken is found by the next look all the same.
        """
        if not self._rests or self._tried_ms is None or self._where() != self._positions:
            return True
        return self.clock.steady_ms() - self._tried_ms >= REST_MS

    def _where(self) -> tuple[int, ...]:
        return tuple(consumer.next_offset for consumer in self.consumers)

    def _test(self, steady_ms: int, *, waits: bool) -> None:
        """Let the store show that it takes what is written: while records wait, and now and then. Raises StoreError."""
        if waits or self._tested_ms is None or steady_ms - self._tested_ms >= TEST_MS:
            self._tested_ms = None
            self.store.self_test()
            self._tested_ms = steady_ms

    @property
    def why(self) -> str:
        """Why the service must end."""
        if self.cut:
            return f"{Code.LOG_TRUNCATED}: the broker has lost the end of {self.cut}; the start reads again what it has"
        return "WATCHDOG_STALLED: records wait and no position moves"

    def _cuts(self, ends: Mapping[str, int], steady_ms: int) -> None:
        """Note a topic of which the broker has lost what was decided. Its leader must say so for a while."""
        before, self._short = self._short, {}
        for consumer in self.consumers:
            topic, shift, known = consumer.topic, consumer.shift, consumer.known
            if known is None or not ends_below(self.offsets[topic], ends[topic] - shift, known.next_offset - shift):
                continue
            self._short[topic] = before.get(topic, steady_ms)
            if steady_ms - self._short[topic] >= PATIENCE_S * 1000:
                self._is_cut(consumer)
        if self._compared_ms is None or steady_ms - self._compared_ms >= COMPARE_MS:
            self._compared_ms = steady_ms
            self._compare()

    def _compare(self) -> None:
        """Look whether the broker still has what was decided at the last comparison."""
        for consumer in self.consumers:
            known = self._before.get(consumer.topic)
            if known is not None and consumer.is_other_log(known):
                self._is_cut(consumer)
            if consumer.known is not None:
                self._before[consumer.topic] = consumer.known

    def _is_cut(self, consumer: Consumer) -> None:
        """Note that a topic has lost what was decided: here for the end, in the store for the next start."""
        if not self.cut:
            self.cut = consumer.topic
            with suppress(StoreError):  # the consumer has moved on meanwhile, and notes it with its next record
                consumer.doubt()

    def _moved(self, steady_ms: int) -> None:
        """Note that the service is not standing still now."""
        self._moved_ms, self.progress_ms = steady_ms, self.clock.now_ms()

    def _seen(self, steady_ms: int) -> None:
        """Note that everything was looked at, or, at the first look, that it was tried."""
        self._seen_ms, self.seen_ms = steady_ms, self.clock.now_ms()

    def lives(self) -> bool:
        """Return whether somebody watches; before the first look that is taken as given."""
        return self._tried_ms is None or self.clock.steady_ms() - self._tried_ms < ALIVE_MS

    def is_ready(self) -> bool:
        """Return whether broker and store answered just now."""
        return self._whole_ms is not None and self.clock.steady_ms() - self._whole_ms < READY_MS

    def read_until_ms(self) -> int | None:
        """Return up to which moment, UTC ms, every source is decided; None when that is not known now.

        Where the sources end is asked once and then waited for: under a steady flow their end of now is never reached.
        """
        mark, consumers = self._mark or self._marked(), self.consumers
        self._mark = mark
        if mark is None or any(consumer.next_offset < mark.ends.get(consumer.topic, 0) for consumer in consumers):
            return None
        self._mark = None
        return mark.at_ms

    def behind(self) -> str:
        """Return, for the log, what keeps the sources from being read to their end as of the last look."""
        waiting = [f"{topic} {records} records" for topic, records in sorted(self.lag.items()) if records]
        opened = [f"{topic} an open transaction at {offset}" for topic, (offset, _) in sorted(self._open.items())]
        since_ms = self._blind_ms
        blind_s = 0 if since_ms is None else (self.clock.steady_ms() - since_ms) // 1000
        blind = [f"the broker or the store has not answered for {blind_s} s"] if blind_s > 3 * LOOK_S else []
        return ", ".join((*waiting, *opened, *blind)) or "nothing is known to wait"

    def run(self, stop: threading.Event, end: Callable[[str], None], also: Callable[[], None] = lambda: None) -> None:
        """Look when it is due until `stop` is set, and do `also` often; call `end` when the service stands still."""
        while not stop.wait(LOOK_S):
            if self.is_due() and self.look():
                end(self.why)
            also()

    def _marked(self) -> Mark | None:
        """Return where the sources end now; None while something in them waits behind an open transaction."""
        try:
            with self._asking:
                mark = Mark(self.clock.now_ms(), self._ends())
                blocked = any(self.offsets[consumer.topic].open_transaction() for consumer in self.consumers)
        except RefbusError:
            return None
        return None if blocked else mark

    def _ends(self) -> dict[str, int]:
        """Return where the sources end, as the service counts."""
        ends = {consumer.topic: self.offsets[consumer.topic].end_offset() for consumer in self.consumers}
        return {consumer.topic: ends[consumer.topic] + consumer.shift for consumer in self.consumers}

    def _transactions(self, steady_ms: int) -> None:
        """Note since when transactions are open, and name one that is open for long, once."""
        before, self._open = self._open, {}
        for topic in (consumer.topic for consumer in self.consumers):
            found = self.offsets[topic].open_transaction()
            if found is None:
                continue
            known = before.get(topic)
            since_ms = known[1] if known is not None and known[0] == found.offset else steady_ms
            self._open[topic] = found.offset, since_ms
            if steady_ms - since_ms >= OPEN_LONG_MS and (topic, found.offset) not in self._named:
                self._named.add((topic, found.offset))
                place = (Code.TRANSACTION_OPEN, topic, found.offset, found.held, found.producer)
                _log.error("%s: %s from offset %d on, %d offsets wait, producer %s of the broker", *place)
        self._named &= {(topic, offset) for topic, (offset, _) in self._open.items()}
        oldest = min((since for _, since in self._open.values()), default=None)
        self.open_since_ms = None if oldest is None else self.clock.now_ms() - (steady_ms - oldest)
