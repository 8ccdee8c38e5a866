"""Lines break, processes die, keys change, letters come too late: nothing is lost and nothing happens twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from refbus.bus.memory import Fault
from refbus.core.courses.referral import State
from refbus.core.gate.verdicts import Refuse, Verdict
from refbus.core.vocabulary import EventType
from refbus.crypto.kem import KemPrivate
from refbus.errors import Code, SetupError, TransportError, UncheckableError
from refbus.trust.member.endorsement import endorse_kem
from refbus.trust.member.enrolment import make_update
from refbus.trust.publisher import changes
from refbus_gate.decide import quotas
from refbus_gate.decide.opening import Opened
from refbus_gateway.inbox.notices import MOST_RENEWALS
from refbus_gateway.reports.overview import Hop
from refbus_gateway.store import outbox, positions, referrals
from refbus_gateway.sync.synchroniser import Synchroniser, require_synchronised
from refbus_gateway.sync.writer import RETRY_MS
from support.ceremonies import PASSPHRASE
from support.gateways import (
    alarm_codes,
    home_health,
    id_of,
    incoming,
    line,
    say,
    sent,
    view,
    withdraw_all,
)
from support.nodes import Road


def test_a_referral_typed_while_the_broker_is_away_goes_out_later(own: Road) -> None:
    """It is kept, its hop is told, and it is delivered once, when the broker is back."""
    own.bus.down = True
    _, number = sent(own.kz)
    with pytest.raises(TransportError):
        own.sync(own.kz)
    assert line(own.kz, number).hop is Hop.MY_OUTBOX
    assert home_health(own.kz).waiting > 0
    own.bus.down = False
    own.clock.now_ms += RETRY_MS
    own.settle()
    assert view(own.kz, number).state is State.DELIVERED
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1


def test_nothing_is_shown_while_the_broker_is_away(own: Road) -> None:
    """NOT_SYNCHRONISED: a withdrawal could be waiting."""
    own.bus.down = True
    with pytest.raises(UncheckableError) as found:
        require_synchronised(own.uz, own.bus)
    assert found.value.code is Code.NOT_SYNCHRONISED


def test_only_one_process_talks_to_the_broker(own: Road) -> None:
    """HOME_IN_USE is told clearly; writing to the store goes on meanwhile."""
    with own.kz.home.exclusive():
        with pytest.raises(SetupError) as found, own.home(own.agency).exclusive():
            pass
        assert found.value.code is Code.HOME_IN_USE
        sent(own.kz)


@pytest.mark.parametrize("fault", [Fault.REPEAT, Fault.REJECT, Fault.UNKNOWN], ids=str)
def test_a_fault_of_the_broker_neither_loses_nor_doubles(own: Road, fault: Fault) -> None:
    """Stored twice, refused, or stored without a word: one referral arrives."""
    own.bus.inject("kz.outbox", fault)
    _, number = sent(own.kz)
    for _ in range(3):
        settle_despite(own)
        own.clock.move(hours=1)
    assert view(own.kz, number).state is State.DELIVERED
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1


def _produce_without_noting(sync: Synchroniser) -> None:
    outgoing = sync._outgoing  # the process dies between the broker's word and the note of it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outgoing, "note", lambda: False)
        outgoing.push()


CRASHES: dict[str, Callable[[Synchroniser], None]] = {
    "before anything was produced": lambda _sync: None,
    "after it was produced, before that was noted": _produce_without_noting,
}


@pytest.mark.parametrize("crash", CRASHES, ids=str)
def test_a_crash_while_sending_neither_loses_nor_doubles(own: Road, crash: str) -> None:
    """The row is on the disk before the broker hears of it, so a new process goes on where the old one died."""
    _, number = sent(own.kz)
    dying = Synchroniser(own.kz, own.bus)
    CRASHES[crash](dying)
    again = own.gateway(own.agency)
    own.settle()
    assert view(again, number).state is State.DELIVERED
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1


def test_a_crash_in_the_middle_of_reading_reads_again(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Position and effects are one transaction: what was not written down is read again, once."""
    _, number = sent(own.kz)
    own.settle(own.kz)
    with monkeypatch.context() as patch:
        patch.setattr(positions, "set_position", _crash)
        with pytest.raises(ZeroDivisionError):
            own.sync(own.uz)
    own.settle()
    assert view(own.kz, number).state is State.DELIVERED


