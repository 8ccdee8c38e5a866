"""Signatures: Ed25519 and ML-DSA-65 side by side under one key id, over label || message.

A label ends in a zero byte and none is the beginning of another, so a signature never serves two purposes.
Sources: RFC 8032 (Ed25519), FIPS 204 (ML-DSA, empty context).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from refbus.core.directory import SigningKey
from refbus.core.ids import KeyId
from refbus.crypto.framing import lp, sha256
from refbus.errors import Code, MalformedError, UntrustedError

LABEL_ENVELOPE: Final = b"refbus/v1/signature\0"
LABEL_PASS: Final = b"refbus/v1/pass\0"
LABEL_HOP: Final = b"refbus/v1/hop\0"
LABEL_PASS_ROOT: Final = b"refbus/v2/pass-root\0"
LABEL_HOP_ROOT: Final = b"refbus/v2/hop-root\0"
LABEL_NOTICE: Final = b"refbus/v1/notice\0"
LABEL_CONSENT: Final = b"refbus/v1/consent\0"
LABEL_KEM: Final = b"refbus/v1/kem\0"
LABEL_SIGNING_KEY: Final = b"refbus/v1/signing-key\0"
LABEL_POSSESSION: Final = b"refbus/v1/key-possession\0"
LABEL_AUDIT_KEY: Final = b"refbus/v1/audit-key\0"
LABEL_AUDIT: Final = b"refbus/v1/audit-entry\0"
LABEL_ERASURE: Final = b"refbus/v1/erasure-order\0"
LABEL_OFFICER_ROLL: Final = b"refbus/v1/officer-roll\0"
LABEL_LEGAL_BASIS: Final = b"refbus/v1/legal-basis\0"
LABEL_LEGAL_REVIEW: Final = b"refbus/v1/legal-review\0"
LABEL_PROFILE: Final = b"refbus/v1/profile\0"

SEED_SIZE: Final = 32
ED25519_PUBLIC_SIZE: Final = 32
ED25519_SIGNATURE_SIZE: Final = 64
MLDSA65_PUBLIC_SIZE: Final = 1952
MLDSA65_SIGNATURE_SIZE: Final = 3309

_PRIME: Final = 2**255 - 19
_ORDER_8: Final = int.from_bytes(
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
)
_SMALL_ORDER_Y: Final = frozenset({0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8})
"""The y coordinates of the eight points whose order divides 8 (checked by a test against the curve equation)."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """What a signing pair made: Ed25519 (64 bytes) and, when the pair has such a key, ML-DSA-65 (3309 bytes)."""

    ed25519: bytes
    mldsa65: bytes | None


def kid_of_signing(ed25519: bytes, mldsa65: bytes | None) -> KeyId:
    """Return the 16-byte id of a pair of public signing keys."""
    return KeyId(sha256(b"refbus/v1/kid/sign\0" + lp(ed25519) + lp(mldsa65 or b""))[:16])


class SigningPair:
    """The private half of a signing key. It cannot be pickled, and its repr shows the id only."""

    __slots__ = ("_ed25519", "_mldsa65", "kid", "public_ed25519", "public_mldsa65", "secret")

    def __init__(self, ed_seed32: bytes, mldsa_seed32: bytes | None) -> None:
        """Load the pair from its seeds, 32 secret bytes each. Raises MalformedError KEY_INVALID on another size."""
        if len(ed_seed32) != SEED_SIZE or (mldsa_seed32 is not None and len(mldsa_seed32) != SEED_SIZE):
            raise MalformedError(Code.KEY_INVALID, "signing seed size")
        self._ed25519: Final = Ed25519PrivateKey.from_private_bytes(ed_seed32)
        self._mldsa65: Final = None if mldsa_seed32 is None else MLDSA65PrivateKey.from_seed_bytes(mldsa_seed32)
        self.secret: Final = ed_seed32 + (mldsa_seed32 or b"")
        self.public_ed25519: Final = self._ed25519.public_key().public_bytes_raw()
        self.public_mldsa65: Final = self._mldsa65.public_key().public_bytes_raw() if self._mldsa65 else None
        self.kid: Final = kid_of_signing(self.public_ed25519, self.public_mldsa65)

    @classmethod
    def generate(cls) -> SigningPair:
        """Return a new pair with both algorithms, from the system's random source."""
        return cls(secrets.token_bytes(SEED_SIZE), secrets.token_bytes(SEED_SIZE))

    @classmethod
    def from_secret(cls, secret: bytes) -> SigningPair:
        """Load what `secret` holds: the Ed25519 seed, then the ML-DSA seed if there is one (32 or 64 secret bytes)."""
        return cls(secret[:SEED_SIZE], secret[SEED_SIZE:] or None)

    def sign(self, label: bytes, message: bytes) -> Signatures:
        """Sign label || message with every algorithm of the pair."""
        data = label + message
        return Signatures(self._ed25519.sign(data), self._mldsa65.sign(data) if self._mldsa65 else None)

    def sign_ed25519(self, label: bytes, message: bytes) -> bytes:
        """Return the Ed25519 signature (64 bytes) alone, for short-lived operational messages."""
        return self._ed25519.sign(label + message)

    def __repr__(self) -> str:
        return f"SigningPair({self.kid.hex()}, secret=***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def sign_ed25519(pair: SigningPair, label: bytes, message: bytes) -> bytes:
    """Return `pair`'s Ed25519 signature (64 bytes) over label || message."""
    return pair.sign_ed25519(label, message)


