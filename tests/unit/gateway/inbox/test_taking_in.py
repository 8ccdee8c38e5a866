"""What a gateway does with each kind of inbox record: take in, hold, refuse, answer. No gate is asked for help."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from refbus.audit.record import AuditOutcome
from refbus.audit.statement import Statement
from refbus.core.courses.referral import State
from refbus.core.directory import OrgStatus
from refbus.core.ids import CaseHandle, EventId, KeyId, OrgId, ReferralId, SubjectRef
from refbus.core.message import RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, EventType
from refbus.crypto.framing import sha256
from refbus.crypto.signing import SigningPair
from refbus.envelope.sealing import Readers, seal
from refbus.errors import Code, RefbusError, RuleError, UncheckableError
from refbus.trust.publisher import changes
from refbus.wire.consent import decode_signed, encode_record
from refbus.wire.payload import decode_payload, encode_payload
from refbus.wire.transport import InboxKind, InboxRecord, NoticeKind, NoticeOutcome
from refbus_gateway.consent import withdrawals
from refbus_gateway.courses import referral_steps
from refbus_gateway.erasure import demand, removal
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.inbox import arrivals, notices, refusals
from refbus_gateway.outbox import answers, envelopes
from refbus_gateway.reports.overview import Hop
from refbus_gateway.rules import verification
from refbus_gateway.rules.verification import verified
from refbus_gateway.store import alarms, cases, outbox, positions, referrals, set_aside, statements
from refbus_gateway.store.outbox import RowState
from refbus_gateway.store.schema import inbox_seen, metadata
from refbus_gateway.store.set_aside import AsideState
from support.audit import AUDIT_KEY, audit_record
from support.ceremonies import AGENCY, SHELTER
from support.directories import gate
from support.gateways import (
    Pair,
    alarm_codes,
    case_file,
    home_health,
    id_of,
    line,
    open_at,
    refer,
    say,
    sent,
    view,
    withdraw_all,
)
from support.gateways import incoming as number_of
from support.notices import hop_of, notice_of, tell

_NUMBERS = count()


def block_and_payload(gateway: Gateway, number: int) -> tuple[RoutingBlock, bytes]:
    """Return the block and payload of the request of a referral."""
    with gateway.store.read() as tx:
        event = referrals.events_of(tx, referrals.get(tx, number))[0]
    return event.block, event.payload


def forged(
    pair: Pair, block: RoutingBlock, payload: bytes, *, signer: SigningPair | None = None, **terms: Any
) -> bytes:
    """Seal what a dishonest member of the federation would."""
    kz, now_ms = pair.kz, pair.kz.now_ms()
    pair_of_keys = signer or kz.keys.signer(kz.directory(), kz.me, now_ms)
    block = dataclasses.replace(block, sender_kid=pair_of_keys.kid)
    recipient = envelopes.recipient_key(kz, SHELTER)
    gates = [envelopes.recipient_key(kz, OrgId(gate)).public for gate in ("kz-gate", "uz-gate")]
    usual = {"expires_at_hour": now_ms // HOUR_MS + 24, "directory_version": kz.directory().version}
    readers = Readers(recipient.public, *gates)
    return seal(block, payload, signer=pair_of_keys, readers=readers, **{**usual, **terms})


def taken(pair: Pair, raw: bytes, kind: InboxKind = InboxKind.EVENT) -> str:
    """Deliver a record to the shelter and return the code it was set aside with, "" when it was taken in."""
    with pair.uz.store.read() as tx:
        before = {each.id for state in set_aside.AsideState for each in set_aside.aside(tx, state)}
    pair.world.deliver(SHELTER, kind, raw)
    pair.world.sync(pair.uz)
    with pair.uz.store.read() as tx:
        new = [each for state in set_aside.AsideState for each in set_aside.aside(tx, state) if each.id not in before]
    return new[0].code if new else ""


def fresh(pair: Pair, **changes: Any) -> tuple[RoutingBlock, bytes]:
    """Queue a referral at the agency that nobody carries, and return what it says with these changes."""
    _, number = sent(pair.kz, case_file(about=f"Fictional case number {next(_NUMBERS)}"))
    block, payload = block_and_payload(pair.kz, number)
    return dataclasses.replace(block, **changes), payload


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


def test_receipts_move_an_event_forward_and_never_back(pair: Pair) -> None:
    """Held, forwarded, taken; a late word of being held changes nothing."""
    _, number = sent(pair.kz, case_file(about="Fictional: receipts"))
    pair.world.sync(pair.kz)
    hops = []
    for step, outcome in enumerate(
        (NoticeOutcome.HELD, NoticeOutcome.FORWARDED, NoticeOutcome.HELD, NoticeOutcome.TAKEN, NoticeOutcome.FORWARDED)
    ):
        signed: dict[str, Any] = {"receipt": hop_of(pair, number)} if outcome is NoticeOutcome.TAKEN else {}
        tell(pair, notice_of(pair, number, outcome, decision_id=bytes([step]) * 16, **signed))
        hops.append(line(pair.kz, number).hop)
    assert hops == [Hop.HELD, Hop.BORDER, Hop.BORDER, Hop.THEIR_INBOX, Hop.THEIR_INBOX]


def test_a_refusal_takes_the_event_out_of_the_referral(pair: Pair) -> None:
    """The sender sees the code and an alarm; the referral stands where it stood before, and may be sent anew."""
    case, number = sent(pair.kz, case_file(about="Fictional: refused"))
    pair.world.sync(pair.kz)
    tell(pair, notice_of(pair, number, NoticeOutcome.REFUSED, Code.CATEGORY_NOT_COVERED))
    found = line(pair.kz, number)
    assert (found.hop, found.codes) == (Hop.REFUSED, ("CATEGORY_NOT_COVERED",))
    assert view(pair.kz, number).state is State.DRAFT
    assert "CATEGORY_NOT_COVERED" in alarm_codes(pair.kz)
    assert refer(pair.kz, case) != number


def test_a_refusal_of_the_envelope_alone_gives_a_fresh_one(pair: Pair) -> None:
    """KEY_EXPIRED says nothing against the event: it is sealed again; after five envelopes a person must look."""
    _, number = sent(pair.kz, case_file(about="Fictional: again"))
    for step in range(6):
        pair.world.sync(pair.kz)
        tell(pair, notice_of(pair, number, NoticeOutcome.REFUSED, Code.KEY_EXPIRED, decision_id=bytes([step]) * 16))
    found = line(pair.kz, number)
    assert (found.hop, found.envelopes) == (Hop.REFUSED, 6)
    assert "KEY_EXPIRED" in alarm_codes(pair.kz)


def test_a_no_that_is_refused_again_and_again_rests_between_and_never_ends(own: Pair) -> None:
    """Who refuses each envelope of a no at once makes no flood of it; after a while there is another, without end."""
    case, number = sent(own.kz, case_file(about="Fictional: a no refused"))
    own.exchange()
    withdraw_all(own.kz, case)
    told = line(own.kz, number, EventType.CONSENT_WITHDRAWN).event.id

    def refuse(times: int) -> int:
        for step in range(times):
            own.world.sync(own.kz)
            with own.kz.store.read() as tx:
                newest = outbox.of_event(tx, told)[-1].sha256
            decision = bytes([step]) * 16
            facts: dict[str, Any] = {"envelope_sha256": newest, "decision_id": decision}
            tell(own, notice_of(own, number, NoticeOutcome.REFUSED, Code.KEY_EXPIRED, **facts))
        with own.kz.store.read() as tx:
            return len(outbox.of_event(tx, told))

    assert refuse(12) == notices.MOST_RENEWALS + 1
    own.world.clock.move(hours=1)
    assert refuse(12) == notices.MOST_RENEWALS + 2
    own.world.clock.move(hours=6)
    own.world.sync(own.kz)
    assert line(own.kz, number, EventType.CONSENT_WITHDRAWN).envelopes == notices.MOST_RENEWALS + 3


def test_a_fresh_envelope_put_off_by_a_wrong_clock_is_due(own: Pair) -> None:
    """A clock ran a year ahead when it was put off: right again, nobody waits a year for it."""
    _, number = sent(own.kz, case_file(about="Fictional: put off by a year"))
    own.world.sync(own.kz)
    with own.kz.store.write() as tx:
        row = outbox.of_event(tx, line(own.kz, number).event.id)[-1]
        outbox.set_state(tx, row.id, RowState.STALE)
        outbox.postpone(tx, row.id, own.kz.now_ms() + 365 * 24 * HOUR_MS)
    own.world.sync(own.kz)
    assert line(own.kz, number).envelopes == 2


def test_a_delivery_that_failed_is_tried_again(pair: Pair) -> None:
    """DELIVERY_FAILED: nobody confirmed in time, so a fresh envelope goes."""
    _, number = sent(pair.kz, case_file(about="Fictional: undelivered"))
    pair.world.sync(pair.kz)
    tell(pair, notice_of(pair, number, NoticeOutcome.FORWARDED))
    tell(pair, notice_of(pair, number, NoticeOutcome.FORWARDED, kind=NoticeKind.DELIVERY_FAILED))
    assert line(pair.kz, number).envelopes == 2


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"envelope_sha256": bytes(32)}, Code.NOT_A_PARTY),
        ({"from_gate": OrgId("uz-gate")}, Code.KEY_UNKNOWN),
        ({"from_gate": AGENCY}, Code.KEY_UNKNOWN),
        ({"kid": KeyId(bytes(16))}, Code.KEY_UNKNOWN),
    ],
    ids=["of a stranger's envelope", "under another gate's name", "by no gate", "with an unknown key"],
)
def test_a_notice_that_no_gate_of_ours_signed_moves_nothing(pair: Pair, facts: dict[str, Any], code: Code) -> None:
    """Receipts end resending, so only a gate's signature counts."""
    _, number = sent(pair.kz, case_file(about=f"Fictional: forged notice {facts}"))
    pair.world.sync(pair.kz)
    tell(pair, notice_of(pair, number, NoticeOutcome.TAKEN, **facts))
    assert line(pair.kz, number).hop is Hop.MY_GATE
    with pair.kz.store.read() as tx:
        codes = {each.code for state in set_aside.AsideState for each in set_aside.aside(tx, state)}
    assert code in codes


