"""What a program says by itself leaves at moments that tell an observer of the broker little; a stop leaves at once.

The observer of these tests runs the broker: it sees each record with topic, moment, size and bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refbus.core.vocabulary import EventType
from refbus.errors import MalformedError
from refbus.wire.transport import AuditEntry, ErasureOrder
from refbus_gateway.erasure import demand
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.home.pace import Pace
from refbus_gateway.store import cases
from refbus_gateway.sync.reader import Draining
from refbus_gateway.sync.writer import Outgoing, seal_owed
from support.gateways import Pair, case_file, id_of, incoming, open_at, say, sent, withdraw_all

WAIT_MS, EVERY_MS, HOUR_MS = 60_000, 600_000, 3_600_000
PACE = Pace(WAIT_MS, EVERY_MS)


@pytest.fixture
def received(own: Pair) -> int:
    """Let a request be with the shelter, whose program paces itself from here on; return its number there."""
    own.uz.pace = PACE
    own.world.clock.now_ms += EVERY_MS - own.world.clock.now_ms % EVERY_MS
    _, number = sent(own.kz, case_file(about="Fictional: paced"))
    own.world.sync(own.kz)
    own.world.carry()
    take_in(own)
    return incoming(own.uz, id_of(own.kz, number))


def take_in(own: Pair) -> None:
    """Let the shelter read its inbox, as `refbus run` does: nothing is sent."""
    draining = Draining(own.uz, own.world.bus)
    draining.drain()
    draining.close()
    seal_owed(own.uz)


def left(own: Pair, gateway: Gateway) -> tuple[int, int]:
    """Let `refbus run` send what is due; return how many records of outbox and audit topic there are, repeats apart."""
    producer = own.world.bus.producer()
    running = Outgoing(gateway, producer)
    while running.push(0.05) or not running.idle():
        continue
    producer.close()
    return tuple(len({each.value for each in own.world.bus.records(f"uz.{name}")}) for name in ("outbox", "audit"))  # type: ignore[return-value]


def test_moments_are_drawn_and_intervals_are_the_clocks() -> None:
    """An answer waits from 0 to the longest wait; entries leave at the next full interval; 0 is at once."""
    now_ms = 1_800_000_000_123
    drawn = {PACE.answer_at(now_ms) - now_ms for _ in range(200)}
    assert min(drawn) >= 0
    assert max(drawn) <= WAIT_MS
    assert len(drawn) > 100
    assert PACE.audit_at(now_ms) == 1_800_000_600_000
    assert PACE.audit_at(1_800_000_600_000) == 1_800_001_200_000
    assert (Pace().answer_at(now_ms), Pace().audit_at(now_ms)) == (now_ms, now_ms)


def test_an_automatic_answer_waits_and_its_entry_too(own: Pair, received: int) -> None:
    """Neither stands beside the record that caused it; after the longest wait the answer is there."""
    assert left(own, own.uz)[1] == 0
    own.world.clock.now_ms += WAIT_MS
    assert left(own, own.uz) == (1, 0)
    own.world.clock.now_ms += EVERY_MS
    assert left(own, own.uz) == (1, 1)


@pytest.mark.parametrize("act", [lambda own, number: open_at(own.uz, number), lambda own, number: None])
def test_when_a_person_opens_something_does_not_show(
    own: Pair, received: int, act: Callable[[Pair, int], object]
) -> None:
    """Whether somebody has opened the request or not, nothing more leaves before the interval is over."""
    own.world.clock.now_ms += EVERY_MS
    before = left(own, own.uz)
    act(own, received)
    assert left(own, own.uz)[1] == before[1]


def test_entries_name_the_hour_and_nothing_finer(own: Pair, received: int) -> None:
    """The time that stands in the clear in an entry is the beginning of its hour."""
    own.world.clock.now_ms += 2 * EVERY_MS
    left(own, own.uz)
    entries = [AuditEntry.parse(record.value) for record in own.world.bus.records("uz.audit")]
    assert entries
    assert {entry.at_ms % HOUR_MS for entry in entries} == {0}


def test_a_persons_word_waits_for_no_answer_of_a_program(own: Pair, received: int) -> None:
    """It takes the waiting answer of its referral along, so that nothing overtakes."""
    say(own.uz, received, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    assert left(own, own.uz)[0] == 2


def test_a_no_and_its_acknowledgement_leave_at_once(own: Pair, received: int) -> None:
    """What stops something has no wait, on either side."""
    own.kz.pace = PACE
    case, _ = sent(own.kz, case_file(about="Fictional: withdrawn"))
    own.world.sync(own.kz)
    before = len(own.world.bus.records("kz.outbox"))
    withdraw_all(own.kz, case)
    left(own, own.kz)
    assert len(own.world.bus.records("kz.outbox")) == before + 1


def test_an_order_to_erase_leaves_behind_its_entries(own: Pair, received: int) -> None:
    """Both wait for the interval, and the auditor has the entry before the order about it."""
    with own.uz.store.read() as tx:
        number = cases.every(tx)[0].id
    demand.erase(own.uz, number)
    assert left(own, own.uz)[1] == 0
    own.world.clock.now_ms += EVERY_MS
    left(own, own.uz)
    kinds: list[type] = []
    for record in own.world.bus.records("uz.audit"):
        try:
            kinds.append(type(ErasureOrder.parse(record.value)))
        except MalformedError:
            kinds.append(AuditEntry)
    assert kinds.count(ErasureOrder) == 1
    assert kinds.index(AuditEntry) < kinds.index(ErasureOrder)


def test_one_round_by_hand_sends_everything(own: Pair, received: int) -> None:
    """Who runs `refbus sync` once a day does not keep anybody waiting for a day."""
    own.world.sync(own.uz)
    assert left(own, own.uz) == (1, 1)
