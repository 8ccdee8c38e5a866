"""A member with valid keys that turns what it may rightly send against others of the same case or referral."""

from __future__ import annotations

import json
from dataclasses import replace

from refbus.core.consent import ConsentState, Withdrawal
from refbus.core.consent_chain import MOST_MARKS
from refbus.core.denials import denies
from refbus.core.ids import ConsentId
from refbus.core.verdicts import MarkWithdrawn, NoteAnswer, Point
from refbus.core.vocabulary import DataCategory, EventType
from refbus.wire.consent import encode_record
from refbus.wire.transport import NoticeOutcome
from refbus_gate.remembered import decode_denials, encode_denials
from refbus_gate.repeats import FREE, PAUSE_MS, Repeats
from refbus_gate.view import View
from support.consents import consent_record, withdrawn
from support.directories import HOUR_MS, agency, ngo, second_ngo
from support.envelopes import fixed
from support.gates import World


def test_nobody_holds_up_the_events_of_others_in_a_case(world: World) -> None:
    """Whoever knows its handle and sends an event from the future in it waits alone: a stop of others goes on."""
    world.outbox("kz", world.event("one"))
    world.settle()
    hostile = second_ngo("kz")
    ahead = world.now_ms + 100 * HOUR_MS
    case = {"case_handle": fixed("case one", 32), "referral_id": fixed("another referral")}
    world.outbox("kz", world.event("hostile", sender=hostile, occurred_at_ms=ahead, respond_by_ms=None, **case))
    world.settle()
    same = {"referral_id": fixed("referral one"), "case_handle": fixed("case one", 32), "previous": fixed("one")}
    stop = world.event("stop", event_type=EventType.REFERRAL_CANCELLED, data_categories=(), respond_by_ms=None, **same)
    world.outbox("kz", stop)
    world.settle()
    assert world.notices(hostile)[-1].outcome is NoticeOutcome.HELD
    assert world.events(ngo("uz"))[-1] == stop


def test_no_event_takes_the_place_of_the_other_partys(world: World) -> None:
    """Under the id of a cancellation the other side sends something else: it is refused, and the stop stands."""
    world.outbox("kz", world.event("one"))
    same = {"referral_id": fixed("referral one"), "case_handle": fixed("case one", 32), "previous": fixed("one")}
    stop = world.event("stop", event_type=EventType.REFERRAL_CANCELLED, data_categories=(), respond_by_ms=None, **same)
    world.outbox("kz", stop)
    world.settle()
    before = world.events(agency("kz"))
    forged = world.answer("one", EventType.INFORMATION_REQUESTED, event_id=fixed("stop"))
    world.outbox("uz", forged)
    world.settle()
    assert world.notices(ngo("uz"))[-1].codes == ("EVENT_ID_REUSED",)
    assert world.events(agency("kz")) == before


def test_withdrawals_without_end_take_bounded_room_and_stop_all_the_same(world: World) -> None:
    """One organisation signs a thousand, each other than all; every record that one of them stopped stays stopped."""
    node = world.nodes["kz"]
    view = View(node.store, node.country, Point.EGRESS, [])
    record = consent_record(version=1_000)
    made = [
        Withdrawal(record.consent_id, record.collected_by, number, record.event_time_ms - number)
        for number in range(1, 1_001)
    ]
    theirs = Withdrawal(record.consent_id, ngo("uz"), 2, record.event_time_ms)
    for each in (theirs, *made):
        view.apply(MarkWithdrawn(each))
    marks = view.consent(ConsentId(record.consent_id)).withdrawals
    assert theirs in marks
    assert len(marks) <= MOST_MARKS + 1
    assert any(each.closes(record) for each in marks if each != theirs)


def test_refusals_without_end_about_one_person_take_bounded_room(world: World) -> None:
    """A member refuses a thousand times in the person's name: the value stays small, and the person's own no stands."""
    node = world.nodes["kz"]
    view = View(node.store, node.country, Point.EGRESS, [])
    record = consent_record(state=ConsentState.REFUSED, provisions=())
    view.apply(NoteAnswer(record, agency("kz")))
    for number in range(1_000):
        junk = replace(record, consent_id=ConsentId(number.to_bytes(16, "big")), party=second_ngo("kz"))
        view.apply(NoteAnswer(junk, second_ngo("kz")))
    known = view.denials(record.subject_ref)
    assert len(encode_denials(known)) < 32_000
    assert decode_denials(encode_denials(known)) == known
    assert denies(known, record.party, frozenset(DataCategory), world.now_ms)


def test_refusals_that_an_earlier_release_kept_still_stand(world: World) -> None:
    """It kept whole records without their signer."""
    record = consent_record(state=ConsentState.REFUSED, provisions=())
    old = json.dumps([[encode_record(record).hex()], [encode_record(withdrawn(consent_record())).hex()]]).encode()
    known = decode_denials(old)
    assert len(known.said) == 2
    assert denies(known, record.party, frozenset(DataCategory), world.now_ms)


def test_nobody_fills_the_inbox_of_a_sender_by_repeating_its_events(world: World) -> None:
    """A recipient writes the envelope that it got into the outbox again and again: some are answered, then few."""
    raw = world.event("one")
    world.outbox("kz", raw)
    world.settle()
    before = len(world.inbox(agency("kz")))
    for _ in range(40):
        world.outbox("kz", raw)
    world.settle()
    assert len(world.inbox(agency("kz"))) == before + FREE
    assert set(world.nodes["kz"].balance().difference.values()) == {0}


def test_a_gateway_that_asks_rarely_is_always_answered() -> None:
    """After a pause a repeat is answered again, whatever others repeated meanwhile."""
    now_ms = [0]
    repeats = Repeats(lambda: now_ms[0])
    assert [repeats.may_answer(b"one") for _ in range(FREE + 2)] == [True] * FREE + [False] * 2
    assert repeats.may_answer(b"another")
    for _ in range(3):
        now_ms[0] += PAUSE_MS
        assert [repeats.may_answer(b"one") for _ in range(3)] == [True, False, False]
