"""By the clock: heartbeats, deliveries that nobody confirmed, forgetting."""

from __future__ import annotations

from refbus.core.directory import OrgStatus
from refbus.core.gate.passage import Outcome
from refbus.core.ids import CountryCode
from refbus.core.units import HOUR_MS
from refbus.crypto.framing import sha256
from refbus.node.store.purge import purge
from refbus.wire.transport import NoticeKind
from refbus_gate.decide.effects import KEEP_RECORD_MS
from refbus_gate.decide.state import KEEP_MS
from support.audit import orders_in
from support.directories import agency, gate, ngo, second_ngo
from support.envelopes import NOW_HOUR, fixed
from support.gates import World


def running_hash(bodies: list[bytes]) -> bytes:
    """Return the hash over the bodies of an inbox, from 32 zero bytes."""
    digest = bytes(32)
    for body in bodies:
        digest = sha256(digest + sha256(body))
    return digest


def test_a_heartbeat_says_count_and_hash_of_what_came_before(world: World) -> None:
    """A reader can tell from it alone whether something is missing."""
    world.outbox("kz", world.event())
    world.settle()
    kz = world.nodes["kz"]
    assert kz.upkeep.heartbeats() == 3
    kz.pump()
    before = [each.body for each in world.inbox(agency("kz"))][:-1]
    beat = world.notices(agency("kz"))[-1]
    assert (beat.kind, beat.inbox_count, beat.inbox_hash) == (NoticeKind.HEARTBEAT, 2, running_hash(before))


def test_heartbeats_come_once_an_hour(world: World) -> None:
    """Neither a second tick nor a restart gives another before its time."""
    kz = world.nodes["kz"]
    assert kz.upkeep.heartbeats() == 3
    assert kz.upkeep.heartbeats() == 0
    kz.restart()
    assert kz.upkeep.heartbeats() == 0
    world.now_ms += HOUR_MS
    assert kz.upkeep.heartbeats() == 3


def test_a_suspended_organisation_hears_no_heartbeat(world: World) -> None:
    """Only active members of the country with an inbox do."""
    world.fed = world.fed.changed(second_ngo("kz"), status=OrgStatus.SUSPENDED)
    assert world.nodes["kz"].upkeep.heartbeats() == 2


def test_an_event_that_nobody_takes_ends_as_delivery_failed(world: World) -> None:
    """When the envelope expires without a hop receipt the sender is told, once, and nothing is sent any more."""
    raw = world.event()
    world.outbox("kz", raw)
    kz = world.nodes["kz"]
    kz.consume()
    world.nodes["uz"].bus.down = True
    kz.pumps[CountryCode("uz")].turn()
    world.now_ms = (NOW_HOUR + 168) * HOUR_MS
    assert kz.upkeep.undelivered() == 1
    assert kz.upkeep.undelivered() == 0
    kz.pumps[CountryCode("kz")].turn()
    notice = world.notices(agency("kz"))[-1]
    assert (notice.kind, notice.envelope_sha256, notice.codes) == (
        NoticeKind.DELIVERY_FAILED,
        sha256(raw),
        ("DELIVERY_FAILED",),
    )
    assert kz.waiting("uz") == []
    assert kz.balance().total(Outcome.FORWARDED) == 1


def test_a_border_that_is_down_delays_and_loses_nothing(world: World) -> None:
    """Events wait a week; what goes elsewhere is not held up; then everything arrives."""
    raws = [world.event(name) for name in ("a", "b")]
    uz, kz = world.nodes["uz"], world.nodes["kz"]
    uz.bus.down = True
    for raw in raws:
        world.outbox("kz", raw)
    kz.consume()
    for _ in range(5):
        for pump in kz.pumps.values():
            pump.turn()
        world.now_ms += 24 * HOUR_MS
    assert len(world.notices(agency("kz"))) == 2
    uz.bus.down = False
    world.settle()
    assert world.events(ngo("uz")) == raws


