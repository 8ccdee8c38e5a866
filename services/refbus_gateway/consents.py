"""Taking down what a person agreed to, and that they changed their mind. Every version is signed and chained.

A record names one organisation. Withdrawing makes a WITHDRAWN version and tells that organisation, in fresh envelopes
without end until it says what it did; from the moment of withdrawal the decision here refuses.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass

from refbus.core.consent import ConsentRecord, ConsentState, SignedConsent
from refbus.core.ids import ConsentId, OrgId
from refbus.core.vocabulary import EventType, Priority, Purpose
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_CONSENT
from refbus.errors import Code, ConsentError
from refbus.wire.consent import encode_record, encode_signed
from refbus_gateway import consenting, course, sending
from refbus_gateway.consentfile import ConsentForm
from refbus_gateway.gateway import Gateway
from refbus_gateway.sending import Draft, Terms
from refbus_gateway.store import cases, consents, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.consents import Kept
from refbus_gateway.store.referrals import Referral
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A withdrawal that was recorded: for which organisation, and whether it had received anything to stop using."""

    org: OrgId
    consent_id: ConsentId
    version: int
    notified: bool


def grant(gateway: Gateway, case: Case, tx: Transaction, org: OrgId, form: ConsentForm) -> ConsentRecord:
    """Sign and keep what the person said about one organisation; a later version when there is one already.

    Raises UncheckableError ORGANISATION_UNKNOWN, ConsentError NOTICE_UNKNOWN, MalformedError.
    """
    country = gateway.organisation(org).country
    party = cases.counterpart(tx, case, org)
    chain = [kept for kept in consenting.between(tx, case, gateway.me, org) if _ours(gateway, kept)]
    last = max(chain, key=lambda kept: kept.signed.record.version, default=None)
    record = form.record(gateway, party, country)
    record = dataclasses.replace(
        record,
        consent_id=last.signed.record.consent_id if last else ConsentId(secrets.token_bytes(16)),
        version=last.signed.record.version + 1 if last else 1,
        prev_hash=sha256(last.signed.record_bytes) if last else None,
        event_time_ms=max(record.event_time_ms, last.signed.record.event_time_ms + 1) if last else record.event_time_ms,
    )
    consents.keep(tx, case, sign(gateway, record), gateway.now_ms())
    return record


def sign(gateway: Gateway, record: ConsentRecord) -> bytes:
    """Return the signed bytes of a record as it travels. Raises UncheckableError KEY_UNKNOWN, MalformedError."""
    pair = gateway.keys.signer(gateway.directory(), gateway.me, gateway.now_ms())
    encoded = encode_record(record)
    signatures = pair.sign(LABEL_CONSENT, encoded)
    return encode_signed(SignedConsent(encoded, record, gateway.me, pair.kid, signatures.ed25519, signatures.mldsa65))


def withdraw(gateway: Gateway, tx: Transaction, case: Case, only: OrgId | None) -> list[Withdrawn]:
    """Record that the person withdrew, towards one organisation or all, and tell each that received something.

    Works at either side of a consent. Raises ConsentError NO_CONSENT when there is nothing to withdraw.
    """
    done = [
        _withdraw_one(gateway, tx, case, party.org)
        for party in cases.counterparts_of(tx, case)
        if only in {None, party.org} and consenting.between(tx, case, gateway.me, party.org)
    ]
    if not done:
        raise ConsentError((Code.NO_CONSENT,), "nothing to withdraw")
    return done


def _withdraw_one(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> Withdrawn:
    kept = max(consenting.between(tx, case, gateway.me, org), key=lambda each: each.signed.record.version)
    before = kept.signed.record
    record = dataclasses.replace(
        before,
        version=before.version + 1,
        prev_hash=sha256(kept.signed.record_bytes),
        state=ConsentState.WITHDRAWN,
        event_time_ms=max(gateway.now_ms(), before.event_time_ms + 1),
        provisions=(),
    )
    signed = sign(gateway, record)
    consents.keep(tx, case, signed, gateway.now_ms())
    newest = next((each for each in reversed(referrals.of_case(tx, case)) if each.org == org), None)
    if newest is not None:
        _notify(gateway, tx, newest, record, signed)
    return Withdrawn(org, record.consent_id, record.version, newest is not None)


def _notify(gateway: Gateway, tx: Transaction, referral: Referral, record: ConsentRecord, signed: bytes) -> None:
    fields = {
        "consent_id": record.consent_id,
        "consent_version": record.version,
        "record_sha256": sha256(encode_record(record)),
    }
    draft = Draft(EventType.CONSENT_WITHDRAWN, fields, terms_of(tx, referral), consent_record=signed)
    event = sending.send(gateway, tx, referral, draft)
    case = cases.get(tx, referral.case_id)
    consents.add_withdrawal(tx, case, record.consent_id, event.id, outgoing=True, now_ms=gateway.now_ms())


def terms_of(tx: Transaction, referral: Referral) -> Terms:
    """Return the purpose and priority of the event that a course began with."""
    began = course.beginning_of(referrals.events_of(tx, referral))
    if began is None:
        return Terms(Purpose.REFERRAL_SERVICES, Priority.ROUTINE)
    return Terms(began.block.purpose, began.block.priority)


def _ours(gateway: Gateway, kept: Kept) -> bool:
    return kept.signed.record.collected_by == gateway.me
