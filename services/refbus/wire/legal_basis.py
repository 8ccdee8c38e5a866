"""Legal basis records: between the values of `core.consent.legal_basis` and the canonical bytes that are signed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

from refbus.core.consent.legal_basis import (
    Ground,
    Incapacity,
    LegalBasisRecord,
    Officer,
    OfficerRoll,
    Protects,
    Review,
    ReviewResult,
)
from refbus.core.ids import CaseHandle, KeyId, ReferralId, SubjectRef, parse_org_id
from refbus.core.vocabulary import DataCategory, member
from refbus.errors import Code, MalformedError
from refbus.wire.codelists import code_list
from refbus.wire.consent import MLDSA65_BYTES
from refbus.wire.schema import Document, codec

ROLES: Final = "refbus.WorkerRole"
"""The code list of an officer's role."""
_Member = TypeVar("_Member", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class OfficerSignature:
    """One officer's Ed25519 signature (64 bytes) over the record, by key id (16 bytes)."""

    kid: KeyId
    ed25519: bytes


@dataclass(frozen=True, slots=True)
class SignedReview:
    """A review with the reviewing officer's Ed25519 signature, 64 bytes."""

    review: Review
    ed25519: bytes


@dataclass(frozen=True, slots=True)
class SignedRoll:
    """A roll as its organisation signed it: the exact bytes, what they say, and the signatures (64 and 3309 bytes)."""

    roll_bytes: bytes = field(repr=False)
    roll: OfficerRoll
    kid: KeyId
    ed25519: bytes = field(repr=False)
    mldsa65: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedLegalBasis:
    """A record as it travels: the exact bytes that were signed, what they say, and everything that vouches for it."""

    record_bytes: bytes = field(repr=False)
    record: LegalBasisRecord
    signatures: tuple[OfficerSignature, ...]
    roll: SignedRoll
    review: SignedReview | None = None


def encode_record(record: LegalBasisRecord) -> bytes:
    """Return the bytes that the officers sign; categories are sorted. Raises MalformedError."""
    document = {name: getattr(record, name) for name in LegalBasisRecord.__slots__}
    document["data_categories"] = sorted(set(record.data_categories))
    return codec("LegalBasisRecord").encode(document)


def decode_record(data: bytes) -> LegalBasisRecord:
    """Return the record in `data`. Raises MalformedError; UNKNOWN_VALUE names a list with a member not known here."""
    document = codec("LegalBasisRecord").decode(data)
    incapacity = document["incapacity"]
    return LegalBasisRecord(
        schema_version=document["schema_version"],
        basis_id=document["basis_id"],
        referral_id=ReferralId(document["referral_id"]),
        case_handle=CaseHandle(document["case_handle"]),
        subject_ref=SubjectRef(document["subject_ref"]),
        organisation=parse_org_id(document["organisation"]),
        recipient=parse_org_id(document["recipient"]),
        ground=member(Ground, document["ground"]),
        protects=member(Protects, document["protects"]),
        incapacity=None if incapacity is None else member(Incapacity, incapacity),
        data_categories=_members(DataCategory, document["data_categories"]),
        invoked_at_ms=document["invoked_at_ms"],
        valid_until_ms=document["valid_until_ms"],
        review_by_ms=document["review_by_ms"],
    )


def encode_roll(roll: OfficerRoll) -> bytes:
    """Return the bytes that the organisation signs; officers are sorted by key id. Raises MalformedError."""
    document = {
        "organisation": roll.organisation,
        "issued_at_ms": roll.issued_at_ms,
        "valid_until_ms": roll.valid_until_ms,
        "officers": [
            {"kid": each.kid, "ed25519": each.ed25519, "role": _role(each.role)}
            for each in sorted(roll.officers, key=lambda each: each.kid)
        ],
    }
    return codec("OfficerRoll").encode(document)


def decode_roll(data: bytes) -> OfficerRoll:
    """Return the roll in `data`. Raises MalformedError; UNKNOWN_VALUE for a role that is in no list here."""
    document = codec("OfficerRoll").decode(data)
    listed = _in_order(document["officers"])
    return OfficerRoll(
        organisation=parse_org_id(document["organisation"]),
        issued_at_ms=document["issued_at_ms"],
        valid_until_ms=document["valid_until_ms"],
        officers=tuple(Officer(KeyId(each["kid"]), each["ed25519"], _role(each["role"])) for each in listed),
    )


def encode_signed(signed: SignedLegalBasis) -> bytes:
    """Return the signed record as it rides in a routing block. Raises MalformedError."""
    ordered = sorted(signed.signatures, key=lambda each: each.kid)
    document = {
        "record": signed.record_bytes,
        "signatures": [{"kid": each.kid, "ed25519": each.ed25519} for each in ordered],
        **_roll_document(signed.roll),
        "review": None if signed.review is None else _review_document(signed.review),
    }
    return codec("SignedLegalBasis").encode(document)


def decode_signed(data: bytes) -> SignedLegalBasis:
    """Return the signed record in `data`; its signatures are not verified here. Raises MalformedError."""
    document = codec("SignedLegalBasis").decode(data)
    listed = _in_order(document["signatures"])
    return SignedLegalBasis(
        record_bytes=document["record"],
        record=decode_record(document["record"]),
        signatures=tuple(OfficerSignature(KeyId(each["kid"]), each["ed25519"]) for each in listed),
        roll=_roll(document),
        review=None if document["review"] is None else _review(document["review"]),
    )


def encode_signed_roll(signed: SignedRoll) -> bytes:
    """Return a signed roll as a home keeps it: a SignedLegalBasis without a record. Raises MalformedError."""
    document = {"record": b"", "signatures": [], **_roll_document(signed), "review": None}
    return codec("SignedLegalBasis").encode(document)


def decode_signed_roll(data: bytes) -> SignedRoll:
    """Return the signed roll that `encode_signed_roll` wrote; not verified here. Raises MalformedError."""
    return _roll(codec("SignedLegalBasis").decode(data))


def _roll_document(signed: SignedRoll) -> Document:
    return {
        "roll": signed.roll_bytes,
        "roll_kid": signed.kid,
        "roll_ed25519": signed.ed25519,
        "roll_mldsa65": signed.mldsa65,
    }


def _roll(document: Document) -> SignedRoll:
    second = document["roll_mldsa65"]
    if second is not None and len(second) != MLDSA65_BYTES:
        raise MalformedError(Code.MALFORMED, "SignedLegalBasis: size of the ML-DSA-65 signature")
    kid = KeyId(document["roll_kid"])
    return SignedRoll(document["roll"], decode_roll(document["roll"]), kid, document["roll_ed25519"], second)


def _review_document(signed: SignedReview) -> Document:
    review = signed.review
    return {"kid": review.kid, "result": review.result, "at_ms": review.at_ms, "ed25519": signed.ed25519}


def _review(document: Document) -> SignedReview:
    result = member(ReviewResult, document["result"])
    return SignedReview(Review(KeyId(document["kid"]), result, document["at_ms"]), document["ed25519"])


def _role(text: str) -> str:
    if text not in code_list(ROLES).codes:
        raise MalformedError(Code.UNKNOWN_VALUE, ROLES)
    return text


def _members(kind: type[_Member], texts: list[str]) -> tuple[_Member, ...]:
    if texts != sorted(set(texts)):
        raise MalformedError(Code.NOT_CANONICAL, "LegalBasisRecord: a list is not sorted or not unique")
    return tuple(member(kind, text) for text in texts)


def _in_order(listed: list[Any]) -> list[Any]:
    """Return the list when it is in its one order: by key id, none twice."""
    kids = [each["kid"] for each in listed]
    if kids != sorted(set(kids)):
        raise MalformedError(Code.NOT_CANONICAL, "a list of keys is not sorted or not unique")
    return listed
