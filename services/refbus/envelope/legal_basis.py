"""Making and checking what vouches for a legal basis record: officers' words, the organisation's roll, the review."""

from __future__ import annotations

from refbus.core.consent.legal_basis import BasisClaim, LegalBasisRecord, Officer, OfficerRoll, Review
from refbus.core.directory import Directory, SigningKey
from refbus.core.ids import KeyId
from refbus.crypto.framing import lp, sha256, u64be
from refbus.crypto.signing import (
    LABEL_LEGAL_BASIS,
    LABEL_LEGAL_REVIEW,
    LABEL_OFFICER_ROLL,
    Signatures,
    SigningPair,
    kid_of_signing,
    verify,
    verify_ed25519,
)
from refbus.errors import UntrustedError
from refbus.wire.legal_basis import (
    OfficerSignature,
    SignedLegalBasis,
    SignedReview,
    SignedRoll,
    decode_signed,
    encode_record,
    encode_roll,
)

_NO_END = 2**63 - 1


def sign_roll(roll: OfficerRoll, signer: SigningPair) -> SignedRoll:
    """Return the roll as the organisation's `signer` vouches for it. Raises MalformedError."""
    data = encode_roll(roll)
    signed = signer.sign(LABEL_OFFICER_ROLL, data)
    return SignedRoll(data, roll, signer.kid, signed.ed25519, signed.mldsa65)


def sign_basis(record: LegalBasisRecord, roll: SignedRoll, officers: tuple[SigningPair, ...]) -> SignedLegalBasis:
    """Return the record with the word of each of `officers`. Whether they are enough is decided elsewhere."""
    data = encode_record(record)
    words = tuple(OfficerSignature(each.kid, each.sign_ed25519(LABEL_LEGAL_BASIS, data)) for each in officers)
    return SignedLegalBasis(data, record, words, roll)


def sign_review(signed: SignedLegalBasis, review: Review, officer: SigningPair) -> SignedReview:
    """Return what `officer` found of a record, signed."""
    return SignedReview(review, officer.sign_ed25519(LABEL_LEGAL_REVIEW, _review_message(signed, review)))


def basis_of(data: bytes, directory: Directory) -> BasisClaim:
    """Return what the SignedLegalBasis in `data` says, and which of its signatures hold.

    The organisation's key in `directory` must not be revoked and must have been in its term when it signed the roll.
    Raises MalformedError for bytes that are no record.
    """
    signed = decode_signed(data)
    held = [_word_holds(signed, each) for each in signed.signatures]
    review_holds = signed.review is None or _review_holds(signed, signed.review)
    return BasisClaim(
        record=signed.record,
        record_sha256=sha256(signed.record_bytes),
        roll=signed.roll.roll,
        roll_ok=_roll_holds(signed.roll, directory),
        signed_by=tuple(each.kid for each, holds in zip(signed.signatures, held, strict=True) if holds),
        signatures_ok=all(held) and review_holds,
        review=None if signed.review is None else signed.review.review,
    )


def _word_holds(signed: SignedLegalBasis, word: OfficerSignature) -> bool:
    return _holds(signed.roll.roll, word.kid, LABEL_LEGAL_BASIS, signed.record_bytes, word.ed25519)


def _review_holds(signed: SignedLegalBasis, review: SignedReview) -> bool:
    message = _review_message(signed, review.review)
    return _holds(signed.roll.roll, review.review.kid, LABEL_LEGAL_REVIEW, message, review.ed25519)


def _review_message(signed: SignedLegalBasis, review: Review) -> bytes:
    """Return what a review signs behind its label: SHA-256 of the record || LP(result) || u64be time."""
    return sha256(signed.record_bytes) + lp(review.result.encode()) + u64be(review.at_ms)


def _holds(roll: OfficerRoll, kid: KeyId, label: bytes, message: bytes, signature: bytes) -> bool:
    officer = roll.find(kid)
    if officer is None:
        return False
    try:
        verify_ed25519(_key(officer), label, message, signature)
    except UntrustedError:
        return False
    return True


def _key(officer: Officer) -> SigningKey:
    return SigningKey(officer.kid, officer.ed25519, None, 0, _NO_END)


def _roll_holds(signed: SignedRoll, directory: Directory) -> bool:
    """Whether the organisation vouches for these keys, each under its own id, so that no key stands there twice."""
    organisation = directory.find(signed.roll.organisation)
    key = None if organisation is None else organisation.signing_key(signed.kid)
    own_ids = all(each.kid == kid_of_signing(each.ed25519, None) for each in signed.roll.officers)
    if key is None or not key.usable_at(signed.roll.issued_at_ms) or not own_ids:
        return False
    try:
        verify(key, LABEL_OFFICER_ROLL, signed.roll_bytes, Signatures(signed.ed25519, signed.mldsa65))
    except UntrustedError:
        return False
    return True
