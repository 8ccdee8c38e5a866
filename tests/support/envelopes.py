"""Envelopes for tests: honest ones, and ones made by a sender that breaks exactly one rule.

fed = federation(("kz", "uz"))
raw = sealed(fed)                       # kz agency to uz shelter, as a gateway makes it
payload = received(fed, raw)            # all steps of the recipient
raw = forged(fed, signer=other_pair)    # the same by hand, any part replaced
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from refbus.core.ids import CaseHandle, EventId, MessageId, OrgId, ReferralId
from refbus.core.message import Header, RoutingBlock
from refbus.core.vocabulary import Action, DataCategory, EventType, Priority, Purpose
from refbus.crypto import box as boxes
from refbus.crypto.framing import lp
from refbus.crypto.kem import KemPublic
from refbus.crypto.padding import pad_exact, pad_padme
from refbus.crypto.signing import LABEL_ENVELOPE, Signatures, SigningPair
from refbus.crypto.stanza import Box, seal_stanza
from refbus.envelope.content import open_content
from refbus.envelope.format import CONTENT_MINIMUM, ROUTING_SIZE, Envelope, signed_message
from refbus.envelope.routing import receive
from refbus.envelope.sealing import Readers, seal
from refbus.wire.message import encode_block, encode_header
from refbus.wire.schema import codec
from support.directories import NOW_MS, Federation, agency, gate, kem_private, ngo

NOW_HOUR = NOW_MS // 3_600_000
FINGERPRINT = bytes.fromhex("0123456789abcdef")
PAYLOAD = b"\xc3\x01" + FINGERPRINT + b"fictional payload"
NO_TREE: dict[str, Any] = {"version": 1, "salt": b"", "index": 0, "size": 0, "path": b""}
"""What makes a stamp of a batch into one that was signed alone, but for its signatures."""
SENDER = agency("kz")
RECIPIENT = ngo("uz")


def fixed(name: str, size: int = 16) -> bytes:
    """Return `size` bytes that belong to `name`, always the same."""
    return hashlib.shake_256(f"test id {name}".encode()).digest(size)


def block_of(fed: Federation, sender: OrgId = SENDER, recipient: OrgId = RECIPIENT, **changes: Any) -> RoutingBlock:
    """Return a routing block of a referral request from `sender` to `recipient`."""
    plain = RoutingBlock(
        sender=sender,
        sender_kid=fed.pairs[sender].kid,
        recipient=recipient,
        recipient_kid=fed.kems[recipient].kid,
        event_type=EventType.REFERRAL_REQUESTED,
        event_id=EventId(fixed("event")),
        referral_id=ReferralId(fixed("referral")),
        case_handle=CaseHandle(fixed("case", 32)),
        previous=None,
        priority=Priority.URGENT,
        respond_by_ms=NOW_MS + 86_400_000,
        purpose=Purpose.REFERRAL_SERVICES,
        actions=(Action.DISCLOSE,),
        data_categories=(DataCategory.CONTACT, DataCategory.IDENTITY),
        consent_record=b"consent record",
        legal_basis_record=None,
        occurred_at_ms=NOW_MS - 60_000,
        payload_fingerprint=FINGERPRINT,
        payload_schema_sha256=fixed("schema", 32),
    )
    return dataclasses.replace(plain, **changes)


def sealed(fed: Federation, block: RoutingBlock | None = None, payload: bytes = PAYLOAD, **changes: Any) -> bytes:
    """Return an envelope sealed as the sender's gateway does it."""
    block = block or block_of(fed)
    terms: dict[str, Any] = {
        "expires_at_hour": NOW_HOUR + 168,
        "directory_version": fed.directory.version,
        "signer": fed.pairs[block.sender],
        "readers": Readers(
            fed.kems[block.recipient].public,
            fed.kems[gate(block.sender[:2])].public,
            fed.kems[gate(block.recipient[:2])].public,
        ),
    }
    return seal(block, payload, **{**terms, **changes})


