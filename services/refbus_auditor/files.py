"""Where the files of the logs are: `<folder>/<shard>/checkpoint`, `<folder>/<shard>/tile/...` (c2sp.org/tlog-tiles)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from refbus.errors import Code, UntrustedError
from refbus.files import remove_drafts, store_errors
from refbus.tlog.hashing import HASH_SIZE
from refbus.tlog.tiles import WIDTH, Tile

CHECKPOINT: Final = "checkpoint"
_CACHED: Final = 1024
"""Full tiles that a reader keeps: 8 MiB at most, whatever the size of the log."""


class LogFolder:
    """The files of the logs called `name`. A shard's folder is the last part of its origin."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._full = lru_cache(maxsize=_CACHED)(self._read_full)

    def path(self, origin: str, relative: str) -> Path:
        """Return the place of a file of a log, by its path below the log's prefix."""
        return self._folder / origin.rpartition("/")[2] / relative

    def origins(self) -> list[str]:
        """Return the origins of the logs that have a folder here."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted(f"{self._name}/{path.name}" for path in found if path.is_dir())

    def remove_drafts(self) -> None:
        """Remove what a killed process left half written. Raises StoreError."""
        remove_drafts(self._folder)

    def reader(self, origin: str, *, remember: bool = True) -> Callable[[Tile], bytes]:
        """Return what gives the bytes of a tile of a log. It raises UntrustedError AUDIT_INVALID for a missing one.

        One that cannot be read is a StoreError. Unless it may `remember`, each is read from the disk.
        """
        full = self._full if remember else self._read_full

        def read(tile: Tile) -> bytes:
            with store_errors(tile.path):
                if tile.width < WIDTH:
                    with suppress(FileNotFoundError):  # the full one is there by now
                        return self.path(origin, tile.path).read_bytes()
                whole = full(origin, Tile(tile.level, tile.index))
                return whole if tile.width == WIDTH else whole[: tile.width * HASH_SIZE]

        return read

    def forget(self) -> None:
        """Read every tile from the disk again: some were mended."""
        self._full.cache_clear()

    def _read_full(self, origin: str, tile: Tile) -> bytes:
        try:
            return self.path(origin, tile.path).read_bytes()
        except FileNotFoundError:
            raise UntrustedError(Code.AUDIT_INVALID, "a tile is missing") from None
