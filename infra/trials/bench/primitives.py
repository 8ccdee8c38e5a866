"""The cryptography of one event as bare calls into the library, with nothing of ours around them.

Each class below lists what one step cannot do without: the calls, on the very bytes and keys that the step uses.
Parsing, padding, rules, state and disk are not in it. The number of trial decapsulations is what the order of the
stanzas gives, 2.5 on average for four shuffled ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

from refbus.core.directory import SigningKey
from refbus.crypto.kem import KemPrivate, KemPublic
from refbus.crypto.signing import Signatures, SigningPair

HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
AUDIT_PLAINTEXT = bytes(1024)
NOTICE_PLAINTEXT = bytes(1024)
_KEY = bytes(range(32))
_CONTEXT = bytes(50)
_STAMPED = bytes(80)


class Signer:
    """A signing key pair as the library has it."""

    def __init__(self, pair: SigningPair) -> None:
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(pair.secret[:32])
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(pair.secret[32:]) if pair.secret[32:] else None

    def both(self, message: bytes) -> None:
        """Sign with every algorithm of the pair."""
        self.ed25519(message)
        if self._mldsa65 is not None:
            self._mldsa65.sign(message)

    def ed25519(self, message: bytes) -> None:
        """Sign with Ed25519 alone."""
        self._ed25519.sign(message)


class Verifier:
    """A public signing key as the library has it."""

    def __init__(self, key: SigningKey) -> None:
        self._ed25519 = Ed25519PublicKey.from_public_bytes(key.ed25519)
        self._mldsa65 = None if key.mldsa65 is None else MLDSA65PublicKey.from_public_bytes(key.mldsa65)

    def both(self, message: bytes, signatures: Signatures) -> None:
        """Verify with every algorithm of the key."""
        self._ed25519.verify(signatures.ed25519, message)
        if self._mldsa65 is not None and signatures.mldsa65 is not None:
            self._mldsa65.verify(signatures.mldsa65, message)


def encapsulate(public: MLKEM768X25519PublicKey, info: bytes = _CONTEXT) -> None:
    """Wrap a box key for one reader."""
    HPKE.encrypt(_KEY, public, info=info)


def encapsulate_to_nobody() -> None:
    """Wrap a box key for a key pair that is made for it and thrown away."""
    public = MLKEM768X25519PublicKey(
        MLKEM768PrivateKey.generate().public_key(), X25519PrivateKey.generate().public_key()
    )
    encapsulate(public)


def trial(private: KemPrivate, stanzas: tuple[bytes, ...], info: bytes) -> bytes:
    """Decapsulate one stanza after the other until one opens."""
    for stanza in stanzas:
        try:
            return HPKE.decrypt(stanza, private.handle, info=info)
        except InvalidTag:
            continue
    raise LookupError("no stanza opens")


def box(plaintext: bytes) -> None:
    """Seal a box."""
    sealer = Cobblestone256Encryptor(_KEY, _CONTEXT)
    sealer.update(plaintext)
    sealer.finalize()


def unbox(key: bytes, context: bytes, sealed: bytes) -> None:
    """Open a box."""
    opener = Cobblestone256Decryptor(key, context)
    opener.update(sealed)
    opener.finalize()


def digest(data: bytes) -> None:
    """Hash."""
    hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed event taken apart, so that the bare calls can be made on its bytes; `stamp` is its exit stamp."""

    raw: bytes
    stanzas: tuple[bytes, ...]
    content_stanza: bytes
    routing: bytes
    content: bytes
    routing_info: bytes
    content_info: bytes
    routing_context: bytes
    content_context: bytes
    signed: bytes
    signatures: Signatures
    consent_signed: bytes
    consent_signatures: Signatures
    stamped: bytes
    stamp: Signatures


