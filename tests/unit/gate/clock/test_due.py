"""The moment at which time alone makes something due at a gate: nothing before it, and something at it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from refbus.core.units import DAY_MS, HOUR_MS
from refbus.node.store import outgoing
from refbus.node.store.due import next_due
from refbus.node.store.tables import deadline
from refbus_gate.clock.deadlines import Timekeeper
from support.gates import World


def is_due(world: World) -> bool:
    """Whether the gate of kz has something to do now by time alone: an event that may go on, a step, an expired row."""
    kz = world.nodes["kz"]
    keeper = Timekeeper(kz.core, kz.sources["kz.outbox"], world.now)
    with kz.store.database.reading() as connection:
        expired = outgoing.expired(connection, world.now_ms, 1)
    return bool(expired or keeper.waits() or kz.redecider._due())


def next_of(world: World) -> int | None:
    """Return the moment that the store of kz gives."""
    with world.nodes["kz"].store.database.reading() as connection:
        return next_due(connection, world.now_ms)


def held(world: World) -> None:
    """Let an event wait whose sender's clock is ahead."""
    world.outbox("kz", world.event(occurred_at_ms=world.now_ms + HOUR_MS, respond_by_ms=None))
    world.settle()


def asked(world: World) -> None:
    """Let a referral wait for its answer."""
    world.outbox("kz", world.event(respond_by_ms=world.now_ms + 3 * DAY_MS))
    world.settle()


def unconfirmed(world: World) -> None:
    """Let an event cross the border that the other gate does not sign for."""
    world.outbox("kz", world.event())
    world.nodes["kz"].consume()


@pytest.mark.parametrize("begun", [held, asked, unconfirmed])
def test_nothing_is_due_before_the_moment_and_something_at_it(world: World, begun: Callable[[World], None]) -> None:
    """A gate that sleeps until then is neither late nor woken for nothing."""
    begun(world)
    moment_ms = next_of(world)
    assert moment_ms is not None
    assert moment_ms > world.now_ms
    world.now_ms = moment_ms - 1
    assert not is_due(world)
    assert next_of(world) == moment_ms
    world.now_ms = moment_ms
    assert is_due(world)


def test_an_empty_store_has_no_moment(world: World) -> None:
    """Then only the heartbeats come by time."""
    assert next_of(world) is None


def test_a_time_that_is_damaged_hides_no_other(world: World) -> None:
    """One beyond all that may be is left out: it counts as due where it is looked for."""
    asked(world)
    moment_ms = next_of(world)
    with world.nodes["kz"].store.database.writing() as connection:
        connection.execute(update(deadline).values(next_ms=2**62))
    assert moment_ms is not None
    found = next_of(world)
    assert found is None or found > moment_ms


def test_heartbeats_are_due_an_interval_after_the_last(world: World) -> None:
    """At once where none was ever written."""
    kz = world.nodes["kz"]
    kz.upkeep.heartbeats()
    with kz.store.database.reading() as connection:
        assert kz.upkeep.next_beat_ms(connection) == world.now_ms + kz.upkeep.heartbeat_ms
