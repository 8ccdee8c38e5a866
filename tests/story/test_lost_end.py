"""A broker that has lost the end of a topic, with two gates and two offices: what is said afterwards arrives."""

from __future__ import annotations

from contextlib import suppress

import pytest

from refbus.errors import SetupError
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.store import referrals
from refbus_gateway.sync.reader import Draining
from support.gateways import alarm_codes, case_file, id_of, incoming, open_at, sent, withdraw_all
from support.nodes import Node, Road

WRONG = {"INBOX_GAP", "INBOX_COUNT_BACK", "EVENT_ID_REUSED", "DUPLICATE", "GATE_RESTORED"}


def another(road: Road) -> int:
    """Send the referral of a case of its own; return its number."""
    return sent(road.kz, case_file(about=f"Fictional case at {road.clock()}."))[1]


def received(road: Road) -> int:
    """Return how many referrals the shelter has."""
    with road.uz.store.read() as tx:
        return len(referrals.every(tx))


def restarted(road: Road, country: str) -> None:
    """Stop a gate and start it again, as it does by itself when its watchdog has seen the loss."""
    node = next(each for name, each in road.nodes.items() if name == country)
    node.close()
    road.nodes[node.country] = Node(road, node.country)


@pytest.mark.parametrize(
    ("topic", "country"), [("kz.outbox", "kz"), ("uz.border.kz", "uz"), ("kz.border.uz", "kz"), ("uz.outbox", "uz")]
)
@pytest.mark.parametrize("kept", [0, 1])
def test_a_no_that_takes_the_number_of_a_lost_record_arrives(own: Road, topic: str, country: str, kept: int) -> None:
    """Two referrals were decided, a topic of the way loses its end, the person says no: both offices know it."""
    case, number = sent(own.kz)
    own.settle(step_ms=1)
    another(own)
    own.settle()
    own.bus.lose_end(topic, kept)
    restarted(own, country)
    withdraw_all(own.kz, case)
    own.settle()
    assert open_at(own.uz, incoming(own.uz, id_of(own.kz, number))).withdrawn
    assert received(own) == 2
    for office in own.opened:
        assert not WRONG & set(alarm_codes(office))


@pytest.mark.parametrize("looks", [False, True], ids=["away", "at once"])
def test_an_office_reads_what_takes_the_numbers_of_its_inbox(own: Road, looks: bool) -> None:
    """Its inbox lost two records that it has, and others have their numbers: they are taken in, with LOG_TRUNCATED."""
    case, number = sent(own.kz)
    own.settle()
    for _ in range(2):
        another(own)
        own.settle(step_ms=1)
    topic = f"uz.inbox.{own.shelter}"
    end = len(own.bus.records(topic))
    own.bus.lose_end(topic, end - 2)
    if looks:
        own.sync(own.uz)
        assert "LOG_TRUNCATED" in alarm_codes(own.uz)
    withdraw_all(own.kz, case)
    own.settle()
    assert open_at(own.uz, incoming(own.uz, id_of(own.kz, number))).withdrawn
    assert received(own) == 3
    told = alarm_codes(own.uz)
    assert told.count("LOG_TRUNCATED") == 1
    assert not WRONG & set(told)


def test_an_inbox_that_grew_beyond_what_was_read_is_read_again(own: Road) -> None:
    """The office was away meanwhile: the record before its position is another one, and none is passed over."""
    case, number = sent(own.kz)
    own.settle(step_ms=1)
    another(own)
    own.settle()
    topic = f"uz.inbox.{own.shelter}"
    own.bus.lose_end(topic, len(own.bus.records(topic)) - 1)
    withdraw_all(own.kz, case)
    third = another(own)
    own.settle(own.kz)
    assert len(own.bus.records(topic)) > 2
    own.settle()
    assert open_at(own.uz, incoming(own.uz, id_of(own.kz, number))).withdrawn
    assert not open_at(own.uz, incoming(own.uz, id_of(own.kz, third))).withdrawn
    assert alarm_codes(own.uz).count("LOG_TRUNCATED") == 1


def test_an_office_that_runs_finds_out_by_itself(own: Road) -> None:
    """The readers of a running office stand beyond the end: it does not believe that it has everything."""
    sent(own.kz)
    own.settle()
    draining = Draining(own.uz, own.bus)
    draining.drain()
    assert draining.at_end()
    topic = f"uz.inbox.{own.shelter}"
    last = InboxRecord.parse(own.bus.records(topic)[-1].value)
    own.bus.lose_end(topic, len(own.bus.records(topic)) - 1)
    assert not draining.at_end()
    for _ in range(2):
        with suppress(SetupError):  # the next turn looks again
            draining.read_some(0)
    assert alarm_codes(own.uz).count("LOG_TRUNCATED") == 1
    own.bus.put(topic, InboxRecord(InboxKind.EVENT, last.sequence + 1, b"not an envelope").encode())
    assert draining.read_some(0) == 1
    assert draining.at_end()
    draining.close()


def test_an_office_that_has_only_the_last_record_alarms_nothing(own: Road) -> None:
    """A start in a sound inbox reads its last record again, knows it, and tells nobody."""
    sent(own.kz)
    own.settle()
    for _ in range(2):
        own.gateway(own.shelter)
        own.settle()
    assert alarm_codes(own.uz) == []
    assert received(own) == 1
