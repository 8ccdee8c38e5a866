"""A gateway for which nothing comes: what it leaves out, and that nothing is left out once something has come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from refbus.bell import Bell
from refbus.errors import Code, SetupError
from refbus.said import named
from refbus_gateway.store import alarms, positions
from refbus_gateway.store.schema import metadata
from refbus_gateway.sync.reader import Draining
from support.gateways import Pair, sent, withdraw_all


@pytest.fixture
def draining(own: Pair) -> Iterator[Draining]:
    """Give the readers of the shelter, which has read everything and listens."""
    made = Draining(own.uz, own.world.bus)
    made.drain()
    bell = Bell(own.uz.home.bell_path)
    made.hear(bell, 0)
    yield made
    made.close()
    bell.close()


def synchronised_ms(own: Pair) -> int:
    """Return since when the shelter is known to have had everything."""
    with own.uz.store.read() as tx:
        return tx.get_int(positions.SYNCHRONISED)


def looks_again(draining: Draining) -> bool:
    """Keep up, and return whether what is held is looked for again although nobody writes."""
    draining.keep_up()
    return draining._nothing_held is None


def hear_for_ever(draining: Draining, bell: Bell) -> None:
    """Hear until something is wrong."""
    while True:
        draining.hear(bell, 1.0)


def test_who_has_everything_goes_on_listening(own: Pair, draining: Draining) -> None:
    """Its question stays with the broker, and the moment up to which it has everything moves on."""
    own.world.clock.now_ms += 60_000
    listening = draining._listening
    assert listening is not None
    asked = listening._asked
    assert draining.drain() == 0
    assert listening._asked is asked
    assert listening.is_asking
    assert synchronised_ms(own) == own.world.clock.now_ms


def test_who_has_not_everything_stops_listening_and_reads(own: Pair, draining: Draining) -> None:
    """What waits in the inbox is taken in before that moment moves."""
    sent(own.kz)
    own.world.sync(own.kz)
    own.world.carry()
    assert draining.drain() == 1
    assert draining.at_end()
    assert synchronised_ms(own) == own.world.clock.now_ms


def test_an_inbox_that_ends_below_is_not_had_whole(own: Pair, draining: Draining) -> None:
    """A broker that has lost its end gives the numbers again: that the position is behind them says nothing."""
    sent(own.kz)
    own.world.sync(own.kz)
    own.world.carry()
    draining.drain()
    own.world.bus.lose_end(own.uz.inbox_topic, own.world.bus.end(own.uz.inbox_topic) - 1)
    assert not draining.at_end()


def test_a_log_that_grew_again_to_where_it_was_is_read(own: Pair) -> None:
    """Who has just been told that the inbox ends below believes no end before it has looked where it stands."""
    draining, bell, topic = Draining(own.uz, own.world.bus), Bell(own.uz.home.bell_path), own.uz.inbox_topic
    case, _ = sent(own.kz)
    own.world.sync(own.kz)
    own.world.carry()
    draining.drain()
    draining.hear(bell, 0)
    end = own.world.bus.end(topic)
    own.world.bus.lose_end(topic, end - 1)
    with pytest.raises(SetupError) as lost:
        hear_for_ever(draining, bell)
    assert lost.value.code is Code.LOG_TRUNCATED
    withdraw_all(own.kz, case)
    own.world.sync(own.kz)
    own.world.carry()
    assert own.world.bus.end(topic) == end
    assert draining.drain() == 1
    draining.close()
    bell.close()


def test_an_empty_shelf_is_not_looked_at(own: Pair, draining: Draining) -> None:
    """Where nothing is held nothing is looked for until something is written."""
    draining.keep_up()
    mark = draining._nothing_held
    assert mark == own.uz.store.change_mark()
    with own.uz.store.write() as tx:
        alarms.raise_alarm(tx, Code.INBOX_GAP, named("record"), own.uz.now_ms())
    draining.keep_up()
    assert draining._nothing_held == own.uz.store.change_mark() != mark


def test_what_is_held_is_tried_at_every_look(own: Pair) -> None:
    """Time alone may bring what it waits for: nobody has to write."""
    passed_s = [0.0]
    draining = Draining(own.uz, own.world.bus, lambda: passed_s[0])
    case, _ = sent(own.kz)
    own.exchange()
    rows = metadata.tables["cases"]
    with own.uz.store.write() as tx:
        whole = tx.connection.execute(select(rows.c.wrapped_key)).scalar_one()
        tx.connection.execute(update(rows).values(wrapped_key=b"damaged"))
    withdraw_all(own.kz, case)
    own.world.sync(own.kz)
    own.world.carry()
    draining.drain()
    for _ in range(2):
        assert looks_again(draining)
    with own.uz.store.write() as tx:
        tx.connection.execute(update(rows).values(wrapped_key=whole))
    assert looks_again(draining)  # it rests until its next try
    passed_s[0] += 3_600
    assert looks_again(draining)  # it is taken in
    assert not looks_again(draining)
    draining.close()
