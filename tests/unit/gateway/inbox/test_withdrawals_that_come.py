"""A withdrawal that comes in is obeyed and answered, wherever it comes; a consent counts for its case alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.ids import CaseHandle, EventId, ReferralId, SubjectRef
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import EventType
from refbus.crypto.framing import sha256
from refbus.errors import Code
from refbus.wire.consent import decode_signed, encode_record
from refbus.wire.payload import decode_payload, encode_payload
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.consent import withdrawals
from refbus_gateway.courses import referral_steps
from refbus_gateway.erasure import demand, removal
from refbus_gateway.inbox import arrivals
from refbus_gateway.outbox import envelopes
from refbus_gateway.store import cases, outbox, positions, referrals
from support.forged import block_and_payload, forged, fresh, taken
from support.gateways import (
    Pair,
    case_file,
    id_of,
    line,
    open_at,
    sent,
    withdraw_all,
)
from support.gateways import incoming as number_of


def test_a_withdrawal_that_is_repeated_is_acknowledged_again(own: Pair) -> None:
    """The first acknowledgement may have been lost: the same answer goes out once more, whatever was erased."""
    case, number = sent(own.kz)
    own.exchange()
    withdraw_all(own.kz, case)
    own.exchange()
    with own.uz.store.write() as tx:
        referral_steps.acknowledge(own.uz, tx, 1, "ERASED", None)
    own.world.sync(own.uz)
    before = len(own.world.bus.records("uz.outbox"))
    with own.kz.store.write() as tx:
        told = line(own.kz, number, EventType.CONSENT_WITHDRAWN).event
        envelopes.renew(own.kz, tx, told)
    own.world.sync(own.kz)
    own.world.carry()
    own.world.sync(own.uz)
    assert len(own.world.bus.records("uz.outbox")) == before + 1


def test_a_consent_is_no_consent_for_a_second_case(pair: Pair) -> None:
    """The same signed record under another case handle is refused; nothing of that event is taken in."""
    block, payload = fresh(pair)
    assert taken(pair, forged(pair, block, payload)) == ""
    referral = ReferralId(b"second referral.")
    ids: dict[str, Any] = {"event_id": EventId(b"second event id."), "referral_id": referral}
    _, said = decode_payload(payload)
    second = dataclasses.replace(block, **ids, case_handle=CaseHandle(b"second case handle, 32 bytes...."))
    raw = forged(pair, second, encode_payload(block.event_type, {**said, **ids}))
    assert taken(pair, raw) == Code.SUBJECT_MISMATCH
    with pair.uz.store.read() as tx:
        assert referrals.find(tx, referral) is None


@pytest.mark.parametrize(
    "named",
    [
        {"referral_id": ReferralId(b"r" * 16)},
        {"case_handle": CaseHandle(b"h" * 32)},
        {"referral_id": ReferralId(b"r" * 16), "case_handle": CaseHandle(b"h" * 32)},
        {"referral_id": "another", "case_handle": "another"},
        {"subject": "other"},
    ],
    ids=["course", "case", "both", "another case", "person"],
)
def test_a_withdrawal_counts_wherever_it_comes(own: Pair, named: dict[str, Any]) -> None:
    """Whatever else it names: the consent that it closes permits nothing here any more, and a person is asked."""
    case, number = sent(own.kz)
    _, other = sent(own.kz, case_file(about="Fictional: another"))
    own.exchange()
    block, payload = the_withdrawal(own, case, number, named.get("subject"))
    if named.get("referral_id") == "another":
        beside, _ = block_and_payload(own.kz, other)
        named = {"referral_id": beside.referral_id, "case_handle": beside.case_handle}
    block = dataclasses.replace(block, **{name: value for name, value in named.items() if name != "subject"})
    event_type, said = decode_payload(payload)
    assert taken(own, forged(own, block, encode_payload(event_type, {**said, "referral_id": block.referral_id}))) == ""
    opened = open_at(own.uz, number_of(own.uz, id_of(own.kz, number)))
    assert Code.WITHDRAWN in opened.events[0].hidden
    assert opened.withdrawn
    assert not open_at(own.uz, number_of(own.uz, id_of(own.kz, other))).events[0].hidden


def test_a_withdrawal_for_an_erased_case_is_answered_wherever_it_comes(own: Pair) -> None:
    """It makes no new case of a person of whom nothing is left here."""
    case, number = sent(own.kz)
    own.exchange()
    with own.uz.store.read() as tx:
        found = referrals.find(tx, ReferralId(id_of(own.kz, number)))
        assert found is not None
    demand.erase(own.uz, found.case_id)
    block, payload = the_withdrawal(own, case, number)
    elsewhere = dataclasses.replace(block, referral_id=ReferralId(b"r" * 16), case_handle=CaseHandle(b"h" * 32))
    event_type, said = decode_payload(payload)
    raw = forged(own, elsewhere, encode_payload(event_type, {**said, "referral_id": elsewhere.referral_id}))
    assert taken(own, raw) == ""
    with own.uz.store.read() as tx:
        assert [each.id for each in cases.every(tx)] == [found.case_id]


def test_erased_is_not_said_of_what_is_still_here(own: Pair) -> None:
    """An erasure that was ordered and could not be done yet answers no withdrawal; once it is done the next one is."""
    case, number = sent(own.kz)
    own.exchange()
    with own.uz.store.write() as tx:
        found = referrals.find(tx, ReferralId(id_of(own.kz, number)))
        assert found is not None
        cases.order_erasure(tx, cases.get(tx, found.case_id), own.uz.now_ms())
        block = the_withdrawal(own, case, number)
        arrivals.take_in(own.uz, tx, InboxRecord(InboxKind.EVENT, 9, forged(own, *block)), positions.Position("", 0))
    before = len(own.world.bus.records("uz.outbox"))
    with own.uz.store.read() as tx:
        assert outbox.waiting(tx) == 0
    removal.settle(own.uz)
    assert taken(own, forged(own, *block)) == ""
    assert len(own.world.bus.records("uz.outbox")) == before + 1


def the_withdrawal(pair: Pair, case: int, number: int, subject: str | None = None) -> tuple[RoutingBlock, bytes]:
    """Withdraw at the agency; return what is queued about it, of another person if `subject` is given."""
    withdraw_all(pair.kz, case)
    with pair.kz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, number))
    event = next(each for each in events if each.block.event_type is EventType.CONSENT_WITHDRAWN)
    if subject is None:
        return event.block, event.payload
    before = decode_signed(event.block.consent_record or b"").record
    record = dataclasses.replace(before, subject_ref=SubjectRef(b"s" * 32))
    signed = withdrawals.sign(pair.kz, record)
    event_type, said = decode_payload(event.payload)
    payload = encode_payload(event_type, {**said, "record_sha256": sha256(encode_record(record))})
    return dataclasses.replace(event.block, consent_record=signed), payload
