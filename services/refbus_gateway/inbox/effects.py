"""What a verified event causes here beyond being stored: receipts, stops, acknowledgements, fresh envelopes."""

from __future__ import annotations

from refbus.core.consent.age import rules_of
from refbus.core.consent.legal_basis import ReviewResult
from refbus.core.consent.record import ConsentState
from refbus.core.courses.course import BEGINS
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import STOPS, EventType
from refbus.envelope.legal_basis import basis_of
from refbus.errors import Code, ConsentError, UntrustedError
from refbus.said import Said, joined, placed, said
from refbus_gateway.cases import companions
from refbus_gateway.courses import returns
from refbus_gateway.home import confirmation
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.inbox import consent_effects, notices, repetitions
from refbus_gateway.outbox import announcements, answers
from refbus_gateway.outbox.announcements import RESTORED
from refbus_gateway.rules import age_check
from refbus_gateway.rules.verification import Verified
from refbus_gateway.store import alarms, cases, consents, outbox, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.outbox import OutboxRow, RowState
from refbus_gateway.store.referrals import Event, EventStatus, Referral
from refbus_gateway.store.session import Transaction

_MOST_OF_COURSES = 200


def check_record(gateway: Gateway, tx: Transaction, case: Case, block: RoutingBlock) -> None:
    """Refuse a consent record that is not signed by one who may, or speaks of another person or other organisations.

    A consent serves one case: the same one under another handle is SUBJECT_MISMATCH too. A withdrawal closes the
    consent that it names, whatever else it says of the person.

    Raises ConsentError: BAD_SIGNATURE, SUBJECT_MISMATCH, RECIPIENT_NOT_COVERED; MalformedError.
    """
    evidence = gateway.evidence.evidence_of(block.consent_record or b"", gateway.view())
    record = evidence.record
    party = cases.party_with(tx, case, block.sender)
    reasons = {
        Code.BAD_SIGNATURE: not evidence.authentic,
        Code.SUBJECT_MISMATCH: party is None
        or (
            record.state is not ConsentState.WITHDRAWN
            and (party.subject_ref != record.subject_ref or consents.serves_another(tx, record.consent_id, case))
        ),
        Code.RECIPIENT_NOT_COVERED: {record.collected_by, record.party} != {block.sender, gateway.me},
    }
    found = tuple(sorted(code for code, holds in reasons.items() if holds))
    if found:
        raise ConsentError(found)


def apply(gateway: Gateway, tx: Transaction, referral: Referral, stored: Event, event: Verified) -> None:
    """Do what a new event asks for. Raises UntrustedError when it contradicts what is known here."""
    block = event.block
    if block.event_type in consent_effects.EVENTS:
        consent_effects.apply(gateway, tx, stored, event)
    if block.event_type in companions.TELLS:
        _began_or_changed(gateway, tx, referral, stored)
    match block.event_type:
        case EventType.EMERGENCY_INVOKED:
            _tell(gateway, tx, Code.EMERGENCY_DISCLOSED, said("number"), said("number %(number)s", number=referral.id))
            sender = gateway.organisation(block.sender).country
            rules = rules_of(gateway.directory().policies.get(sender))
            doubt = age_check.doubt_of(event.payload, rules, block.occurred_at_ms)
            age_check.tell_doubt(gateway, tx, referral.id, doubt)
        case EventType.EMERGENCY_REVIEWED:
            _reviewed(gateway, tx, referral, event)
        case EventType.RISK_ASSESSED:
            returns.require_own_hash(event.payload)
        case EventType.DEPARTURE_AUTHORISED | EventType.DEPARTED:
            _departing(gateway, tx, referral)
        case EventType.UNDECRYPTABLE | EventType.INTAKE_REPORTED | EventType.OFFICE_RESTORED:
            _heard(gateway, tx, stored, event)
        case _:
            pass


def _began_or_changed(gateway: Gateway, tx: Transaction, referral: Referral, stored: Event) -> None:
    """Note who belongs to the person; of the beginning of a course its sender hears that it arrived."""
    companions.take_in(tx, referral)
    if stored.block.event_type in BEGINS:
        answers.delivered(gateway, tx, referral, stored)


def _heard(gateway: Gateway, tx: Transaction, stored: Event, event: Verified) -> None:
    """Act on what a program says to this one."""
    if event.block.event_type is EventType.OFFICE_RESTORED:
        _restored(gateway, tx, stored, event)
    else:
        _answered(gateway, tx, stored, event)


