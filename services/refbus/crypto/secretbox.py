"""Values at rest: sealed under a state key, found again by a keyed hash.

Sealing is AES-256-GCM (NIST SP 800-38D) under a key of its own for each value: HMAC-SHA256(seal key, 16 random bytes).
A key seals once, so its nonce is fixed and can never meet another value (docs/adr/0026-a-key-for-each-value.md).
Look-ups are HMAC-SHA256. Both keys come from the state key by HKDF-SHA256 (RFC 5869), so neither helps with the other;
each is derived when it is first used, since most keys of cases are only opened with.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from refbus.crypto.framing import lp
from refbus.errors import Code, MalformedError, UntrustedError

KEY_SIZE: Final = 32
OVERHEAD: Final = 33
_FORMAT: Final = b"\x01"
_SALT_SIZE: Final = 16
_NONCE: Final = bytes(12)


class StateKey:
    """32 secret bytes that a store is sealed under. It cannot be pickled, and its repr shows nothing."""

    __slots__ = ("_lookup_key", "_seal_key", "secret")

    def __init__(self, secret: bytes) -> None:
        """Take 32 secret bytes. Raises MalformedError KEY_INVALID on another size."""
        if len(secret) != KEY_SIZE:
            raise MalformedError(Code.KEY_INVALID, "state key size")
        self.secret: Final = secret
        self._seal_key = self._lookup_key = b""

    @classmethod
    def generate(cls) -> StateKey:
        """Return a new key from the system's random source."""
        return cls(secrets.token_bytes(KEY_SIZE))

    def seal(self, context: bytes, plaintext: bytes) -> bytes:
        """Return `plaintext` sealed, 33 bytes longer. `context` names table, column and row: it opens nowhere else."""
        salt = secrets.token_bytes(_SALT_SIZE)
        key = hmac.digest(self._seal_key or self._derived(), salt, "sha256")
        return _FORMAT + salt + AESGCM(key).encrypt(_NONCE, plaintext, context)

    def open(self, context: bytes, sealed: bytes) -> bytes:
        """Return the plaintext. Raises UntrustedError OPEN_FAILED when key, context or bytes differ."""
        if sealed[:1] != _FORMAT or len(sealed) < OVERHEAD:
            raise UntrustedError(Code.OPEN_FAILED)
        key = hmac.digest(self._seal_key or self._derived(), sealed[1 : 1 + _SALT_SIZE], "sha256")
        try:
            return AESGCM(key).decrypt(_NONCE, sealed[1 + _SALT_SIZE :], context)
        except InvalidTag:
            raise UntrustedError(Code.OPEN_FAILED) from None

    def lookup(self, context: bytes, value: bytes) -> bytes:
        """Return the 32-byte keyed hash under which `value` is found again, apart for each `context`."""
        if not self._lookup_key:
            self._lookup_key = hkdf_sha256(self.secret, b"refbus/v1/state/lookup\0", KEY_SIZE)
        return hmac.digest(self._lookup_key, lp(context) + value, "sha256")

    def _derived(self) -> bytes:
        """Return the key to seal with, which is derived once."""
        self._seal_key = hkdf_sha256(self.secret, b"refbus/v1/state/seal\0", KEY_SIZE)
        return self._seal_key

    def __repr__(self) -> str:
        return "StateKey(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def hkdf_sha256(secret: bytes, info: bytes, size: int, salt: bytes | None = None) -> bytes:
    """Return `size` bytes derived from `secret` for the purpose `info` (RFC 5869)."""
    return HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(secret)
