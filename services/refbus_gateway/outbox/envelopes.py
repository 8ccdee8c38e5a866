"""From what a person wants to say to a sealed envelope in the durable outbox, in one transaction.

Order: lifecycle, consent, residency, seal, store. Whatever refuses, nothing is kept. The same event can be sealed again
(`renew`): with the same event id, payload and facts, new keys, a new term, and the consent decision of that moment.
What has certainly not left can be sealed with another payload (`revise`).
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refbus.audit.record import AuditOutcome, Stage
from refbus.core.consent.legal_basis import BASIS_EVENTS
from refbus.core.courses.deadlines import expects_too_late
from refbus.core.directory import Directory, KemKey, Organisation
from refbus.core.gate.residency import residency_problems
from refbus.core.ids import EventId, KeyId, OrgId, gate_id
from refbus.core.message import RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import (
    CONTROL_EVENTS,
    PERMITS_NOTHING,
    TECHNICAL_EVENTS,
    Action,
    DataCategory,
    EventType,
    Priority,
    Purpose,
)
from refbus.crypto.framing import sha256
from refbus.each import alone
from refbus.envelope.sealing import Readers, seal
from refbus.errors import Code, RefbusError, RuleError, UncheckableError
from refbus.said import Said, said
from refbus.wire.payload import categories_of, write_payload
from refbus_gateway.audit import entries
from refbus_gateway.audit.entries import Decided
from refbus_gateway.home import confirmation
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import age_check, course_state, legality, papers, permission, practice
from refbus_gateway.store import alarms, cases, disclosures, outbox, referrals
from refbus_gateway.store.outbox import EnvelopeFacts, RowState
from refbus_gateway.store.referrals import Event, EventStatus, Referral
from refbus_gateway.store.sendable import NO_KEY
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Terms:
    """How an event travels: what for, how urgent, and by when an answer is hoped for (UTC ms)."""

    purpose: Purpose
    priority: Priority
    respond_by_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to say in a referral. `fields` is the payload without its ids.

    `consent_record` is given for a withdrawal, which carries its own record; else the consent decision finds it.
    `legal_basis` is the signed record of an emergency.
    """

    event_type: EventType
    fields: Mapping[str, Any]
    terms: Terms
    consent_record: bytes | None = None
    legal_basis: bytes | None = None


def terms_of(tx: Transaction, referral: Referral) -> Terms:
    """Return the purpose and priority of the event that a course began with."""
    began = course_state.beginning_of(referrals.events_of(tx, referral))
    if began is None:
        return Terms(Purpose.REFERRAL_SERVICES, Priority.ROUTINE)
    return Terms(began.block.purpose, began.block.priority)


def send(gateway: Gateway, tx: Transaction, referral: Referral, draft: Draft) -> Event:
    """Check, seal, store and queue one event.

    Raises RuleError (state, role, residency), ConsentError, MalformedError (a field), UncheckableError (directory).
    """
    now_ms = gateway.now_ms()
    block, encoded = _drafted(gateway, tx, referral, draft, now_ms)
    block = _permitted(gateway, tx, referral, block, now_ms, told=draft.fields)
    event = referrals.add_event(tx, referral, block, encoded, status=EventStatus.QUEUED, now_ms=now_ms)
    disclosures.note(tx, cases.get(tx, referral.case_id), event)
    _queue(gateway, tx, block, encoded, event, now_ms=now_ms)
    return event


