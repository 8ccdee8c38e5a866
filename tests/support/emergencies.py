"""Fictional emergencies: a record that two officers signed, the organisation's roll, and ways to change one thing.

claim_of(record(ground=Ground.MISSING_PERSON))     as after all cryptography, every signature holding
signed_basis(fed, record())                        really signed, as it rides in a routing block
"""

from __future__ import annotations

import dataclasses
from typing import Any

from refbus.core.consent.legal_basis import (
    BasisClaim,
    Ground,
    Incapacity,
    LegalBasisRecord,
    Officer,
    OfficerRoll,
    Protects,
    Review,
    ReviewResult,
)
from refbus.core.gate.passage import Presented
from refbus.core.ids import ReferralId
from refbus.core.message import RoutingBlock
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import Action, DataCategory, EventType, Priority, Purpose
from refbus.crypto.framing import sha256
from refbus.crypto.signing import SigningPair
from refbus.envelope.legal_basis import sign_basis, sign_review, sign_roll
from refbus.wire.legal_basis import SignedLegalBasis, encode_record, encode_signed
from support.consents import COLLECTOR, PARTY, SUBJECT
from support.directories import NOW_MS, Federation, policy, signing_pair
from support.passages import HANDLE, block, presented

COURSE = ReferralId(bytes.fromhex("e1" * 16))
INVOKED_MS = NOW_MS - HOUR_MS
NEEDED = (DataCategory.HEALTH, DataCategory.IDENTITY)
POLICY = policy("kz", emergency_disclosure=True, emergency_max_hours=48, emergency_review_hours=24)


def officer_pair(name: str) -> SigningPair:
    """Return the key of the officer `name`: Ed25519 alone."""
    return signing_pair(f"officer {name}", mldsa=False)


def officer(name: str) -> Officer:
    """Return the officer `name` as on a roll."""
    pair = officer_pair(name)
    return Officer(pair.kid, pair.public_ed25519, "DUTY_OFFICER")


FIRST, SECOND, THIRD = (officer_pair(name).kid for name in ("first", "second", "third"))


def roll(*names: str, **changes: Any) -> OfficerRoll:
    """Return the kz agency's roll of yesterday, of three officers unless others are named."""
    officers = sorted((officer(name) for name in names or ("first", "second", "third")), key=lambda each: each.kid)
    plain = OfficerRoll(COLLECTOR, NOW_MS - DAY_MS, NOW_MS + 80 * DAY_MS, tuple(officers))
    return dataclasses.replace(plain, **changes)


def record(**changes: Any) -> LegalBasisRecord:
    """Return what the kz agency's officers decided an hour ago: an unconscious person, the uz shelter, for a day."""
    plain = LegalBasisRecord(
        schema_version=1,
        basis_id=bytes.fromhex("ba" * 16),
        referral_id=COURSE,
        case_handle=HANDLE,
        subject_ref=SUBJECT,
        organisation=COLLECTOR,
        recipient=PARTY,
        ground=Ground.MEDICAL_EMERGENCY,
        protects=Protects.PERSON,
        incapacity=Incapacity.UNCONSCIOUS,
        data_categories=NEEDED,
        invoked_at_ms=INVOKED_MS,
        valid_until_ms=INVOKED_MS + 24 * HOUR_MS,
        review_by_ms=INVOKED_MS + 24 * HOUR_MS,
    )
    return dataclasses.replace(plain, **changes)


def claim_of(basis: LegalBasisRecord | None = None, **changes: Any) -> BasisClaim:
    """Return the record as checked: two officers signed, and the organisation vouches for them."""
    basis = basis or record()
    plain = BasisClaim(basis, sha256(encode_record(basis)), roll(), True, (FIRST, SECOND), True)
    return dataclasses.replace(plain, **changes)


def reviewed(result: ReviewResult = ReviewResult.UPHELD, **changes: Any) -> BasisClaim:
    """Return the record with the review of the third officer."""
    return claim_of(**{"review": Review(THIRD, result, NOW_MS), **changes})


def invocation(**changes: Any) -> RoutingBlock:
    """Return the routing block of the event that discloses."""
    said = {
        "event_type": EventType.EMERGENCY_INVOKED,
        "referral_id": COURSE,
        "respond_by_ms": INVOKED_MS + 24 * HOUR_MS,
        "purpose": Purpose.MEDICAL,
        "priority": Priority.EMERGENCY,
        "actions": (Action.DISCLOSE,),
        "data_categories": NEEDED,
        "consent_record": None,
        "legal_basis_record": b"as in Presented.basis",
    }
    return block(**{**said, **changes})


def review_block(**changes: Any) -> RoutingBlock:
    """Return the routing block of the event that reports the review."""
    said = {"event_type": EventType.EMERGENCY_REVIEWED, "respond_by_ms": None, "actions": (), "data_categories": ()}
    return invocation(**{**said, **changes})


def emergency(claim: BasisClaim | None = None, routing: RoutingBlock | None = None, **changes: Any) -> Presented:
    """Return the event that discloses as a gate has it in hand, with no consent."""
    event = presented(routing or invocation(), **changes)
    return dataclasses.replace(event, consent=None, basis=claim or claim_of())


def signed_basis(
    fed: Federation,
    basis: LegalBasisRecord | None = None,
    *,
    signers: tuple[str, ...] = ("first", "second"),
    reviewer: str | None = None,
    vouched: OfficerRoll | None = None,
) -> SignedLegalBasis:
    """Return the record really signed by `signers`, with a roll signed by its organisation and, if named, a review."""
    basis = basis or record()
    vouched = vouched or roll()
    signed_roll = sign_roll(vouched, fed.pairs[vouched.organisation])
    signed = sign_basis(basis, signed_roll, tuple(officer_pair(name) for name in signers))
    if reviewer is None:
        return signed
    pair = officer_pair(reviewer)
    review = sign_review(signed, Review(pair.kid, ReviewResult.UPHELD, NOW_MS), pair)
    return dataclasses.replace(signed, review=review)


def signed_bytes(fed: Federation, **said: Any) -> bytes:
    """Return `signed_basis` as it rides in a routing block."""
    return encode_signed(signed_basis(fed, **said))