def _restored(gateway: Gateway, tx: Transaction, stored: Event, event: Verified) -> None:
    """Send again what a restored office may have forgotten, or note who did so. Raises UntrustedError NOT_A_PARTY."""
    if event.payload["word"] == RESTORED:
        repetitions.note(gateway, tx, stored, event.payload)
        return
    heard = announcements.answered(tx, event.block.sender, event.payload["restore_id"], gateway.now_ms())
    if not heard and confirmation.find(tx) is None:  # after two restores the answer to the first one is late
        raise UntrustedError(Code.NOT_A_PARTY, said("an answer to a restore that was none"))


def _reviewed(gateway: Gateway, tx: Transaction, referral: Referral, event: Verified) -> None:
    """Tell a person what the review found. Raises UntrustedError when the event says other than the signed review."""
    review = basis_of(event.block.legal_basis_record or b"", gateway.directory()).review
    if review is None or (review.result, review.at_ms) != (event.payload["result"], event.payload["reviewed_at_ms"]):
        raise UntrustedError(Code.DECLARATION_MISMATCH, said("not the review that it carries"))
    upheld = review.result is ReviewResult.UPHELD
    code = Code.EMERGENCY_UPHELD if upheld else Code.EMERGENCY_NOT_UPHELD
    _tell(gateway, tx, code, said("number"), said("number %(number)s", number=referral.id))


def _departing(gateway: Gateway, tx: Transaction, referral: Referral) -> None:
    """Alarm a person here about a departure with open guards; it stays in the course, for it may have happened."""
    missing = returns.gaps(gateway, tx, referral, referrals.events_of(tx, referral))
    if missing:
        told = said("return %(number)s departs with %(codes)s", number=referral.id, codes=" ".join(missing))
        _tell(gateway, tx, missing[0], said("departs with"), told)


def _tell(gateway: Gateway, tx: Transaction, code: Code, source: Said, detail: Said) -> None:
    """Tell a person of a course here; courses are what a person works on, so many more of them are told one by one."""
    alarms.raise_of_many(tx, code, source, detail, gateway.now_ms(), most=_MOST_OF_COURSES)


def _answered(gateway: Gateway, tx: Transaction, stored: Event, event: Verified) -> None:
    """Act on what a recipient's gateway says of an envelope; only the organisation that it is for may say so."""
    row = outbox.by_sha256(tx, event.payload["envelope_sha256"])
    if row is None or row.event_id is None or not referrals.same_counterpart(tx, row.event_id, stored.id):
        raise UntrustedError(Code.NOT_A_PARTY, said("about an envelope that is not ours"))
    about = referrals.event(tx, row.event_id)
    if event.block.event_type is EventType.INTAKE_REPORTED:
        _not_taken_in(gateway, tx, (row, about), event)
    elif event.payload["reason"] == "UNKNOWN_SCHEMA":
        alarms.raise_alarm(
            tx,
            Code.UNKNOWN_SCHEMA,
            said("%(organisation)s has an older version", organisation=event.block.sender),
            gateway.now_ms(),
        )
    else:
        notices.request_renewal(gateway, tx, row, Code.UNDECRYPTABLE)


def _not_taken_in(gateway: Gateway, tx: Transaction, ours: tuple[OutboxRow, Event], event: Verified) -> None:
    """Tell a person what the recipient did with an event of ours.

    What it refused is out of the course, as what a gate refused. A stop stays: it is repeated until it is acknowledged.
    """
    row, about = ours
    heard, now_ms = event.payload, gateway.now_ms()
    if about.block.event_id != heard["of_event"]:
        raise UntrustedError(Code.DECLARATION_MISMATCH, said("another event than the envelope's"))
    outbox.note_intake(tx, row.id, event.block.event_id, (heard["result"], heard["code"]), now_ms)
    number = said("number %(number)s", number=about.referral)
    alarm = placed(joined((number, about.block.event_type, event.block.sender)), heard["code"])
    waits = said("%(what)s, it waits there", what=alarm)
    if heard["result"] == "TAKEN_IN":
        alarms.withdraw_alarm(tx, Code.NOT_TAKEN_IN, waits, now_ms)
        return
    if heard["code"] == Code.TOO_MANY_WAITING and row.state is not RowState.REPLACED:
        notices.try_later(gateway, tx, row, event.block.sender)
        return
    told = waits if heard["result"] == "WAITS" else alarm
    alarms.raise_of_many(tx, Code.NOT_TAKEN_IN, event.block.sender, told, now_ms, most=_MOST_OF_COURSES)
    if heard["result"] == "REFUSED" and row.state is not RowState.REPLACED:
        outbox.set_state(tx, row.id, RowState.REFUSED)
        if about.block.event_type not in STOPS:
            referrals.set_status(tx, about.id, EventStatus.REFUSED)