def keep(gateway: Gateway, tx: Transaction, referral: Referral, draft: Draft) -> Event:
    """Store an event that permits nothing and is not sealed now: `renew` does it later, or once there are keys.

    It counts here from now on, and its envelope is owed (`sync.writer.seal_owed`) whatever stops this process.
    Raises RuleError (state, role), MalformedError (a field).
    """
    if draft.event_type not in PERMITS_NOTHING:
        raise RuleError(Code.STATE_NOT_ALLOWED, draft.event_type)
    now_ms = gateway.now_ms()
    block, encoded = _drafted(gateway, tx, referral, draft, now_ms)
    block = dataclasses.replace(block, sender_kid=NO_KEY, recipient_kid=NO_KEY)
    event = referrals.add_event(tx, referral, block, encoded, status=EventStatus.QUEUED, now_ms=now_ms)
    facts = EnvelopeFacts(now_ms // HOUR_MS + gateway.rules().message_life_hours, NO_KEY, NO_KEY)
    no_envelope = secrets.token_bytes(16)  # rows are told apart by the hash of their bytes
    row = outbox.add(tx, gateway.outbox_topic, no_envelope, now_ms=now_ms, event_row=event.id, facts=facts)
    outbox.set_state(tx, row, RowState.STALE)
    return event


def _drafted(
    gateway: Gateway, tx: Transaction, referral: Referral, draft: Draft, now_ms: int
) -> tuple[RoutingBlock, bytes]:
    """Return the block without keys and consent, and the payload, once the course allows the event."""
    _require_live(tx, referral, draft.event_type)
    view = course_state.view_of(tx, referral)
    course_state.require_allowed(view, referral, draft.event_type, has_reason=bool(draft.fields.get("reason")))
    event_id = EventId(secrets.token_bytes(16))
    payload = {**draft.fields, "event_id": event_id, "referral_id": referral.referral_id}
    written = write_payload(draft.event_type, payload)
    party = _party(tx, referral)
    block = RoutingBlock(
        sender=gateway.me,
        sender_kid=KeyId(b""),
        recipient=referral.org,
        recipient_kid=KeyId(b""),
        event_type=draft.event_type,
        event_id=event_id,
        referral_id=referral.referral_id,
        case_handle=party.case_handle,
        previous=view.last,
        priority=draft.terms.priority,
        respond_by_ms=draft.terms.respond_by_ms,
        purpose=draft.terms.purpose,
        actions=_actions(draft.event_type, own=referral.own),
        data_categories=tuple(sorted(categories_of(draft.event_type, payload))),
        consent_record=draft.consent_record,
        legal_basis_record=draft.legal_basis,
        occurred_at_ms=now_ms,
        payload_fingerprint=written.fingerprint,
        payload_schema_sha256=written.schema_sha256,
        travel_document=papers.declared(draft.event_type, payload),
    )
    if expects_too_late(block.event_type, block.occurred_at_ms, block.respond_by_ms):
        raise RuleError(Code.EXPECTED_TIME_INVALID)
    return block, written.data


def answer(
    gateway: Gateway, tx: Transaction, asked: RoutingBlock, event_type: EventType, fields: Mapping[str, Any]
) -> None:
    """Queue a control event in reply to an authenticated block of which nothing else may be stored here.

    Raises UncheckableError (directory, keys), MalformedError.
    """
    event_id = EventId(secrets.token_bytes(16))
    written = write_payload(event_type, {**fields, "event_id": event_id, "referral_id": asked.referral_id})
    now_ms = gateway.now_ms()
    view = _view(gateway, event_type)
    signer = gateway.keys.signer(view, gateway.me, now_ms)
    block = dataclasses.replace(
        asked,
        sender=gateway.me,
        sender_kid=signer.kid,
        recipient=asked.sender,
        recipient_kid=_key_of(view, asked.sender, now_ms).kid,
        event_type=event_type,
        event_id=event_id,
        previous=asked.event_id,
        respond_by_ms=None,
        actions=(),
        data_categories=(),
        consent_record=None,
        legal_basis_record=None,
        occurred_at_ms=now_ms,
        payload_fingerprint=written.fingerprint,
        payload_schema_sha256=written.schema_sha256,
        travel_document=None,
    )
    _queue(gateway, tx, block, written.data, None, now_ms=now_ms)


def renew(gateway: Gateway, tx: Transaction, event: Event) -> None:
    """Seal an event of ours again for today's keys and queue it in place of its earlier envelopes.

    Raises as `send` does when it may no longer go; the caller decides what that means.
    """
    _seal_again(gateway, tx, event, event.block, event.payload)


def revise(gateway: Gateway, tx: Transaction, event: Event, fields: Mapping[str, Any]) -> None:
    """Seal an event that has certainly not left with other `fields`, which are its payload without its ids.

    Raises as `send` does, and RuleError STATE_NOT_ALLOWED for one that may have left.
    """
    if not outbox.never_left(outbox.of_event(tx, event.id)):
        raise RuleError(Code.STATE_NOT_ALLOWED, event.block.event_type)
    payload = {**fields, "event_id": event.block.event_id, "referral_id": event.block.referral_id}
    categories = tuple(sorted(categories_of(event.block.event_type, payload)))
    written = write_payload(event.block.event_type, payload)
    block = dataclasses.replace(
        event.block,
        data_categories=categories,
        payload_fingerprint=written.fingerprint,
        payload_schema_sha256=written.schema_sha256,
    )
    fresh = _seal_again(gateway, tx, event, block, written.data)
    disclosures.correct(tx, fresh)


def _seal_again(gateway: Gateway, tx: Transaction, event: Event, block: RoutingBlock, payload: bytes) -> Event:
    referral = referrals.get(tx, event.referral)
    _require_live(tx, referral, block.event_type)
    now_ms = gateway.now_ms()
    block = _permitted(gateway, tx, referral, block, now_ms)
    fresh = referrals.replace(tx, event, block, payload)
    owed: int | None = None
    for row in outbox.of_event(tx, event.id):
        if row.state in outbox.ENDED:
            continue
        if row.recipient_kid == NO_KEY:
            owed = row.id  # it stands for the envelope
        else:
            outbox.set_state(tx, row.id, RowState.REPLACED)
    referrals.set_status(tx, event.id, EventStatus.QUEUED)
    _queue(gateway, tx, block, payload, fresh, now_ms=now_ms, owed=owed)
    return fresh


def recipient_key(gateway: Gateway, org: OrgId) -> KemKey:
    """Return the key to seal to for a member now, in the fresh directory.

    Raises UncheckableError ORGANISATION_UNKNOWN, KEY_UNKNOWN, DIRECTORY_EXPIRED.
    """
    return _key_of(gateway.directory(), org, gateway.now_ms())


def _key_of(view: Directory, org: OrgId, now_ms: int) -> KemKey:
    """Return the key to seal to for a member. Raises UncheckableError ORGANISATION_UNKNOWN, KEY_UNKNOWN."""
    member = _member(view, org)
    key = member.current_kem_key(now_ms)
    if key is None and not view.published_at_ms <= now_ms < view.expires_at_ms:  # a clock that is far off
        key = member.current_kem_key(view.published_at_ms)
    if key is None:
        raise UncheckableError(Code.KEY_UNKNOWN, said("no key of %(organisation)s is in force", organisation=org))
    return key


def _view(gateway: Gateway, event_type: EventType) -> Directory:
    """Return the directory to send an event under: a fresh one for what discloses or permits, else the newest known."""
    return gateway.view() if event_type in PERMITS_NOTHING else gateway.directory()


def _member(view: Directory, org: OrgId) -> Organisation:
    found = view.find(org)
    if found is None:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, org)
    return found