def test_forgetting_keeps_the_balance(world: World) -> None:
    """Old rows are deleted when nothing can refer to them; what they counted stays in the account."""
    for name in ("a", "b"):
        world.outbox("kz", world.event(name))
    world.outbox("kz", b"garbage")
    world.settle()
    kz = world.nodes["kz"]
    before = kz.balance()
    world.now_ms += KEEP_RECORD_MS
    assert kz.upkeep.forget() == 3  # those of the outbox: a hop receipt has no row
    assert kz.upkeep.forget() == 0
    assert kz.balance() == before
    assert set(before.difference.values()) == {0}


def test_a_flood_of_long_ago_is_forgotten_in_parts(world: World) -> None:
    """No call deletes more than a bounded number of rows, the oldest first, and nothing is counted twice."""
    for number in range(5):
        world.outbox("kz", b"garbage %d" % number)
    world.settle()
    kz = world.nodes["kz"]
    before = kz.balance()
    with kz.store.database.writing() as connection:
        gone = [purge(connection, world.now_ms + KEEP_RECORD_MS, most=2) for _ in range(4)]
    assert gone == [2, 2, 1, 0]
    assert kz.balance() == before


def test_what_is_young_or_waits_is_not_forgotten(world: World) -> None:
    """A held event stays, however old its row is."""
    ahead = world.now_ms + HOUR_MS
    world.outbox("kz", world.event(occurred_at_ms=ahead, respond_by_ms=None))
    world.settle()
    assert world.nodes["kz"].upkeep.forget() == 0
    world.now_ms += KEEP_RECORD_MS
    assert world.nodes["kz"].upkeep.forget() == 0


def test_a_case_of_which_nothing_is_known_any_more_is_erased_from_the_audit_too(world: World) -> None:
    """Its audit key is destroyed for good, its entries are ordered to be deleted, those of no case are left alone."""
    world.outbox("kz", world.event())
    world.outbox("kz", b"no envelope")
    world.settle()
    kz = world.nodes["kz"]
    about = {entry.decision_id for entry in world.audit("kz")}
    destroyed = list[bytes]()
    assert kz.upkeep.forget_cases(destroyed.extend) == 0
    world.now_ms += KEEP_MS
    assert kz.upkeep.forget_cases(destroyed.extend) == 1
    assert kz.upkeep.forget_cases(destroyed.extend) == 0
    kz.pump()
    (order,) = orders_in(record.value for record in kz.bus.records("kz.audit"))
    assert order.writer == gate("kz")
    assert set(order.decision_ids) < about
    assert len(about - set(order.decision_ids)) == 1, "the record that is no envelope belongs to no case"
    assert len(destroyed) == 1


def test_a_gate_never_orders_the_evidence_of_an_emergency_to_be_erased(world: World) -> None:
    """What it decided about a disclosure without consent is marked, and left out when the case is forgotten."""
    same_case = {"referral_id": fixed("referral one"), "case_handle": fixed("case one", 32)}
    world.outbox("kz", world.event("one"))
    world.outbox("kz", world.event("urgent", event_type="EmergencyDisclosureInvoked", **same_case))
    world.settle()
    kz = world.nodes["kz"]
    plain, evidence = world.audit("kz")
    assert (plain.stays, evidence.stays) == (False, True)
    world.now_ms += KEEP_MS
    assert kz.upkeep.forget_cases(lambda _names: None) == 1
    kz.pump()
    (order,) = orders_in(record.value for record in kz.bus.records("kz.audit"))
    assert order.decision_ids == (plain.decision_id,)


def test_a_new_decision_keeps_what_is_known_of_a_case(world: World) -> None:
    """The time counts from the last one."""
    world.outbox("kz", world.event())
    world.settle()
    kz = world.nodes["kz"]
    world.now_ms += HOUR_MS
    world.outbox("kz", world.event("another", case_handle=fixed("case event", 32)))
    world.settle()
    world.now_ms += KEEP_MS - HOUR_MS
    assert kz.upkeep.forget_cases(lambda _names: None) == 0
    world.now_ms += HOUR_MS
    assert kz.upkeep.forget_cases(lambda _names: None) == 1
