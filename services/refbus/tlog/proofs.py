"""Inclusion and consistency proofs: RFC 6962 §2.1.1 and §2.1.2. Verifying needs no tree, only the proof.

A proof that is false raises UntrustedError PROOF_INVALID; so does one of the wrong length.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from refbus.errors import Code, MalformedError, UntrustedError
from refbus.tlog.hashing import EMPTY_ROOT, Subtrees, node_hash, range_hash

MOST_HASHES: Final = 63
"""No proof about a log of less than 2**63 entries is longer."""


@dataclass(frozen=True, slots=True)
class Head:
    """A tree: its size in leaves and its root (32 bytes)."""

    size: int
    root: bytes


def inclusion_proof(trees: Subtrees, index: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that leaf `index` is in the tree of `size` leaves. Raises MalformedError when it is not."""
    if not 0 <= index < size:
        raise MalformedError(Code.MALFORMED, "index of a leaf")
    return tuple(range_hash(trees, *part) for part in _path(index, size))[::-1]


def consistency_proof(trees: Subtrees, old: int, new: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of `new` leaves begins with that of `old`. Raises MalformedError on old > new."""
    if not 0 <= old <= new:
        raise MalformedError(Code.MALFORMED, "sizes of a consistency proof")
    return tuple(range_hash(trees, *part) for part in _consistency_parts(old, new)) if 0 < old < new else ()


def verify_inclusion(leaf: bytes, index: int, head: Head, proof: Sequence[bytes]) -> None:
    """Check that the leaf with hash `leaf` stands at `index` in the tree. Raises UntrustedError PROOF_INVALID."""
    _require(root_from(leaf, index, head.size, proof), head.root)


def root_from(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root (32 bytes) of the tree of `size` leaves that the proof leads to from a leaf's hash at `index`.

    It says nothing until that root is known from elsewhere. Raises UntrustedError PROOF_INVALID for another length.
    """
    if not 0 <= index < size:
        raise UntrustedError(Code.PROOF_INVALID, "index outside the tree")
    steps = list(_path(index, size))[::-1]
    if len(steps) != len(proof):
        raise UntrustedError(Code.PROOF_INVALID, "length of an inclusion proof")
    found = leaf
    for (start, _), sibling in zip(steps, proof, strict=True):
        found = node_hash(sibling, found) if start < index else node_hash(found, sibling)
    return found


def verify_consistency(old: Head, new: Head, proof: Sequence[bytes]) -> None:
    """Check that the tree `new` begins with the tree `old`. Raises UntrustedError PROOF_INVALID."""
    if old.size > new.size:
        raise UntrustedError(Code.PROOF_INVALID, "the later tree is smaller")
    if 0 in {old.size, new.size}:
        _require_nothing(proof)
        for head in (head for head in (old, new) if head.size == 0):
            _require(EMPTY_ROOT, head.root)
        return
    if old.size == new.size:
        _require_nothing(proof)
        _require(old.root, new.root)
        return
    _verify_growth(old, new, proof)


def _verify_growth(old: Head, new: Head, proof: Sequence[bytes]) -> None:
    """Follow the path of the last old leaf upwards: what is left of it is in both roots, what is right is new."""
    steps = list(_consistency_parts(old.size, new.size))
    if len(steps) != len(proof):
        raise UntrustedError(Code.PROOF_INVALID, "length of a consistency proof")
    hashes = list(zip(steps, proof, strict=True))
    if old.size & (old.size - 1) == 0:
        old_root = new_root = old.root  # the old tree is a complete subtree of the new one, and is not in the proof
    else:
        old_root = new_root = hashes.pop(0)[1]
    for (start, _), sibling in hashes:
        if start < old.size:
            old_root, new_root = node_hash(sibling, old_root), node_hash(sibling, new_root)
        else:
            new_root = node_hash(new_root, sibling)
    _require(old_root, old.root)
    _require(new_root, new.root)


def _split(size: int) -> int:
    """Return the largest power of two that is smaller than `size`: where RFC 6962 splits a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def _path(index: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of leaves beside the way from the root down to leaf `index`."""
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            yield middle, end
            end = middle
        else:
            yield start, middle
            start = middle


def _consistency_parts(old: int, new: int) -> list[tuple[int, int]]:
    """Return the ranges of a consistency proof from the bottom up; 0 < old < new."""
    start, end, parts = 0, new, list[tuple[int, int]]()
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            parts.append((middle, end))
            end = middle
        else:
            parts.append((start, middle))
            start = middle
    if start > 0:  # the rest of the old tree; when it is the whole old tree the verifier has it
        parts.append((start, end))
    return parts[::-1]


def _require(found: bytes, root: bytes) -> None:
    if not hmac.compare_digest(found, root):
        raise UntrustedError(Code.PROOF_INVALID, "root")


def _require_nothing(proof: Sequence[bytes]) -> None:
    if proof:
        raise UntrustedError(Code.PROOF_INVALID, "a proof where none is needed")
