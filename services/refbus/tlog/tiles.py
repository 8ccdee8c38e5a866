"""Tiles and entry bundles: how a log lies in files (c2sp.org/tlog-tiles).

A tile has up to 256 hashes: level 0 those of leaves, each level above one hash for each full tile below. A tile that is
not full yet is partial; its width is in its path, so what a path names never changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from refbus.errors import Code, MalformedError, UntrustedError
from refbus.tlog.hashing import HASH_SIZE, complete_root

WIDTH: Final = 256
HEIGHT: Final = 8
MOST_ENTRY_BYTES: Final = 0xFFFF
_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile, or with `level` None the bundle of the entries under a tile of level 0. `width` 1 to 256."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies under the prefix of the log."""
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_index_path(self.index)}{partial}"

    @classmethod
    def parse(cls, path: str) -> Tile:
        """Return what a path names. Raises MalformedError for every spelling but the one of `path`."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise MalformedError(Code.NOT_CANONICAL, "path of a tile")
        level, index, width = match.groups()
        tile = cls(
            None if level == "entries" else int(level),
            int(re.sub(r"[x/]", "", index)),
            int(width) if width else WIDTH,
        )
        if tile.path != path or (tile.level or 0) > 63 or (width and tile.width >= WIDTH):
            raise MalformedError(Code.NOT_CANONICAL, "path of a tile")
        return tile


def _index_path(index: int) -> str:
    last, groups = f"{index % 1000:03d}", list[str]()
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join([*reversed(groups), last])


def level_sizes(size: int) -> Iterator[tuple[int, int]]:
    """Yield (level, hashes on it) for a log of `size` entries."""
    level = 0
    while size:
        yield level, size
        level, size = level + 1, size >> HEIGHT


def tiles_after(old: int, new: int) -> Iterator[Tile]:
    """Yield the tiles and bundles of a log of `new` entries that a log of `old` entries did not have."""
    for level, count in level_sizes(new):
        for index in range((old >> HEIGHT * level) // WIDTH, -(-count // WIDTH)):
            width = min(WIDTH, count - index * WIDTH)
            if index * WIDTH + width > old >> HEIGHT * level:
                yield Tile(level, index, width)
                if level == 0:
                    yield Tile(None, index, width)


def tile_of(level: int, index: int, size: int) -> Tile:
    """Return the tile `index` of `level` as it is in a log of `size` entries. Raises MalformedError outside it."""
    width = min(WIDTH, (size >> HEIGHT * level) - index * WIDTH)
    if index < 0 or width < 1:
        raise MalformedError(Code.MALFORMED, "a tile outside the log")
    return Tile(level, index, width)


class TileTrees:
    """Complete subtrees out of the tiles of a log of `size` entries; `fetch` gives the bytes of a tile.

    Of each level the tile that was read last is kept: most of what a proof needs of a level lies in one.
    """

    def __init__(self, fetch: Callable[[Tile], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._kept: dict[int, tuple[Tile, list[bytes]]] = {}

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree. Raises UntrustedError when a tile has another size than it should."""
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        hashes = self._row(tile_level, tile_of(tile_level, first // WIDTH, self._size))
        start = first % WIDTH
        return complete_root(hashes[start : start + (1 << height)])

    def _row(self, level: int, tile: Tile) -> list[bytes]:
        kept = self._kept.get(level)
        if kept is None or kept[0] != tile:
            kept = self._kept[level] = (tile, split_hashes(self._fetch(tile), tile.width))
        return kept[1]


def split_hashes(data: bytes, width: int) -> list[bytes]:
    """Return the hashes of a tile. Raises UntrustedError AUDIT_INVALID when there are not exactly `width`."""
    if len(data) != width * HASH_SIZE:
        raise UntrustedError(Code.AUDIT_INVALID, "size of a tile")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries, each behind its length in two bytes. Raises MalformedError TOO_LARGE."""
    if any(len(entry) > MOST_ENTRY_BYTES for entry in entries):
        raise MalformedError(Code.TOO_LARGE, "log entry")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def split_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the `width` entries of a bundle. Raises UntrustedError AUDIT_INVALID when there are more or fewer."""
    entries, at = list[bytes](), 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(data) or len(entries) != width:
        raise UntrustedError(Code.AUDIT_INVALID, "size of an entry bundle")
    return entries
