r"""The secret of one auditor, and the keys of its log and its witness, which are all derived from it.

    log key      seed = HKDF-SHA256(secret, "refbus/v1/log-key\0" || origin)                     one for each shard
    witness keys seed = HKDF-SHA256(secret, "refbus/v1/witness-ed25519\0" || name), "…-mldsa44\0" || name

So no public key has two names or two types, and one file is all there is to guard.
"""

from __future__ import annotations

import secrets
from typing import Final, NoReturn

from refbus.crypto.secretbox import hkdf_sha256
from refbus.errors import Code, MalformedError
from refbus.tlog.keys import SEED_SIZE, SignerKey, SigType
from refbus.tlog.shards import witness_name

_LOG: Final = b"refbus/v1/log-key\0"
_WITNESS: Final = {
    SigType.ED25519_COSIGNATURE: b"refbus/v1/witness-ed25519\0",
    SigType.MLDSA44_COSIGNATURE: b"refbus/v1/witness-mldsa44\0",
}


class LogSecret:
    """The 32 secret bytes of an auditor. It cannot be pickled, and its repr shows nothing."""

    __slots__ = ("secret",)

    def __init__(self, secret: bytes) -> None:
        """Raise MalformedError KEY_INVALID on another size."""
        if len(secret) != SEED_SIZE:
            raise MalformedError(Code.KEY_INVALID, "size of a log secret")
        self.secret: Final = secret

    @classmethod
    def generate(cls) -> LogSecret:
        """Return a new secret from the system's random source."""
        return cls(secrets.token_bytes(SEED_SIZE))

    def log_key(self, origin: str) -> SignerKey:
        """Return the key that signs checkpoints of the shard with this origin."""
        return SignerKey(origin, SigType.ED25519, hkdf_sha256(self.secret, _LOG + origin.encode(), SEED_SIZE))

    def witness_keys(self, name: str) -> tuple[SignerKey, ...]:
        """Return the keys that cosign for the owner of the log `name`: Ed25519 and ML-DSA-44."""
        cosigner = witness_name(name)
        return tuple(
            SignerKey(cosigner, kind, hkdf_sha256(self.secret, label + cosigner.encode(), SEED_SIZE))
            for kind, label in _WITNESS.items()
        )

    def __repr__(self) -> str:
        return "LogSecret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")
