"""The bytes of an envelope: sizes, canonical form, version and suite. Nothing is decrypted here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from refbus.core.message import Header, RoutingBlock
from refbus.crypto.box import box_size
from refbus.crypto.framing import lp, sha256, u32be
from refbus.crypto.stanza import SUITE
from refbus.errors import Code, MalformedError, UntrustedError
from refbus.wire.message import decode_header
from refbus.wire.schema import codec

VERSION: Final = 1
MAX_ENVELOPE: Final = 900_000
"""Bytes, so that an envelope, its exit stamp and its inbox record fit a broker's message limit of 1 MiB."""
ROUTING_STANZAS: Final = 4
ROUTING_SIZE: Final = 10_240
"""Bytes of every routing plaintext: nothing about the event shows in the size."""
CONTENT_MINIMUM: Final = 2_048
"""Bytes of the smallest content plaintext, so that an answer and a short referral look alike."""
ROUTING_BOX_SIZE: Final = box_size(ROUTING_SIZE)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as received: the exact bytes (`raw`) and a read-only view of them. `parse` is the only way in."""

    header: Header
    header_bytes: bytes = field(repr=False)
    routing_stanzas: tuple[bytes, ...] = field(repr=False)
    content_stanza: bytes = field(repr=False)
    routing: bytes = field(repr=False)
    content: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    sha256: bytes
    """SHA-256 of `raw`, 32 bytes: an exact resend has the same, whatever the time."""
    header_sha256: bytes = field(repr=False)

    @classmethod
    def parse(cls, raw: bytes) -> Envelope:
        """Return the envelope in `raw`.

        Raises MalformedError: TOO_LARGE, MALFORMED, NOT_CANONICAL, UNSUPPORTED_VERSION or UNSUPPORTED_SUITE.
        """
        if len(raw) > MAX_ENVELOPE:
            raise MalformedError(Code.TOO_LARGE, f"Envelope: at most {MAX_ENVELOPE} bytes")
        record = codec("Envelope").decode(raw)
        header_bytes: bytes = record["header"]
        header = decode_header(header_bytes)
        _check_suite(header)
        envelope = cls(
            header=header,
            header_bytes=header_bytes,
            routing_stanzas=tuple(record["routing_stanzas"]),
            content_stanza=record["content_stanza"],
            routing=record["routing"],
            content=record["content"],
            raw=raw,
            sha256=sha256(raw),
            header_sha256=sha256(header_bytes),
        )
        _check_sizes(envelope)
        return envelope


def signed_message(
    header_bytes: bytes, routing_stanzas: tuple[bytes, ...], content_stanza: bytes, content: bytes, block_bytes: bytes
) -> bytes:
    """Return what the sender signs behind its label: everything but the routing box, which holds the signatures.

    The content box and its stanza are in it by hash, so nobody can put another payload under a signed routing block,
    and the recipient's stanza and block are in it, so nobody can pass the whole on to another recipient.
    """
    stanzas = u32be(len(routing_stanzas)) + b"".join(routing_stanzas)
    parts = (header_bytes, sha256(stanzas), sha256(content_stanza), sha256(content), block_bytes)
    return b"".join(lp(part) for part in parts)


def check_declared(block: RoutingBlock, payload: bytes) -> None:
    """Refuse a payload that does not carry the schema fingerprint that the block declares (Avro C3 01 || 8 bytes).

    Raises UntrustedError DECLARATION_MISMATCH.
    """
    if payload[:10] != b"\xc3\x01" + block.payload_fingerprint:
        raise UntrustedError(Code.DECLARATION_MISMATCH, "payload fingerprint")


def _check_suite(header: Header) -> None:
    if header.version != VERSION:
        raise MalformedError(Code.UNSUPPORTED_VERSION, str(header.version))
    if header.suite != SUITE:
        raise MalformedError(Code.UNSUPPORTED_SUITE, str(header.suite))


def _check_sizes(envelope: Envelope) -> None:
    if len(envelope.routing_stanzas) != ROUTING_STANZAS:
        raise MalformedError(Code.MALFORMED, "Envelope: number of routing stanzas")
    if len(envelope.routing) != ROUTING_BOX_SIZE:
        raise MalformedError(Code.MALFORMED, "Envelope: size of the routing box")
    if len(envelope.content) < box_size(CONTENT_MINIMUM):
        raise MalformedError(Code.MALFORMED, "Envelope: size of the content box")