def test_a_heartbeat_that_counts_more_is_a_hole(own: Pair) -> None:
    """INBOX_GAP when the gate has written more than was read here, or other bytes."""
    sent(own.kz)
    own.world.sync(own.kz)
    beat = notice_of(own, 1, NoticeOutcome.NONE, kind=NoticeKind.HEARTBEAT, inbox_count=7)
    tell(own, beat)
    assert "INBOX_GAP" in alarm_codes(own.kz)


def test_a_gate_that_counts_from_an_old_number_loses_nothing(own: Pair) -> None:
    """Records are known by their bytes: a withdrawal under a number that was used is taken in, a repeat is not."""
    case, _ = sent(own.kz)
    own.exchange()
    number = number_of(own.uz, id_of(own.kz, 1))
    withdraw_all(own.kz, case)
    own.world.sync(own.kz)
    topic = f"uz.inbox.{SHELTER}"
    first = InboxRecord.parse(own.world.bus.records(topic)[0].value)
    own.world.restart_count(topic)
    own.world.carry()
    own.world.deliver(SHELTER, first.kind, first.body, first.sequence)
    own.world.sync(own.uz)
    assert InboxRecord.parse(own.world.bus.records(topic)[1].value).sequence == 1
    assert home_health(own.uz).withdrawals_to_answer_ms is not None
    assert open_at(own.uz, number).withdrawn
    assert alarm_codes(own.uz).count("INBOX_COUNT_BACK") == 1
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 1


