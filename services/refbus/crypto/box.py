"""Boxes: Cobblestone-256, a chunked AEAD with key commitment.

Commitment matters: under AES-GCM one ciphertext can open to different texts for two recipients; here a box opens under
one key only. Source: the `cryptography.cobblestone` documentation and its vectors.
"""

from __future__ import annotations

import secrets

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from refbus.errors import Code, UntrustedError


def new_key() -> bytes:
    """Return 32 fresh random bytes for one box."""
    return secrets.token_bytes(32)


def box_size(plaintext_size: int) -> int:
    """Return the size in bytes of the box over a plaintext of that size: 56 bytes, and 16 for each 16 KiB chunk."""
    return plaintext_size + 56 + 16 * (plaintext_size // 16_384 + 1)


def seal(key: bytes, context: bytes, plaintext: bytes) -> bytes:
    """Return the box over `plaintext` under `key` (32 secret bytes, used once), bound to `context`."""
    sealer = Cobblestone256Encryptor(key, context)
    return sealer.update(plaintext) + sealer.finalize()


def open_(key: bytes, context: bytes, box: bytes) -> bytes:
    """Return the whole plaintext, released only after its last chunk verified. Raises UntrustedError OPEN_FAILED."""
    try:
        opener = Cobblestone256Decryptor(key, context)
        return opener.update(box) + opener.finalize()
    except (InvalidTag, ValueError):
        raise UntrustedError(Code.OPEN_FAILED) from None
