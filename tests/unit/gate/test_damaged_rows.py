"""One damaged row of a gate's store is set aside, counted and told; no other event, course or case waits for it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Table, func, select, update

from refbus.core.gate.passage import Outcome
from refbus.core.ids import CountryCode
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.crypto.framing import sha256
from refbus.errors import Code
from refbus.node.store.audit_keys import audit_key
from refbus.node.store.tables import deadline, fact, hold, outgoing, record
from refbus.wire.transport import NoticeKind
from refbus_gate.clock.deadlines import Timekeeper
from refbus_gate.decide.state import CONSENT, DENIAL, LEDGER, REFERRAL
from support.directories import agency, ngo
from support.envelopes import fixed
from support.gates import Node, World


def damage(node: Node, table: Table, column: str, *where: Any) -> int:
    """Change the first byte behind the format of every sealed value that is meant; return how many rows."""
    with node.store.database.writing() as connection:
        return spoil(connection, table, column, *where)


def spoil(connection: Any, table: Table, column: str, *where: Any) -> int:
    """Write other bytes over the sealed values."""
    chosen = update(table).where(table.c[column].is_not(None), *where)
    return int(connection.execute(chosen.values({column: b"\x01" + bytes(60)})).rowcount)


def late(world: World, name: str) -> bytes:
    """Return an event that waits until the clock has come to its time."""
    return world.event(name, occurred_at_ms=world.now_ms + HOUR_MS, respond_by_ms=None)


def timekeeper(world: World) -> Timekeeper:
    """Return who tells the deadlines of kz."""
    kz = world.nodes["kz"]
    return Timekeeper(kz.core, kz.sources["kz.outbox"], world.now)


def codes(world: World) -> list[tuple[str, ...]]:
    """Return the codes of everything that the sender was told."""
    return [each.codes for each in world.notices(agency("kz"))]


def test_a_held_record_that_is_damaged_ends_and_the_others_go_on(world: World) -> None:
    """Its sender is told, and the same event sent again is decided as a new one. Everything is accounted for."""
    kz, first, second = world.nodes["kz"], late(world, "one"), late(world, "two")
    for raw in (first, second):
        world.outbox("kz", raw)
    world.settle()
    assert damage(kz, hold, "sealed_record", hold.c.offset == 0) == 1
    world.now_ms += HOUR_MS
    assert kz.redecider.holds() == 2
    world.settle()
    assert world.events(ngo("uz")) == [second]
    assert (Code.HOME_DAMAGED,) in codes(world)
    assert len(kz.store.damaged) == 1
    world.outbox("kz", first)
    world.settle()
    assert world.events(ngo("uz")) == [second, first]
    balance = kz.balance()
    assert (balance.total(Outcome.HELD), set(balance.difference.values())) == (0, {0})


@pytest.mark.parametrize("column", ["offset", "topic"])
def test_a_hold_that_does_not_say_where_its_record_is_ends(world: World, column: str) -> None:
    """Its sender is told, and the same event sent again passes. So does the other one that waited."""
    kz, first, second = world.nodes["kz"], late(world, "one"), late(world, "two")
    for raw in (first, second):
        world.outbox("kz", raw)
    world.settle()
    with kz.store.database.writing() as connection:
        connection.exec_driver_sql(f'UPDATE hold SET "{column}" = \'damaged\' WHERE "offset" = 0')
    world.now_ms += HOUR_MS
    assert kz.redecider.holds() == 2
    world.settle()
    assert world.events(ngo("uz")) == [second]
    assert (Code.HOME_DAMAGED,) in codes(world)
    world.outbox("kz", first)
    world.settle()
    assert world.events(ngo("uz")) == [second, first]
    balance = kz.balance()
    assert (balance.total(Outcome.HELD), set(balance.difference.values())) == (0, {0})


def test_a_damaged_count_of_an_inbox_begins_anew(world: World) -> None:
    """What is told to its organisation goes on from 1, which alarms it; nothing of it is lost."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event("one"))
    world.settle()
    with kz.store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE inbox SET sequence = 'damaged'")
    kz.restart()
    before = len(world.inbox(agency("kz")))
    world.outbox("kz", world.event("two"))
    world.settle()
    assert [each.sequence for each in world.inbox(agency("kz"))][before] == 1
    assert len(world.events(ngo("uz"))) == 2


