"""Attacks on the envelope, one test each. The attacker is a member with valid keys unless the test says otherwise."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from refbus.core.ids import OrgId
from refbus.crypto import box as boxes
from refbus.crypto.kem import KemPublic
from refbus.crypto.padding import pad_exact, pad_padme
from refbus.crypto.signing import LABEL_CONSENT, Signatures
from refbus.crypto.stanza import Box, open_stanza, seal_stanza
from refbus.envelope.content import open_content
from refbus.envelope.format import CONTENT_MINIMUM, MAX_ENVELOPE, Envelope
from refbus.envelope.routing import open_routing, receive
from refbus.errors import Code, MalformedError, RefbusError, UntrustedError
from refbus.wire.message import encode_header
from support.directories import NOW_MS, federation, gate, ngo, second_ngo, signing_key, signing_pair
from support.envelopes import (
    PAYLOAD,
    RECIPIENT,
    SENDER,
    block_of,
    changed,
    forged,
    header_of,
    received,
    sealed,
)

FED = federation()
RAW = sealed(FED)
HONEST = Envelope.parse(RAW)


def _refused(raw: bytes, code: Code, me: OrgId = RECIPIENT, kind: type[RefbusError] = UntrustedError) -> None:
    with pytest.raises(kind) as caught:
        received(FED, raw, me)
    assert caught.value.code is code


def test_surreptitious_forwarding() -> None:
    """The recipient seals the sender's signed block and text anew for someone else, who would believe it got them."""
    opened = open_routing(HONEST, [FED.kems[RECIPIENT]])
    victim = second_ngo("uz")
    key = FED.kems[victim].public
    stanza = seal_stanza(Box.CONTENT, KemPublic.parse(key), HONEST.header_sha256, boxes.new_key())
    _refused(changed(RAW, content_stanza=stanza), Code.OPEN_FAILED)

    for block in (opened.block, block_of(FED, SENDER, victim)):
        raw = forged(FED, header=HONEST.header, block=block, signatures=opened.signatures, content_readers=victim)
        _refused(raw, Code.OPEN_FAILED, RECIPIENT)


def test_an_envelope_shown_to_another_member_is_not_for_it() -> None:
    """A gate that hands the routing key to another organisation cannot make it the recipient."""
    authenticated = receive(HONEST, [FED.kems[gate("uz")]], FED.history, NOW_MS)
    other = second_ngo("uz")
    for me, key in ((other, FED.kems[other]), (other, FED.kems[RECIPIENT]), (RECIPIENT, FED.kems[other])):
        with pytest.raises(UntrustedError) as caught:
            open_content(authenticated, me, key)
        assert caught.value.code is Code.NOT_THE_RECIPIENT


def test_a_swapped_payload() -> None:
    """Another text sealed to the recipient under the signed block of an honest sender."""
    other = Envelope.parse(sealed(FED, payload=PAYLOAD + b" changed"))
    _refused(changed(RAW, content=other.content), Code.OPEN_FAILED)
    _refused(changed(RAW, content=other.content, content_stanza=other.content_stanza), Code.OPEN_FAILED)
    key = boxes.new_key()
    bound = HONEST.header_sha256
    content = boxes.seal(key, Box.CONTENT.value + bound, pad_padme(PAYLOAD + b" changed", CONTENT_MINIMUM))
    stanza = seal_stanza(Box.CONTENT, KemPublic.parse(FED.kems[RECIPIENT].public), bound, key)
    _refused(changed(RAW, content=content, content_stanza=stanza), Code.OPEN_FAILED)


def test_swapped_routing() -> None:
    """The routing box, or the stanzas, of another envelope of the same sender and recipient."""
    other = Envelope.parse(sealed(FED))
    _refused(changed(RAW, routing=other.routing), Code.OPEN_FAILED)
    _refused(changed(RAW, routing_stanzas=list(other.routing_stanzas)), Code.OPEN_FAILED)
    both = changed(RAW, routing=other.routing, routing_stanzas=list(other.routing_stanzas))
    _refused(both, Code.OPEN_FAILED)


def test_reordered_and_replaced_stanzas() -> None:
    """The signature covers the stanzas in their order: nobody adds a reader or shuffles again on the way."""
    _refused(changed(RAW, routing_stanzas=list(reversed(HONEST.routing_stanzas))), Code.OPEN_FAILED)
    mine = [s for s in HONEST.routing_stanzas if open_stanza(Box.ROUTING, FED.kems[RECIPIENT], HONEST.header_sha256, s)]
    _refused(changed(RAW, routing_stanzas=mine * 4), Code.OPEN_FAILED)


