"""Something for one reader: a stanza and the box that it opens, bound to the same 32 bytes.

Used for notices of a gate to an organisation, and for audit records to the inspector.
"""

from __future__ import annotations

from dataclasses import dataclass

from refbus.crypto import box as boxes
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.stanza import Box, open_stanza, seal_stanza
from refbus.errors import Code, UntrustedError


@dataclass(frozen=True, slots=True)
class Sealed:
    """The two parts as they travel: a stanza of 1168 bytes and the box."""

    stanza: bytes
    box: bytes


def seal_for(box: Box, public: KemPublic, bound_sha256: bytes, plaintext: bytes) -> Sealed:
    """Seal `plaintext` (pad it first: its length shows) to one reader, bound to 32 bytes that the reader knows."""
    key = boxes.new_key()
    return Sealed(seal_stanza(box, public, bound_sha256, key), boxes.seal(key, box.value, plaintext))


def open_sealed(box: Box, private: KemPrivate, bound_sha256: bytes, sealed: Sealed) -> bytes:
    """Return the plaintext. Raises UntrustedError OPEN_FAILED for whatever reason it does not open."""
    key = open_stanza(box, private, bound_sha256, sealed.stanza)
    if key is None:
        raise UntrustedError(Code.OPEN_FAILED)
    return boxes.open_(key, box.value, sealed.box)
