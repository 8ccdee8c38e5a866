"""Takes a sealed event apart into the bytes that the bare calls of `primitives` work on."""

from __future__ import annotations

from dataclasses import replace

from bench.events import Member
from bench.primitives import Sealed
from refbus.crypto.framing import sha256, u16be
from refbus.crypto.signing import LABEL_CONSENT, LABEL_ENVELOPE, Signatures
from refbus.crypto.stanza import SUITE, Box
from refbus.envelope.format import Envelope
from refbus.envelope.routing import open_routing
from refbus.envelope.stamps import signed_of_pass
from refbus.wire.consent import decode_signed
from refbus.wire.transport import BorderRecord, Passed


def take_apart(raw: bytes, reader: Member) -> Sealed:
    """Return the parts of the envelope in `raw`; `reader` is anyone who can open its routing box."""
    envelope = Envelope.parse(raw)
    opened = open_routing(envelope, [reader.kem])
    consent = decode_signed(opened.block.consent_record or b"")
    bound = envelope.header_sha256
    return Sealed(
        raw=raw,
        stanzas=envelope.routing_stanzas,
        content_stanza=envelope.content_stanza,
        routing=envelope.routing,
        content=envelope.content,
        routing_info=Box.ROUTING.value + u16be(SUITE) + bound,
        content_info=Box.CONTENT.value + u16be(SUITE) + bound,
        routing_context=Box.ROUTING.value + bound,
        content_context=Box.CONTENT.value + bound,
        signed=LABEL_ENVELOPE + opened.signed_message,
        signatures=opened.signatures,
        consent_signed=LABEL_CONSENT + consent.record_bytes,
        consent_signatures=Signatures(consent.ed25519, consent.mldsa65),
        stamped=b"",
        stamp=Signatures(b"", None),
    )


def take_stamped_apart(record: bytes, reader: Member) -> Sealed:
    """Return the parts of a border record that carries an event with its exit stamp."""
    passed = Passed.parse(BorderRecord.parse(record).body)
    label, message = signed_of_pass(passed, sha256(passed.envelope))
    stamp = Signatures(passed.ed25519, passed.mldsa65)
    return replace(take_apart(passed.envelope, reader), stamped=label + message, stamp=stamp)
