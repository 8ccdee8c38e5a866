"""What a gateway does with each kind of event that comes: take in, hold, refuse, answer. No gate is asked for help."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.courses.referral import State
from refbus.core.directory import OrgStatus
from refbus.core.ids import CaseHandle, EventId, OrgId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.crypto.signing import SigningPair
from refbus.errors import Code, RefbusError, RuleError, UncheckableError
from refbus.trust.publisher import changes
from refbus.wire.payload import decode_payload, encode_payload
from refbus_gateway.courses import referral_steps
from refbus_gateway.rules import verification
from refbus_gateway.store import referrals, set_aside
from support.forged import block_and_payload, forged, fresh, taken
from support.gateways import (
    Pair,
    alarm_codes,
    case_file,
    home_health,
    id_of,
    line,
    open_at,
    say,
    sent,
    view,
)
from support.gateways import incoming as number_of


def test_an_honest_envelope_is_taken_in(pair: Pair) -> None:
    """The helper of this file makes what a gateway accepts: the refusals below are refused for their own reason."""
    assert taken(pair, forged(pair, *fresh(pair))) == ""


def test_a_time_that_sets_no_timer_is_found(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person on the road is expected for must be what the gates count by."""
    block, payload = fresh(pair)
    monkeypatch.setattr(verification, "decode_payload", lambda raw: told(raw, block.occurred_at_ms))
    assert taken(pair, forged(pair, block, payload)) == Code.DECLARATION_MISMATCH
    assert taken(pair, forged(pair, *fresh(pair, respond_by_ms=block.occurred_at_ms))) == ""


def told(raw: bytes, expected_ms: int) -> tuple[EventType, dict[str, Any]]:
    """Return a payload as if it said when somebody is expected."""
    event_type, payload = decode_payload(raw)
    return event_type, {**payload, "expected_ms": expected_ms}


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"recipient": OrgId("uz-1ega1a1d")}, Code.NOT_THE_RECIPIENT),
        ({"event_id": bytes(16)}, Code.DECLARATION_MISMATCH),
        ({"referral_id": bytes(16)}, Code.DECLARATION_MISMATCH),
        ({"data_categories": (DataCategory.SERVICE_NEEDS,)}, Code.DECLARATION_MISMATCH),
        ({"event_type": EventType.REFERRAL_FEEDBACK}, Code.DECLARATION_MISMATCH),
        ({"payload_schema_sha256": bytes(32)}, Code.DECLARATION_MISMATCH),
        ({"sender": OrgId("kz-she1ter1")}, Code.KEY_UNKNOWN),
        ({"consent_record": None}, Code.REFERRAL_UNKNOWN),
        ({"occurred_at_ms": 1_800_000_000_000}, Code.CLOCK_SKEW),
        ({"subject": "other"}, Code.SUBJECT_MISMATCH),
    ],
    ids=lambda value: "" if isinstance(value, Code) else next(iter(value)),
)
def test_a_lie_in_the_routing_block_is_found(pair: Pair, lie: dict[str, Any], code: Code) -> None:
    """Each part of the signed block is compared with what it claims to describe."""
    if "subject" in lie:
        _, first = sent(pair.kz, case_file(about="Fictional: of the first person"))
        known, _ = block_and_payload(pair.kz, first)
        assert taken(pair, forged(pair, *block_and_payload(pair.kz, first))) == ""
        lie = {"case_handle": known.case_handle}
    assert taken(pair, forged(pair, *fresh(pair, **lie))) == code


def test_a_stolen_signature_is_no_signature(pair: Pair) -> None:
    """A key that the directory does not list for the sender is held as unknown, and never believed."""
    assert taken(pair, forged(pair, *fresh(pair), signer=SigningPair.generate())) == Code.KEY_UNKNOWN


def test_a_newer_directory_is_waited_for(own: Pair) -> None:
    """DIRECTORY_NEWER holds; once that version is here the same record is taken in."""
    raw = forged(own, *fresh(own), directory_version=own.kz.directory().version + 1)
    assert taken(own, raw) == Code.DIRECTORY_NEWER
    assert home_health(own.uz).held == 1
    publication = own.world.lab.publication(own.world.clock())
    changes.set_status(publication, OrgId("kg-she1ter1"), OrgStatus.SUSPENDED)
    own.world.lab.publish(publication)
    own.world.publish()
    own.world.sync(own.uz)
    assert home_health(own.uz).held == 0
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1


