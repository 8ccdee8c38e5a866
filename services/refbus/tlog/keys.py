r"""Keys of notes: names, ids and signature types (c2sp.org/signed-note, c2sp.org/tlog-cosignature).

    key id = SHA-256(name || "\n" || type || public key)[:4]
    vkey   = <name>+<key id, 8 hexadecimal digits>+<base64 of type || public key>

The type is part of the id, so a signature of one type never counts as one of another, not even under the same key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from refbus.crypto.signing import check_public_keys
from refbus.errors import Code, MalformedError, UntrustedError

SEED_SIZE: Final = 32
_CONTROL: Final = re.compile(r"[\x00-\x1f]")


class SigType(IntEnum):
    """The signature types that we make and check. A key has one."""

    ED25519 = 0x01  # over the text of a note
    ED25519_COSIGNATURE = 0x04  # over a checkpoint and a time
    MLDSA44_COSIGNATURE = 0x06  # over a checkpoint, a time and the name of the cosigner


PUBLIC_SIZE: Final = {
    SigType.ED25519: 32,
    SigType.ED25519_COSIGNATURE: 32,
    SigType.MLDSA44_COSIGNATURE: 1312,
}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under its name."""

    name: str
    type: SigType
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that a signature line begins with."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text; `parse` of it gives an equal value."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([self.type]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Return the key in a vkey. Raises MalformedError KEY_INVALID or UNKNOWN_VALUE, UntrustedError KEY_INVALID."""
        return _parsed(text)

    def check(self) -> None:
        """Refuse a name or a public key that no honest party has. Raises MalformedError, UntrustedError KEY_INVALID."""
        check_name(self.name)
        if len(self.public) != PUBLIC_SIZE[self.type]:
            raise MalformedError(Code.KEY_INVALID, "size of a public key")
        if self.type is not SigType.MLDSA44_COSIGNATURE:
            check_public_keys(self.public, None)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check the bare signature over `message`. Raises UntrustedError SIGNATURE_INVALID."""
        try:
            if self.type is SigType.MLDSA44_COSIGNATURE:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise UntrustedError(Code.SIGNATURE_INVALID, "note") from None


@lru_cache(maxsize=1024)
def _parsed(text: str) -> VerifierKey:
    """Return the key in a vkey: the same text is the same key, and a process meets the same few all day."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise MalformedError(Code.KEY_INVALID, "vkey")
    name, _, encoded = parts
    material = strict_base64(encoded)
    key = VerifierKey(name, _type(material[:1]), material[1:])
    key.check()
    if key.vkey != text:
        raise MalformedError(Code.KEY_INVALID, "key id of a vkey")
    return key


class SignerKey:
    """The private half, from a 32-byte secret seed. It cannot be pickled, and its repr shows the name only."""

    __slots__ = ("_private", "verifier")

    def __init__(self, name: str, kind: SigType, seed: bytes) -> None:
        """Raise MalformedError on a bad name or a seed of another size."""
        if len(seed) != SEED_SIZE:
            raise MalformedError(Code.KEY_INVALID, "seed size")
        self._private: Ed25519PrivateKey | MLDSA44PrivateKey = (
            MLDSA44PrivateKey.from_seed_bytes(seed)
            if kind is SigType.MLDSA44_COSIGNATURE
            else Ed25519PrivateKey.from_private_bytes(seed)
        )
        self.verifier: Final = VerifierKey(name, kind, self._private.public_key().public_bytes_raw())
        self.verifier.check()

    def sign(self, message: bytes) -> bytes:
        """Return the bare signature over `message`."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SignerKey({self.verifier.name}, secret=***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def check_name(name: str) -> None:
    """Refuse an impossible key name: empty, with a space of any script, a plus or a control character."""
    if not name or "+" in name or name.split() != [name] or _CONTROL.search(name):
        raise MalformedError(Code.KEY_INVALID, "key name")


def strict_base64(text: str) -> bytes:
    """Return what the standard base64 `text` says. Raises MalformedError for every spelling but the canonical one."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise MalformedError(Code.NOT_CANONICAL, "base64") from None
    if base64.b64encode(data).decode() != text:
        raise MalformedError(Code.NOT_CANONICAL, "base64")
    return data


def decimal(text: str) -> int:
    """Return a number below 2**63 written without sign, space or leading zero. Raises MalformedError."""
    plain = text.isascii() and text.isdigit() and len(text) <= 19
    if not plain or (text != "0" and text[0] == "0") or int(text) >= 1 << 63:
        raise MalformedError(Code.NOT_CANONICAL, "number")
    return int(text)


def _type(data: bytes) -> SigType:
    try:
        return SigType(data[0])
    except (IndexError, ValueError):
        raise MalformedError(Code.UNKNOWN_VALUE, "signature type of a vkey") from None
