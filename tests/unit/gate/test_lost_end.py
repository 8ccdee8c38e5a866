"""A broker that has lost the end of a topic: the gate says so, reads again what there is, and loses nothing new."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from refbus import telemetry
from refbus.bus.memory import MemoryReader
from refbus.clock import Clock
from refbus.core.gate.passage import Outcome
from refbus.core.units import DAY_MS
from refbus.errors import Code, SetupError, TransportError
from refbus.node import counted_on, watchdog
from refbus.node.counted_on import PATIENCE_S
from refbus.node.watchdog import COMPARE_MS, Watchdog
from refbus_gate.meters import Meters
from refbus_gate.restored import was_restored
from refbus_gate.source import consumer_of
from support.directories import ngo
from support.gates import GROUP, Node, World

OUTBOX = "kz.outbox"


def began(world: World) -> tuple[Node, list[bytes]]:
    """Decide three events of five; return the gate and all five."""
    raws = [world.event(name) for name in ("a", "b", "c", "d", "e")]
    for raw in raws[:3]:
        world.outbox("kz", raw)
    world.settle()
    world.nodes["kz"].bus.group_offsets[GROUP, OUTBOX] = 3
    return world.nodes["kz"], raws


def told(node: Node) -> float | None:
    """Return what the monitoring reads of a gate."""
    metrics = telemetry.Metrics(telemetry.Service.GATE, node.world.now)
    with node.store.database.reading() as connection:
        Meters(metrics).store(connection, node.world.now_ms)
    return metrics.registry.get_sample_value("refbus_log_lost_end")


@pytest.mark.parametrize("new", [1, 2], ids=["below the position", "up to the position"])
def test_what_is_new_below_the_position_is_decided(world: World, caplog: pytest.LogCaptureFixture, new: int) -> None:
    """Two decided records are lost and others have their numbers: those arrive, what is left is known by its bytes."""
    kz, raws = began(world)
    kz.bus.lose_end(OUTBOX, 1)
    for raw in raws[3 : 3 + new]:
        world.outbox("kz", raw)
    kz.restart()
    world.settle()
    assert world.events(ngo("uz")) == raws[: 3 + new]
    assert kz.balance().total(Outcome.DUPLICATE) == 1
    assert set(kz.balance().difference.values()) == {0}
    assert f"{Code.LOG_TRUNCATED}: the broker has lost the end of {OUTBOX}" in caplog.text


def test_a_log_that_grew_beyond_the_position_is_recognised(world: World) -> None:
    """The last record that was decided is another one: what stands before it is not passed over either."""
    kz, raws = began(world)
    kz.bus.lose_end(OUTBOX, 2)
    for raw in (raws[3], raws[4], b"noise"):
        world.outbox("kz", raw)
    kz.restart()
    world.settle()
    assert world.events(ngo("uz")) == raws
    assert set(kz.balance().difference.values()) == {0}


def test_it_is_told_for_a_day_and_is_no_copy(world: World) -> None:
    """The monitoring has it until a day has passed, over starts; the group that is ahead makes no restore of it."""
    kz, raws = began(world)
    kz.bus.lose_end(OUTBOX, 1)
    for _ in range(2):
        kz.restart()
        assert told(kz) == 1
    with kz.store.database.reading() as connection:
        assert not was_restored(connection, world.now_ms)
    world.outbox("kz", raws[3])
    world.settle()
    kz.restart()
    assert kz.balance().total(Outcome.DUPLICATE) == 1  # it is not read again by every start
    world.now_ms += DAY_MS
    assert told(kz) == 0


def test_a_second_loss_is_recognised_under_the_new_count(world: World) -> None:
    """Every record of three logs is decided once."""
    kz, raws = began(world)
    for raw in raws[3:]:
        kz.bus.lose_end(OUTBOX, 1)
        world.outbox("kz", raw)
        kz.restart()
        world.settle()
    assert world.events(ngo("uz")) == raws
    assert set(kz.balance().difference.values()) == {0}


def test_what_faust_hands_over_is_numbered_as_the_store_counts(world: World) -> None:
    """A record that comes at the broker's offset 2 is the fifth of this store, and is decided once."""
    kz, raws = began(world)
    kz.bus.lose_end(OUTBOX, 1)
    kz.restart()
    for raw in raws[3:]:
        world.outbox("kz", raw)
    for _ in range(2):
        kz.consumers[OUTBOX].handle(kz.bus.records(OUTBOX)[1:])
    kz.consumers[OUTBOX].handle(kz.bus.records(OUTBOX))
    assert (kz.consumers[OUTBOX].next_offset, kz.consumers[OUTBOX].shift) == (6, 3)
    assert kz.balance().total(Outcome.DUPLICATE) == 1


