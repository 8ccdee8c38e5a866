"""Opening a content box. Only the gateway may import this module (import contract), and a gate has no key."""

from __future__ import annotations

from refbus.core.ids import OrgId
from refbus.crypto import box as boxes
from refbus.crypto.kem import KemPrivate
from refbus.crypto.padding import unpad_padme
from refbus.crypto.stanza import Box, open_stanza
from refbus.envelope.format import CONTENT_MINIMUM, check_declared
from refbus.envelope.routing import Authenticated
from refbus.errors import Code, MalformedError, UntrustedError


def open_content(authenticated: Authenticated, me: OrgId, key: KemPrivate) -> bytes:
    """Return the payload (Avro single-object bytes) of an envelope that is for `me` and sealed to `key`.

    Only an authenticated envelope can be given: who passes a signed block on to someone else is found out before any
    content opens. Nothing is released before the whole box has verified. Replay is the caller's: it remembers message
    and event ids. Raises UntrustedError: NOT_THE_RECIPIENT, OPEN_FAILED, DECLARATION_MISMATCH.
    """
    envelope, block = authenticated.opened.envelope, authenticated.opened.block
    if block.recipient != me or block.recipient_kid != key.kid:
        raise UntrustedError(Code.NOT_THE_RECIPIENT)
    box_key = open_stanza(Box.CONTENT, key, envelope.header_sha256, envelope.content_stanza)
    if box_key is None:
        raise UntrustedError(Code.OPEN_FAILED)
    padded = boxes.open_(box_key, Box.CONTENT.value + envelope.header_sha256, envelope.content)
    try:
        payload = unpad_padme(padded, CONTENT_MINIMUM)
    except MalformedError:
        raise UntrustedError(Code.OPEN_FAILED) from None
    check_declared(block, payload)
    return payload
