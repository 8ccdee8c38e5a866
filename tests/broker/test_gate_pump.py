"""Pumps against a real broker: a rejected record holds its lane, keeps its order and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from kafka.patience import Patience
from refbus.bus import confluent
from refbus.bus.address import BrokerAddress
from refbus.bus.port import TopicState
from refbus.clock import Clock, machine_ms
from refbus.crypto.secretbox import StateKey
from refbus.node.store import outgoing
from refbus.node.store.node import NodeStore
from refbus.node.store.outgoing import Outgoing
from refbus_gate.deliver.pump import LINGER_S, Pump

WAIT_S = 60.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[NodeStore]:
    """Return an empty store."""
    made = NodeStore.open(tmp_path / "node.db", StateKey(bytes(32)))
    yield made
    made.close()


def pump_to(store: NodeStore, address: BrokerAddress) -> Pump:
    """Return a pump as the gate makes it."""
    return Pump(
        store, "uz", partial(confluent.producer, address, delivery_timeout_s=0, linger_s=LINGER_S), Clock.of(machine_ms)
    )


def add(store: NodeStore, topic: str, *values: bytes) -> None:
    """Write rows of one lane."""
    with store.database.writing() as connection:
        outgoing.add(
            connection, store, [Outgoing("uz", topic, value, topic.encode()) for value in values], machine_ms()
        )


def turn_until(pump: Pump, done: Callable[[], bool]) -> None:
    """Let the pump work until something is so."""
    patience = Patience()
    while not done():
        pump.turn()
        assert patience.holds()


def arrived(address: BrokerAddress, topic: str) -> list[bytes]:
    """Return everything in a topic."""
    reader = confluent.reader(address, topic)
    values: list[bytes] = []
    while reader.position() < reader.end_offset():
        values += [record.value for record in reader.read(100, 1.0)]
    reader.close()
    return values


def test_rows_arrive_in_order(store: NodeStore, broker_address: BrokerAddress, topic: str) -> None:
    """Several waves, each marked by its own reports."""
    values = [b"%03d" % number for number in range(300)]
    add(store, topic, *values)
    pump = pump_to(store, broker_address)
    turn_until(pump, lambda: pump.delivered.total() == 300)
    assert arrived(broker_address, topic) == values
    pump.close()


def test_a_refused_record_keeps_its_place(store: NodeStore, broker_address: BrokerAddress, topic: str) -> None:
    """While the broker refuses it, what is before it arrives, what is behind it waits, other lanes go on."""
    admin = confluent.admin(broker_address)
    other = f"{topic}.other"
    admin.create_topic(TopicState(other, 1, 1, {}))
    admin.set_topic_config(topic, {"max.message.bytes": "2000"})
    add(store, topic, b"first", b"x" * 5000, b"third")
    add(store, other, b"elsewhere")
    pump = pump_to(store, broker_address)
    turn_until(pump, lambda: pump.failures.total() >= 4 and arrived(broker_address, topic) == [b"first"])
    assert arrived(broker_address, other) == [b"elsewhere"]
    admin.set_topic_config(topic, {"max.message.bytes": "1048588"})
    turn_until(pump, lambda: pump.delivered.total() == 4)
    assert arrived(broker_address, topic) == [b"first", b"x" * 5000, b"third"]
    pump.close()


def test_a_new_pump_goes_on_where_the_marks_end(store: NodeStore, broker_address: BrokerAddress, topic: str) -> None:
    """A pump that dies after the broker took its records repeats at most those; nothing is missing."""
    values = [b"%03d" % number for number in range(100)]
    add(store, topic, *values)
    dying = pump_to(store, broker_address)
    dying._mark = lambda: None  # type: ignore[method-assign]
    turn_until(dying, lambda: bool(arrived(broker_address, topic)))
    pump = pump_to(store, broker_address)
    turn_until(pump, lambda: pump.delivered.total() == 100)
    assert list(dict.fromkeys(arrived(broker_address, topic))) == values
    assert arrived(broker_address, topic)[-100:] == values
    pump.close()
    dying.close()
