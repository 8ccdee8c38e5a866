"""Exit stamps of passes, and hop receipts: what a gate signs of what crosses a border (docs/spec/stamps.md).

Version 1 signs each record alone. Version 2 signs the root of a tree (RFC 6962) once for a batch: a record carries the
salt of its leaf, its place, and the path from the leaf to that root. Both are read; the other country's policy says
which it can read, and so which is written to it.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, TypeVar

from refbus.core.bounds import MOST_STAMPED
from refbus.core.directory import SigningKey
from refbus.core.ids import CountryCode
from refbus.crypto.framing import lp, sha256, u64be
from refbus.crypto.signing import (
    LABEL_HOP,
    LABEL_HOP_ROOT,
    LABEL_PASS,
    LABEL_PASS_ROOT,
    Signatures,
    SigningPair,
    sign_ed25519,
    verify,
    verify_ed25519,
)
from refbus.errors import Code, MalformedError, UntrustedError
from refbus.tlog.hashing import HASH_SIZE, leaf_hash, node_hash, tree_root
from refbus.tlog.proofs import Head, inclusion_proof, root_from
from refbus.wire.transport import SALT_BYTES, HopOutcome, HopReceipt, Passed

ALONE: Final = 1
"""Version of a stamp whose record is signed alone."""
IN_A_BATCH: Final = 2
"""Version of a stamp whose record is a leaf of a signed tree."""
HOP_LEAVES: Final = 256
"""Leaves of every tree of hop receipts: an office that is shown one learns nothing of how many there were."""
_PASS_LEAF: Final = b"refbus/v2/pass-leaf\0"
_HOP_LEAF: Final = b"refbus/v2/hop-leaf\0"
_MOST_ROOTS: Final = 256
_drawn: Final = secrets.SystemRandom()
_Item = TypeVar("_Item")
_Stamp = TypeVar("_Stamp", Passed, HopReceipt)
Road = tuple[CountryCode, CountryCode]
"""The countries that an envelope goes from and to."""


@dataclass(frozen=True, slots=True)
class Stamper:
    """Signs for what goes along one road in one hour (UTC, since the epoch)."""

    pair: SigningPair
    road: Road
    hour: int

    def passed(self, envelope: bytes) -> Passed:
        """Return the pass of an envelope, signed alone."""
        unsigned = self._pass(envelope)
        made = self.pair.sign(LABEL_PASS, _pass_message(unsigned, sha256(envelope)))
        return replace(unsigned, ed25519=made.ed25519, mldsa65=made.mldsa65)

    def hop(self, about: bytes, outcome: HopOutcome) -> HopReceipt:
        """Return the receipt for the envelope with SHA-256 `about`, signed alone."""
        unsigned = self._hop(about, outcome)
        return replace(unsigned, ed25519=sign_ed25519(self.pair, LABEL_HOP, _hop_message(unsigned)))

    def passes(self, envelopes: Sequence[bytes]) -> list[Passed]:
        """Return the passes of a batch, in order; each tree of at most 4,096 is signed once, with every algorithm."""
        return [each for some in _parts(envelopes, MOST_STAMPED) for each in self._passes(some)]

    def hops(self, said: Sequence[tuple[bytes, HopOutcome]]) -> list[HopReceipt]:
        """Return the receipts of a batch, in order; each tree is signed once, with Ed25519."""
        return [each for some in _parts(said, HOP_LEAVES) for each in self._hops(some)]

    def _passes(self, envelopes: Sequence[bytes]) -> Iterator[Passed]:
        size = len(envelopes)
        unsigned = [_placed(self._pass(each), index, size) for index, each in enumerate(envelopes)]
        tree = _Tree(size, {each.index: _pass_leaf(each, sha256(each.envelope)) for each in unsigned})
        made = self.pair.sign(LABEL_PASS_ROOT, _root_message(self.road, tree.head))
        for each in unsigned:
            yield replace(each, ed25519=made.ed25519, mldsa65=made.mldsa65, path=tree.path(each.index))

    def _hops(self, said: Sequence[tuple[bytes, HopOutcome]]) -> Iterator[HopReceipt]:
        """Yield the receipts at drawn places of a tree of always the same size: neither tells how many there are."""
        places = _drawn.sample(range(HOP_LEAVES), len(said))
        unsigned = [_placed(self._hop(*each), index, HOP_LEAVES) for index, each in zip(places, said, strict=True)]
        tree = _Tree(HOP_LEAVES, {each.index: _hop_leaf(each) for each in unsigned})
        signature = sign_ed25519(self.pair, LABEL_HOP_ROOT, _root_message(self.road, tree.head))
        for each in unsigned:
            yield replace(each, ed25519=signature, path=tree.path(each.index))

    def _pass(self, envelope: bytes) -> Passed:
        return Passed(envelope, self.hour, *self.road, self.pair.kid, ed25519=bytes(64), mldsa65=None)

    def _hop(self, about: bytes, outcome: HopOutcome) -> HopReceipt:
        return HopReceipt(about, *self.road, outcome, self.hour, self.pair.kid, ed25519=bytes(64))


def verify_pass(passed: Passed, envelope_sha256: bytes, key: SigningKey) -> None:
    """Check the exit stamp of an envelope with this SHA-256, by the key of the gate of origin.

    Raises UntrustedError SIGNATURE_INVALID, also for a place outside its tree; MalformedError MALFORMED or
    UNSUPPORTED_VERSION.
    """
    label, message = signed_of_pass(passed, envelope_sha256)
    check = verify if label == LABEL_PASS else _pass_root_holds
    check(key, label, message, Signatures(passed.ed25519, passed.mldsa65))


def signed_of_pass(passed: Passed, envelope_sha256: bytes) -> tuple[bytes, bytes]:
    """Return the label and the message under the signatures of an exit stamp. Raises as `verify_pass`."""
    if _is_alone(passed):
        return LABEL_PASS, _pass_message(passed, envelope_sha256)
    head = _head(passed, _pass_leaf(passed, envelope_sha256))
    return LABEL_PASS_ROOT, _root_message((passed.from_country, passed.to_country), head)


def verify_hop(receipt: HopReceipt, key: SigningKey) -> None:
    """Check a hop receipt by the key of the destination's gate.

    Raises UntrustedError SIGNATURE_INVALID, also for a place outside its tree; MalformedError MALFORMED or
    UNSUPPORTED_VERSION.
    """
    if _is_alone(receipt):
        verify_ed25519(key, LABEL_HOP, _hop_message(receipt), receipt.ed25519)
        return
    head = _head(receipt, _hop_leaf(receipt))
    message = _root_message((receipt.from_country, receipt.to_country), head)
    _hop_root_holds(key, LABEL_HOP_ROOT, message, receipt.ed25519)


# What holds is remembered, what fails is not: an exception is no result. The whole key, message and signatures are the
# name of it, so a root is found again by its own batch alone.
_pass_root_holds: Final = lru_cache(maxsize=_MOST_ROOTS)(verify)
_hop_root_holds: Final = lru_cache(maxsize=_MOST_ROOTS)(verify_ed25519)


class _Tree:
    """A tree of `size` leaves, of which some are known by place. A subtree without any of them is a drawn hash."""

    def __init__(self, size: int, leaves: Mapping[int, bytes]) -> None:
        self._size = size
        self._leaves = leaves
        self._places = sorted(leaves)
        self._known: dict[tuple[int, int], bytes] = {}
        self.head = Head(size, tree_root(self, size))

    def path(self, index: int) -> bytes:
        """Return the path of a leaf, its hashes one after another."""
        return b"".join(inclusion_proof(self, index, self._size))

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree (`refbus.tlog.hashing.Subtrees`)."""
        found = self._known.get((level, index))
        if found is None:
            found = self._known[level, index] = self._made(level, index)
        return found

    def _made(self, level: int, index: int) -> bytes:
        at = bisect_left(self._places, index << level)
        if at == len(self._places) or self._places[at] >= (index + 1) << level:
            return secrets.token_bytes(HASH_SIZE)
        if level == 0:
            return self._leaves[index]
        return node_hash(self.subtree(level - 1, 2 * index), self.subtree(level - 1, 2 * index + 1))


