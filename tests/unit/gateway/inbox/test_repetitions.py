"""What an office sends again to one that goes on from a backup: its nos and answers, once, and so much in a day."""

from __future__ import annotations

import pytest

from refbus.core.vocabulary import EventType
from refbus_gateway.erasure import demand
from refbus_gateway.inbox import repetitions
from refbus_gateway.store import set_aside
from refbus_gateway.store.set_aside import AsideState
from refbus_gateway.sync import writer
from support.comeback import say_restored, sealed, words_of
from support.gateways import (
    Pair,
    alarm_codes,
    case_file,
    consent_file,
    id_of,
    incoming,
    say,
    sent,
    take_consent,
    withdraw_all,
)
from support.views import UNUSABLE, seen

E = EventType


def name(number: int) -> bytes:
    """Return the id of a restore."""
    return number.to_bytes(16, "big")


def heard(own: Pair, number: int, restore: int, since_ms: int) -> None:
    """Let the shelter say that it was restored, and everything arrive."""
    say_restored(own.uz, incoming(own.uz, id_of(own.kz, number)), name(restore), since_ms)
    own.exchange()


def test_nos_and_changes_go_again_and_nothing_that_discloses(own: Pair) -> None:
    """A withdrawal and an amended consent do; a request and what was said a day and more before the backup do not."""
    early, _ = sent(own.kz, case_file(about="Fictional: withdrawn long before"))
    own.exchange()
    withdraw_all(own.kz, early)
    own.exchange()
    own.world.clock.move(hours=30)
    since_ms = own.world.clock()
    case, number = sent(own.kz, case_file(about="Fictional: withdrawn"))
    other, _ = sent(own.kz, case_file(about="Fictional: amended"))
    own.exchange()
    own.world.clock.move(hours=1)
    withdraw_all(own.kz, case)
    take_consent(own.kz, other, consent_file(valid_until="2027-01-20"))
    own.exchange()
    before = sealed(own.kz)
    heard(own, number, 1, since_ms)
    again = sealed(own.kz) - before
    assert again == {E.CONSENT_WITHDRAWN: 1, E.CONSENT_AMENDED: 1, E.OFFICE_RESTORED: 1}
    assert words_of(own.kz, outgoing=True) == ["REPEATED"]


