"""Pings from the store: sent once, tried again under the same id, given up in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from refbus.core.ids import OrgId
from refbus.crypto.secretbox import StateKey
from refbus.errors import Code, TransportError
from refbus.node.store.commit import commit
from refbus.node.store.node import NodeStore
from refbus.node.store.rows import Changes, PingRow
from refbus.notify.book import AddressBook
from refbus.notify.message import Ping
from refbus.telemetry.labels import PingResult
from refbus_gate.clock.mail import MOST_ATTEMPTS, WAITS, Pinger
from support.mail import mail_server, server_at
from support.stores import place

pytestmark = pytest.mark.both_stores


@dataclass(frozen=True)
class Book(AddressBook):
    """An address book whose channel can be down."""

    sent: list[Ping] = field(default_factory=list)
    down: list[bool] = field(default_factory=lambda: [False])

    dead: list[str] = field(default_factory=list)

    def send(self, address: str, ping: Ping) -> None:
        """Keep the ping, or fail."""
        if self.down[0] or address in self.dead:
            raise TransportError(Code.PING_FAILED)
        self.sent.append(ping)


class Bench:
    """A store, a clock and a pinger."""

    def __init__(self, store: NodeStore, *addresses: str) -> None:
        """Start with one ping."""
        self.store, self.now_ms, self.results = store, 1000, list[PingResult]()
        self.book = Book(None, {OrgId("kz-agency01"): addresses})
        self.pinger = Pinger(store, self.book, lambda: self.now_ms, self.results.append)
        commit(store, Changes(pings=[PingRow("kz-agency01", "ALARM", bytes(16))]), 0, None, self.now_ms)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a bench."""
    store = NodeStore.open(place(tmp_path / "node.db"), StateKey(bytes(32)))
    yield Bench(store, "mailto:a@b.example")
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
    bench.now_ms += WAITS.first_ms
    assert bench.pinger.turn() == 1
    bench.now_ms += WAITS.first_ms
    assert bench.pinger.turn() == 0
    bench.now_ms += WAITS.first_ms
    bench.book.down[0] = False
    assert bench.pinger.turn() == 1
    assert [ping.message_id for ping in bench.book.sent] == [bytes(16)]
    assert bench.results == [PingResult.FAILED, PingResult.FAILED, PingResult.SENT]


def test_a_ping_is_given_up_in_the_end(bench: Bench) -> None:
    """After days; the notice in the inbox is what counts."""
    bench.book.down[0] = True
    for _ in range(MOST_ATTEMPTS):
        assert bench.pinger.turn() == 1
        bench.now_ms += WAITS.longest_ms
    assert bench.pinger.turn() == 0
    assert bench.results[-1] is PingResult.GIVEN_UP


@pytest.mark.parametrize("dead", [0, 1])
def test_a_dead_address_keeps_no_other_from_being_rung(tmp_path: Path, dead: int) -> None:
    """The duty officer's telephone rings although the mail server is gone, and rings once."""
    store = NodeStore.open(place(tmp_path / "node.db"), StateKey(bytes(32)))
    addresses = ("mailto:a@b.example", "https://b.example/bell")
    bench = Bench(store, *addresses)
    bench.book.dead.append(addresses[dead])
    bench.pinger.turn()
    assert (len(bench.book.sent), bench.results) == (1, [PingResult.FAILED])
    bench.now_ms += WAITS.first_ms
    bench.pinger.turn()
    assert len(bench.book.sent) == 1, "the one that works is not rung again for the other"
    bench.book.dead.clear()
    bench.now_ms += WAITS.longest_ms
    bench.pinger.turn()
    assert (len(bench.book.sent), bench.results[-1]) == (2, PingResult.SENT)
    store.database.close()


