"""An operator orders the gate to go on behind records that are gone."""

from __future__ import annotations

import pytest

from refbus.core.gate.passage import Outcome
from refbus.errors import Code, SetupError
from refbus_gate.orders.gaps import accept_gap
from refbus_gate.restored import was_restored
from support.directories import NOW_MS, ngo
from support.gates import GROUP, World

OUTBOX = "kz.outbox"


def test_the_gate_goes_on_behind_the_gap(world: World) -> None:
    """After the order the gate starts, decides what is there, and its account balances."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event("a"))
    kz.consume()
    for name in ("b", "c", "d"):
        world.outbox("kz", world.event(name))
    kz.bus.truncate(OUTBOX, 3)
    assert accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, None, NOW_MS) == 2
    kz.consumers[OUTBOX].start(None)
    kz.consume()
    assert kz.consumers[OUTBOX].next_offset == 4
    assert set(kz.balance().difference.values()) == {0}


def test_a_new_gate_can_begin_on_an_old_topic(world: World) -> None:
    """A store that never read the topic begins where the log begins, and nothing counts as given up by it."""
    kz = world.nodes["kz"]
    for name in ("a", "b"):
        world.outbox("kz", world.event(name))
    kz.bus.truncate(OUTBOX, 1)
    assert accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, None, NOW_MS) == 1
    kz.consumers[OUTBOX].start(None)
    kz.consume()
    assert set(kz.balance().difference.values()) == {0}


def test_nothing_is_given_up_without_need(world: World) -> None:
    """When no record is missing the order is refused and the position stays."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event())
    with pytest.raises(SetupError) as caught:
        accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, None, NOW_MS)
    assert caught.value.code is Code.USAGE
    kz.consume()
    assert kz.consumers[OUTBOX].next_offset == 1


def test_a_topic_made_anew_is_counted_on(world: World) -> None:
    """Its offsets begin again and are not taken for decided ones: what is new in it is decided, nothing twice."""
    kz, uz = world.nodes["kz"], ngo("uz")
    raws = [world.event(name) for name in ("a", "b", "c")]
    for raw in raws[:2]:
        world.outbox("kz", raw)
    world.settle()
    kz.bus.group_offsets[GROUP, OUTBOX] = 2
    kz.bus.recreate_topic(OUTBOX)
    for raw in (raws[2], raws[0]):
        world.outbox("kz", raw)
    assert accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, 2, NOW_MS) == 0
    kz.restart()
    world.settle()
    assert world.events(uz) == raws
    assert kz.consumers[OUTBOX].next_offset == 4
    assert kz.balance().total(Outcome.DUPLICATE) == 1
    assert set(kz.balance().difference.values()) == {0}
    with kz.store.database.reading() as connection:
        assert not was_restored(connection, NOW_MS)


def test_a_topic_can_be_made_anew_again(world: World) -> None:
    """Numbers are counted on over any number of logs, and a hole in the newest is given up as in the first."""
    kz = world.nodes["kz"]
    raws = [world.event(name) for name in ("a", "b", "c", "d")]
    world.outbox("kz", raws[0])
    world.settle()
    for raw in raws[1:3]:
        kz.bus.recreate_topic(OUTBOX)
        world.outbox("kz", raw)
        accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, None, NOW_MS)
        kz.restart()
        world.settle()
    for raw in (b"lost", raws[3]):
        world.outbox("kz", raw)
    kz.bus.truncate(OUTBOX, 2)
    assert accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, 1, NOW_MS) == 1
    kz.restart()
    world.settle()
    assert world.events(ngo("uz")) == raws
    assert set(kz.balance().difference.values()) == {0}
