"""An operator orders the gate to go on behind records that are gone."""

from __future__ import annotations

import pytest

from refbus.errors import Code, SetupError
from refbus_gate.orders.gaps import accept_gap
from support.directories import NOW_MS
from support.gates import World

OUTBOX = "kz.outbox"


def test_the_gate_goes_on_behind_the_gap(world: World) -> None:
    """After the order the gate starts, decides what is there, and its account balances."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event("a"))
    kz.consume()
    for name in ("b", "c", "d"):
        world.outbox("kz", world.event(name))
    kz.bus.truncate(OUTBOX, 3)
    assert accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, NOW_MS) == 2
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
    assert accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, NOW_MS) == 1
    kz.consumers[OUTBOX].start(None)
    kz.consume()
    assert set(kz.balance().difference.values()) == {0}


def test_nothing_is_given_up_without_need(world: World) -> None:
    """When no record is missing the order is refused and the position stays."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event())
    with pytest.raises(SetupError) as caught:
        accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, NOW_MS)
    assert caught.value.code is Code.USAGE
    kz.consume()
    assert kz.consumers[OUTBOX].next_offset == 1


def test_a_topic_made_anew_is_not_continued(world: World) -> None:
    """Offsets that begin again would collide with decided ones, so this is refused."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event())
    kz.consume()
    kz.bus.recreate_topic(OUTBOX)
    with pytest.raises(SetupError) as caught:
        accept_gap(kz.store, kz.bus.reader(OUTBOX), OUTBOX, NOW_MS)
    assert caught.value.code is Code.LOG_TRUNCATED