def test_a_crash_after_the_mail_sends_it_again_under_the_same_message_id(tmp_path: Path) -> None:
    """Against a real mail server: refused, sent, the process dies before it notes that, sent again."""
    path = tmp_path / "node.db"
    with mail_server() as (box, port):
        store = NodeStore.open(place(path), StateKey(bytes(32)))
        bench = Bench(store)
        book = AddressBook(server_at(port), {OrgId("kz-agency01"): ("mailto:duty@node.example",)})
        box.closed = True
        assert Pinger(store, book, lambda: bench.now_ms).turn() == 1
        box.closed = False
        bench.now_ms += WAITS.first_ms
        with pytest.MonkeyPatch.context() as dying:
            dying.setattr("refbus_gate.clock.mail.pings.end", crash)
            with pytest.raises(KeyboardInterrupt):
                Pinger(store, book, lambda: bench.now_ms).turn()
        store.database.close()
        store = NodeStore.open(place(path), StateKey(bytes(32)))
        pinger = Pinger(store, book, lambda: bench.now_ms)
        assert (pinger.turn(), pinger.turn()) == (1, 0)
        store.database.close()
    assert [mail["Message-ID"] for mail in box.mails] == [f"<{bytes(16).hex()}@node.example>"] * 2
    assert {mail["Subject"] for mail in box.mails} == {"Refbus: urgent"}


def crash(*_arguments: object) -> None:
    """Die."""
    raise KeyboardInterrupt


def test_a_ping_that_cannot_be_tried_keeps_no_other_from_being_rung(tmp_path: Path) -> None:
    """A mistake of ours with one organisation's address is put off; the others are rung in the same turn."""

    class Broken(Book):
        """A book in which one organisation's line cannot be read."""

        def of(self, org: OrgId) -> tuple[str, ...]:
            """Return the addresses of the others."""
            if org == "kz-agency01":
                raise ValueError("not an address")
            return ("mailto:c@d.example",)

    store = NodeStore.open(place(tmp_path / "node.db"), StateKey(bytes(32)))
    bench = Bench(store, "mailto:a@b.example")
    commit(store, Changes(pings=[PingRow("kz-she1ter1", "ALARM", bytes([1] * 16))]), 1, None, bench.now_ms)
    bench.pinger = Pinger(store, Broken(None, {}), lambda: bench.now_ms, bench.results.append)
    assert bench.pinger.turn() == 2
    assert bench.results == [PingResult.FAILED, PingResult.SENT]
    store.database.close()


def test_nobody_keeps_an_alarm_of_others_waiting(tmp_path: Path) -> None:
    """Whose address is dead may have a thousand pings: it is tried once, after the alarm that came last."""
    store = NodeStore.open(place(tmp_path / "node.db"), StateKey(bytes(32)))
    bench = Bench(store)
    tried: list[str] = []

    class Noted(AddressBook):
        """A book that notes what is rung; one address is dead."""

        def send(self, address: str, ping: Ping) -> None:
            """Note it."""
            tried.append(address)
            if address == "mailto:dead@b.example":
                raise TransportError(Code.PING_FAILED)

    book = Noted(None, {OrgId(f"kz-{name}"): (f"mailto:{name}@b.example",) for name in ("dead", "duty")})
    flood = [PingRow("kz-dead", "REMINDER", number.to_bytes(16, "big")) for number in range(1, 1_001)]
    commit(store, Changes(pings=[*flood, PingRow("kz-duty", "ALARM", bytes([1] * 16))]), 1, None, bench.now_ms)
    pinger = Pinger(store, book, lambda: bench.now_ms, bench.results.append)
    pinger.turn()
    assert tried == ["mailto:duty@b.example", "mailto:dead@b.example"]
    assert pinger.turn() == 0
    store.database.close()


def test_one_ping_says_it_for_all_that_wait(bench: Bench) -> None:
    """It says only that there is something in the inbox; an alarm is one of its own, and so is what comes later."""
    more = [PingRow("kz-agency01", kind, bytes([1] * 16)) for kind in ("ALARM", "REMINDER", "REMINDER")]
    commit(bench.store, Changes(pings=more), 1, None, bench.now_ms)
    bench.pinger.turn()
    assert [ping.urgent for ping in bench.book.sent] == [True, False]
    commit(bench.store, Changes(pings=more[:1]), 2, None, bench.now_ms)
    bench.pinger.turn()
    assert [ping.urgent for ping in bench.book.sent] == [True, False, True]
