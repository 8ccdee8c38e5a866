"""The word that a request arrived is owed in the transaction that makes it visible, and sealed after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from refbus.core.courses.referral import State
from refbus.core.vocabulary import EventType
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.store import outbox, referrals
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.referrals import Event
from refbus_gateway.sync import writer
from refbus_gateway.sync.reader import Draining
from support.ceremonies import SHELTER
from support.gateways import Pair, alarm_codes, open_at, say, sent, view

DELIVERED = EventType.REFERRAL_DELIVERED


class Killed(BaseException):
    """Stands for the end of the process at this point."""


def arrived(pair: Pair) -> None:
    """Let a request come into the store of the shelter, and the process end with the transaction that took it in."""
    sent(pair.kz)
    pair.world.sync(pair.kz)
    pair.world.carry()
    draining = Draining(pair.uz, pair.world.bus)
    assert draining.drain() == 1
    draining.close()


def answers(gateway: Gateway) -> list[Event]:
    """Return what the shelter said of the request by itself."""
    with gateway.store.read() as tx:
        (referral,) = referrals.every(tx)
        return [event for event in referrals.events_of(tx, referral) if event.block.event_type is DELIVERED]


def rows(gateway: Gateway) -> list[tuple[RowState, int | None]]:
    """Return the state of each row of the answer, and how many bytes it has to send."""
    with gateway.store.read() as tx:
        found = [row for event in answers(gateway) for row in outbox.of_event(tx, event.id)]
    return [(row.state, None if row.value is None else len(row.value)) for row in found]


def test_a_request_is_visible_before_its_answer_is_sealed(own: Pair) -> None:
    """A person can open it at once; the answer counts in the course, and its row has no envelope yet."""
    arrived(own)
    assert rows(own.uz) == [(RowState.STALE, 16)]
    assert view(own.uz, 1).state is State.DELIVERED
    assert open_at(own.uz, 1).referral.id == 1


def test_what_a_stop_left_owed_is_sealed_by_the_next_turn(own: Pair) -> None:
    """The process ended after the commit: another one seals the answer, once, and the sender hears it."""
    arrived(own)
    own.uz.close()
    own.uz = own.world.gateway(SHELTER)
    own.exchange()
    assert len(answers(own.uz)) == 1
    ((state, size),) = rows(own.uz)
    assert state is RowState.READY
    assert size is not None
    assert size > 1_000
    assert view(own.kz, 1).state is State.DELIVERED


@pytest.mark.parametrize("step", ["renew", "_queue"])
def test_a_stop_while_it_is_sealed_changes_nothing(own: Pair, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Sealing is one transaction: what was owed is owed still, and there are never two envelopes of one answer."""
    arrived(own)
    before = rows(own.uz)
    with monkeypatch.context() as patch:
        patch.setattr(envelopes, step, stopped(getattr(envelopes, step)))
        with pytest.raises(Killed):
            writer.seal_owed(own.uz)
    assert rows(own.uz) == before
    own.exchange()
    own.exchange()
    assert (len(answers(own.uz)), len(rows(own.uz))) == (1, 1)
    assert view(own.kz, 1).state is State.DELIVERED


def stopped(step: Callable[..., None]) -> Callable[..., None]:
    """Return the step that ends the process when it is done and not committed."""

    def stop(*given: object, **named: object) -> None:
        step(*given, **named)
        raise Killed

    return stop


def test_what_cannot_be_sealed_yet_is_owed_until_it_can(own: Pair) -> None:
    """Without a key to sign with the answer waits; it is not lost, and no alarm tells of it."""
    arrived(own)
    keys = own.uz.keys
    own.uz.keys = dataclasses.replace(keys, signing={})
    writer.seal_owed(own.uz)
    assert rows(own.uz) == [(RowState.STALE, 16)]
    assert alarm_codes(own.uz) == []
    own.uz.keys = keys
    own.exchange()
    assert view(own.kz, 1).state is State.DELIVERED


def test_a_person_s_word_does_not_overtake_what_is_owed(own: Pair) -> None:
    """Somebody accepts before the answer is sealed: the acceptance waits for it, and both arrive in their order."""
    arrived(own)
    open_at(own.uz, 1)
    say(own.uz, 1, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    with own.uz.store.read() as tx:
        assert [row for row in outbox.due(tx, own.uz.now_ms(), early=True) if row.event_id] == []
    own.exchange()
    own.exchange()
    with own.kz.store.read() as tx:
        (referral,) = referrals.every(tx)
        heard = [event.block.event_type for event in referrals.events_of(tx, referral) if not event.outgoing]
    assert heard == [DELIVERED, EventType.REFERRAL_OPENED, EventType.REFERRAL_ACCEPTED]


def test_what_arrives_waits_for_no_other_fresh_envelope(own: Pair) -> None:
    """Only the answer that it owes is sealed at once; the rest, which may be much, is looked after by the next turn."""
    arrived(own)
    (answer,) = answers(own.uz)
    writer.seal_owed(own.uz)
    with own.uz.store.write() as tx:
        (row,) = outbox.of_event(tx, answer.id)
        outbox.set_state(tx, row.id, RowState.STALE)
    writer.seal_owed(own.uz)
    assert [state for state, _ in rows(own.uz)] == [RowState.STALE]
    writer.tend(own.uz)
    assert [state for state, _ in rows(own.uz)] == [RowState.REPLACED, RowState.READY]
