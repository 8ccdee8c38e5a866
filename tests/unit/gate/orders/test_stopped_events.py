"""What an operator is shown of events that did not pass: whose, why, since when, and what may be done."""

from __future__ import annotations

from refbus.core.gate.passage import Outcome
from refbus.core.units import HOUR_MS
from refbus.node.store import accounting
from refbus_gate.orders.stopped import lines, report
from support.directories import agency
from support.envelopes import NOW_HOUR, sealed
from support.gates import World
from support.scans import watched


def test_a_refused_event_is_told_with_its_sender_and_its_age(world: World) -> None:
    """The organisation, the code, the hours, and that two persons may have it decided again."""
    kz = world.nodes["kz"]
    world.outbox("kz", sealed(world.fed, world.block(), expires_at_hour=NOW_HOUR))
    world.settle()
    world.now_ms += 3 * HOUR_MS
    (found,) = report(kz.store, world.fed.directory, kz.sources, world.now_ms)
    assert (found["sender"], found["outcome"], found["hours"]) == (agency("kz"), "REFUSED", 3)
    assert "two persons" in found["may"]
    text = "\n".join(lines([found]))
    assert found["decision"] in text
    assert found["code"] in text


def test_what_nobody_signed_has_no_sender(world: World) -> None:
    """Garbage is the topic's."""
    kz = world.nodes["kz"]
    world.outbox("kz", b"garbage")
    world.settle()
    (found,) = report(kz.store, world.fed.directory, kz.sources, world.now_ms)
    assert (found["outcome"], found["sender"]) == ("QUARANTINED", "kz.outbox (nobody verified)")


def test_only_the_records_that_are_kept_are_looked_at(world: World) -> None:
    """The table of all records is not read through, however long it is."""
    kz = world.nodes["kz"]
    world.outbox("kz", b"garbage")
    world.settle()
    with watched() as plans, kz.store.database.reading() as connection:
        assert [each.outcome for each in accounting.stopped(connection)] == [Outcome.QUARANTINED]
        assert accounting.held(connection) == []
    assert plans.run
    assert plans.unexplained() == []
