"""Sealing: what goes in comes out, sizes tell little, and a sender cannot contradict itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from refbus.core.ids import KeyId
from refbus.crypto.stanza import Box, open_stanza
from refbus.envelope.format import MAX_ENVELOPE, Envelope
from refbus.envelope.routing import open_routing, receive
from refbus.envelope.sealing import Readers
from refbus.errors import Code, MalformedError, RefbusError, UncheckableError, UntrustedError
from support.directories import NOW_MS, agency, federation, gate, kem_private, ngo, signing_pair
from support.envelopes import FINGERPRINT, PAYLOAD, RECIPIENT, SENDER, block_of, forged, received, sealed

FED = federation()
START = b"\xc3\x01" + FINGERPRINT


def _code(kind: type[RefbusError], payload: bytes = PAYLOAD, **changes: object) -> Code:
    with pytest.raises(kind) as caught:
        sealed(FED, block_of(FED), payload, **changes)
    return caught.value.code


@pytest.mark.parametrize("size", [10, 2_044, 2_045, 40_000, 800_000])
def test_the_recipient_gets_the_payload(size: int) -> None:
    """Any size that fits arrives as the same bytes."""
    payload = START + bytes(size - len(START))
    assert received(FED, sealed(FED, payload=payload)) == payload


def test_what_is_put_together_by_hand_opens_too() -> None:
    """The forging helper of the tests makes an honest envelope unless told otherwise: the refusals rest on it."""
    assert received(FED, forged(FED)) == PAYLOAD


def test_the_header_says_what_was_asked() -> None:
    """Version, suite, expiry and directory version are the sender's; the message id is new each time."""
    first, second = (Envelope.parse(sealed(FED, expires_at_hour=500_000, directory_version=9)) for _ in range(2))
    assert dataclasses.replace(first.header, message_id=second.header.message_id) == second.header
    assert (first.header.expires_at_hour, first.header.directory_version) == (500_000, 9)
    assert first.header.message_id != second.header.message_id


def test_sealing_twice_shares_nothing() -> None:
    """The same event sealed again has other keys, stanzas and boxes: the two cannot be linked from outside."""
    first, second = Envelope.parse(sealed(FED)), Envelope.parse(sealed(FED))
    for name in ("header_bytes", "content_stanza", "routing", "content"):
        assert getattr(first, name) != getattr(second, name)
    assert not set(first.routing_stanzas) & set(second.routing_stanzas)


def test_short_texts_have_one_size() -> None:
    """An answer and a short referral, with or without consent record, look alike."""
    sizes = {len(sealed(FED, payload=START + bytes(n))) for n in (0, 1, 2_000)}
    sizes.add(len(sealed(FED, block_of(FED, consent_record=None, respond_by_ms=None))))
    assert len(sizes) == 1


def test_recipient_and_both_gates_read_the_routing_block() -> None:
    """Each of the three opens it to the same block; anyone else does not."""
    block = block_of(FED)
    envelope = Envelope.parse(sealed(FED, block))
    for reader in (RECIPIENT, gate("kz"), gate("uz")):
        assert receive(envelope, [FED.kems[reader]], FED.history, NOW_MS).opened.block == block
    for stranger in (SENDER, ngo("kz"), agency("uz")):
        with pytest.raises(UntrustedError) as caught:
            open_routing(envelope, [FED.kems[stranger]])
        assert caught.value.code is Code.OPEN_FAILED


def _positions(reader_names: Sequence[str], envelope: Envelope) -> tuple[int, ...]:
    keys = [kem_private(name) for name in reader_names]
    return tuple(
        next((i for i, key in enumerate(keys) if open_stanza(Box.ROUTING, key, envelope.header_sha256, stanza)), -1)
        for stanza in envelope.routing_stanzas
    )


def test_stanzas_are_shuffled_and_one_is_a_decoy() -> None:
    """Who reads cannot be told from the order: the same event sealed again has its stanzas elsewhere."""
    names = [RECIPIENT, gate("kz"), gate("uz")]
    orders = [_positions(names, Envelope.parse(sealed(FED))) for _ in range(12)]
    assert all(sorted(order) == [-1, 0, 1, 2] for order in orders)
    assert len(set(orders)) > 1


def test_at_home_one_gate_has_one_stanza() -> None:
    """Inside a country both gates are the same: there are still four stanzas, two of them decoys."""
    block = block_of(FED, SENDER, ngo("kz"))
    envelope = Envelope.parse(sealed(FED, block))
    assert sorted(_positions([ngo("kz"), gate("kz")], envelope)) == [-1, -1, 0, 1]
    assert received(FED, envelope.raw, ngo("kz")) == PAYLOAD


def test_a_sender_without_mldsa_can_seal() -> None:
    """A pair with Ed25519 alone is taken when the directory has no ML-DSA key for it."""
    plain = federation(mldsa=False)
    assert received(plain, sealed(plain)) == PAYLOAD


def test_other_keys_than_those_in_the_block_are_refused() -> None:
    """The block names the keys; sealing to or signing with others is a mistake that is found at once."""
    other = Readers(*(FED.kems[name].public for name in (ngo("kz"), gate("kz"), gate("uz"))))
    assert _code(UncheckableError, readers=other) is Code.KEY_UNKNOWN
    assert _code(UncheckableError, signer=signing_pair("other")) is Code.KEY_UNKNOWN
    with pytest.raises(UncheckableError):
        sealed(FED, block_of(FED, sender_kid=KeyId(bytes(16))))


def test_bad_public_keys_are_refused() -> None:
    """A malformed key is never sealed to."""
    bad = Readers(
        FED.kems[RECIPIENT].public, FED.kems[gate("kz")].public[:1184] + bytes(32), FED.kems[RECIPIENT].public
    )
    assert _code(UntrustedError, readers=bad) is Code.KEY_INVALID


def test_a_payload_of_another_schema_is_refused() -> None:
    """The block declares the payload's schema; another one is not sealed under it."""
    assert _code(UntrustedError, b"\xc3\x01" + bytes(8) + b"x") is Code.DECLARATION_MISMATCH
    assert _code(UntrustedError, b"") is Code.DECLARATION_MISMATCH


def test_what_does_not_fit_is_refused() -> None:
    """A payload over the envelope's limit and a block over 10 KiB are TOO_LARGE."""
    assert _code(MalformedError, START + bytes(MAX_ENVELOPE)) is Code.TOO_LARGE
    with pytest.raises(MalformedError) as caught:
        sealed(FED, block_of(FED, consent_record=bytes(7_000)))
    assert caught.value.code is Code.TOO_LARGE