def test_a_running_gate_mends_the_count_of_an_inbox(world: World) -> None:
    """It knows the number that it gave last, and its next decision writes it again: nobody is alarmed."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event("one"))
    world.settle()
    with kz.store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE inbox SET sequence = 'damaged'")
    world.outbox("kz", world.event("two"))
    world.settle()
    kz.restart()
    world.outbox("kz", world.event("three"))
    world.settle()
    numbers = [each.sequence for each in world.inbox(agency("kz"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_held_record_whose_answer_is_damaged_too_ends(world: World) -> None:
    """Nobody is known who could be told; the log says so, and nothing waits for it."""
    kz, other = world.nodes["kz"], late(world, "two")
    for raw in (late(world, "one"), other):
        world.outbox("kz", raw)
    world.settle()
    damage(kz, hold, "sealed_record", hold.c.offset == 0)
    damage(kz, record, "sealed_answer", record.c.offset == 0)
    world.now_ms += HOUR_MS
    assert kz.redecider.holds() == 2
    world.settle()
    assert world.events(ngo("uz")) == [other]


@pytest.mark.parametrize("kind", [CONSENT, REFERRAL])
def test_what_needs_a_damaged_fact_is_refused_and_nothing_else(world: World, kind: str) -> None:
    """The sender hears HOME_DAMAGED; an event of another person in the same batch passes."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event("one"))
    world.settle()
    assert damage(kz, fact, "sealed", fact.c.kind == kind) == 1
    same = {"referral_id": fixed("referral one"), "case_handle": fixed("case one", 32)}
    world.outbox("kz", world.event("two", event_type="InformationProvided", previous=fixed("one"), **same))
    other = world.event("three", consent_record=world.consent(consent_id=fixed("another")))
    world.outbox("kz", other)
    world.settle()
    assert codes(world)[-2:] == [(Code.HOME_DAMAGED,), ()]
    assert world.events(ngo("uz"))[1:] == [other]


@pytest.mark.parametrize("kinds", [(CONSENT,), (REFERRAL,), (LEDGER,), (DENIAL,), (CONSENT, REFERRAL, LEDGER, DENIAL)])
def test_a_no_passes_whatever_is_damaged(world: World, kinds: tuple[str, ...]) -> None:
    """A withdrawal goes to the recipient, and what is damaged is not written over as if it had never said more."""
    kz = world.nodes["kz"]
    world.outbox("kz", world.event("one"))
    world.settle()
    for node in world.nodes.values():
        damage(node, fact, "sealed", fact.c.kind.in_(kinds))
    stop = world.withdrawal("one")
    world.outbox("kz", stop)
    world.settle()
    assert world.events(ngo("uz"))[-1] == stop
    with kz.store.database.reading() as connection:
        spoilt = select(func.count()).where(fact.c.kind.in_(kinds), fact.c.sealed == b"\x01" + bytes(60))
        sealed_again = connection.execute(spoilt).scalar_one()
    assert sealed_again == sum(kind != DENIAL for kind in kinds)


def test_a_repeat_of_what_has_a_damaged_answer_is_answered_from_its_own_bytes(world: World) -> None:
    """Nothing goes out twice, and other records of the batch are decided."""
    kz, first, other = world.nodes["kz"], world.event("one"), world.event("two")
    world.outbox("kz", first)
    world.settle()
    told = len(world.notices(agency("kz")))
    assert damage(kz, record, "sealed_answer", record.c.topic == "kz.outbox") == 1
    for raw in (first, other):
        world.outbox("kz", raw)
    world.settle()
    assert world.events(ngo("uz")) == [first, other]
    again = world.notices(agency("kz"))[told]
    assert (again.kind, again.event_id) == (NoticeKind.RECEIPT, fixed("one"))