def test_events_of_a_referral_keep_their_order_when_one_is_refused(own: Road) -> None:
    """The broker refuses the first of three answers; none of the later ones overtakes it."""
    _, number = sent(own.kz)
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    own.bus.inject("uz.outbox", Fault.REJECT)
    say(own.uz, there, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    say(own.uz, there, EventType.REFERRAL_IN_PROGRESS, services_started=["SocialCare"])
    for _ in range(3):
        settle_despite(own)
        own.clock.move(hours=1)
    assert view(own.kz, number).state is State.IN_PROGRESS
    assert view(own.kz, number).crossed == ()


def test_an_envelope_that_aged_in_the_outbox_is_sealed_again(own: Road) -> None:
    """A week without a line: the term is over, a fresh envelope of the same event goes, and arrives once."""
    own.bus.down = True
    _, number = sent(own.kz)
    own.clock.move(days=9)
    refresh(own)
    own.settle()
    assert view(own.kz, number).state is State.DELIVERED
    assert line(own.kz, number).envelopes == 2


def test_a_consent_that_ended_meanwhile_stops_the_fresh_envelope(own: Road) -> None:
    """Sealing again is deciding again: a withdrawal in between wins, and the sender is told."""
    own.bus.down = True
    case, number = sent(own.kz)
    withdraw_all(own.kz, case)
    own.clock.move(days=9)
    refresh(own)
    own.settle()
    assert line(own.kz, number).hop is Hop.REFUSED
    assert "WITHDRAWN" in alarm_codes(own.kz)
    with own.uz.store.read() as tx:
        told = [event for each in referrals.every(tx) for event in referrals.events_of(tx, each)]
    assert EventType.REFERRAL_REQUESTED not in {each.block.event_type for each in told}


def test_a_recipient_that_was_away_for_weeks_loses_nothing(own: Road) -> None:
    """The envelope in its inbox is too old when it comes back: it asks, and gets a fresh one."""
    _, number = sent(own.kz)
    own.settle(own.kz)
    own.clock.move(days=9)
    refresh(own)
    own.settle()
    assert view(own.kz, number).state is State.DELIVERED
    assert line(own.kz, number).envelopes == 2


def test_a_withdrawal_is_repeated_every_day_until_it_is_acknowledged(own: Road) -> None:
    """Fresh envelopes without end; the recipient counts them as one withdrawal."""
    case, number = sent(own.kz)
    own.settle()
    withdraw_all(own.kz, case)
    for _ in range(3):
        own.settle()
        own.clock.move(hours=25)
        refresh(own)
    assert line(own.kz, number, EventType.CONSENT_WITHDRAWN).envelopes >= 3
    assert home_health(own.uz).withdrawals_to_answer_ms is not None
    assert home_health(own.kz).withdrawals_unanswered_ms is not None


def test_a_revoked_recipient_key_gets_a_fresh_envelope_for_the_next(own: Road) -> None:
    """The recipient's key is stolen before the gate took the envelope: it is sealed again, to the next epoch."""
    own.bus.down = True
    _, number = sent(own.kz)
    own.bus.down = False
    held = own.uz.organisation(own.shelter)
    fresh = KemPrivate.generate()
    signer = own.uz.keys.signer(own.uz.directory(), own.shelter, own.clock())
    publication = own.lab.publication(own.clock())
    epoch = endorse_kem(own.shelter, fresh, (own.clock(), held.kem_keys[0].not_after_ms), signer)
    update = make_update(own.shelter, (), (epoch,))
    changes.update_keys(publication, update, own.shelter)
    changes.revoke(publication, own.shelter, held.kem_keys[0].kid, own.clock())
    own.home(own.shelter).member.save_kem(fresh, PASSPHRASE, memory_kib=64)
    own.lab.publish(publication)
    own.publish()
    own.gateway(own.shelter)
    own.settle()
    assert view(own.kz, number).state is State.DELIVERED
    assert line(own.kz, number).envelopes == 2
    with own.kz.store.read() as tx:
        rows = outbox.of_event(tx, line(own.kz, number).event.id)
    assert [row.recipient_kid for row in rows] == [held.kem_keys[0].kid, fresh.kid]
    assert rows[0].attempts == 0


def test_heartbeats_are_checked_and_silence_is_seen(own: Road) -> None:
    """The gate's count agrees with what was read here; hours without one show in the status."""
    sent(own.kz)
    own.settle()
    for node in own.nodes.values():
        node.upkeep.heartbeats()
    own.settle()
    assert home_health(own.uz).heartbeat_ms == own.clock()
    assert "INBOX_GAP" not in alarm_codes(own.uz)
    own.clock.move(hours=4)
    own.sync(own.uz)
    assert home_health(own.uz).silent


def test_the_clock_of_this_computer_may_be_behind(own: Road) -> None:
    """A time of the own gate that is hours ahead is told, and is believed neither now nor after a new start."""
    own.clock.move(hours=2)
    for node in own.nodes.values():
        node.upkeep.heartbeats()
        node.work()
    own.clock.move(hours=-2)
    own.sync(own.uz)
    assert home_health(own.uz).clock.behind_ms >= 7_000_000
    assert "CLOCK_SKEW" in alarm_codes(own.uz)
    assert own.uz.now_ms() == own.clock()
    own.uz.directory()


def settle_despite(road: Road) -> None:
    """Settle; a broker that refuses a record is tried again by the next turn."""
    with contextlib.suppress(TransportError):
        road.settle()


def refresh(road: Road) -> None:
    """Publish a fresh timestamp, as the node does every day, and put the broker up."""
    road.bus.down = False
    road.lab.republish(road.clock())
    road.publish()


def _crash(*_arguments: object) -> None:
    raise ZeroDivisionError


def test_what_a_gate_has_no_room_for_goes_out_again_until_it_has(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """TOO_MANY_WAITING loses nothing: a person hears of it, and fresh envelopes go out more and more rarely."""
    full, bounded = [True], quotas.Room.bounded

    def no_room(room: quotas.Room, verdict: Verdict, opened: Opened) -> Verdict | None:
        if opened.block is None or not full[0]:
            return bounded(room, verdict, opened)
        return Refuse(verdict.about, (Code.TOO_MANY_WAITING,), opened.block.sender)

    monkeypatch.setattr(quotas.Room, "bounded", no_room)
    _, number = sent(own.kz)
    own.settle()
    for hours in (0.25, 0.5, 1, 2, 4, 6, 6):
        own.clock.move(hours=hours)
        own.settle()
    assert MOST_RENEWALS < len(own.bus.records("kz.outbox")) == 8
    assert "TOO_MANY_WAITING" in alarm_codes(own.kz)
    full[0] = False
    own.clock.move(hours=6)
    own.settle()
    assert view(own.kz, number).state is State.DELIVERED
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1