def test_numbers_that_never_follow_are_one_alarm_in_the_end(own: Pair) -> None:
    """Whoever runs the broker writes records under any number: that hides nothing else that a person must look at."""
    for number in range(60):
        own.world.deliver(SHELTER, InboxKind.NOTICE, b"stray %d" % number, sequence=1_000 - 7 * number % 500)
    own.world.sync(own.uz)
    codes = alarm_codes(own.uz)
    assert 20 < codes.count("INBOX_COUNT_BACK") + codes.count("INBOX_GAP") <= 42


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


def test_after_a_hole_a_heartbeat_gives_a_new_start(own: Pair) -> None:
    """One alarm for one hole: from the next heartbeat on the running hash is compared again."""
    sent(own.kz)
    own.world.sync(own.kz)
    for sequence, counted, inbox_hash in ((5, 4, b"\1"), (6, 5, b"\2")):
        beat = notice_of(
            own, 1, NoticeOutcome.NONE, kind=NoticeKind.HEARTBEAT, inbox_count=counted, inbox_hash=inbox_hash * 32
        )
        own.world.deliver(AGENCY, InboxKind.NOTICE, beat, sequence)
        own.world.sync(own.kz)
    with own.kz.store.read() as tx:
        standing = [alarm.detail for alarm in alarms.standing_alarms(tx) if alarm.code == "INBOX_GAP"]
    assert standing[0] == "records 1 to 4"
    assert len(standing) == 2  # the second heartbeat's hash does not follow from the first one's


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


