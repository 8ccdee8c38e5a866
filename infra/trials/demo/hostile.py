"""A member organisation that does not use the gateway: real keys, real signatures, and every check of its own left out.

What the gates refuse can only be shown with events that an honest gateway would never send. All data are fictional.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from demo.plan import smallest_case
from refbus.core.consent.record import (
    SCHEMA_VERSION,
    Assent,
    ConsentRecord,
    ConsentState,
    Effect,
    Grantor,
    GrantorKind,
    Informed,
    Method,
    NoticeRef,
    Provision,
    SignedConsent,
)
from refbus.core.directory import Directory, KemKey
from refbus.core.ids import CaseHandle, ConsentId, EventId, OrgId, ReferralId, SubjectRef, gate_id
from refbus.core.message import RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import Action, DataCategory, EventType, Priority, Purpose
from refbus.crypto.kem import KemPrivate, kid_of_kem
from refbus.crypto.signing import LABEL_CONSENT, SigningPair
from refbus.envelope.sealing import Readers, seal
from refbus.wire.consent import encode_record, encode_signed
from refbus.wire.payload import Written, write_payload

DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Plot:
    """What the hostile member wants to send. The defaults are an honest referral request."""

    recipient: OrgId
    categories: tuple[DataCategory, ...] = (DataCategory.SERVICE_NEEDS,)
    consent: bytes | None = None
    expires_in_hours: int = 48
    event_type: EventType = EventType.REFERRAL_REQUESTED
    fields: Mapping[str, object] | None = None  # of the payload, without its ids; the smallest case when None
    previous: EventId | None = None
    event_id: EventId = field(default_factory=lambda: EventId(secrets.token_bytes(16)))
    referral_id: ReferralId = field(default_factory=lambda: ReferralId(secrets.token_bytes(16)))
    case_handle: CaseHandle = field(default_factory=lambda: CaseHandle(secrets.token_bytes(32)))


class HostileMember:
    """Holds a member's true private keys and seals whatever it likes."""

    def __init__(self, org: OrgId, pair: SigningPair, directory: Directory) -> None:
        self.org = org
        self._pair = pair
        self._directory = directory

    def seal(self, plot: Plot, now_ms: int) -> bytes:
        """Return an envelope for `plot`, at most 900,000 bytes.

        A recipient that the directory does not know is sealed to a key of the member's own making.
        """
        known = self._directory.find(plot.recipient)
        recipient_key = known.current_kem_key(now_ms) if known else None
        public = recipient_key.public if recipient_key else KemPrivate.generate().public
        kid = recipient_key.kid if recipient_key else kid_of_kem(public)
        payload = fictional_payload(plot)
        block = RoutingBlock(
            sender=self.org,
            sender_kid=self._pair.kid,
            recipient=plot.recipient,
            recipient_kid=kid,
            event_type=plot.event_type,
            event_id=plot.event_id,
            referral_id=plot.referral_id,
            case_handle=plot.case_handle,
            previous=plot.previous,
            priority=Priority.ROUTINE,
            respond_by_ms=None,
            purpose=Purpose.REFERRAL_SERVICES,
            actions=(Action.DISCLOSE,),
            data_categories=plot.categories,
            consent_record=plot.consent,
            legal_basis_record=None,
            occurred_at_ms=now_ms,
            payload_fingerprint=payload.fingerprint,
            payload_schema_sha256=payload.schema_sha256,
        )
        origin = self._gate_key(self.org, now_ms)
        destination = self._gate_key(plot.recipient if known else self.org, now_ms)
        return seal(
            block,
            payload.data,
            expires_at_hour=now_ms // HOUR_MS + plot.expires_in_hours,
            directory_version=self._directory.version,
            signer=self._pair,
            readers=Readers(public, origin.public, destination.public),
        )

    def consent(self, party: OrgId, categories: Sequence[DataCategory], now_ms: int, **changes: Any) -> bytes:
        """Return a record of the member's own making in which a fictional person permits `categories` to `party`."""
        record = replace(_record(self.org, party, tuple(categories), self._directory, now_ms), **changes)
        record_bytes = encode_record(record)
        made = self._pair.sign(LABEL_CONSENT, record_bytes)
        return encode_signed(SignedConsent(record_bytes, record, self.org, self._pair.kid, made.ed25519, made.mldsa65))

    def _gate_key(self, org: OrgId, now_ms: int) -> KemKey:
        country = self._directory.organisations[org].country
        key = self._directory.organisations[gate_id(country)].current_kem_key(now_ms)
        if key is None:
            raise LookupError(f"the gate of {country} has no key")
        return key


def fictional_payload(plot: Plot) -> Written:
    """Return the payload of a plot, by default the smallest case that carries no person's data."""
    if plot.fields is not None:
        ids = {"event_id": plot.event_id, "referral_id": plot.referral_id}
        return write_payload(plot.event_type, {**plot.fields, **ids})
    if plot.event_type is not EventType.REFERRAL_REQUESTED:
        raise LookupError(f"no fictional payload for {plot.event_type}")
    return write_payload(plot.event_type, smallest_case(plot.event_id, plot.referral_id))


def _record(
    collector: OrgId, party: OrgId, categories: tuple[DataCategory, ...], directory: Directory, now_ms: int
) -> ConsentRecord:
    country = directory.organisations[collector].country
    notice = min(directory.policies[country].notices.values(), key=lambda each: each.notice_id)
    until = now_ms + 90 * DAY_MS
    party_country = directory.organisations[party].country if party in directory.organisations else country
    permit = Provision(
        effect=Effect.PERMIT,
        purposes=(Purpose.REFERRAL_SERVICES,),
        actions=(Action.DISCLOSE, Action.REPORT_BACK),
        recipients=(party,),
        countries=(party_country,),
        data_categories=categories,
        onward_transfer=False,
        from_ms=now_ms - HOUR_MS,
        until_ms=until,
    )
    return ConsentRecord(
        schema_version=SCHEMA_VERSION,
        consent_id=ConsentId(secrets.token_bytes(16)),
        version=1,
        prev_hash=None,
        subject_ref=SubjectRef(secrets.token_bytes(32)),
        party=party,
        state=ConsentState.GIVEN,
        event_time_ms=now_ms - HOUR_MS,
        valid_from_ms=now_ms - HOUR_MS,
        valid_until_ms=until,
        retain_until_ms=until + 90 * DAY_MS,
        notice=NoticeRef(notice.notice_id, notice.sha256, notice.languages[0]),
        grantor=Grantor(GrantorKind.SELF),
        majority_at_ms=None,
        assent=Assent.NOT_REQUIRED,
        method=Method.WRITTEN,
        interpreter=False,
        informed=tuple(Informed),
        jurisdiction=country,
        collected_by=collector,
        withdrawal_contact="the agency's office, any day",
        provisions=(permit,),
    )
