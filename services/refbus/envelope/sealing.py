"""Sealing one event for one recipient organisation. The only place in this package that draws random bytes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from refbus.core.ids import MessageId
from refbus.core.message import Header, RoutingBlock
from refbus.crypto import box as boxes
from refbus.crypto.framing import lp, sha256
from refbus.crypto.kem import KemPublic
from refbus.crypto.padding import pad_exact, pad_padme
from refbus.crypto.signing import LABEL_ENVELOPE, SigningPair
from refbus.crypto.stanza import SUITE, Box, seal_decoy, seal_stanza
from refbus.envelope.format import (
    CONTENT_MINIMUM,
    ROUTING_SIZE,
    ROUTING_STANZAS,
    VERSION,
    check_declared,
    signed_message,
)
from refbus.errors import Code, UncheckableError
from refbus.wire.message import encode_block, encode_header
from refbus.wire.schema import encode


@dataclass(frozen=True, slots=True)
class Readers:
    """Whose keys an envelope is sealed to: public KEM keys from the directory, 1216 bytes each.

    All three read the routing block; the content is for the recipient alone.
    """

    recipient: bytes
    origin_gate: bytes
    destination_gate: bytes


def seal(
    block: RoutingBlock,
    payload: bytes,
    *,
    expires_at_hour: int,
    directory_version: int,
    signer: SigningPair,
    readers: Readers,
) -> bytes:
    """Return a new envelope (at most 900,000 bytes) with `payload`, an Avro single-object value, for `block.recipient`.

    Each call draws a new message id and new keys. Raises MalformedError (a field, TOO_LARGE), UntrustedError
    KEY_INVALID, and UncheckableError KEY_UNKNOWN when the block names other keys than those given.
    """
    recipient = KemPublic.parse(readers.recipient)
    gates = (KemPublic.parse(readers.origin_gate), KemPublic.parse(readers.destination_gate))
    if block.recipient_kid != recipient.kid or block.sender_kid != signer.kid:
        raise UncheckableError(Code.KEY_UNKNOWN, "the routing block names another key")
    check_declared(block, payload)
    message_id = MessageId(secrets.token_bytes(16))
    header = encode_header(Header(VERSION, SUITE, message_id, expires_at_hour, directory_version))
    bound = sha256(header)

    content_key, routing_key = boxes.new_key(), boxes.new_key()
    content = boxes.seal(content_key, Box.CONTENT.value + bound, pad_padme(payload, CONTENT_MINIMUM))
    content_stanza = seal_stanza(Box.CONTENT, recipient, bound, content_key)
    routing_stanzas = _routing_stanzas((recipient, *gates), bound, routing_key)

    block_bytes = encode_block(block)
    message = signed_message(header, routing_stanzas, content_stanza, content, block_bytes)
    signatures = signer.sign(LABEL_ENVELOPE, message)
    parts = lp(block_bytes) + lp(signatures.ed25519) + lp(signatures.mldsa65 or b"")
    routing = boxes.seal(routing_key, Box.ROUTING.value + bound, pad_exact(parts, ROUTING_SIZE))
    return encode(
        "Envelope",
        {
            "header": header,
            "routing_stanzas": list(routing_stanzas),
            "content_stanza": content_stanza,
            "routing": routing,
            "content": content,
        },
    )


def _routing_stanzas(readers: tuple[KemPublic, ...], bound: bytes, routing_key: bytes) -> tuple[bytes, ...]:
    """Return four stanzas in random order. A reader twice (both gates are one, at home) leaves room for a decoy."""
    stanzas = [
        seal_stanza(Box.ROUTING, reader, bound, routing_key)
        for reader in {reader.kid: reader for reader in readers}.values()
    ]
    while len(stanzas) < ROUTING_STANZAS:
        stanzas.append(seal_decoy(Box.ROUTING, bound, boxes.new_key()))
    secrets.SystemRandom().shuffle(stanzas)
    return tuple(stanzas)
