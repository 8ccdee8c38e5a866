"""Pings from the store: sent once, tried again under the same id, given up in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from refbus.core.ids import OrgId
from refbus.crypto.secretbox import StateKey
from refbus.errors import Code, TransportError
from refbus.notify.book import AddressBook
from refbus.notify.message import Ping
from refbus.store.commit import commit
from refbus.store.node import NodeStore
from refbus.store.rows import Changes, PingRow
from refbus.telemetry.labels import PingResult
from refbus_gate.pinging import FIRST_WAIT_MS, LONGEST_WAIT_MS, MOST_ATTEMPTS, Pinger


@dataclass(frozen=True)
class Book(AddressBook):
    """An address book whose channel can be down."""

    sent: list[Ping] = field(default_factory=list)
    down: list[bool] = field(default_factory=lambda: [False])

    def send(self, org: OrgId, ping: Ping) -> int:
        """Keep the ping, or fail."""
        if self.down[0]:
            raise TransportError(Code.PING_FAILED)
        self.sent.append(ping)
        return len(self.addresses.get(org, ()))


class Bench:
    """A store, a clock and a pinger."""

    def __init__(self, store: NodeStore) -> None:
        """Start with one ping."""
        self.store, self.now_ms, self.results = store, 1000, list[PingResult]()
        self.book = Book(None, {OrgId("kz-agency01"): ("mailto:a@b.example",)})
        self.pinger = Pinger(store, self.book, lambda: self.now_ms, self.results.append)
        commit(store, Changes(pings=[PingRow("kz-agency01", "ALARM", bytes(16))]), 0, None, self.now_ms)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a bench."""
    store = NodeStore.open(tmp_path / "node.db", StateKey(bytes(32)))
    yield Bench(store)
    store.database.close()


def test_a_ping_is_sent_and_forgotten(bench: Bench) -> None:
    """Once, urgent for an alarm."""
    assert bench.pinger.turn() == 1
    assert bench.pinger.turn() == 0
    assert bench.book.sent == [Ping(bytes(16), urgent=True)]
    assert bench.results == [PingResult.SENT]


def test_a_ping_that_failed_is_tried_again_later_under_the_same_id(bench: Bench) -> None:
    """With waits that double."""
    bench.book.down[0] = True
    assert bench.pinger.turn() == 1
    assert bench.pinger.turn() == 0, "not before its time"
    bench.now_ms += FIRST_WAIT_MS
    assert bench.pinger.turn() == 1
    bench.now_ms += FIRST_WAIT_MS
    assert bench.pinger.turn() == 0
    bench.now_ms += FIRST_WAIT_MS
    bench.book.down[0] = False
    assert bench.pinger.turn() == 1
    assert [ping.message_id for ping in bench.book.sent] == [bytes(16)]
    assert bench.results == [PingResult.FAILED, PingResult.FAILED, PingResult.SENT]


def test_a_ping_is_given_up_in_the_end(bench: Bench) -> None:
    """After days; the notice in the inbox is what counts."""
    bench.book.down[0] = True
    for _ in range(MOST_ATTEMPTS):
        assert bench.pinger.turn() == 1
        bench.now_ms += LONGEST_WAIT_MS
    assert bench.pinger.turn() == 0
    assert bench.results[-1] is PingResult.GIVEN_UP