def test_a_broker_that_has_only_just_started_is_given_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows an end below the position, is silent, says for a while that there is nothing, and then has all of it."""
    kz, _ = began(world)
    asked = list[int]()

    def recovering(reader: MemoryReader) -> int:
        asked.append(1)
        return 0 if len(asked) < 5 else 3

    monkeypatch.setattr(MemoryReader, "end_offset", recovering)
    monkeypatch.setattr(MemoryReader, "reaches", lambda _reader, _offset: len(asked) >= 5)
    monkeypatch.setattr(counted_on, "_PAUSE_S", 0.0)
    consumer = consumer_of(kz.core, kz.sources[OUTBOX], partial(kz.bus.reader, OUTBOX), patience_s=60)
    consumer.start(3)
    assert (len(asked), consumer.shift, consumer.next_offset) == (6, 0, 3)


def test_only_the_leader_of_a_topic_is_believed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An end that lags behind is no loss while the leader has the position, and silence stops the start."""
    kz, _ = began(world)
    monkeypatch.setattr(MemoryReader, "end_offset", lambda _reader: 1)
    kz.consumers[OUTBOX].start(3)
    assert kz.consumers[OUTBOX].shift == 0

    def silent(_reader: MemoryReader, _offset: int) -> bool:
        raise TransportError(Code.BROKER_UNREACHABLE)

    monkeypatch.setattr(MemoryReader, "reaches", silent)
    with pytest.raises(TransportError):
        kz.consumers[OUTBOX].start(3)


class Dog:
    """The watchdog of a gate under a clock that a test moves."""

    def __init__(self, world: World) -> None:
        self.world = world
        kz = world.nodes["kz"]
        readers = {topic: kz.bus.reader(topic) for topic in kz.consumers}
        self.dog = Watchdog(list(kz.consumers.values()), readers, kz.store, 10**9, Clock.of(world.now))

    def look(self, later_s: float = 0) -> bool:
        """Look after some seconds."""
        self.world.now_ms += int(later_s * 1000)
        return self.dog.look()


def test_a_running_gate_ends_when_the_broker_has_lost_the_end(world: World) -> None:
    """Its driver would pass over what is new. It ends when the broker has said so for a while, and says why."""
    kz, raws = began(world)
    dog = Dog(world)
    assert not dog.look()
    kz.bus.lose_end(OUTBOX, 1)
    assert not dog.look(1)
    assert not dog.look(PATIENCE_S - 1)
    assert dog.look(2)
    assert dog.dog.why.startswith(f"{Code.LOG_TRUNCATED}: the broker has lost the end of {OUTBOX}")
    world.outbox("kz", raws[3])
    kz.restart()
    world.settle()
    assert world.events(ngo("uz")) == raws[:4]


def test_the_reason_is_what_the_process_ends_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of a gate that ended says LOG_TRUNCATED, not that it stood still."""
    kz, _ = began(world)
    dog, stop, why = Dog(world), threading.Event(), list[str]()
    kz.bus.lose_end(OUTBOX, 1)
    dog.look()
    world.now_ms += int(PATIENCE_S * 1000)
    monkeypatch.setattr(watchdog, "LOOK_S", 0)
    dog.dog.run(stop, why.append, stop.set)
    assert [each.partition(":")[0] for each in why] == [Code.LOG_TRUNCATED]


def test_a_passing_weakness_ends_no_gate(world: World) -> None:
    """An end that is back, and a broker that does not answer, begin the time anew."""
    kz, raws = began(world)
    dog = Dog(world)
    kz.bus.lose_end(OUTBOX, 1)
    dog.look()
    for raw in raws[1:3]:
        world.outbox("kz", raw)
    assert not dog.look(PATIENCE_S)
    kz.bus.lose_end(OUTBOX, 2)
    dog.look()
    kz.bus.down = True
    assert not dog.look(PATIENCE_S)
    kz.bus.down = False
    assert not dog.dog.cut


def test_a_running_gate_sees_a_log_that_grew_again(world: World) -> None:
    """A minute later the record that was last then is another one, whatever was decided since."""
    kz, raws = began(world)
    dog = Dog(world)
    assert not dog.look()
    kz.bus.lose_end(OUTBOX, 2)
    for raw in raws[3:]:
        world.outbox("kz", raw)
    kz.consume()  # only the last of them is behind the position
    assert not dog.look(1)
    assert dog.look(COMPARE_MS / 1000)
    kz.restart()
    world.settle()
    assert sorted(world.events(ngo("uz"))) == sorted(raws)


def test_a_topic_made_anew_ends_a_running_gate_and_stops_its_start(world: World) -> None:
    """However many records the new topic has by then: a person decides, since undecided ones may be lost."""
    kz, raws = began(world)
    dog = Dog(world)
    assert not dog.look()
    kz.bus.recreate_topic(OUTBOX)
    for raw in (*raws, b"more"):
        world.outbox("kz", raw)
    assert dog.look(COMPARE_MS / 1000)
    with pytest.raises(SetupError) as stopped:
        kz.restart()
    assert stopped.value.code is Code.LOG_TRUNCATED
