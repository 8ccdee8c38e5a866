"""The right edge of a tree: the few hashes from which its root and its growth follow. Appending reads nothing else.

They are the hashes of the complete subtrees that the tree is made of, largest first; their sizes are the bits of the
number of leaves.
"""

from __future__ import annotations

from collections.abc import Iterable

from refbus.errors import Code, MalformedError
from refbus.tlog.hashing import EMPTY_ROOT, HASH_SIZE, node_hash
from refbus.tlog.proofs import Head


class Edge:
    """The edge of a tree that grows. `size` is the number of leaves."""

    __slots__ = ("_hashes", "size")

    def __init__(self, size: int, hashes: Iterable[bytes]) -> None:
        """Raise MalformedError when the hashes (32 bytes each) are not as many as a tree of `size` leaves has."""
        self.size = size
        self._hashes = list(hashes)
        if size < 0 or len(self._hashes) != size.bit_count() or any(len(each) != HASH_SIZE for each in self._hashes):
            raise MalformedError(Code.MALFORMED, "edge of a tree")

    @classmethod
    def parse(cls, size: int, data: bytes) -> Edge:
        """Return the edge whose hashes stand in `data` behind each other. Raises MalformedError."""
        return cls(size, [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)])

    def encode(self) -> bytes:
        """Return the hashes behind each other; `parse` of them gives an equal edge."""
        return b"".join(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add the hash (32 bytes) of one leaf."""
        found, size = leaf, self.size
        while size & 1:
            found, size = node_hash(self._hashes.pop(), found), size >> 1
        self._hashes.append(found)
        self.size += 1

    @property
    def head(self) -> Head:
        """Size and root of the tree."""
        if not self._hashes:
            return Head(0, EMPTY_ROOT)
        *rest, found = self._hashes
        for each in reversed(rest):
            found = node_hash(each, found)
        return Head(self.size, found)