def test_a_damaged_timetable_keeps_no_other_course_from_being_told(world: World) -> None:
    """It is set aside, and made anew with the next event of its course."""
    kz = world.nodes["kz"]
    for name in ("one", "two"):
        world.outbox("kz", world.event(name, respond_by_ms=world.now_ms + 2 * DAY_MS))
    world.settle()
    with kz.store.database.writing() as connection:
        keys = connection.execute(select(deadline.c.course_key)).scalars().all()
        assert spoil(connection, deadline, "sealed", deadline.c.course_key == keys[0]) == 1
    assert len(keys) == 2
    world.now_ms += 3 * DAY_MS
    timekeeper(world).tell()
    world.settle()
    reminded = {each.referral_id for each in world.notices(agency("kz")) if each.deadline}
    assert len(reminded) == 1
    assert not timekeeper(world).waits()


def test_a_damaged_course_keeps_no_other_from_being_told(world: World) -> None:
    """Its facts do not open; it is looked at again in an hour, and takes no other's turn until then."""
    kz = world.nodes["kz"]
    for name in ("one", "two"):
        world.outbox("kz", world.event(name, respond_by_ms=world.now_ms + 2 * DAY_MS))
    world.settle()
    with kz.store.database.writing() as connection:
        keys = connection.execute(select(deadline.c.course_key)).scalars().all()
        assert spoil(connection, fact, "sealed", fact.c.kind == REFERRAL, fact.c.fact_key == keys[0]) == 1
    world.now_ms += 3 * DAY_MS
    timekeeper(world).tell()
    world.settle()
    assert len({each.referral_id for each in world.notices(agency("kz")) if each.deadline}) == 1
    assert not timekeeper(world).waits()


def test_a_damaged_audit_key_keeps_no_decision_from_being_logged(world: World) -> None:
    """The case has a second key; the damaged one stays for a copy to mend, and both are destroyed together."""
    keys = world.nodes["kz"].audit_keys
    name, other = fixed("case name", 32), fixed("other", 32)
    first = keys.of([name, other])
    with keys._database.writing() as connection:
        spoil(connection, audit_key, "sealed", audit_key.c.case_key == name)
    keys._known.clear()
    second = keys.of([name, other])
    assert second[other] == first[other]
    assert second[name] != first[name]
    assert keys.damaged == {name}
    keys._known.clear()
    assert keys.of([name]) == {name: second[name]}
    assert keys.destroy([name]) == 2


@pytest.mark.parametrize("value_too", [False, True])
def test_a_delivery_that_fails_is_told_though_its_answer_is_damaged(world: World, value_too: bool) -> None:
    """What was to be delivered says whose it was. Where that is damaged too, the other deliveries are still told."""
    kz, raws = world.nodes["kz"], [world.event(name) for name in ("one", "two")]
    world.nodes["uz"].bus.down = True
    for raw in raws:
        world.outbox("kz", raw)
    kz.consume()
    assert damage(kz, record, "sealed_answer", record.c.offset == 0) == 1
    if value_too:
        with kz.store.database.reading() as connection:
            first = connection.execute(select(func.min(outgoing.c.id)).where(outgoing.c.destination == "uz")).scalar()
        assert damage(kz, outgoing, "sealed_value", outgoing.c.id == first) == 1
    world.now_ms += 14 * DAY_MS
    while kz.upkeep.undelivered():
        pass
    kz.pumps[CountryCode("kz")].turn()
    failed = [each for each in world.notices(agency("kz")) if each.kind is NoticeKind.DELIVERY_FAILED]
    assert {each.envelope_sha256 for each in failed} == {sha256(raw) for raw in raws[value_too:]}
    assert all(each.codes == (Code.DELIVERY_FAILED,) for each in failed)
