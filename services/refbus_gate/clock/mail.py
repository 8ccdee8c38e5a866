"""Sends pings on a thread of its own, so that a slow mail server never delays a decision.

Each address is rung at least once. What is sent again, after a crash, has the same Message-ID, so a mailbox shows it
once.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from refbus.backoff import BackOff
from refbus.core.ids import OrgId
from refbus.core.units import HOUR_MS
from refbus.each import each
from refbus.errors import RefbusError, TransportError
from refbus.node.store import pings
from refbus.node.store.node import NodeStore
from refbus.node.store.pings import WaitingPing
from refbus.notify.book import AddressBook
from refbus.notify.message import Ping
from refbus.telemetry.labels import PingResult
from refbus.wire.transport import NoticeKind

_log = logging.getLogger("refbus.gate.pinging")
_LOOK_S = 5.0
"""How often pings that wait are looked at."""
_REST_S = 30.0
"""How often is looked for pings while none is known to wait; a new one wakes."""
_MOST = 20
WAITS = BackOff(first_ms=30_000, longest_ms=HOUR_MS)
MOST_ATTEMPTS = 48
"""With waits that double up to an hour: about two days."""


@dataclass(slots=True)
class Pinger:
    """Works off the pings of one node. `told` hears of every attempt."""

    store: NodeStore
    book: AddressBook
    now_ms: Callable[[], int]
    told: Callable[[PingResult], None] = field(default=lambda _result: None)
    _done: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    _woken: threading.Event = field(default_factory=threading.Event)

    def wake(self) -> None:
        """Tell that there is a new ping, or that `run` is to end."""
        self._woken.set()

    def turn(self) -> int:
        """Try every ping whose time has come, once; return how many."""
        with self.store.database.reading() as connection:
            waiting = pings.due(connection, self.now_ms(), _MOST)
        each(waiting, self._try, self._mistaken)
        return len(waiting)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set and `wake` was called."""
        while True:
            self._woken.clear()
            if stop.is_set():
                return
            while self.turn() == _MOST and not stop.is_set():
                pass
            self._woken.wait(_LOOK_S if self._any_waits() else _REST_S)

    def _any_waits(self) -> bool:
        with self.store.database.reading() as connection:
            return pings.any_waits(connection)

    def _try(self, waiting: WaitingPing) -> None:
        """Ring every address that was not rung before; one that is dead keeps no other from being rung."""
        ping, done = Ping(waiting.message_id, waiting.kind == NoticeKind.ALARM), self._done[waiting.number]
        addresses = self.book.of(OrgId(waiting.organisation))
        for address in addresses:
            if address not in done and self._sent(address, ping):
                done.add(address)
        if not done.issuperset(addresses):
            self._failed(waiting)
            return
        with self.store.database.writing() as connection:
            pings.end(connection, waiting)
        del self._done[waiting.number]
        if addresses:
            self.told(PingResult.SENT)

    def _mistaken(self, waiting: WaitingPing, error: RefbusError) -> None:
        """Put a ping off that cannot be tried at all: an address that is none, a mistake of ours."""
        _log.error("a ping could not be tried: %s %s", error.code, error.detail)
        self._failed(waiting)

    def _sent(self, address: str, ping: Ping) -> bool:
        try:
            self.book.send(address, ping)
        except TransportError as error:
            _log.warning("a ping could not be sent: %s", error)
            return False
        return True

    def _failed(self, waiting: WaitingPing) -> None:
        wait_ms = WAITS.wait_ms(waiting.attempts)
        with self.store.database.writing() as connection:
            over = pings.again(connection, waiting, self.now_ms() + wait_ms, MOST_ATTEMPTS)
        if over:
            self._done.pop(waiting.number, None)
        self.told(PingResult.GIVEN_UP if over else PingResult.FAILED)
