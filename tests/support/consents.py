"""Fictional consent: a record that permits a referral from kz to uz, and ways to change one thing about it.

record = consent_record(valid_until_ms=NOW_MS)
proof = evidence(record)                      # as if its collector's signature held
decide(disclosure(), [proof], fed.directory, policy, NOW_MS)
data = signed_bytes(fed, record)              # really signed, as it rides in a routing block
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from refbus.core.consent.record import (
    Assent,
    ConsentRecord,
    ConsentState,
    Effect,
    Evidence,
    Grantor,
    GrantorKind,
    Informed,
    Method,
    NoticeRef,
    Provision,
    Request,
    SignedConsent,
)
from refbus.core.ids import ConsentId, CountryCode, OrgId, SubjectRef
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, Purpose
from refbus.crypto.signing import LABEL_CONSENT
from refbus.wire.consent import encode_record, encode_signed
from support.directories import NOTICE_ID, NOTICE_SHA256, NOW_MS, Federation, agency, ngo

CONSENT_ID = ConsentId(bytes.fromhex("c0" * 16))
SUBJECT = SubjectRef(bytes.fromhex("5b" * 32))
COLLECTOR, PARTY = agency("kz"), ngo("uz")
CATEGORIES = (DataCategory.IDENTITY, DataCategory.SERVICE_NEEDS)
GIVEN_MS = NOW_MS - DAY_MS
UNTIL_MS = NOW_MS + 90 * DAY_MS


def provision(**changes: Any) -> Provision:
    """Return a PERMIT for identity and needs, disclosed to and reported back by the party."""
    plain = Provision(
        effect=Effect.PERMIT,
        purposes=(Purpose.REFERRAL_SERVICES,),
        actions=(Action.DISCLOSE, Action.REPORT_BACK),
        recipients=(PARTY,),
        countries=(CountryCode("uz"),),
        data_categories=CATEGORIES,
        onward_transfer=False,
        from_ms=GIVEN_MS,
        until_ms=UNTIL_MS,
    )
    return dataclasses.replace(plain, **changes)


def deny(**changes: Any) -> Provision:
    """Return a DENY of identity."""
    return provision(effect=Effect.DENY, **{"data_categories": (DataCategory.IDENTITY,), **changes})


def consent_record(**changes: Any) -> ConsentRecord:
    """Return an adult's GIVEN, taken by the kz agency a day ago, for the uz shelter, for 90 days."""
    plain = ConsentRecord(
        schema_version=1,
        consent_id=CONSENT_ID,
        version=1,
        prev_hash=None,
        subject_ref=SUBJECT,
        party=PARTY,
        state=ConsentState.GIVEN,
        event_time_ms=GIVEN_MS,
        valid_from_ms=GIVEN_MS,
        valid_until_ms=UNTIL_MS,
        retain_until_ms=UNTIL_MS + 30 * DAY_MS,
        notice=NoticeRef(NOTICE_ID, NOTICE_SHA256, "uz"),
        grantor=Grantor(GrantorKind.SELF),
        majority_at_ms=None,
        assent=Assent.NOT_REQUIRED,
        method=Method.WRITTEN,
        interpreter=True,
        informed=tuple(sorted(Informed)),
        jurisdiction=CountryCode("kz"),
        collected_by=COLLECTOR,
        withdrawal_contact="fictional desk, any day",
        provisions=(provision(),),
    )
    return dataclasses.replace(plain, **changes)


def child_record(**changes: Any) -> ConsentRecord:
    """Return the GIVEN of a guardian for a child of about 14, who agreed too."""
    guardian = Grantor(GrantorKind.LEGAL_GUARDIAN, bytes(32), UNTIL_MS, conflict_checked=True)
    child = {"grantor": guardian, "majority_at_ms": NOW_MS + 4 * 365 * DAY_MS, "assent": Assent.GIVEN}
    return consent_record(**{**child, **changes})


def withdrawn(record: ConsentRecord, **changes: Any) -> ConsentRecord:
    """Return the withdrawal that follows `record` at once."""
    after = {
        "version": record.version + 1,
        "prev_hash": record_sha256(record),
        "state": ConsentState.WITHDRAWN,
        "event_time_ms": record.event_time_ms + 1,
        "provisions": (),
    }
    return dataclasses.replace(record, **{**after, **changes})


def amended(record: ConsentRecord, **changes: Any) -> ConsentRecord:
    """Return the next version of `record`, said one millisecond later."""
    after = {"version": record.version + 1, "prev_hash": record_sha256(record)}
    return dataclasses.replace(record, **{**after, "event_time_ms": record.event_time_ms + 1, **changes})


def record_sha256(record: ConsentRecord) -> bytes:
    """Return 32 bytes that stand for the record's encoding; works for nonsense records too."""
    return hashlib.sha256(repr(record).encode()).digest()


def evidence(record: ConsentRecord, *, signer: OrgId | None = None, signature_ok: bool = True) -> Evidence:
    """Return the record as checked: signed by its collector unless said otherwise."""
    return Evidence(record, record_sha256(record), signer or record.collected_by, signature_ok)


def disclosure(**changes: Any) -> Request:
    """Return the request to disclose identity and needs to the party."""
    plain = Request(
        actions=frozenset({Action.DISCLOSE}),
        purpose=Purpose.REFERRAL_SERVICES,
        categories=frozenset(CATEGORIES),
        sender=COLLECTOR,
        recipient=PARTY,
        party=PARTY,
        countries=frozenset({CountryCode("uz")}),
    )
    return dataclasses.replace(plain, **changes)


def report(**changes: Any) -> Request:
    """Return the party's request to report back to the collector."""
    back = {"actions": frozenset({Action.REPORT_BACK}), "sender": PARTY, "recipient": COLLECTOR}
    return disclosure(**{**back, **changes})


def signed_bytes(fed: Federation, record: ConsentRecord, *, signer: OrgId | None = None) -> bytes:
    """Return the record really signed with the keys of its collector, or of `signer`."""
    signer = signer or record.collected_by
    pair, encoded = fed.pairs[signer], encode_record(record)
    both = pair.sign(LABEL_CONSENT, encoded)
    return encode_signed(SignedConsent(encoded, record, signer, pair.kid, both.ed25519, both.mldsa65))
