"""What a gate remembers, as the bytes that the node store keeps sealed: consent, referrals, ledger, answers.

The form is JSON with hex for bytes: small, and readable to whoever holds the state key years later.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from refbus.core.consent.denials import Denials, Denied, Said, said_in
from refbus.core.consent.record import ConsentState, Evidence, KnownConsent, Withdrawal
from refbus.core.courses.facts import EventFact, SystemEvent
from refbus.core.gate.passage import KnownReferral, Outcome
from refbus.core.ids import CaseHandle, ConsentId, CountryCode, EventId, OrgId, SubjectRef
from refbus.core.vocabulary import DataCategory, EventType, Priority
from refbus.crypto.framing import sha256
from refbus.wire.consent import decode_record, encode_record


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided about a record, and whom it concerns: enough to answer a resend as the first time.

    Hashes 32 bytes. `told` is the organisation that hears of it, None while nobody is verified. `destination` is where
    a forwarded event went; None in what the first release wrote.
    """

    outcome: Outcome
    codes: tuple[str, ...]
    told: OrgId | None
    event_id: bytes | None
    envelope_sha256: bytes | None
    identity: bytes | None
    hop: bool  # whether the gate of origin did let it out, so that a hop receipt is due
    destination: CountryCode | None = None

    def encode(self) -> bytes:
        """Return the bytes to be sealed."""
        return _dump(
            [
                self.outcome,
                self.codes,
                self.told,
                _hex(self.event_id),
                _hex(self.envelope_sha256),
                _hex(self.identity),
                self.hop,
                self.destination,
            ]
        )

    @classmethod
    def parse(cls, data: bytes) -> Answer:
        """Return what `encode` wrote."""
        outcome, codes, told, event_id, envelope, identity, hop, *later = json.loads(data)
        org = None if told is None else OrgId(told)
        ids = (_raw(event_id), _raw(envelope), _raw(identity))
        destination = CountryCode(later[0]) if later and later[0] is not None else None
        return cls(Outcome(outcome), tuple(codes), org, *ids, bool(hop), destination)


NO_ANSWER: Final = Answer(Outcome.REFUSED, (), None, None, None, None, hop=False)
"""What is known of a decision whose answer is damaged."""


def encode_referral(known: KnownReferral) -> bytes:
    """Return the bytes of a referral."""
    facts = [
        [
            fact.event_id.hex(),
            fact.type.value,
            fact.sender,
            fact.recipient,
            _hex(fact.previous),
            fact.occurred_at_ms,
            fact.reason,
            fact.priority,
            fact.respond_by_ms,
        ]
        for fact in known.facts
    ]
    return _dump([known.case_handle.hex(), _hex(known.subject_ref), facts, known.minor, known.of_age_ms])


def decode_referral(data: bytes) -> KnownReferral:
    """Return what `encode_referral` wrote."""
    case_handle, subject_ref, facts, *later = json.loads(data)
    subject = _raw(subject_ref)
    return KnownReferral(
        CaseHandle(bytes.fromhex(case_handle)),
        None if subject is None else SubjectRef(subject),
        tuple(_fact(fact) for fact in facts),
        *later,  # absent in what the first releases wrote
    )


def encode_ledger(orgs: frozenset[OrgId]) -> bytes:
    """Return the bytes of the organisations that a referral was disclosed to."""
    return _dump(sorted(orgs))


def decode_ledger(data: bytes) -> frozenset[OrgId]:
    """Return what `encode_ledger` wrote."""
    return frozenset(OrgId(org) for org in json.loads(data))


def encode_consent(known: KnownConsent) -> bytes:
    """Return the bytes of what is remembered of a consent id."""
    withdrawals = [[each.consent_id.hex(), each.signer, each.version, each.event_time_ms] for each in known.withdrawals]
    newest = [[encode_record(each.record).hex(), each.signer, each.signature_ok] for each in known.newest]
    return _dump([withdrawals, newest, _hex(known.case_handle)])


def decode_consent(data: bytes) -> KnownConsent:
    """Return what `encode_consent` wrote."""
    withdrawals, newest, *later = json.loads(data)
    bound = _raw(later[0]) if later else None  # absent in what the first release wrote
    return KnownConsent(
        tuple(
            Withdrawal(ConsentId(bytes.fromhex(consent_id)), OrgId(signer), version, event_time_ms)
            for consent_id, signer, version, event_time_ms in withdrawals
        ),
        tuple(_evidence(bytes.fromhex(record), OrgId(signer), ok) for record, signer, ok in newest),
        None if bound is None else CaseHandle(bound),
    )


def encode_denials(known: Denials) -> bytes:
    """Return the bytes of what a person has refused."""
    said = [
        [
            each.signer,
            each.consent_id.hex(),
            each.collected_by,
            each.party,
            each.state,
            each.version,
            each.event_time_ms,
            each.competent,
            [[sorted(one.categories), one.from_ms, one.until_ms] for one in each.denied],
        ]
        for each in known.said
    ]
    return _dump({"said": said, "closed": known.closed})


def decode_denials(data: bytes) -> Denials:
    """Return what `encode_denials` wrote; an earlier release wrote two lists of whole records, without a signer."""
    found = json.loads(data)
    if isinstance(found, list):
        records = [decode_record(bytes.fromhex(each)) for records in found for each in records]
        said = {each.chain: each for each in (said_in(record, record.collected_by) for record in records)}
        return Denials(tuple(said[chain] for chain in sorted(said)))
    closed = tuple((OrgId(signer), None if party is None else OrgId(party)) for signer, party in found["closed"])
    return Denials(tuple(map(_said, found["said"])), closed)


def _said(fields: list[Any]) -> Said:
    signer, consent_id, collected_by, party, state, version, event_time_ms, competent, denied = fields
    return Said(
        OrgId(signer),
        ConsentId(bytes.fromhex(consent_id)),
        OrgId(collected_by),
        OrgId(party),
        ConsentState(state),
        version,
        event_time_ms,
        competent,
        tuple(Denied(frozenset(map(DataCategory, each)), from_ms, until_ms) for each, from_ms, until_ms in denied),
    )


def _evidence(record_bytes: bytes, signer: OrgId, signature_ok: bool) -> Evidence:
    return Evidence(decode_record(record_bytes), sha256(record_bytes), signer, signature_ok)


def _fact(fields: list[Any]) -> EventFact:
    event_id, kind, sender, recipient, previous, occurred_at_ms, reason, *later = fields
    priority, respond_by_ms = later or (None, None)  # absent in what the first release wrote
    before = _raw(previous)
    return EventFact(
        EventId(bytes.fromhex(event_id)),
        SystemEvent(kind) if kind in SystemEvent._value2member_map_ else EventType(kind),
        OrgId(sender),
        OrgId(recipient),
        None if before is None else EventId(before),
        occurred_at_ms,
        reason,
        None if priority is None else Priority(priority),
        respond_by_ms,
    )


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _raw(value: str | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value)