def test_an_answer_without_a_stored_event_is_resent_until_a_gate_has_it(own: Pair) -> None:
    """Rows without an event wait for the gate too; one that cannot arrive ends, since whoever asked asks again."""
    block, _ = fresh(own)
    own.world.sync(own.kz)
    with own.kz.store.write() as tx:
        asked = dataclasses.replace(block, sender=SHELTER, recipient=AGENCY)
        fields = {"envelope_sha256": bytes(32), "reason": "OPEN_FAILED"}
        envelopes.answer(own.kz, tx, asked, EventType.UNDECRYPTABLE, fields)
        row = outbox.due(tx, own.kz.now_ms())[-2]
    own.world.sync(own.kz)
    with own.kz.store.read() as tx:
        kept = outbox.by_sha256(tx, row.sha256)
    assert kept is not None
    assert (kept.event_id, kept.confirmed, kept.state) == (None, True, RowState.READY)
    assert kept.value is not None


def test_the_number_of_a_received_referral_is_found_by_its_id(own: Pair) -> None:
    """Two gateways number referrals each for itself; the id on the road is the same."""
    _, number = sent(own.kz)
    own.exchange()
    assert number_of(own.uz, id_of(own.kz, number)) == 1
    with pytest.raises(RefbusError):
        open_at(own.uz, 99)


def gate_statement(pair: Pair, number: int, **changes: Any) -> tuple[Statement, dict[str, Any]]:
    """Return what the gate of kz would have logged about the newest envelope of a referral, and facts of its notice."""
    with pair.kz.store.read() as tx:
        row = outbox.of_event(tx, line(pair.kz, number).event.id)[-1]
    facts = {"decision_id": row.sha256[:16], "writer": gate("kz"), "message_sha256": row.sha256, **changes}
    statement = Statement.of(audit_record(outcome=AuditOutcome.FORWARDED, codes=(), **facts), AUDIT_KEY)
    return statement, {"statement": statement.encode()}


def gates_statements(pair: Pair, number: int) -> list[tuple[Statement, bool]]:
    """Return what gates stated about a referral, and whether its proof comes over our topic."""
    with pair.kz.store.read() as tx:
        found = statements.of_referral(tx, referrals.get(tx, number))
        return [(statements.opened(tx, each), each.awaited) for each in found if not each.own]


def test_what_the_gate_logged_is_kept_like_our_own(own: Pair) -> None:
    """A receipt with a statement moves the event; the statement waits for its proof, once, however often it comes."""
    _, number = sent(own.kz)
    own.world.sync(own.kz)
    statement, facts = gate_statement(own, number)
    for _ in range(2):
        tell(own, notice_of(own, number, NoticeOutcome.FORWARDED, **facts))
    assert gates_statements(own, number) == [(statement, True)]
    assert line(own.kz, number).hop is Hop.BORDER
    assert home_health(own.kz).unproven == 2


@pytest.mark.parametrize("lie", ["writer", "decision_id", "message_sha256", "bytes"])
def test_a_statement_about_something_else_is_told(own: Pair, lie: str) -> None:
    """It is left out with an alarm, and the receipt counts all the same."""
    _, number = sent(own.kz)
    own.world.sync(own.kz)
    changes = {"writer": gate("uz"), "decision_id": b"d" * 16, "message_sha256": b"m" * 32}
    _, facts = gate_statement(own, number, **{lie: changes[lie]} if lie in changes else {})
    if lie == "bytes":
        facts = {"statement": b"nonsense"}
    tell(own, notice_of(own, number, NoticeOutcome.FORWARDED, **facts))
    assert gates_statements(own, number) == []
    assert alarm_codes(own.kz) == [Code.MALFORMED if lie == "bytes" else Code.AUDIT_INVALID]
    assert line(own.kz, number).hop is Hop.BORDER


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
