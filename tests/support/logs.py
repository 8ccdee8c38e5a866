"""A naive tree by the letter of RFC 6962, keys of a log and of witnesses, and a policy over them."""

from __future__ import annotations

from collections.abc import Sequence

from refbus.tlog.hashing import EMPTY_ROOT, leaf_hash, node_hash
from refbus.tlog.keys import SignerKey, SigType
from refbus.tlog.proofs import Head

ORIGIN = "audit.kz.example/2026b"


def mth(entries: Sequence[bytes]) -> bytes:
    """Return the Merkle Tree Hash as RFC 6962 §2.1 defines it, by recursion."""
    if len(entries) < 2:
        return leaf_hash(entries[0]) if entries else EMPTY_ROOT
    middle = 1
    while middle * 2 < len(entries):
        middle *= 2
    return node_hash(mth(entries[:middle]), mth(entries[middle:]))


def head_of(entries: Sequence[bytes]) -> Head:
    """Return size and root of the tree over all entries."""
    return Head(len(entries), mth(entries))


class NaiveTrees:
    """Complete subtrees, each computed anew from the entries."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self._entries = entries

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash of one complete subtree."""
        found = self._entries[index << level : (index + 1) << level]
        assert len(found) == 1 << level
        return mth(found)


def entries(count: int) -> list[bytes]:
    """Return `count` different entries."""
    return [b"entry %d" % number for number in range(count)]


def log_key(origin: str = ORIGIN, seed: int = 1) -> SignerKey:
    """Return the key of a log."""
    return SignerKey(origin, SigType.ED25519, bytes([seed]) * 32)


def witness_key(name: str, kind: SigType = SigType.ED25519_COSIGNATURE, seed: int = 2) -> SignerKey:
    """Return a key of a witness."""
    return SignerKey(name, kind, bytes([seed]) * 32)
