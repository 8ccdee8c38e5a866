"""Evidence: what a signed consent record says, and whether its signatures hold."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.record import ConsentState
from refbus.core.ids import KeyId, OrgId
from refbus.core.units import DAY_MS
from refbus.crypto.framing import sha256
from refbus.crypto.signing import LABEL_ENVELOPE, verify
from refbus.envelope import consent as checking
from refbus.envelope.consent import EvidenceCache, evidence_of
from refbus.errors import MalformedError
from refbus.wire.consent import decode_signed, encode_record, encode_signed
from support.consents import COLLECTOR, PARTY, consent_record, signed_bytes
from support.directories import Federation, federation, signing_key

FED = federation()
RECORD = consent_record()
SIGNED = signed_bytes(FED, RECORD)


def _with(**changes: Any) -> bytes:
    return encode_signed(dataclasses.replace(decode_signed(SIGNED), **changes))


def _key(**changes: Any) -> Federation:
    return FED.changed(COLLECTOR, signing_keys=(dataclasses.replace(signing_key(FED.pairs[COLLECTOR]), **changes),))


def test_what_the_collector_signed_holds() -> None:
    """The record is read from the signed bytes, and its hash is over exactly those."""
    evidence = evidence_of(SIGNED, FED.directory)
    assert (evidence.record, evidence.signer, evidence.signature_ok) == (RECORD, COLLECTOR, True)
    assert evidence.record_sha256 == sha256(encode_record(RECORD))


def test_another_members_signature_is_named_as_theirs() -> None:
    """Who signed is evidence, too; whether they may is decided elsewhere."""
    evidence = evidence_of(signed_bytes(FED, RECORD, signer=PARTY), FED.directory)
    assert (evidence.signer, evidence.signature_ok) == (PARTY, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"signer": PARTY},
        {"signer": OrgId("kz-00000000")},
        {"signer_kid": KeyId(bytes(16))},
        {"ed25519": bytes(64)},
        {"mldsa65": bytes(3309)},
        {"mldsa65": None},
        {"record_bytes": encode_record(dataclasses.replace(RECORD, version=RECORD.version + 1))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_changed_part_does_not_hold(changes: dict[str, Any]) -> None:
    """Another signer, key, signature or record, and a signature left out: readable, but not evidence."""
    assert not evidence_of(_with(**changes), FED.directory).signature_ok


def test_a_signature_for_another_purpose_does_not_hold() -> None:
    """A signature over the same bytes as part of an envelope is none over a consent record."""
    made = FED.pairs[COLLECTOR].sign(LABEL_ENVELOPE, encode_record(RECORD))
    assert not evidence_of(_with(ed25519=made.ed25519, mldsa65=made.mldsa65), FED.directory).signature_ok


def test_the_key_must_have_been_in_its_term_when_the_record_was_made() -> None:
    """A record outlives its key; dated outside the key's term, or under a revoked key, it does not hold."""
    made_ms = RECORD.event_time_ms
    assert evidence_of(SIGNED, _key(not_after_ms=made_ms + 1).directory).signature_ok
    assert not evidence_of(SIGNED, _key(not_after_ms=made_ms).directory).signature_ok
    assert not evidence_of(SIGNED, _key(not_before_ms=made_ms + 1).directory).signature_ok
    assert not evidence_of(SIGNED, _key(compromised_since_ms=made_ms + DAY_MS).directory).signature_ok


@pytest.mark.parametrize("state", [ConsentState.REFUSED, ConsentState.WITHDRAWN])
def test_a_no_holds_under_a_key_that_is_newer_than_what_was_said(state: ConsentState) -> None:
    """Its key was changed between the word and the signature: a no needs no term, only that nobody stole the key."""
    made_ms = RECORD.event_time_ms
    signed = signed_bytes(FED, dataclasses.replace(RECORD, state=state, provisions=()))
    assert evidence_of(signed, _key(not_before_ms=made_ms + DAY_MS).directory).authentic
    assert evidence_of(signed, _key(not_after_ms=made_ms).directory).authentic
    assert not evidence_of(signed, _key(compromised_since_ms=made_ms + DAY_MS).directory).authentic


@pytest.mark.parametrize("data", [b"", b"\0", SIGNED[:-1], SIGNED + b"\0"])
def test_bytes_that_are_no_record_are_malformed(data: bytes) -> None:
    """What cannot be read is an error, not a signature that does not hold."""
    with pytest.raises(MalformedError):
        evidence_of(data, FED.directory)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Count the signatures that are verified from now on; each is verified really."""
    seen: list[bytes] = []
    real = verify

    def counting(*arguments: Any) -> None:
        seen.append(arguments[2])
        real(*arguments)

    monkeypatch.setattr(checking, "verify", counting)
    return seen


def test_a_record_is_verified_once_for_each_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes under the same version are not verified again; a version that revokes the key counts at once."""
    seen, cache = counted(monkeypatch), EvidenceCache()
    assert [cache.evidence_of(SIGNED, FED.directory).signature_ok for _ in range(50)] == [True] * 50
    assert len(seen) == 1
    revoked = _key(compromised_since_ms=RECORD.event_time_ms + DAY_MS).directory
    newer = dataclasses.replace(revoked, version=FED.directory.version + 1)
    assert not cache.evidence_of(SIGNED, newer).signature_ok
    assert cache.evidence_of(SIGNED, FED.directory).signature_ok
    other = bytearray(SIGNED)
    other[-1] ^= 1
    assert not cache.evidence_of(bytes(other), FED.directory).signature_ok


@pytest.mark.parametrize(("most", "most_bytes"), [(2, 8 << 20), (4096, 2 * len(SIGNED) + 1)])
def test_the_memory_of_records_is_bounded(monkeypatch: pytest.MonkeyPatch, most: int, most_bytes: int) -> None:
    """In number and in bytes: what is over makes room for all that is new, and is verified anew when it comes again."""
    monkeypatch.setattr(EvidenceCache, "MOST", most)
    monkeypatch.setattr(EvidenceCache, "MOST_BYTES", most_bytes)
    seen, cache = counted(monkeypatch), EvidenceCache()
    views = [dataclasses.replace(FED.directory, version=number) for number in (1, 2, 3)]
    for view in views:
        assert cache.evidence_of(SIGNED, view).signature_ok
    assert (len(seen), cache.size) == (3, len(SIGNED))
    assert cache.evidence_of(SIGNED, views[2]).signature_ok
    assert len(seen) == 3
    assert cache.evidence_of(SIGNED, views[0]).signature_ok
    assert len(seen) == 4
