"""A stanza: one box key, wrapped for one reader with HPKE (RFC 9180 base mode, single shot).

HPKE here takes no associated data, so the suite number and the hash of the exact header bytes are bound through `info`.
A stanza says nothing about whom it is for: readers try their own keys.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from refbus.crypto.framing import u16be
from refbus.crypto.kem import KemPrivate, KemPublic, throw_away_public

SUITE: Final = 1
"""The one suite there is: X-Wing, HKDF-SHA256, ChaCha20-Poly1305, Cobblestone-256, Ed25519 with ML-DSA-65."""
STANZA_SIZE: Final = 1168
BOX_KEY_SIZE: Final = 32
_HPKE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class Box(Enum):
    """What a box is for. Its label separates the keys: a stanza for one purpose opens no box of another."""

    ROUTING = b"refbus/v1/routing\0"
    CONTENT = b"refbus/v1/content\0"
    NOTICE = b"refbus/v1/notice\0"
    AUDIT = b"refbus/v1/audit\0"
    ENROLMENT = b"refbus/v1/enrolment\0"
    HOME = b"refbus/v1/home\0"


def seal_stanza(box: Box, public: KemPublic, header_sha256: bytes, box_key: bytes) -> bytes:
    """Return 1168 bytes that give `box_key` (32 secret bytes) to the holder of `public`, for this header alone."""
    return _HPKE.encrypt(box_key, public.handle, info=_info(box, header_sha256))


def seal_decoy(box: Box, header_sha256: bytes, filler_key: bytes) -> bytes:
    """Return a real stanza for a key that nobody holds; from outside it is like any other."""
    return _HPKE.encrypt(filler_key, throw_away_public(), info=_info(box, header_sha256))


def open_stanza(box: Box, private: KemPrivate, header_sha256: bytes, stanza: bytes) -> bytes | None:
    """Return the box key (32 bytes), or None when the stanza is not for this key, this purpose and this header."""
    try:
        box_key = _HPKE.decrypt(stanza, private.handle, info=_info(box, header_sha256))
    except InvalidTag:
        return None
    return box_key if len(box_key) == BOX_KEY_SIZE else None


def _info(box: Box, header_sha256: bytes) -> bytes:
    return box.value + u16be(SUITE) + header_sha256
