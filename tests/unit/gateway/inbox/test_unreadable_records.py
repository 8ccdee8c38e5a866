"""One record that is damaged, unreadable or hit by a mistake of ours stops no other and fills no disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from refbus.errors import Code, UncheckableError
from refbus.wire.transport import InboxKind
from refbus_gateway.inbox import arrivals, refusals
from refbus_gateway.outbox import answers
from refbus_gateway.rules.verification import verified
from refbus_gateway.store import alarms, positions, referrals, set_aside
from refbus_gateway.store.schema import inbox_seen, metadata
from refbus_gateway.store.set_aside import AsideState
from support.ceremonies import SHELTER
from support.forged import forged, fresh, taken
from support.gateways import (
    Pair,
    alarm_codes,
    home_health,
    id_of,
    open_at,
    sent,
    withdraw_all,
)
from support.gateways import incoming as number_of


@pytest.mark.parametrize("mistake", [ZeroDivisionError(), IntegrityError("", None, Exception())])
def test_a_mistake_of_ours_holds_one_record_and_stops_nothing(
    own: Pair, monkeypatch: pytest.MonkeyPatch, mistake: Exception
) -> None:
    """INTERNAL_ERROR: the record is kept and tried again, an alarm stands, the next record is read."""
    first, second = forged(own, *fresh(own)), forged(own, *fresh(own))
    real = verified
    calls = iter([True])

    def once(*arguments: Any) -> Any:
        if next(calls, False):
            raise mistake
        return real(*arguments)

    monkeypatch.setattr(arrivals, "verified", once)
    for raw in (first, second):
        own.world.deliver(SHELTER, InboxKind.EVENT, raw)
    own.world.sync(own.uz)
    assert (home_health(own.uz).held, "INTERNAL_ERROR" in alarm_codes(own.uz)) == (1, True)
    own.world.sync(own.uz)
    assert home_health(own.uz).held == 0
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 2


@pytest.mark.parametrize("kind", [InboxKind.EVENT, InboxKind.NOTICE, None], ids=lambda kind: kind or "no record")
def test_what_comes_from_nobody_takes_bounded_room(
    own: Pair, monkeypatch: pytest.MonkeyPatch, kind: InboxKind | None
) -> None:
    """Of records from whom nobody knows so much is kept as of one sender, then hashes; many are one alarm."""
    monkeypatch.setattr(refusals, "MOST_RECORDS", 5)
    topic = own.uz.inbox_topic
    for number in range(40):
        body = f"Fictional noise {number}".encode()
        if kind is None:
            own.world.bus.put(topic, body)
        else:
            own.world.deliver(SHELTER, kind, body)
    own.world.sync(own.uz)
    with own.uz.store.read() as tx:
        found = set_aside.aside(tx, set_aside.AsideState.REFUSED)
    assert (len(found), sum(1 for one in found if one.value)) == (40, 5)
    assert len(alarm_codes(own.uz)) <= 22
    taken(own, forged(own, *fresh(own)))
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1


OURS = [("cases", "wrapped_key"), ("counterparts", "body"), ("referrals", "body")]


@pytest.mark.parametrize(("table", "column"), OURS)
def test_an_event_of_a_case_that_is_damaged_here_waits(own: Pair, table: str, column: str) -> None:
    """Its sender did nothing wrong: a person here is told, the event is kept, and taken in once the row is mended."""
    case, _ = sent(own.kz)
    own.exchange()
    number = number_of(own.uz, id_of(own.kz, 1))
    rows = metadata.tables[table]
    with own.uz.store.write() as tx:
        whole = tx.connection.execute(select(rows.c.id, rows.c[column])).one()
        tx.connection.execute(update(rows).values({column: b"damaged"}))
    withdraw_all(own.kz, case)
    own.exchange()
    with own.uz.store.read() as tx:
        assert [(each.code, each.state) for each in set_aside.aside(tx, AsideState.HELD)] == [
            (Code.HOME_DAMAGED, AsideState.HELD)
        ]
        assert set_aside.count_aside(tx, AsideState.REFUSED) == 0
    assert "HOME_DAMAGED" in alarm_codes(own.uz)
    assert "NOT_TAKEN_IN" not in alarm_codes(own.kz)
    with own.uz.store.write() as tx:
        tx.connection.execute(update(rows).where(rows.c.id == whole.id).values({column: whole[1]}))
    own.world.sync(own.uz)
    assert open_at(own.uz, number).withdrawn
    with own.uz.store.read() as tx:
        assert set_aside.count_aside(tx, AsideState.HELD) == 0


def test_a_batch_that_cannot_be_read_is_told_and_stops_no_inbox(own: Pair) -> None:
    """What stands behind it is taken in; its bytes are kept, and one alarm names where it was."""
    topic = f"uz.inbox.{SHELTER}"
    own.world.bus.put_torn(topic, [b"lost"] * 2, b"raw bytes")
    end = len(own.world.bus.records(topic))
    own.world.deliver(SHELTER, InboxKind.EVENT, forged(own, *fresh(own)), sequence=8)
    own.world.sync(own.uz)
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1
        kept = [each for each in set_aside.aside(tx, AsideState.REFUSED) if each.value == b"raw bytes"]
        told = [each.detail for each in alarms.standing_alarms(tx) if each.code == Code.BATCH_UNREADABLE]
    assert [each.code for each in kept] == [Code.BATCH_UNREADABLE]
    assert len(told) == 1
    assert f"offsets {end - 2} to {end - 1}" in told[0]


@pytest.mark.parametrize("kind", ["directory", "proofs"])
def test_a_batch_of_another_topic_that_cannot_be_read_is_told(own: Pair, kind: str) -> None:
    """It is an alarm and nothing more: the home goes on behind it."""
    topic = own.uz.directory_topic if kind == "directory" else own.uz.proofs_topic
    own.world.bus.put_torn(topic, [b"lost"] * 2, b"raw bytes")
    own.world.sync(own.uz)
    assert alarm_codes(own.uz).count("BATCH_UNREADABLE") == 1
    with own.uz.store.read() as tx:
        kept = positions.position(tx, topic)
    assert kept is not None
    assert kept.next_offset == len(own.world.bus.records(topic))


def test_many_batches_that_cannot_be_read_are_few_alarms(own: Pair) -> None:
    """Whoever runs the broker writes as many as they like: that buries no other alarm."""
    topic = f"uz.inbox.{SHELTER}"
    for number in range(60):
        own.world.bus.put_torn(topic, [b"lost"], b"raw %d" % number)
    own.world.sync(own.uz)
    assert 0 < alarm_codes(own.uz).count("BATCH_UNREADABLE") <= 21


def test_an_event_under_the_name_of_a_notice_keeps_the_event_from_nobody(own: Pair) -> None:
    """Whoever runs the broker delivers an event as a notice first; the true one of the same number is taken in."""
    raw = forged(own, *fresh(own))
    for kind in (InboxKind.NOTICE, InboxKind.EVENT):
        own.world.deliver(SHELTER, kind, raw, sequence=7)
    own.world.sync(own.uz)
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1


def test_what_an_older_version_has_read_is_not_read_again(own: Pair) -> None:
    """Before the list of bytes there are offsets: a record below them is known by its number, as it was then."""
    sent(own.kz)
    own.exchange()
    topic = f"uz.inbox.{SHELTER}"
    with own.uz.store.write() as tx:
        tx.connection.execute(delete(inbox_seen))
        kept = positions.position(tx, topic)
        assert kept is not None
        positions.set_position(tx, topic, replace(kept, next_offset=0, seen_from=kept.next_offset))
    own.world.sync(own.uz)
    assert "INBOX_COUNT_BACK" not in alarm_codes(own.uz)


def test_best_effort_keeps_what_was_done_before_it(own: Pair) -> None:
    """An answer that cannot be sent becomes an alarm; the rest of the transaction stays."""

    def fail() -> None:
        raise UncheckableError(Code.KEY_UNKNOWN)

    with own.kz.store.write() as tx:
        tx.put("before", b"1")
        answers.best_effort(own.kz, tx, fail)
    with own.kz.store.read() as tx:
        assert tx.get("before") == b"1"
    assert "KEY_UNKNOWN" in alarm_codes(own.kz)
