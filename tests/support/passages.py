"""A node's memory in plain lists, and events as a gate has them in hand after all cryptography.

node = MemoryNode("kz")
verdict = node.egress(presented(), fed.history)   # decides and applies the effects
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from refbus.core.consent.denials import Denials, note
from refbus.core.consent.record import ConsentRecord, Evidence, KnownConsent
from refbus.core.courses.facts import remember
from refbus.core.directory import DirectoryHistory
from refbus.core.gate.passage import KnownReferral, Pass, Presented, event_identity
from refbus.core.gate.routing import decide_egress, decide_ingress
from refbus.core.gate.verdicts import (
    AddDisclosure,
    AddReferralFact,
    BindConsent,
    Duplicate,
    Effect,
    Hold,
    MarkWithdrawn,
    NoteAnswer,
    RecordConsent,
    Verdict,
)
from refbus.core.ids import CaseHandle, ConsentId, CountryCode, EventId, KeyId, MessageId, OrgId, ReferralId, SubjectRef
from refbus.core.message import Header, RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import CONTROL_EVENTS, Action, EventType, Priority, Purpose
from support.consents import CATEGORIES, COLLECTOR, PARTY, consent_record, evidence
from support.directories import NOW_MS, kem_private, signing_pair

REFERRAL = ReferralId(bytes.fromhex("4e" * 16))
HANDLE = CaseHandle(bytes.fromhex("ca" * 32))
NOW_HOUR = NOW_MS // HOUR_MS


def event_id(name: str) -> EventId:
    """Return 16 bytes that belong to `name`."""
    return EventId(hashlib.sha256(name.encode()).digest()[:16])


def block(event_type: EventType = EventType.REFERRAL_REQUESTED, **changes: Any) -> RoutingBlock:
    """Return the routing block of a request from the kz agency to the uz shelter, or of a reply (`reply=True`)."""
    back = changes.pop("reply", False)
    sender, recipient = (PARTY, COLLECTOR) if back else (COLLECTOR, PARTY)
    sender = changes.get("sender", sender)
    recipient = changes.get("recipient", recipient)
    bare = event_type in CONTROL_EVENTS
    plain = RoutingBlock(
        sender=sender,
        sender_kid=signing_pair(sender).kid,
        recipient=recipient,
        recipient_kid=kem_private(recipient).kid,
        event_type=event_type,
        event_id=event_id(event_type),
        referral_id=REFERRAL,
        case_handle=HANDLE,
        previous=None,
        priority=Priority.ROUTINE,
        respond_by_ms=None,
        purpose=Purpose.REFERRAL_SERVICES,
        actions=() if bare else ((Action.REPORT_BACK,) if back else (Action.DISCLOSE,)),
        data_categories=() if bare else CATEGORIES,
        consent_record=b"as in Presented.consent",
        legal_basis_record=None,
        occurred_at_ms=NOW_MS - 1000,
        payload_fingerprint=bytes(8),
        payload_schema_sha256=bytes(32),
    )
    return dataclasses.replace(plain, **changes)


def header(name: str = "message", **changes: Any) -> Header:
    """Return a header for directory version 1 that expires in two days."""
    plain = Header(1, 1, MessageId(event_id(name)), NOW_HOUR + 48, 1)
    return dataclasses.replace(plain, **changes)


def presented(
    routing: RoutingBlock | None = None,
    *,
    record: ConsentRecord | None = None,
    proof: Evidence | None = None,
    named: str | None = None,
    **changes: Any,
) -> Presented:
    """Return the event as verified at egress, with a consent record that permits it. `named` makes it other bytes."""
    routing = routing or block()
    named = named or routing.event_id.hex()
    digest = hashlib.sha256(named.encode()).digest()
    plain = Presented(
        record_sha256=digest,
        signed_sha256=hashlib.sha256(digest).digest(),
        header=header(named),
        block=routing,
        consent=proof or evidence(record or consent_record()),
    )
    return dataclasses.replace(plain, **changes)


def passed(event: Presented, origin: str = "kz", hour: int = NOW_HOUR) -> Presented:
    """Return the event as it arrives at the gate of destination."""
    digest = hashlib.sha256(event.record_sha256).digest()
    return dataclasses.replace(event, record_sha256=digest, passed=Pass(CountryCode(origin), hour))


class MemoryNode:
    """A NodeView that also applies what the verdicts say, as the real store does."""

    def __init__(self, country: str) -> None:
        """Start with nothing known."""
        self.country = CountryCode(country)
        self.records: set[bytes] = set()
        self.signed: set[bytes] = set()
        self.events: dict[tuple[OrgId, EventId], bytes] = {}
        self.consents: dict[ConsentId, KnownConsent] = {}
        self.referrals: dict[ReferralId, KnownReferral] = {}
        self.refusals: dict[SubjectRef, Denials] = {}
        self.ledger: dict[ReferralId, set[OrgId]] = {}
        self.held: set[tuple[CaseHandle, OrgId]] = set()

    def record_seen(self, record_sha256: bytes) -> bool:
        """Return whether the record was decided."""
        return record_sha256 in self.records

    def signed_seen(self, signed_sha256: bytes) -> bool:
        """Return whether the signed bytes were decided."""
        return signed_sha256 in self.signed

    def event_seen(self, sender: OrgId, event: EventId) -> bytes | None:
        """Return the identity of the event."""
        return self.events.get((sender, event))

    def consent(self, consent_id: ConsentId) -> KnownConsent:
        """Return what is known of the consent id."""
        return self.consents.get(consent_id, KnownConsent())

    def referral(self, referral_id: ReferralId) -> KnownReferral | None:
        """Return what is known of the referral."""
        return self.referrals.get(referral_id)

    def denials(self, subject_ref: SubjectRef) -> Denials:
        """Return what the person has refused."""
        return self.refusals.get(subject_ref, Denials())

    def disclosed(self, referral_id: ReferralId) -> set[OrgId]:
        """Return whom the ledger names."""
        return self.ledger.get(referral_id, set())

    def case_held(self, case_handle: CaseHandle, sender: OrgId) -> bool:
        """Return whether an event of this sender in the case is held."""
        return (case_handle, sender) in self.held

    def egress(self, event: Presented, directories: DirectoryHistory, now_ms: int = NOW_MS) -> Verdict:
        """Decide at egress and apply."""
        return self._apply(event, decide_egress(event, self, directories, now_ms))

    def ingress(self, event: Presented, directories: DirectoryHistory, now_ms: int = NOW_MS) -> Verdict:
        """Decide at ingress and apply."""
        return self._apply(event, decide_ingress(event, self, directories, now_ms))

    def _apply(self, event: Presented, verdict: Verdict) -> Verdict:
        self.records.add(event.record_sha256)
        self.signed.add(event.signed_sha256)
        if not isinstance(verdict, Duplicate):
            self.events[event.block.sender, event.block.event_id] = event_identity(event.block)
        if isinstance(verdict, Hold):
            self.held.add((event.block.case_handle, event.block.sender))
        elif event.resumed:
            self.held.discard((event.block.case_handle, event.block.sender))
        for effect in verdict.effects:
            self._change(effect)
        return verdict

    def _change(self, effect: Effect) -> None:
        match effect:
            case RecordConsent(proof, needless):
                self._keep(proof, needless)
            case BindConsent(consent_id, bound):
                self.consents[consent_id] = dataclasses.replace(self.consent(consent_id), case_handle=bound)
            case NoteAnswer(record, signer):
                self.refusals[record.subject_ref] = note(self.denials(record.subject_ref), record, signer)
            case MarkWithdrawn(withdrawal):
                known = self.consent(withdrawal.consent_id)
                both = (*known.withdrawals, withdrawal)
                self.consents[withdrawal.consent_id] = dataclasses.replace(known, withdrawals=both)
            case AddReferralFact(referral_id, case_handle, subject_ref, fact, minor, of_age_ms):
                first = KnownReferral(case_handle, subject_ref, (), minor, of_age_ms)
                known_referral = self.referrals.get(referral_id) or first
                facts = remember(known_referral.facts, fact)
                self.referrals[referral_id] = dataclasses.replace(known_referral, facts=facts)
            case AddDisclosure(referral_id=referral_id, sender=sender, recipient=recipient):
                self.ledger.setdefault(referral_id, set()).update({sender, recipient})

    def _keep(self, proof: Evidence, needless: tuple[bytes, ...]) -> None:
        known = self.consent(proof.record.consent_id)
        others = tuple(each for each in known.newest if each.record_sha256 not in needless)
        self.consents[proof.record.consent_id] = dataclasses.replace(known, newest=(*others, proof))


def wrong_key() -> KeyId:
    """Return the id of a key that nobody has."""
    return KeyId(bytes(16))