@dataclass(frozen=True, slots=True)
class Reader:
    """What opens an event: trial decapsulations, boxes, the sender's two signatures."""

    kem: KemPrivate
    sender: Verifier

    def routing(self, event: Sealed) -> None:
        """Try the stanzas, open the routing box, verify the sender."""
        key = trial(self.kem, event.stanzas, event.routing_info)
        unbox(key, event.routing_context, event.routing)
        self.sender.both(event.signed, event.signatures)

    def content(self, event: Sealed) -> None:
        """Open the content box."""
        key = trial(self.kem, (event.content_stanza,), event.content_info)
        unbox(key, event.content_context, event.content)


@dataclass(frozen=True, slots=True)
class Sealing:
    """What sealing an event needs: four stanzas and one more, two boxes, two signatures."""

    readers: tuple[KemPublic, ...]
    signer: Signer

    def event(self, event: Sealed) -> None:
        """Seal something of the size of `event`."""
        for reader in self.readers:
            encapsulate(reader.handle)
        encapsulate_to_nobody()
        encapsulate(self.readers[0].handle)
        box(event.content)
        box(event.routing)
        digest(event.content)
        self.signer.both(event.signed)


class Letter:
    """Something signed with Ed25519 and sealed to one reader: a notice of a gate, or an audit entry."""

    def __init__(self, reader: KemPrivate, pair: SigningPair, writer: Verifier) -> None:
        self._reader, self._signer, self._writer = reader, Signer(pair), writer
        self._public = KemPublic.parse(reader.public).handle
        self._stanza = HPKE.encrypt(_KEY, self._public, info=_CONTEXT)
        sealer = Cobblestone256Encryptor(_KEY, _CONTEXT)
        self._sealed = sealer.update(NOTICE_PLAINTEXT) + sealer.finalize()
        signature = Ed25519PrivateKey.from_private_bytes(pair.secret[:32]).sign(NOTICE_PLAINTEXT)
        self._signatures = Signatures(signature, None)

    def seal(self) -> None:
        """Sign and seal."""
        encapsulate(self._public)
        box(NOTICE_PLAINTEXT)
        self._signer.ed25519(NOTICE_PLAINTEXT)

    def open(self) -> None:
        """Open and verify."""
        unbox(trial(self._reader, (self._stanza,), _CONTEXT), _CONTEXT, self._sealed)
        self.verify()

    def verify(self) -> None:
        """Verify alone: a hop receipt is not sealed."""
        self._writer.both(NOTICE_PLAINTEXT, self._signatures)


@dataclass(frozen=True, slots=True)
class GateSteps:
    """What a gate cannot do without for one event.

    The consent record is verified once in `per_consent` events, what passes a border once in `per_stamp`.
    """

    reader: Reader
    signer: Signer
    other_gate: Verifier
    inspector: KemPublic
    organisation: KemPublic
    per_consent: int
    per_stamp: int

    def egress(self, event: Sealed, number: int) -> None:
        """Open and verify, verify the consent, stamp, audit, tell the sender."""
        self._decide(event, number)
        if number % self.per_stamp == 0:
            self.signer.both(_STAMPED)
        self._audit()
        encapsulate(self.organisation.handle)
        box(NOTICE_PLAINTEXT)
        self.signer.ed25519(NOTICE_PLAINTEXT)

    def ingress(self, event: Sealed, number: int) -> None:
        """Verify the stamp, open and verify, verify the consent, audit, sign the hop receipt."""
        if number % self.per_stamp == 0:
            self.other_gate.both(event.stamped, event.stamp)
        self._decide(event, number)
        self._audit()
        if number % self.per_stamp == 0:
            self.signer.ed25519(_STAMPED)

    def _decide(self, event: Sealed, number: int) -> None:
        digest(event.raw)
        self.reader.routing(event)
        if number % self.per_consent == 0:
            self.reader.sender.both(event.consent_signed, event.consent_signatures)

    def _audit(self) -> None:
        encapsulate(self.inspector.handle)
        box(AUDIT_PLAINTEXT)
        self.signer.ed25519(AUDIT_PLAINTEXT)
