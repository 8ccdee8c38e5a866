"""The Merkle tree hash of RFC 6962 §2.1, from subtrees that are complete.

A complete subtree has 2**level leaves and begins at a multiple of that; `level` 0 is a leaf. Every tree and every range
that a proof needs is made of such subtrees, so a place that can give them is all that proofs ask for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The root of a log without entries."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash (32 bytes) of a log entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash (32 bytes) of a node over the hashes of its two children (32 bytes each)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Subtrees(Protocol):
    """Gives the hashes of complete subtrees."""

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash of the leaves from `index * 2**level` up to `(index + 1) * 2**level`."""
        ...


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over a row of 2**n sibling hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def parts_of(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (level, index) of the complete subtrees that leaves `start` to `end` are made of, from the left.

    `start` must be a multiple of the largest of them, which it is wherever RFC 6962 splits a tree.
    """
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def range_hash(trees: Subtrees, start: int, end: int) -> bytes:
    """Return the hash of leaves `start` to `end` (not included); at least one leaf."""
    hashes = [trees.subtree(level, index) for level, index in parts_of(start, end)]
    found = hashes.pop()
    while hashes:
        found = node_hash(hashes.pop(), found)
    return found


def tree_root(trees: Subtrees, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    return range_hash(trees, 0, size) if size else EMPTY_ROOT
