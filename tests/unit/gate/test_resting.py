"""How long pumps and pings sleep: seconds while something waits, longer while nothing does, until a wake."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refbus.bus.memory import Fault, MemoryBus
from refbus.core.ids import OrgId
from refbus.crypto.secretbox import StateKey
from refbus.errors import Code, TransportError
from refbus.node.store import outgoing
from refbus.node.store.commit import commit
from refbus.node.store.node import NodeStore
from refbus.node.store.outgoing import Outgoing
from refbus.node.store.rows import Changes, PingRow
from refbus.notify.book import AddressBook
from refbus.notify.message import Ping
from refbus_gate.clock.mail import Pinger
from refbus_gate.deliver.pump import Pump
from support.clocks import steady_clock

NOW_MS = 1_790_000_000_000
TOPIC = "uz.border.kz"


class Dead(AddressBook):
    """Addresses that nobody answers at."""

    def send(self, address: str, ping: Ping) -> None:
        """Fail."""
        raise TransportError(Code.PING_FAILED)


class Bench:
    """A store with a pump and a pinger that note how long they would sleep."""

    def __init__(self, folder: Path) -> None:
        self.store = NodeStore.open(folder / "node.db", StateKey(bytes(32)))
        self.bus = MemoryBus([TOPIC])
        self.pump = Pump(self.store, "uz", self.bus.producer, steady_clock(lambda: NOW_MS))
        self.pinger = Pinger(self.store, Dead(None, {OrgId("kz-agency01"): ("mailto:a@b.example",)}), lambda: NOW_MS)

    def add(self, *, receipt: bool) -> None:
        """Write a row; with `receipt` the other gate must sign for it."""
        key = bytes(32) if receipt else None
        with self.store.database.writing() as connection:
            outgoing.add(connection, self.store, [Outgoing("uz", TOPIC, b"1", bytes(32), key)], NOW_MS)

    def slept(self, woken: threading.Event, run: Callable[[threading.Event], None]) -> float:
        """Let it run until it has slept; return for how many seconds at most."""
        stop, found = threading.Event(), list[float]()

        def wait(timeout: float | None = None) -> bool:
            found.append(timeout or 0)
            stop.set()
            return False

        woken.wait = wait  # type: ignore[method-assign]
        run(stop)
        return sum(found)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a bench."""
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_a_pump_with_nothing_to_send_sleeps_longer(bench: Bench) -> None:
    """What was delivered and needs no receipt is nothing to come back for."""
    bench.add(receipt=False)
    assert bench.slept(bench.pump._wake, bench.pump.run) == 30.0


def test_a_pump_looks_often_after_what_waits_for_its_receipt(bench: Bench) -> None:
    """It is sent again at its time, which is seconds after the last."""
    bench.add(receipt=True)
    assert bench.slept(bench.pump._wake, bench.pump.run) == 5.0


def test_a_pump_looks_often_after_a_lane_that_failed(bench: Bench) -> None:
    """It is tried again at its time."""
    bench.add(receipt=False)
    bench.bus.inject(TOPIC, Fault.REJECT)
    assert bench.slept(bench.pump._wake, bench.pump.run) == 5.0


@pytest.mark.parametrize(("waits", "seconds"), [(False, 30.0), (True, 5.0)])
def test_pings_that_failed_are_looked_after_often(bench: Bench, *, waits: bool, seconds: float) -> None:
    """One that was not sent yet has a time of its own; without any, a new one wakes."""
    if waits:
        commit(bench.store, Changes(pings=[PingRow("kz-agency01", "ALARM", bytes(16))]), 0, None, NOW_MS)
    assert bench.slept(bench.pinger._woken, bench.pinger.run) == seconds


def test_a_wake_that_comes_with_the_stop_is_not_lost(bench: Bench) -> None:
    """It comes just before a turn, which begins by forgetting older wakes: the pump ends without sleeping."""
    stop, turn = threading.Event(), bench.pump.turn

    def last() -> bool:
        stop.set()
        bench.pump.wake()
        return turn()

    def wait(timeout: float | None = None) -> bool:
        pytest.fail(f"it sleeps for {timeout} s")

    bench.pump.turn = last  # type: ignore[method-assign]
    bench.pump._wake.wait = wait  # type: ignore[method-assign]
    bench.pump.run(stop)
    assert stop.is_set()
