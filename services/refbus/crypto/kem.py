"""X-Wing key pairs (ML-KEM-768 with X25519), the only keys that can open a stanza.

A private key is a 32-byte seed: SHAKE256(seed, 96 bytes) gives the ML-KEM seed (64) and the X25519 key (32).
A public key is 1216 bytes: ML-KEM-768 (1184), then X25519 (32). Source: draft-connolly-cfrg-xwing-kem §5; FIPS 203.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from typing import Final, NoReturn

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from refbus.core.ids import KeyId
from refbus.crypto.framing import lp, sha256
from refbus.errors import Code, MalformedError, UntrustedError

SEED_SIZE: Final = 32
PUBLIC_SIZE: Final = 1216
_MLKEM_PUBLIC_SIZE: Final = 1184
_X25519_PRIME: Final = 2**255 - 19


def kid_of_kem(public: bytes) -> KeyId:
    """Return the 16-byte id of a public KEM key (1216 bytes)."""
    return KeyId(sha256(b"refbus/v1/kid/kem\0" + lp(public))[:16])


class KemPublic:
    """A checked public key. `parse` is the only way in."""

    __slots__ = ("handle", "kid", "raw")

    def __init__(self, raw: bytes, handle: MLKEM768X25519PublicKey) -> None:
        self.raw: Final = raw
        self.kid: Final = kid_of_kem(raw)
        self.handle: Final = handle

    @classmethod
    def parse(cls, raw: bytes) -> KemPublic:
        """Return the key in 1216 bytes. Raises UntrustedError KEY_INVALID.

        Refused: another size, ML-KEM coefficients out of range (FIPS 203 §7.2), an X25519 value of low order or not
        reduced (RFC 7748 §6.1). Checked keys are remembered, so a batch pays for each key once.
        """
        return _parse(raw)

    def __repr__(self) -> str:
        return f"KemPublic({self.kid.hex()})"


class KemPrivate:
    """A private key: 32 secret bytes and what follows from them. Not pickled; its repr shows the id only."""

    __slots__ = ("handle", "kid", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        """Derive the pair from `seed` (32 secret bytes). Raises MalformedError KEY_INVALID on another size."""
        if len(seed) != SEED_SIZE:
            raise MalformedError(Code.KEY_INVALID, "KEM seed size")
        expanded = hashlib.shake_256(seed).digest(96)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self.seed: Final = seed
        self.handle: Final = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public: Final = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        self.kid: Final = kid_of_kem(self.public)

    @classmethod
    def generate(cls) -> KemPrivate:
        """Return a new key from the system's random source."""
        return cls(secrets.token_bytes(SEED_SIZE))

    def __repr__(self) -> str:
        return f"KemPrivate({self.kid.hex()}, seed=***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def throw_away_public() -> MLKEM768X25519PublicKey:
    """Return a public key whose private half is already forgotten: what is sealed to it opens for nobody."""
    return MLKEM768X25519PublicKey(MLKEM768PrivateKey.generate().public_key(), X25519PrivateKey.generate().public_key())


@lru_cache(maxsize=512)
def _parse(raw: bytes) -> KemPublic:
    if len(raw) != PUBLIC_SIZE:
        raise UntrustedError(Code.KEY_INVALID, "KEM key size")
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC_SIZE])
    except ValueError:
        raise UntrustedError(Code.KEY_INVALID, "ML-KEM key") from None
    return KemPublic(raw, MLKEM768X25519PublicKey(mlkem, _checked_x25519(raw[_MLKEM_PUBLIC_SIZE:])))


def _checked_x25519(raw: bytes) -> X25519PublicKey:
    if int.from_bytes(raw, "little") >= _X25519_PRIME:
        raise UntrustedError(Code.KEY_INVALID, "X25519 key is not reduced")
    key = X25519PublicKey.from_public_bytes(raw)
    try:
        X25519PrivateKey.generate().exchange(
            key
        )  # a low-order point gives zero with every private key; the library refuses
    except ValueError:
        raise UntrustedError(Code.KEY_INVALID, "X25519 key of low order") from None
    return key
