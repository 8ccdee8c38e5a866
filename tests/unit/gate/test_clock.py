"""A gate whose clock goes wrong loses nothing, forgets nothing, and goes on."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import func, insert, select

from refbus.core.gate.passage import Outcome
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import Priority
from refbus.errors import Code
from refbus.node.store.node import put_setting
from refbus.node.store.pings import due
from refbus.node.store.purge import LEAST, SHARE, purge
from refbus.node.store.tables import deadline, fact, outgoing, ping, record
from refbus_gate.decide.effects import KEEP_RECORD_MS
from support.directories import agency, ngo
from support.envelopes import sealed
from support.gates import Node, World

YEARS_MS = 6 * 365 * DAY_MS
STATE = (record, fact, deadline)


def rows(node: Node) -> dict[str, int]:
    """Return how many rows of each table of its state a gate has."""
    with node.store.database.reading() as connection:
        return {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in STATE}


def upkeep(node: Node) -> int:
    """Do everything that a gate does by the clock; return what it gave up or forgot."""
    node.upkeep.heartbeats()
    return node.upkeep.undelivered() + node.upkeep.forget() + node.upkeep.forget_cases(lambda _names: None)


@pytest.mark.parametrize("off_ms", [YEARS_MS, -YEARS_MS, 20 * DAY_MS, -5 * HOUR_MS])
def test_a_gate_in_another_year_for_ten_seconds_loses_nothing(world: World, off_ms: int) -> None:
    """What is known stays, events pass meanwhile, a replay under a withdrawn consent does not, heartbeats go on."""
    kz = world.nodes["kz"]
    raw = world.event()
    world.outbox("kz", raw)
    world.outbox("kz", world.withdrawal("event"))
    world.settle()
    upkeep(kz)
    before = rows(kz)
    kz.wrong_ms = off_ms
    assert upkeep(kz) == 0
    world.now_ms += 10_000
    assert upkeep(kz) == 0
    assert rows(kz) == before
    world.outbox("kz", world.event("meanwhile", consent_record=world.consent(consent_id=b"m" * 16)))
    world.settle()
    assert world.outcome("kz", 2) == (Outcome.FORWARDED, "")
    kz.wrong_ms = 0
    world.outbox("kz", raw)
    world.outbox("kz", sealed(world.fed, world.block("event")))
    world.settle()
    assert kz.balance().total(Outcome.DUPLICATE) == 1
    assert world.outcome("kz", 4)[0] != Outcome.FORWARDED
    world.now_ms += HOUR_MS
    kz.consume()
    beats = kz.upkeep.heartbeats()
    assert beats == 3


def test_forgetting_takes_a_share_at_a_time(world: World) -> None:
    """One run deletes a twentieth of a table at most, or two hundred rows; the next goes on; the balance holds."""
    number, store = SHARE * LEAST * 2, world.nodes["kz"].store
    values = [
        {"topic": "kz.outbox", "offset": n, "decision_id": n.to_bytes(16, "big"), "outcome": "FORWARDED", "code": ""}
        for n in range(number)
    ]
    with store.database.writing() as connection:
        connection.execute(insert(record), [each | {"at_ms": 0, "keep_until_ms": 1} for each in values])
        assert purge(connection, 2) == LEAST * 2
        assert purge(connection, 2) == (number - LEAST * 2) // SHARE
    with store.database.reading() as connection:
        left = connection.execute(select(func.min(record.c.offset))).scalar_one()
    assert left == LEAST * 2 + (number - LEAST * 2) // SHARE, "the oldest go first"


def test_a_last_heartbeat_in_the_future_is_due_now(world: World) -> None:
    """A store in which a wrong clock left its time stops no heartbeat."""
    kz = world.nodes["kz"]
    with kz.store.database.writing() as connection:
        put_setting(connection, "heartbeat_ms", (2**62).to_bytes(8, "big"))
    assert kz.upkeep.heartbeats() == 3


def test_what_a_wrong_clock_put_off_is_due_now(world: World) -> None:
    """Deliveries and pings whose next attempt is years ahead are taken up at once."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event())
    kz.consume()
    world.nodes["uz"].bus.down = True
    kz.pump()
    world.nodes["uz"].bus.down = False
    kz.pump()
    with kz.store.database.writing() as connection:
        connection.execute(outgoing.update().values(next_attempt_ms=2**61))
        values = {"organisation": agency("kz"), "kind": "ALARM", "message_id": bytes(16), "attempts": 0}
        connection.execute(insert(ping).values(created_ms=0, next_attempt_ms=2**61, **values))
        assert [each.organisation for each in due(connection, world.now_ms, 10)] == [agency("kz")]
    world.now_ms += 60_000
    world.settle()
    assert len(world.events(ngo("uz"))) == 1


def test_old_rows_are_forgotten_once_a_person_or_a_quiet_day_has_spoken(world: World) -> None:
    """After a jump nothing is forgotten for a day; a person's word ends the wait."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event())
    world.settle()
    world.now_ms += KEEP_RECORD_MS
    kz.clock.now_ms()
    kz.wrong_ms = YEARS_MS
    assert kz.upkeep.forget() == 0
    kz.wrong_ms = 0
    assert kz.upkeep.forget() == 0
    kz.clock.accept()
    assert kz.upkeep.forget() > 0


def test_an_urgent_event_that_is_held_is_told_at_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The operator hears of an emergency that waits, with the reason and where its sender is named: not in the log."""
    ahead = world.now_ms + 5 * HOUR_MS
    with caplog.at_level(logging.CRITICAL):
        world.outbox("kz", world.event(occurred_at_ms=ahead, respond_by_ms=None, priority=Priority.EMERGENCY))
        world.settle()
    assert world.outcome("kz", 0) == (Outcome.HELD, Code.CLOCK_SKEW)
    (told,) = [each.getMessage() for each in caplog.records if "urgent" in each.getMessage()]
    assert agency("kz") not in told
    assert "CLOCK_SKEW; python -m refbus_gate waiting names whose" in told