def test_the_same_event_id_with_other_content_is_an_alarm(own: Pair) -> None:
    """EVENT_ID_REUSED: the first content stays what is shown, the second is evidence."""
    block, payload = fresh(own)
    assert taken(own, forged(own, block, payload)) == ""
    event_type, said = decode_payload(payload)
    other = encode_payload(event_type, {**said, "reason_details": "Fictional: something else"})
    assert taken(own, forged(own, block, other)) == Code.EVENT_ID_REUSED
    assert "EVENT_ID_REUSED" in alarm_codes(own.uz)
    assert "something else" not in str(open_at(own.uz, 1).events[0].sections)


def test_a_fresh_envelope_of_a_known_event_has_no_second_effect(own: Pair) -> None:
    """Another message, the same event: nothing new is stored, nothing is answered twice."""
    block, payload = fresh(own)
    for _ in range(2):
        assert taken(own, forged(own, block, payload)) == ""
    with own.uz.store.read() as tx:
        (referral,) = referrals.every(tx)
        types = [event.block.event_type for event in referrals.events_of(tx, referral)]
    assert types == [EventType.REFERRAL_REQUESTED, EventType.REFERRAL_DELIVERED]


def test_a_referral_under_another_case_handle_is_refused(own: Pair) -> None:
    """NOT_A_PARTY: a referral belongs to one case of two organisations, and nobody moves it to another."""
    block, payload = fresh(own)
    assert taken(own, forged(own, block, payload)) == ""
    event_type, said = decode_payload(payload)
    event_id = EventId(b"other" + bytes(11))
    moved = dataclasses.replace(block, event_id=event_id, case_handle=CaseHandle(bytes(32)))
    assert taken(own, forged(own, moved, encode_payload(event_type, {**said, "event_id": event_id}))) == "NOT_A_PARTY"


def test_the_source_cannot_say_what_only_the_target_may(own: Pair) -> None:
    """ROLE_NOT_ALLOWED for an acceptance that the sender gives itself."""
    _, number = sent(own.kz)
    own.exchange()
    with pytest.raises(RuleError) as refused:
        say(own.kz, number, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    assert refused.value.code is Code.ROLE_NOT_ALLOWED


def test_what_does_not_open_is_answered_and_comes_again(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """UNDECRYPTABLE goes back signed, a fresh envelope of the same event comes, and opens."""
    _, number = sent(own.kz)

    def broken(*_: object) -> bytes:
        raise UncheckableError(Code.KEY_UNKNOWN)

    with monkeypatch.context() as patch:
        patch.setattr(verification, "open_content", broken)
        own.world.sync(own.kz)
        own.world.carry()
        own.world.sync(own.uz)
    with own.uz.store.read() as tx:
        assert [each.code for each in set_aside.aside(tx, set_aside.AsideState.REFUSED)] == ["UNDECRYPTABLE"]
    own.exchange()
    assert line(own.kz, number).envelopes == 2
    assert view(own.kz, number).state is State.DELIVERED


def test_an_unknown_code_is_parked_for_a_person(own: Pair) -> None:
    """CODE_PARKED: shown as it came, never turned into something else, and accepted only after somebody looked."""
    block, payload = fresh(own)
    event_type, said = decode_payload(payload)
    strange = {"code": "MarineRescue", "code_list": "htcds.spl_Type", "code_list_version": "9.0"}
    other = encode_payload(event_type, {**said, "services_requested": [strange]})
    assert taken(own, forged(own, block, other)) == ""
    assert [each.code for each in open_at(own.uz, 1).events[0].unknown] == ["MarineRescue"]
    with pytest.raises(RuleError) as parked:
        say(own.uz, 1, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    assert parked.value.code is Code.CODE_PARKED
    document = {"responsible_worker_role": "SOCIAL_WORKER"}
    with own.uz.store.write() as tx:
        answer = referral_steps.Answer(EventType.REFERRAL_ACCEPTED, document, codes_checked=True)
        referral_steps.act(own.uz, tx, 1, answer)
    assert view(own.uz, 1).state is State.ACCEPTED


def test_the_number_of_a_received_referral_is_found_by_its_id(own: Pair) -> None:
    """Two gateways number referrals each for itself; the id on the road is the same."""
    _, number = sent(own.kz)
    own.exchange()
    assert number_of(own.uz, id_of(own.kz, number)) == 1
    with pytest.raises(RefbusError):
        open_at(own.uz, 99)