@pytest.mark.parametrize("field", ["message_id", "expires_at_hour", "directory_version"])
def test_an_edited_header(field: str) -> None:
    """A longer life, another message id or directory version: every box is bound to the header's bytes."""
    values: dict[str, Any] = {
        "message_id": bytes(16),
        "expires_at_hour": HONEST.header.expires_at_hour + 1,
        "directory_version": 1,
    }
    fed = FED.next_version()
    raw = sealed(fed)
    header = dataclasses.replace(Envelope.parse(raw).header, **{field: values[field]})
    with pytest.raises(UntrustedError) as caught:
        received(fed, changed(raw, header=encode_header(header)))
    assert caught.value.code is Code.OPEN_FAILED


def test_a_signature_over_another_header() -> None:
    """Boxes made anew for another header do not carry the old signature along."""
    opened = open_routing(HONEST, [FED.kems[RECIPIENT]])
    _refused(forged(FED, block=opened.block, signatures=opened.signatures), Code.OPEN_FAILED)


def test_boxes_bound_to_another_header() -> None:
    """A sender that signs one header and binds its boxes to another is not opened."""
    _refused(forged(FED, bound_header=header_of(FED, directory_version=7)), Code.OPEN_FAILED)


def test_two_plaintexts_for_two_recipients() -> None:
    """The recipient gets another routing key than the gates, to read another text: a box commits to one key alone."""
    first, second = boxes.new_key(), boxes.new_key()
    raw = forged(FED, routing_keys=(first, second, second, second))
    envelope = Envelope.parse(raw)
    for reader in (gate("kz"), gate("uz")):
        assert open_routing(envelope, [FED.kems[reader]]).block.recipient == RECIPIENT
    _refused(raw, Code.OPEN_FAILED)


@pytest.mark.parametrize(("version", "suite"), [(0, 1), (2, 1), (1, 0), (1, 2), (1, 65_536 + 1)])
def test_suite_downgrade(version: int, suite: int) -> None:
    """Another suite or version is refused by the allow-list, even when signed and bound by a member."""
    code = Code.UNSUPPORTED_VERSION if version != 1 else Code.UNSUPPORTED_SUITE
    _refused(forged(FED, header=header_of(FED, version=version, suite=suite)), code, kind=MalformedError)


def test_dropping_the_post_quantum_signature() -> None:
    """Whoever breaks Ed25519 some day still needs ML-DSA: leaving it out is refused."""
    weak = signing_pair(SENDER, mldsa=False)
    _refused(forged(FED, signer=weak), Code.OPEN_FAILED)


def test_a_signature_made_for_another_purpose() -> None:
    """A signature over the same bytes as a consent record is none over an envelope."""
    _refused(forged(FED, label=LABEL_CONSENT), Code.OPEN_FAILED)


def test_another_members_name() -> None:
    """A member signs with its own key under another's name, with its own key id or the other's."""
    thief = FED.pairs[ngo("kz")]
    _refused(forged(FED, signer=thief), Code.OPEN_FAILED)
    raw = forged(FED, block=dataclasses.replace(block_of(FED), sender_kid=thief.kid), signer=thief)
    _refused(raw, Code.KEY_UNKNOWN, kind=RefbusError)


def test_a_key_under_which_anyone_can_sign() -> None:
    """Under the neutral point one signature fits every message: the library takes it, we never do."""
    neutral = (1).to_bytes(32, "little")
    everywhere = neutral + bytes(32)
    Ed25519PublicKey.from_public_bytes(neutral).verify(everywhere, b"any message")
    key = dataclasses.replace(signing_key(signing_pair(SENDER, mldsa=False)), ed25519=neutral)
    weak = federation(mldsa=False).changed(SENDER, signing_keys=(key,))
    raw = forged(weak, block=block_of(weak), signatures=Signatures(everywhere, None))
    with pytest.raises(UntrustedError) as caught:
        received(weak, raw)
    assert caught.value.code is Code.OPEN_FAILED


@pytest.mark.parametrize("extra", [b"\0", b"x" * 50])
def test_trailing_bytes(extra: bytes) -> None:
    """Bytes behind the envelope would make two envelopes of one."""
    _refused(RAW + extra, Code.NOT_CANONICAL, kind=MalformedError)


def test_non_canonical_bytes() -> None:
    """A header of the same values spelled longer has another hash and would be another envelope."""
    longer = b"\x82\x00" + HONEST.header_bytes[1:]
    _refused(changed(RAW, header=longer), Code.NOT_CANONICAL, kind=MalformedError)


def test_a_non_canonical_routing_block() -> None:
    """A member cannot sign a block that has a second spelling."""
    opened = open_routing(HONEST, [FED.kems[RECIPIENT]])
    _refused(forged(FED, block=opened.block_bytes + b"\0"), Code.NOT_CANONICAL, kind=MalformedError)


