"""Sends pings on a thread of its own, so that a slow mail server never delays a decision.

Each is sent at least once. One that is sent again has the same Message-ID, so a mailbox shows it once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from refbus.core.ids import OrgId
from refbus.errors import TransportError
from refbus.notify.book import AddressBook
from refbus.notify.message import Ping
from refbus.store import pings
from refbus.store.node import NodeStore
from refbus.store.pings import WaitingPing
from refbus.telemetry.labels import PingResult
from refbus.wire.transport import NoticeKind

_log = logging.getLogger("refbus.gate.pinging")
_LOOK_S = 1.0
_MOST = 20
FIRST_WAIT_MS = 30_000
LONGEST_WAIT_MS = 3_600_000
MOST_ATTEMPTS = 48
"""With waits that double up to an hour: about two days."""


@dataclass(slots=True)
class Pinger:
    """Works off the pings of one node. `told` hears of every attempt."""

    store: NodeStore
    book: AddressBook
    now_ms: Callable[[], int]
    told: Callable[[PingResult], None] = field(default=lambda _result: None)

    def turn(self) -> int:
        """Try every ping whose time has come, once; return how many."""
        with self.store.database.reading() as connection:
            waiting = pings.due(connection, self.now_ms(), _MOST)
        for ping in waiting:
            self._try(ping)
        return len(waiting)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while not stop.wait(_LOOK_S):
            while self.turn() == _MOST and not stop.is_set():
                pass

    def _try(self, waiting: WaitingPing) -> None:
        urgent = waiting.kind == NoticeKind.ALARM
        try:
            sent = self.book.send(OrgId(waiting.organisation), Ping(waiting.message_id, urgent))
        except TransportError as error:
            self._failed(waiting, error)
            return
        with self.store.database.writing() as connection:
            pings.end(connection, waiting.number)
        if sent:
            self.told(PingResult.SENT)

    def _failed(self, waiting: WaitingPing, error: TransportError) -> None:
        _log.warning("a ping could not be sent: %s", error)
        over = waiting.attempts + 1 >= MOST_ATTEMPTS
        wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(waiting.attempts, 16))
        with self.store.database.writing() as connection:
            if over:
                pings.end(connection, waiting.number)
            else:
                pings.again(connection, waiting.number, self.now_ms() + wait_ms)
        self.told(PingResult.GIVEN_UP if over else PingResult.FAILED)
