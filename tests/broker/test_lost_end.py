"""A real broker that has lost the end of a topic, or the topic: the gate says so, and decides what is new."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from kafka import Broker
from kafka.patience import Patience, wait
from kafka.rawbatches import Draft, cut, put
from refbus.bus import batchreader, confluent
from refbus.bus.address import BrokerAddress
from refbus.bus.port import Offsets, TopicState
from refbus.clock import Clock
from refbus.clock.sources import machine_ms
from refbus.core.gate.passage import Outcome
from refbus.errors import Code, SetupError, TransportError
from refbus.node.topic_reader import Consumer
from refbus.node.watchdog import Watchdog
from refbus_gate.orders.gaps import accept_gap
from refbus_gate.source import consumer_of
from support.gates import World

TOPIC = "kz.outbox"
WAIT_S = 60.0
PATIENCE_S = 2.0


class Reading:
    """The gate of kz, which reads its outbox from a broker of its own."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.broker = broker
        self.address: BrokerAddress = broker.address()
        confluent.admin(self.address).create_topic(TopicState(TOPIC, 1, 1, {}))
        self.world = World(folder)
        self.node = self.world.nodes["kz"]
        self.consumer = self.started()
        self.watched: Offsets | None = None
        self.raws: dict[str, bytes] = {}

    def started(self) -> Consumer:
        """Start a consumer on the store, as a start of the gate does."""
        core, source = self.node.core, self.node.sources[TOPIC]
        made = consumer_of(core, source, lambda: batchreader.reader(self.address, TOPIC), patience_s=PATIENCE_S)
        made.start(None)
        return made

    def write(self, *names: str) -> None:
        """Write events, each in a batch of its own."""
        for name in names:
            raw = self.raws[name] = self.raws.get(name) or self.world.event(name)
            assert put(self.address, TOPIC, Draft([raw]).encode()) == ""

    def read(self) -> None:
        """Hand over everything that the topic has, as Faust does from the beginning."""
        reader = batchreader.reader(self.address, TOPIC)
        end = reader.end_offset()
        while reader.position() < end:
            self.consumer.handle(reader.read(100, WAIT_S))
        reader.close()

    def ended(self) -> tuple[int, int]:
        """Return how many records were forwarded and how many were repeats."""
        assert set(self.node.balance().difference.values()) <= {0}
        total = self.node.balance().total
        return total(Outcome.FORWARDED), total(Outcome.DUPLICATE)

    def dog(self) -> Watchdog:
        """Return the watchdog of the gate."""
        self.watched = confluent.reader(self.address, TOPIC)
        return Watchdog([self.consumer], {TOPIC: self.watched}, self.node.store, 10**9, Clock.of(machine_ms))


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Reading]:
    """Return a gate whose broker is its own, after three decided events."""
    with Broker(tmp_path / "broker", progress=lambda _text: None) as broker:
        made = Reading(tmp_path, broker)
        made.write("a", "b", "c")
        made.read()
        assert made.ended() == (3, 0)
        yield made
        if made.watched is not None:
            made.watched.close()
        made.world.close()


def test_a_log_that_was_cut_on_the_disk_is_told_and_read_again(reading: Reading) -> None:
    """The running gate finds out, and its start decides what has the numbers of the lost records."""
    dog = reading.dog()
    assert not dog.look()
    reading.broker.stop()
    cut(reading.broker.directory / "data", TOPIC, 1)
    reading.broker.start()
    wait("the watchdog", dog.look, pause_s=0.5)
    assert dog.why.startswith(f"{Code.LOG_TRUNCATED}")
    reading.write("d")
    reading.consumer = reading.started()
    assert reading.ended() == (4, 1)
    reading.write("e")
    reading.read()
    assert reading.ended() == (5, 1)


def test_a_topic_that_was_deleted_and_made_anew_is_accepted(reading: Reading) -> None:
    """The start stops with LOG_TRUNCATED, an operator accepts, and what is new is decided."""
    client = AdminClient({"bootstrap.servers": reading.address.bootstrap})
    client.delete_topics([TOPIC])[TOPIC].result(WAIT_S)
    wait("the topic to be gone", lambda: TOPIC not in confluent.admin(reading.address).topics())
    confluent.admin(reading.address).create_topic(TopicState(TOPIC, 1, 1, {}))
    reading.write("d", "a")
    with pytest.raises(SetupError) as stopped:
        reading.started()
    assert stopped.value.code is Code.LOG_TRUNCATED
    offsets = confluent.reader(reading.address, TOPIC)
    assert accept_gap(reading.node.store, offsets, TOPIC, None, machine_ms()) == 0
    offsets.close()
    reading.consumer = reading.started()
    reading.read()
    assert reading.ended() == (4, 1)


def test_a_broker_that_starts_again_is_no_loss(reading: Reading) -> None:
    """Killed and started: while it comes back, whoever asks hears nothing or the truth, and nothing is read anew."""
    dog = reading.dog()
    reading.broker.kill()
    back = threading.Thread(target=reading.broker.start)
    back.start()
    starts, patience = 0, Patience()
    while (back.is_alive() or starts == 0) and patience.holds():
        assert not dog.look()
        with suppress(TransportError):
            assert reading.started().shift == 0
            starts += 1
    back.join()
    assert starts > 0
    assert not dog.look()
    assert reading.ended() == (3, 0)
