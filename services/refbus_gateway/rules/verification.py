"""From the bytes of an inbox record to an event whose every part was checked: the order of bus.md section 4.

Size, canonical form, version and suite; expiry; routing box; directory; both signatures; am I the recipient; content in
full; schema; the payload's type and ids are those of the routing block, and its data categories are among the declared.
What follows (replay, role, consent) needs the store: `incoming`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from refbus.clock import CLOCK_SKEW_MS
from refbus.core.directory import Organisation
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import STOPS, DataCategory
from refbus.envelope.content import open_content
from refbus.envelope.format import Envelope
from refbus.envelope.routing import Authenticated, receive
from refbus.errors import Code, RefbusError, UncheckableError, UntrustedError
from refbus.said import said
from refbus.wire.payload import UnknownCode, categories_of, decode_payload, identity_of, unknown_codes
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import papers


@dataclass(frozen=True, slots=True)
class Verified:
    """An event that is what it says. `unknown` are codes that a person must judge."""

    sender: Organisation
    block: RoutingBlock = field(repr=False)
    encoded: bytes = field(repr=False)
    payload: dict[str, Any] = field(repr=False)
    unknown: tuple[UnknownCode, ...]
    envelope_sha256: bytes


class UndecryptableError(UntrustedError):
    """The envelope is for this organisation and its sender is known, but the content does not open here."""

    def __init__(self, cause: RefbusError, sender: Authenticated) -> None:
        self.reason = cause.code if cause.code in _TOLD else Code.OPEN_FAILED
        self.authenticated = sender
        super().__init__(Code.UNDECRYPTABLE, str(self.reason))


_TOLD = frozenset({Code.KEY_UNKNOWN, Code.KEY_DESTROYED, Code.OPEN_FAILED})


def authenticated(gateway: Gateway, raw: bytes) -> Authenticated:
    """Return the envelope in `raw` once its sender is known and it is for us.

    Raises what `refbus.envelope.routing.receive` raises, and UntrustedError NOT_THE_RECIPIENT.
    """
    opened = receive(Envelope.parse(raw), gateway.keys.openers(), gateway.history, gateway.now_ms())
    if opened.opened.block.recipient != gateway.me:
        raise UntrustedError(Code.NOT_THE_RECIPIENT)
    return opened


def require_present(gateway: Gateway, sender: Authenticated) -> None:
    """Let what needs today's directory, and an event from the future, wait; what says stop never does.

    Raises UncheckableError DIRECTORY_EXPIRED, CLOCK_SKEW.
    """
    block = sender.opened.block
    if block.event_type in STOPS:  # a no is acted on under any directory and any clock
        return
    gateway.directory()
    if block.occurred_at_ms > gateway.now_ms() + CLOCK_SKEW_MS:
        raise UncheckableError(Code.CLOCK_SKEW, said("an event from the future"))


def verified(gateway: Gateway, sender: Authenticated) -> Verified:
    """Open and check the content of an authenticated envelope.

    Raises UndecryptableError; UntrustedError DECLARATION_MISMATCH; UncheckableError UNKNOWN_SCHEMA; MalformedError.
    """
    block = sender.opened.block
    encoded = _open(gateway, sender)
    event_type, payload = decode_payload(encoded)
    same = (
        event_type is block.event_type,
        identity_of(encoded) == (block.event_type, block.payload_fingerprint, block.payload_schema_sha256),
        payload["event_id"] == block.event_id,
        payload["referral_id"] == block.referral_id,
        actual_categories(block, payload) <= set(block.data_categories),
        payload.get("expected_ms", block.respond_by_ms) == block.respond_by_ms,
        papers.is_declared(gateway, block, payload),
    )
    if not all(same):
        raise UntrustedError(Code.DECLARATION_MISMATCH)
    return Verified(
        sender=sender.sender,
        block=block,
        encoded=encoded,
        payload=payload,
        unknown=unknown_codes(event_type, payload),
        envelope_sha256=sender.opened.envelope.sha256,
    )


def actual_categories(block: RoutingBlock, payload: dict[str, Any]) -> frozenset[DataCategory]:
    """Return the categories of the fields that are filled, whatever the sender declared."""
    return categories_of(block.event_type, payload)


def _open(gateway: Gateway, sender: Authenticated) -> bytes:
    key = gateway.keys.kem.get(sender.opened.block.recipient_kid)
    try:
        if key is None:
            raise UncheckableError(Code.KEY_UNKNOWN)
        return open_content(sender, gateway.me, key)
    except RefbusError as error:
        if error.code is Code.DECLARATION_MISMATCH:
            raise
        raise UndecryptableError(error, sender) from None