def _placed(unsigned: _Stamp, index: int, size: int) -> _Stamp:
    """Return a record as a leaf of a tree, with a salt of its own."""
    return replace(unsigned, version=IN_A_BATCH, salt=secrets.token_bytes(SALT_BYTES), index=index, size=size)


def _is_alone(record: Passed | HopReceipt) -> bool:
    """Whether a record is signed alone. Raises MalformedError for any mixture of the two versions."""
    place = (record.salt, record.index, record.size, record.path)
    if record.version == ALONE:
        if place != (b"", 0, 0, b""):
            raise MalformedError(Code.MALFORMED, "a place in a tree of a stamp without one")
        return True
    if record.version != IN_A_BATCH:
        raise MalformedError(Code.UNSUPPORTED_VERSION, str(record.version))
    if len(record.salt) != SALT_BYTES:
        raise MalformedError(Code.MALFORMED, "size of the salt of a leaf")
    return False


def _head(record: Passed | HopReceipt, leaf: bytes) -> Head:
    """Return the tree that the path of a record leads to: of all roots there is one at most that it fits."""
    hashes = [record.path[at : at + HASH_SIZE] for at in range(0, len(record.path), HASH_SIZE)]
    try:
        return Head(record.size, root_from(leaf, record.index, record.size, hashes))
    except UntrustedError:
        raise UntrustedError(Code.SIGNATURE_INVALID, "place in its tree") from None


def _root_message(road: Road, head: Head) -> bytes:
    """Return what is signed of a tree behind its label."""
    return lp(road[0].encode()) + lp(road[1].encode()) + u64be(head.size) + head.root


def _pass_message(passed: Passed, envelope_sha256: bytes) -> bytes:
    """Return what a stamp says: SHA256(envelope) || LP(from) || LP(to) || u64be hour."""
    countries = lp(passed.from_country.encode()) + lp(passed.to_country.encode())
    return envelope_sha256 + countries + u64be(passed.hour)


def _hop_message(receipt: HopReceipt) -> bytes:
    """Return what a hop receipt says: SHA256(envelope) || LP(from) || LP(to) || LP(outcome) || u64be hour."""
    countries = lp(receipt.from_country.encode()) + lp(receipt.to_country.encode())
    return receipt.envelope_sha256 + countries + lp(receipt.outcome.encode()) + u64be(receipt.hour)


def _pass_leaf(passed: Passed, envelope_sha256: bytes) -> bytes:
    return leaf_hash(_PASS_LEAF + _place(passed) + _pass_message(passed, envelope_sha256))


def _hop_leaf(receipt: HopReceipt) -> bytes:
    return leaf_hash(_HOP_LEAF + _place(receipt) + _hop_message(receipt))


def _place(record: Passed | HopReceipt) -> bytes:
    return record.salt + u64be(record.size) + u64be(record.index)


def _parts(items: Sequence[_Item], most: int) -> Iterator[Sequence[_Item]]:
    return (items[at : at + most] for at in range(0, len(items), most))
