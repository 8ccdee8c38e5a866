"""Whether the files of the logs are what the store says, and how they become so again.

A start does not read the whole log. The store has a mark for each log whose files and entries were once looked at
whole. With it a start looks at the end alone: the tiles at the right edge lead to the signed root, and the last tiles
and bundles, which a power cut can have taken, are what the store says and lead to the edge. Whatever is not as it must
be takes the mark away, and the whole log is read before anything is signed; so does a store that was restored or made
again. The rest is looked at in slices while the auditor works, from a place drawn at random, once after each start and
then each day: a restart again and again does not leave one part out. See docs/adr/0106-a-start-looks-at-the-end.md.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from refbus.core.units import DAY_MS
from refbus.database.port import Database
from refbus.errors import RefbusError
from refbus.files import write_whole
from refbus.tlog.hashing import complete_root, leaf_hash, tree_root
from refbus.tlog.proofs import Head, consistency_proof, verify_consistency
from refbus.tlog.tiles import WIDTH, Tile, TileTrees, encode_bundle, level_sizes, split_hashes, tile_of
from refbus_auditor import ledger
from refbus_auditor.files import LogFolder
from refbus_auditor.ledger import Shard

_log = logging.getLogger("refbus.auditor.repair")
TAIL: Final = 3
"""Tiles of leaves at the end, with their bundles, that each start looks at."""
SLICE: Final = 8
"""Tiles of leaves, with their bundles, that one turn looks at: 2,048 entries, about 20 ms."""
FIRST_MS: Final = 60_000
"""How long after a start the first round begins: whoever waits for an auditor does not wait for this."""
ROUND_MS: Final = DAY_MS
"""How long after a round over all logs the next one begins."""


class Repair:
    """Looks at the files of all logs below one folder, and makes anew what is missing or another."""

    def __init__(self, database: Database, files: LogFolder) -> None:
        self._database = database
        self._files = files
        self._round: Iterator[tuple[str, int]] | None = None
        self._next_ms: int | None = None

    def is_whole(self, log: Shard) -> bool:
        """Whether the files and entries of a log were looked at whole, and its end still is what it must be."""
        with self._database.reading() as connection:
            if not ledger.is_whole(connection, log.origin):
                return False
        size, last = log.signed.size, -(-log.signed.size // WIDTH)
        try:
            if tree_root(TileTrees(self._reader(log.origin), size), size) != log.signed.root:
                return False
        except (RefbusError, OSError):
            return False
        return all(self._holds(log, index) for index in range(max(0, last - TAIL), last))

    def doubt(self, log: Shard) -> None:
        """Require that the entries of a log lead to what it has signed; its files count as unknown from now on.

        Raises StoreError LOG_STORE_DAMAGED, AUDIT_INVALID.
        """
        with self._database.writing() as connection:
            ledger.note_whole(connection, log.origin, whole=False)
        with self._database.reading() as connection:
            ledger.require_sound(connection, log)

    def mend(self, log: Shard) -> None:
        """Write anew what of the files of a signed tree is missing or another, and note that they are whole.

        Raises StoreError.
        """
        mended = sum(self._mend(log.origin, path, content) for path, content in self._made(log))
        self._files.forget()
        if mended:
            _log.warning("%d files of %s were missing or damaged and are made anew", mended, log.origin)
        with self._database.writing() as connection:
            ledger.note_whole(connection, log.origin, whole=True)

    def root_of(self, log: Shard, size: int) -> bytes:
        """Return the root of the first entries of a log, no more than are signed. Raises StoreError.

        The tiles say it where they prove that what is signed begins with it, else the entries.
        """
        try:
            trees = TileTrees(self._reader(log.origin), log.signed.size)
            root = tree_root(trees, size)
            verify_consistency(Head(size, root), log.signed, consistency_proof(trees, size, log.signed.size))
        except (RefbusError, OSError):
            with self._database.reading() as connection:
                return ledger.head_of(connection, log.origin, size).root
        return root

    def look(self, logs: Callable[[], Sequence[Shard]], steady_ms: int) -> None:
        """Look at the next slice of what is signed; one bad file has its whole log looked at and mended.

        Raises StoreError LOG_STORE_DAMAGED, AUDIT_INVALID when it is the store that is damaged.
        """
        if self._next_ms is None:
            self._next_ms = steady_ms + FIRST_MS
        if steady_ms < self._next_ms:
            return
        known = {each.origin: each for each in logs()}
        self._round = self._round or _places(list(known.values()))
        slice_of = list(islice(self._round, SLICE))
        for origin, index in slice_of:
            if not self._holds(known[origin], index):
                _log.critical("a file of %s is not what its store says: all of its files are looked at", origin)
                self.doubt(known[origin])
                self.mend(known[origin])
        if len(slice_of) < SLICE:
            self._round, self._next_ms = None, steady_ms + ROUND_MS

    def _holds(self, log: Shard, index: int) -> bool:
        """Whether a tile of leaves and its bundle are what the store has, and lead to the tiles above them."""
        tile, read = tile_of(0, index, log.signed.size), self._reader(log.origin)
        try:
            entries = self.entries(log.origin, tile)
            bundle = read(Tile(None, index, tile.width))
            if bundle != encode_bundle(entries) or read(tile) != b"".join(map(leaf_hash, entries)):
                return False
            return self._climbs(tile, log.signed.size, read)
        except (RefbusError, OSError):
            return False

    def _climbs(self, tile: Tile, size: int, read: Callable[[Tile], bytes]) -> bool:
        """Whether a tile has its hash in the one above, and so on to the right edge, whose tiles are not full."""
        while tile.width == WIDTH:
            level = tile.level or 0
            above = tile_of(level + 1, tile.index // WIDTH, size)
            hashes = split_hashes(read(above), above.width)
            if hashes[tile.index % WIDTH] != complete_root(split_hashes(read(tile), WIDTH)):
                return False
            tile = above
        return True

    def _made(self, log: Shard) -> Iterator[tuple[str, bytes]]:
        """Yield path and content of every file of the signed tree, made from the entries. Raises StoreError."""
        below = list[bytes]()
        for level, count in level_sizes(log.signed.size):
            full = list[bytes]()
            for start in range(0, count, WIDTH):
                tile = Tile(level, start // WIDTH, min(WIDTH, count - start))
                if level == 0:
                    entries = self.entries(log.origin, tile)
                    yield Tile(None, tile.index, tile.width).path, encode_bundle(entries)
                    hashes = [leaf_hash(each) for each in entries]
                else:
                    hashes = below[start : start + tile.width]
                yield tile.path, b"".join(hashes)
                full += [complete_root(hashes)] if tile.width == WIDTH else []
            below = full

    def _mend(self, origin: str, relative: str, content: bytes) -> bool:
        path = self._files.path(origin, relative)
        try:
            if path.is_file() and path.read_bytes() == content:
                return False
        except OSError as error:
            _log.critical("%s of %s cannot be read (%s) and is made anew", relative, origin, error.strerror)
        write_whole(path, content)
        return True

    def entries(self, origin: str, tile: Tile) -> list[bytes]:
        """Return the entries under a tile of leaves. Raises StoreError."""
        start = tile.index * WIDTH
        with self._database.reading() as connection:
            return ledger.leaves(connection, origin, start, start + tile.width)

    def _reader(self, origin: str) -> Callable[[Tile], bytes]:
        return self._files.reader(origin, remember=False)


def _places(logs: Sequence[Shard]) -> Iterator[tuple[str, int]]:
    """Yield the tiles of leaves of all logs, each once, from one drawn at random."""
    tiles = [(log.origin, -(-log.signed.size // WIDTH)) for log in logs]
    first = secrets.randbelow(max(1, sum(count for _, count in tiles)))
    return chain(islice(_all(tiles), first, None), islice(_all(tiles), first))


def _all(tiles: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    return ((origin, index) for origin, count in tiles for index in range(count))