def _require_live(tx: Transaction, referral: Referral, event_type: EventType) -> None:
    """Of a case that is being erased only closed forms go out. Raises RuleError KEY_DESTROYED."""
    if event_type not in CONTROL_EVENTS:
        cases.get(tx, referral.case_id).require_live()


def _permitted(
    gateway: Gateway,
    tx: Transaction,
    referral: Referral,
    block: RoutingBlock,
    now_ms: int,
    *,
    told: Mapping[str, Any] | None = None,
) -> RoutingBlock:
    """Return the block with the keys of today and, where consent is needed, the record that permits it.

    `told`: the fields of an event that is sealed for the first time.
    """
    case = cases.get(tx, referral.case_id)
    confirmation.require(tx, case, block, gateway.local_time)
    view = _view(gateway, block.event_type)
    signer = gateway.keys.signer(view, gateway.me, now_ms)
    kid = _key_of(view, block.recipient, now_ms).kid
    block = dataclasses.replace(block, sender_kid=signer.kid, recipient_kid=kid)
    if block.event_type in BASIS_EVENTS:
        legality.require_basis(gateway, tx, case, block)
    if not permission.needs_permit(block):
        practice.require_apart(tx, case, block, view)
        _require_residency(gateway, block, view)
        return block
    permit = permission.require_permit(gateway, tx, case, block)
    block = dataclasses.replace(block, consent_record=permit.record)
    age_check.require_same_age(gateway, tx, case, block, told)
    _require_residency(gateway, block, view)
    return block