def test_answers_of_the_recipient_go_again(own: Pair) -> None:
    """The agency is the one that was restored: receipt and acceptance come once more, no request does."""
    since_ms = own.world.clock()
    _, number = sent(own.kz)
    own.exchange()
    say(own.uz, incoming(own.uz, id_of(own.kz, number)), E.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    own.exchange()
    before = sealed(own.uz)
    say_restored(own.kz, number, name(1), since_ms)
    own.exchange()
    again = sealed(own.uz) - before
    assert again == {E.REFERRAL_DELIVERED: 1, E.REFERRAL_ACCEPTED: 1, E.OFFICE_RESTORED: 1}


def test_an_answer_whose_consent_has_ended_stays_here(own: Pair) -> None:
    """What may not be said today is not said again, and it is no alarm: the no of that time goes."""
    since_ms = own.world.clock()
    case, number = sent(own.kz)
    own.exchange()
    say(own.uz, incoming(own.uz, id_of(own.kz, number)), E.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    own.exchange()
    withdraw_all(own.kz, case)
    own.exchange()
    before, told = sealed(own.uz), alarm_codes(own.uz)
    say_restored(own.kz, number, name(1), since_ms)
    own.exchange()
    assert (sealed(own.uz) - before)[E.REFERRAL_ACCEPTED] == 0
    assert [code for code in alarm_codes(own.uz) if code not in told] == ["PEER_RESTORED"]


def test_the_same_restore_is_answered_once(own: Pair) -> None:
    """By its id and its time, in however many events it is said."""
    since_ms = own.world.clock()
    case, number = sent(own.kz)
    own.exchange()
    withdraw_all(own.kz, case)
    own.exchange()
    heard(own, number, 1, since_ms)
    once = sealed(own.kz)
    for _ in range(3):
        heard(own, number, 1, since_ms)
    assert sealed(own.kz) == once
    assert alarm_codes(own.kz).count("PEER_RESTORED") == 1


def test_whoever_says_it_again_and_again_gets_so_much_in_a_day(own: Pair) -> None:
    """Four restores are answered, an alarm names the organisation, and the rest is one request for tomorrow."""
    since_ms = own.world.clock()
    case, number = sent(own.kz)
    own.exchange()
    withdraw_all(own.kz, case)
    own.exchange()
    before = sealed(own.kz)
    for restore in range(12):
        heard(own, number, restore, since_ms)
    assert (sealed(own.kz) - before)[E.CONSENT_WITHDRAWN] == repetitions.MOST_IN_A_DAY
    assert alarm_codes(own.kz).count("RESTORES_TOO_OFTEN") == 1
    with own.kz.store.read() as tx:
        assert repetitions.open_requests(tx) == [own.uz.me]
    own.world.clock.move(hours=25)
    own.exchange()
    answered = sealed(own.kz)[E.OFFICE_RESTORED]
    assert answered == repetitions.MOST_IN_A_DAY + 1
    with own.kz.store.read() as tx:
        assert repetitions.open_requests(tx) == []


def test_a_turn_sends_so_many_again_and_the_next_goes_on(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long time is gone through in slices; nothing is left out and nothing sent twice."""
    monkeypatch.setattr(repetitions, "ROWS_IN_A_SLICE", 2)
    monkeypatch.setattr(repetitions, "SLICES_IN_A_TURN", 1)
    since_ms = own.world.clock()
    numbers = [sent(own.kz, case_file(about=f"Fictional: {each}")) for each in range(3)]
    own.exchange()
    for case, _ in numbers:
        withdraw_all(own.kz, case)
    own.exchange()
    before = sealed(own.kz)[E.CONSENT_WITHDRAWN]
    say_restored(own.uz, incoming(own.uz, id_of(own.kz, numbers[0][1])), name(1), since_ms)
    own.world.sync(own.uz)
    own.world.carry()
    last = before
    for _ in range(12):
        own.world.sync(own.kz)
        now = sealed(own.kz)[E.CONSENT_WITHDRAWN]
        assert now - last <= 2
        last = now
    assert last - before == 3
    assert words_of(own.kz, outgoing=True) == ["REPEATED"]


def test_nothing_of_an_erased_case_goes_again(own: Pair) -> None:
    """Whatever was said of it is gone here."""
    since_ms = own.world.clock()
    case, _ = sent(own.kz)
    _, number = sent(own.kz, case_file(about="Fictional: lives on"))
    own.exchange()
    demand.erase(own.kz, case)
    own.exchange()
    before = sealed(own.kz)[E.CONSENT_WITHDRAWN]
    heard(own, number, 1, since_ms)
    assert sealed(own.kz)[E.CONSENT_WITHDRAWN] == before
    assert words_of(own.kz, outgoing=True) == ["REPEATED"]


def test_a_no_that_cannot_be_sealed_waits_and_goes_later(own: Pair) -> None:
    """No usable key of theirs, or no directory: it takes the road of every envelope that waits for them."""
    since_ms = own.world.clock()
    case, number = sent(own.kz)
    own.exchange()
    withdraw_all(own.kz, case)
    own.exchange()
    before = sealed(own.kz)[E.CONSENT_WITHDRAWN]
    say_restored(own.uz, incoming(own.uz, id_of(own.kz, number)), name(1), since_ms)
    own.world.sync(own.uz)
    own.world.carry()

    with seen(own.kz, {own.uz.me: UNUSABLE["without keys"]}):
        own.world.sync(own.kz)
    assert sealed(own.kz)[E.CONSENT_WITHDRAWN] == before
    writer.tend(own.kz)
    assert sealed(own.kz)[E.CONSENT_WITHDRAWN] == before + 1
    own.exchange()
    assert words_of(own.kz, outgoing=True) == ["REPEATED"]


def test_an_answer_to_a_restore_that_was_none_is_refused(own: Pair) -> None:
    """A home that never was restored asked nobody."""
    _, number = sent(own.kz)
    own.exchange()
    say_restored(own.uz, incoming(own.uz, id_of(own.kz, number)), name(1), own.world.clock(), word="REPEATED")
    own.exchange()
    with own.kz.store.read() as tx:
        refused = [each.code for each in set_aside.aside(tx, AsideState.REFUSED)]
    assert refused == ["NOT_A_PARTY"]
