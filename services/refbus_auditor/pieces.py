"""The entries of a log, put together again from whatever has some of them, and checked against what was signed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Final

from refbus.audit.published_log import LogSource
from refbus.errors import Code, UncheckableError, UntrustedError
from refbus.tlog.edge import Edge
from refbus.tlog.hashing import leaf_hash
from refbus.tlog.proofs import Head
from refbus.tlog.tiles import WIDTH, Tile, split_bundle
from refbus_auditor.known import Known, shard_of, widths

Way = Callable[[int, int], list[bytes] | None]
"""Gives the first `width` entries of the bundle `index`, None when it does not have them all."""
_HASH: Final = 32


class Pieces:
    """What has entries of one log: the store that is left, proofs that members were given, published files."""

    def __init__(self, known: Known, stored: Sequence[bytes], places: Sequence[LogSource]) -> None:
        self._known = known
        self._ways: list[Way] = [
            partial(_stored, stored),
            self._proven,
            *(cache(partial(self._read, at)) for at in places),
        ]

    def leaves(self, head: Head) -> list[bytes]:
        """Return the entries of a tree. One place that was altered does not spoil what another has.

        Raises UncheckableError LOG_INCOMPLETE (the detail is what nobody has), UntrustedError LOG_DAMAGED when what
        is there does not lead to the root.
        """
        for first in range(len(self._ways)):
            ways = [*self._ways[first:], *self._ways[:first]]
            found = [leaf for bundle in self._bundles(ways, head.size) for leaf in bundle]
            if head_of(found) == head:
                return found
        raise UntrustedError(Code.LOG_DAMAGED, f"{self._known.origin}: not the entries of what was signed")

    def _bundles(self, ways: Sequence[Way], size: int) -> Iterator[list[bytes]]:
        for start in range(0, size, WIDTH):
            index, width = start // WIDTH, min(WIDTH, size - start)
            found = next((bundle for way in ways if (bundle := way(index, width)) is not None), None)
            if found is None:
                path = f"{shard_of(self._known.origin)}/{Tile(None, index, width).path}"
                raise UncheckableError(Code.LOG_INCOMPLETE, path)
            yield found

    def _proven(self, index: int, width: int) -> list[bytes] | None:
        found = [self._known.entries.get(place) for place in range(index * WIDTH, index * WIDTH + width)]
        whole = [each for each in found if each is not None]
        return whole if len(whole) == width else None

    def _read(self, place: LogSource, index: int, width: int) -> list[bytes] | None:
        """Return the entries of a bundle of published files, unless the tile over them says that it was altered."""
        prefix = shard_of(self._known.origin)
        for wide in widths(self._known.notes, index, width):
            data = place.fetch(f"{prefix}/{Tile(None, index, wide).path}")
            if data is None:
                continue
            with suppress(UntrustedError):
                found = split_bundle(data, wide)[:width]
                hashes = place.fetch(f"{prefix}/{Tile(0, index, wide).path}")
                if hashes is None or hashes[: width * _HASH] == b"".join(map(leaf_hash, found)):
                    return found
        return None


def head_of(leaves: Sequence[bytes]) -> Head:
    """Return size and root of a tree."""
    return edge_of(leaves).head


def edge_of(leaves: Sequence[bytes]) -> Edge:
    """Return the edge that a log of these entries grows at."""
    edge = Edge(0, ())
    for each in leaves:
        edge.append(leaf_hash(each))
    return edge


def heads_of(leaves: Sequence[bytes], sizes: Collection[int]) -> set[Head]:
    """Return the trees of so many first entries each, in one reading."""
    edge = Edge(0, ())
    found = {edge.head}
    for each in leaves:
        edge.append(leaf_hash(each))
        if edge.size in sizes:
            found.add(edge.head)
    return found


def _stored(leaves: Sequence[bytes], index: int, width: int) -> list[bytes] | None:
    found = list(leaves[index * WIDTH : index * WIDTH + width])
    return found if len(found) == width else None