def _require_residency(gateway: Gateway, block: RoutingBlock, view: Directory) -> None:
    destination = _member(view, block.recipient).country
    problems = residency_problems(gateway.rules(), block.data_categories, destination)
    if problems:
        where = {"country": gateway.country, "destination": destination}
        told = said("not from %(country)s to %(destination)s", **where)
        raise RuleError(problems[0], _without_photograph(told, where) if _is_for_a_document(block) else told)


def _is_for_a_document(block: RoutingBlock) -> bool:
    """Whether this asks for a travel document, and a photograph or a fingerprint is with it."""
    asks = block.event_type is EventType.DOCUMENT_REQUESTED
    return asks and DataCategory.PHOTO_BIOMETRIC in block.data_categories


def _without_photograph(told: Said, where: Mapping[str, str]) -> Said:
    """Return what was refused, and how a document comes about without it."""
    return said(
        "%(told)s: leave the photograph out and let the embassy be asked; the consulate of %(destination)s in "
        "%(country)s asks the person for it there",
        told=told,
        **where,
    )


def _queue(
    gateway: Gateway,
    tx: Transaction,
    block: RoutingBlock,
    payload: bytes,
    event: Event | None,
    *,
    now_ms: int,
    owed: int | None = None,
) -> None:
    """Seal an event and queue it; `owed`: in the row that has stood for it."""
    view = _view(gateway, block.event_type)
    destination = gate_id(_member(view, block.recipient).country)
    expires_at_hour = now_ms // HOUR_MS + gateway.rules().message_life_hours
    envelope = seal(
        block,
        payload,
        expires_at_hour=expires_at_hour,
        directory_version=view.version,
        signer=gateway.keys.signer(view, gateway.me, now_ms),
        readers=Readers(
            recipient=_key_of(view, block.recipient, now_ms).public,
            origin_gate=_key_of(view, gateway.gate, now_ms).public,
            destination_gate=_key_of(view, destination, now_ms).public,
        ),
    )
    facts = EnvelopeFacts(expires_at_hour, block.recipient_kid, block.sender_kid, owed)
    row = event.id if event else None
    case = referrals.case_of(tx, event.referral) if event else None
    technical = block.event_type in TECHNICAL_EVENTS
    if event and not technical:
        outbox.hasten(tx, event.referral, now_ms)
    due_ms = gateway.pace.answer_at(now_ms) if technical else now_ms
    outbox.add(tx, gateway.outbox_topic, envelope, now_ms=now_ms, due_ms=due_ms, event_row=row, facts=facts)
    loud = (Code.EMERGENCY_DISCLOSED,) if block.event_type is EventType.EMERGENCY_INVOKED else ()
    digest, on = sha256(envelope), entries.consent_of(block)
    decided = Decided(Stage.SENT, AuditOutcome.DONE, loud, block.event_type, block.event_id, digest, on, row)
    if block.event_type in PERMITS_NOTHING:  # a stop or an answer goes out even where no entry about it can be made
        with alone(block, lambda _, error: _tell_unlogged(gateway, tx, error), inside=tx.savepoint):
            entries.record(gateway, tx, case, decided)
    else:
        entries.record(gateway, tx, case, decided)


def _tell_unlogged(gateway: Gateway, tx: Transaction, error: RefbusError) -> None:
    told = said("a stop or an answer was sent without an entry in the audit log")
    alarms.raise_alarm(tx, error.code, told, gateway.now_ms())


def _party(tx: Transaction, referral: Referral) -> cases.Counterpart:
    case = cases.get(tx, referral.case_id)
    return cases.counterpart(tx, case, referral.org)


def _actions(event_type: EventType, *, own: bool) -> tuple[Action, ...]:
    if event_type in CONTROL_EVENTS:
        return ()
    return (Action.DISCLOSE,) if own else (Action.REPORT_BACK,)