def test_replay_is_recognisable() -> None:
    """The same bytes have the same hash and message id, so the caller's memory finds them; sealing again has others."""
    again, resealed = Envelope.parse(bytes(RAW)), Envelope.parse(sealed(FED))
    assert (again.sha256, again.header.message_id) == (HONEST.sha256, HONEST.header.message_id)
    assert resealed.sha256 != HONEST.sha256
    assert resealed.header.message_id != HONEST.header.message_id


def test_a_replay_cannot_be_dressed_up() -> None:
    """No bit of an envelope is free: a replay with another hash does not open, so the hash finds every replay."""
    opened = open_routing(HONEST, [FED.kems[RECIPIENT]])
    again = forged(FED, header=HONEST.header, block=opened.block, signatures=opened.signatures)
    _refused(again, Code.OPEN_FAILED)


def test_over_size() -> None:
    """A gigabyte that pretends to be an envelope is refused by its length."""
    _refused(RAW + bytes(MAX_ENVELOPE), Code.TOO_LARGE, kind=MalformedError)


def test_a_declared_length_that_is_not_there() -> None:
    """A few bytes that declare gigabytes are malformed, and cost nothing."""
    for raw in (b"\xfe\xff\xff\xff\xff\xff\xff\x0f", b"\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x01" * 40):
        with pytest.raises(MalformedError):
            Envelope.parse(raw)


@pytest.mark.parametrize("plaintext", [pad_exact(PAYLOAD, 4_096), bytes(2_047) + b"\1", b"\xff" * 2_048])
def test_a_text_hidden_in_the_padding(plaintext: bytes) -> None:
    """Padding is zeros and of one size: nothing rides in it, and it marks nobody."""
    _refused(forged(FED, content_plaintext=plaintext), Code.OPEN_FAILED)


def test_a_payload_of_another_schema() -> None:
    """A member declares one schema to the gates and sends another."""
    plaintext = pad_padme(b"\xc3\x01" + bytes(8) + b"x", CONTENT_MINIMUM)
    _refused(forged(FED, content_plaintext=plaintext), Code.DECLARATION_MISMATCH)


def test_content_sealed_to_another_than_the_block_says() -> None:
    """The gates see one recipient; the content would be for another. The named one finds that it cannot open it."""
    _refused(forged(FED, content_readers=second_ngo("uz")), Code.OPEN_FAILED)


def test_a_routing_stanza_in_the_place_of_the_contents() -> None:
    """A stanza for one purpose opens no box of another."""
    _refused(forged(FED, content_box=Box.ROUTING), Code.OPEN_FAILED)


def test_a_gate_cannot_open_the_content() -> None:
    """Both gates read the routing block; the private keys that they hold open no content stanza, and so no content."""
    for name in (gate("kz"), gate("uz")):
        key = FED.kems[name]
        assert open_routing(HONEST, [key]).block.recipient == RECIPIENT
        assert open_stanza(Box.CONTENT, key, HONEST.header_sha256, HONEST.content_stanza) is None
        assert all(open_stanza(Box.CONTENT, key, HONEST.header_sha256, s) is None for s in HONEST.routing_stanzas)
        with pytest.raises(UntrustedError) as caught:
            open_content(receive(HONEST, [key], FED.history, NOW_MS), name, key)
        assert caught.value.code is Code.NOT_THE_RECIPIENT
    stanza = next(
        filter(
            None,
            (open_stanza(Box.ROUTING, FED.kems[gate("uz")], HONEST.header_sha256, s) for s in HONEST.routing_stanzas),
        )
    )
    with pytest.raises(UntrustedError):
        boxes.open_(stanza, Box.CONTENT.value + HONEST.header_sha256, HONEST.content)


def test_cryptographic_failures_look_alike() -> None:
    """Wrong key, broken box, false signature, bad padding: code, text and cause are the same, so nothing is learnt."""
    cases = [
        changed(RAW, routing=bytes(len(HONEST.routing))),
        changed(RAW, content=bytes(len(HONEST.content))),
        changed(RAW, routing_stanzas=[bytes(1168)] * 4),
        forged(FED, signer=signing_pair("other")),
        forged(FED, routing_plaintext=bytes(10_240)),
        forged(FED, content_plaintext=b"\xff" * 2_048),
        forged(FED, content_readers=second_ngo("uz")),
    ]
    seen = set()
    for raw in cases:
        with pytest.raises(UntrustedError) as caught:
            received(FED, raw)
        seen.add((str(caught.value), caught.value.detail, caught.value.__cause__))
    assert seen == {("OPEN_FAILED", "", None)}
