"""Reading a published log: its files by path, each of exactly the size that it must have.

Where the files lie is the business of a `LogSource` (refbus.audit.sources). Nothing here is trusted: what is read is
checked against a checkpoint by whoever asked for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from refbus.errors import Code, RefbusError, UncheckableError, UntrustedError
from refbus.said import said
from refbus.tlog.hashing import HASH_SIZE
from refbus.tlog.note import Note
from refbus.tlog.tiles import WIDTH, Tile, split_bundle

CHECKPOINT: Final = "checkpoint"


class LogSource(Protocol):
    """Where the files of one log are. Paths are relative, with slashes, as c2sp.org/tlog-tiles names them."""

    def fetch(self, path: str) -> bytes | None:
        """Return a file, None when there is none. Raises TransportError, SetupError, UntrustedError."""
        ...

    def paths(self) -> Iterator[str] | None:
        """Yield the paths of all files, sorted or not; None when they cannot be listed."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong with a log. `place` is a path, a hash in a tile ("tile/0/000[5]") or "entry 5"."""

    code: Code
    place: str
    detail: str = ""

    @classmethod
    def of_file(cls, error: RefbusError) -> Finding:
        """Return what `LogFiles.tile` or `entries` refused as a finding: its detail is the path."""
        return cls(error.code, error.detail)

    @classmethod
    def of_checkpoint(cls, error: RefbusError, place: str = CHECKPOINT) -> Finding:
        """Return why a checkpoint was refused as a finding."""
        return cls(error.code, place, error.detail)


class LogFiles:
    """The files of one log. A partial tile that is gone is cut out of the full one, as tlog-tiles allows."""

    def __init__(self, source: LogSource) -> None:
        self._source = source

    def checkpoint(self) -> Note:
        """Return the newest checkpoint, unverified. Raises UncheckableError LOG_INCOMPLETE, MalformedError."""
        data = self._source.fetch(CHECKPOINT)
        if data is None:
            raise UncheckableError(Code.LOG_INCOMPLETE, said("no such file"))
        return Note.parse(data)

    def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile. Raises UncheckableError LOG_INCOMPLETE, UntrustedError LOG_DAMAGED."""
        data, width = self._fetch(tile)
        if len(data) != width * HASH_SIZE:
            raise UntrustedError(Code.LOG_DAMAGED, tile.path)
        return data[: tile.width * HASH_SIZE]

    def entries(self, bundle: Tile) -> list[bytes]:
        """Return the entries of a bundle. Raises UncheckableError LOG_INCOMPLETE, UntrustedError LOG_DAMAGED."""
        data, width = self._fetch(bundle)
        try:
            return split_bundle(data, width)[: bundle.width]
        except UntrustedError:
            raise UntrustedError(Code.LOG_DAMAGED, bundle.path) from None

    def _fetch(self, tile: Tile) -> tuple[bytes, int]:
        """Return the bytes and the width of the tile, or of the full one in its place."""
        for each in dict.fromkeys((tile, replace(tile, width=WIDTH))):
            data = self._source.fetch(each.path)
            if data is not None:
                return data, each.width
        raise UncheckableError(Code.LOG_INCOMPLETE, tile.path)
