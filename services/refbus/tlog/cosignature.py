r"""Cosignatures: that a witness saw a checkpoint follow from all it saw before, and when (c2sp.org/tlog-cosignature).

signature = u64be seconds || Ed25519 (64 bytes) or ML-DSA-44 (2420 bytes)
Ed25519   over "cosignature/v1\ntime <seconds>\n" || text of the checkpoint
ML-DSA-44 over "subtree/v1\n\0" || len8 || cosigner || u64be seconds || len8 || origin || u64be 0 || u64be size || root
"""

from __future__ import annotations

from refbus.core.bounds import TIME_S
from refbus.crypto.framing import u64be
from refbus.errors import Code, MalformedError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.keys import SignerKey, SigType, VerifierKey
from refbus.tlog.note import Signature


def cosign(checkpoint: Checkpoint, key: SignerKey, at_s: int) -> Signature:
    """Return the cosignature of `checkpoint` at `at_s`, seconds since the epoch. Raises MalformedError."""
    if not TIME_S.holds(at_s):
        raise MalformedError(Code.MALFORMED, "time of a cosignature")
    verifier = key.verifier
    data = u64be(at_s) + key.sign(_message(checkpoint, verifier, at_s))
    return Signature(verifier.name, verifier.key_id, data)


def cosigned_at(checkpoint: Checkpoint, key: VerifierKey, signature: Signature) -> int:
    """Return when `key` cosigned `checkpoint`, in seconds since the epoch.

    Raises UntrustedError SIGNATURE_INVALID: false, of another key, without a time or with one that cannot be.
    """
    at_s = int.from_bytes(signature.data[:8], "big")
    if not signature.of(key) or not TIME_S.holds(at_s):
        raise UntrustedError(Code.SIGNATURE_INVALID, "cosignature")
    key.verify(_message(checkpoint, key, at_s), signature.data[8:])
    return at_s


def _message(checkpoint: Checkpoint, key: VerifierKey, at_s: int) -> bytes:
    if key.type is SigType.ED25519_COSIGNATURE:
        return f"cosignature/v1\ntime {at_s}\n{checkpoint.text}".encode()
    if key.type is SigType.MLDSA44_COSIGNATURE:
        names = _short(key.name) + u64be(at_s) + _short(checkpoint.origin)
        return b"subtree/v1\n\0" + names + u64be(0) + u64be(checkpoint.size) + checkpoint.root
    raise MalformedError(Code.KEY_INVALID, "type of a cosigner's key")


def _short(text: str) -> bytes:
    data = text.encode()
    if not 1 <= len(data) <= 255:
        raise MalformedError(Code.TOO_LARGE, "name in a cosignature")
    return bytes([len(data)]) + data
