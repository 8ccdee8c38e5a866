"""What vouches for a legal basis record: officers, the organisation's roll, the review. Each part can fail alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.legal_basis import Officer
from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_CONSENT
from refbus.envelope.legal_basis import basis_of, sign_roll
from refbus.errors import MalformedError
from refbus.wire.legal_basis import (
    OfficerSignature,
    SignedLegalBasis,
    SignedReview,
    decode_signed,
    encode_record,
    encode_roll,
    encode_signed,
)
from support.consents import COLLECTOR, PARTY
from support.directories import NOW_MS, Federation, federation, signing_key
from support.emergencies import (
    FIRST,
    SECOND,
    THIRD,
    claim_of,
    officer,
    officer_pair,
    record,
    roll,
    signed_basis,
    signed_bytes,
)

FED = federation()
SIGNED = signed_basis(FED)
REVIEWED = signed_basis(FED, reviewer="third")


def claim(signed: SignedLegalBasis = SIGNED, fed: Federation = FED) -> Any:
    """Return what checking shows."""
    return basis_of(encode_signed(signed), fed.directory)


def test_what_two_officers_signed_holds() -> None:
    """Record, roll and both signatures, by key id in ascending order."""
    found = claim()
    assert dataclasses.replace(found, signed_by=()) == dataclasses.replace(claim_of(), signed_by=())
    assert found.signed_by == tuple(sorted((FIRST, SECOND)))
    assert found.record_sha256 == sha256(encode_record(record()))


def test_the_review_holds_too() -> None:
    """By an officer who is on the roll."""
    found = claim(REVIEWED)
    assert found.signatures_ok
    assert found.review is not None
    assert found.review.kid == THIRD


def _word(name: str, data: bytes = SIGNED.record_bytes, label: bytes = b"refbus/v1/legal-basis\0") -> OfficerSignature:
    pair = officer_pair(name)
    return OfficerSignature(pair.kid, pair.sign_ed25519(label, data))


@pytest.mark.parametrize(
    "words",
    [
        (_word("first"), _word("stranger")),
        (_word("first"), _word("second", b"another record")),
        (_word("first"), _word("second", label=LABEL_CONSENT)),
        (_word("first"), OfficerSignature(SECOND, bytes(64))),
        (_word("first"), OfficerSignature(SECOND, _word("first").ed25519)),
    ],
    ids=["not on the roll", "another record", "another label", "zeros", "the other officer's"],
)
def test_a_second_word_that_does_not_hold_is_not_counted(words: tuple[OfficerSignature, ...]) -> None:
    """It is neither counted nor overlooked."""
    found = claim(dataclasses.replace(SIGNED, signatures=words))
    assert found.signed_by == (FIRST,)
    assert not found.signatures_ok


def test_a_review_that_does_not_hold_is_not_overlooked() -> None:
    """Another result, time or officer under the same signature."""
    signed = REVIEWED.review
    assert signed is not None
    for change in ({"result": "NOT_UPHELD"}, {"at_ms": NOW_MS + 1}, {"kid": FIRST}):
        other = SignedReview(dataclasses.replace(signed.review, **change), signed.ed25519)
        assert not claim(dataclasses.replace(REVIEWED, review=other)).signatures_ok


def test_a_review_is_of_one_record() -> None:
    """It does not fit another record of the same officers."""
    other = signed_basis(FED, record(basis_id=bytes(16)))
    assert not claim(dataclasses.replace(other, review=REVIEWED.review)).signatures_ok


@pytest.mark.parametrize(
    "changes",
    [
        {"kid": FED.pairs[PARTY].kid},
        {"ed25519": bytes(64)},
        {"mldsa65": bytes(3309)},
        {"mldsa65": None},
        {"roll_bytes": encode_roll(roll(valid_until_ms=NOW_MS + 1))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_roll_that_its_organisation_did_not_sign_vouches_for_nobody(changes: dict[str, Any]) -> None:
    """Another key, signature or roll, or a signature left out."""
    assert not claim(dataclasses.replace(SIGNED, roll=dataclasses.replace(SIGNED.roll, **changes))).roll_ok


def test_another_member_cannot_vouch() -> None:
    """The roll names its organisation, and that one's key counts."""
    foreign = sign_roll(roll(), FED.pairs[PARTY])
    assert not claim(dataclasses.replace(SIGNED, roll=foreign)).roll_ok
    unknown = sign_roll(roll(organisation=OrgId("kz-00000000")), FED.pairs[COLLECTOR])
    assert not claim(dataclasses.replace(SIGNED, roll=unknown)).roll_ok


@pytest.mark.parametrize(
    "changes",
    [{"compromised_since_ms": NOW_MS}, {"not_after_ms": NOW_MS - DAY_MS}, {"not_before_ms": NOW_MS}],
    ids=["revoked", "ended before", "not yet"],
)
def test_a_key_out_of_force_vouches_for_nobody(changes: dict[str, Any]) -> None:
    """What counts is the time of the roll; a stolen key can date anything back."""
    key = dataclasses.replace(signing_key(FED.pairs[COLLECTOR]), **changes)
    assert not claim(SIGNED, FED.changed(COLLECTOR, signing_keys=(key,))).roll_ok


def test_one_key_under_two_ids_is_one_officer() -> None:
    """An id on the roll is the hash of the key, so nobody is there twice."""
    twice = Officer(SECOND, officer("first").ed25519, "DUTY_OFFICER")
    vouched = roll(officers=tuple(sorted((officer("first"), twice, officer("third")), key=lambda each: each.kid)))
    assert not claim(signed_basis(FED, vouched=vouched)).roll_ok


def test_bytes_that_are_no_record_are_malformed() -> None:
    """And say so."""
    with pytest.raises(MalformedError):
        basis_of(b"x", FED.directory)


def test_it_comes_back_equal() -> None:
    """What is encoded parses to the same value, with a review and without."""
    for signed in (SIGNED, REVIEWED):
        assert dataclasses.replace(decode_signed(encode_signed(signed)), signatures=()) == dataclasses.replace(
            signed, signatures=()
        )
    assert len(signed_bytes(FED, reviewer="third")) < 8192