def received(fed: Federation, raw: bytes, me: OrgId = RECIPIENT, now_ms: int = NOW_MS) -> bytes:
    """Return the payload after all steps of the recipient, or raise what the first failing one raises."""
    authenticated = receive(Envelope.parse(raw), [fed.kems[me]], fed.history, now_ms)
    return open_content(authenticated, me, fed.kems[me])


def header_of(fed: Federation, **changes: Any) -> Header:
    """Return a header that expires in a week."""
    plain = Header(1, 1, MessageId(fixed("message")), NOW_HOUR + 168, fed.directory.version)
    return dataclasses.replace(plain, **changes)


def forged(
    fed: Federation,
    *,
    header: Header | None = None,
    block: RoutingBlock | bytes | None = None,
    signer: SigningPair | None = None,
    label: bytes = LABEL_ENVELOPE,
    signatures: Signatures | None = None,
    tamper: Callable[[Signatures], Signatures] | None = None,
    content_plaintext: bytes | None = None,
    content_readers: str = RECIPIENT,
    content_box: Box = Box.CONTENT,
    routing_plaintext: bytes | None = None,
    routing_keys: Sequence[bytes] = (),
    bound_header: Header | None = None,
    **record: Any,
) -> bytes:
    """Return an envelope put together by hand. What is not given is as an honest sender makes it.

    `routing_keys` gives each of the four stanzas its own box key; the box is under the last one. `bound_header` is what
    boxes and stanzas are bound to; `tamper` changes the signatures once they are made. Further names replace fields of
    the finished record.
    """
    header_bytes = encode_header(header or header_of(fed))
    bound = hashlib.sha256(encode_header(bound_header) if bound_header else header_bytes).digest()
    content_key, routing_key = boxes.new_key(), boxes.new_key()
    keys = routing_keys or (routing_key,) * 4
    plaintext = pad_padme(PAYLOAD, CONTENT_MINIMUM) if content_plaintext is None else content_plaintext
    content = boxes.seal(content_key, content_box.value + bound, plaintext)
    content_stanza = seal_stanza(content_box, _public(fed, content_readers), bound, content_key)
    readers = (RECIPIENT, gate("kz"), gate("uz"), "nobody")
    stanzas = tuple(
        seal_stanza(Box.ROUTING, _public(fed, name), bound, key) for name, key in zip(readers, keys, strict=True)
    )
    block_bytes = block if isinstance(block, bytes) else encode_block(block or block_of(fed))
    message = signed_message(header_bytes, stanzas, content_stanza, content, block_bytes)
    made = signatures or (signer or fed.pairs[SENDER]).sign(label, message)
    made = tamper(made) if tamper else made
    parts = lp(block_bytes) + lp(made.ed25519) + lp(made.mldsa65 or b"")
    routing_plaintext = pad_exact(parts, ROUTING_SIZE) if routing_plaintext is None else routing_plaintext
    routing = boxes.seal(keys[-1], Box.ROUTING.value + bound, routing_plaintext)
    fields = {
        "header": header_bytes,
        "routing_stanzas": stanzas,
        "content_stanza": content_stanza,
        "routing": routing,
        "content": content,
    }
    return envelope_bytes(**{**fields, **record})


def envelope_bytes(**fields: Any) -> bytes:
    """Return the Avro bytes of an Envelope with these fields."""
    return codec("Envelope").encode({**fields, "routing_stanzas": list(fields["routing_stanzas"])})


def changed(raw: bytes, **fields: Any) -> bytes:
    """Return a received envelope with fields replaced and encoded again."""
    return codec("Envelope").encode({**codec("Envelope").decode(raw), **fields})


def _public(fed: Federation, name: str) -> KemPublic:
    return KemPublic.parse((fed.kems.get(OrgId(name)) or kem_private(name)).public)