def verify(key: SigningKey, label: bytes, message: bytes, signatures: Signatures) -> None:
    """Check every signature that `key` demands; an ML-DSA key makes its signature compulsory.

    Raises UntrustedError SIGNATURE_INVALID. Whether the key may still be used is not looked at.
    """
    verify_ed25519(key, label, message, signatures.ed25519)
    if (key.mldsa65 is None) != (signatures.mldsa65 is None):
        raise UntrustedError(Code.SIGNATURE_INVALID, "algorithms")
    if key.mldsa65 is not None and signatures.mldsa65 is not None:
        try:
            _mldsa65_public(key.mldsa65).verify(signatures.mldsa65, label + message)
        except (InvalidSignature, ValueError):
            raise UntrustedError(Code.SIGNATURE_INVALID, "ML-DSA-65") from None


def verify_ed25519(key: SigningKey, label: bytes, message: bytes, signature: bytes) -> None:
    """Check the Ed25519 signature (64 bytes) over label || message. Raises UntrustedError SIGNATURE_INVALID.

    A key of small order verifies nothing here either, should one ever come past the checks of the directory.
    """
    try:
        _ed25519_public(key.ed25519).verify(signature, label + message)
    except (InvalidSignature, ValueError):
        raise UntrustedError(Code.SIGNATURE_INVALID, "Ed25519") from None


# A public key is read once: a gate meets the same few hundred keys all day.
_ed25519 = lru_cache(maxsize=1024)(Ed25519PublicKey.from_public_bytes)
_mldsa65 = lru_cache(maxsize=1024)(MLDSA65PublicKey.from_public_bytes)


def check_public_keys(ed25519: bytes, mldsa65: bytes | None) -> None:
    """Refuse public keys that no honest key generation gives. Raises UntrustedError KEY_INVALID.

    The library's Ed25519 loader accepts points of small order, under which one signature fits any message, and
    encodings that are not reduced, which would give one key two ids (RFC 8032 §5.1.3). A value that is no point at all
    verifies nothing.
    """
    if len(ed25519) != ED25519_PUBLIC_SIZE or (mldsa65 is not None and len(mldsa65) != MLDSA65_PUBLIC_SIZE):
        raise UntrustedError(Code.KEY_INVALID, "signing key size")
    if fault := _ed25519_fault(ed25519):
        raise UntrustedError(Code.KEY_INVALID, fault)


@lru_cache(maxsize=512)
def _mldsa65_public(raw: bytes) -> MLDSA65PublicKey:
    """Return the key. Remembered, so that a batch loads each sender's key once (5 % of a verification)."""
    return MLDSA65PublicKey.from_public_bytes(raw)


@lru_cache(maxsize=512)
def _ed25519_public(raw: bytes) -> Ed25519PublicKey:
    """Return the key. Raises ValueError when no signature of it may count."""
    if fault := _ed25519_fault(raw):
        raise ValueError(fault)
    return Ed25519PublicKey.from_public_bytes(raw)


def _ed25519_fault(raw: bytes) -> str | None:
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _PRIME:
        return "Ed25519 key is not reduced"
    return "Ed25519 key of small order" if y in _SMALL_ORDER_Y else None
