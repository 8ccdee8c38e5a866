"""What a log tells of the directory: each of its metadata files as it was seen, and versions that only the log has.

All entries of a shard are read and hashed up to the root that the log signed, so none can be left out on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from refbus.audit.published_log import LogFiles, LogSource
from refbus.audit.shapes import directory_leaf, parse_directory_leaf
from refbus.errors import Code, UntrustedError
from refbus.said import said
from refbus.tlog.edge import Edge
from refbus.tlog.hashing import leaf_hash
from refbus.tlog.note import Note
from refbus.tlog.policy import Policy
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.proofs import inclusion_proof
from refbus.tlog.tiles import WIDTH, Tile, TileTrees
from refbus.trust.layout import TIMESTAMP, is_metadata


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """One entry about a file of the directory. `sha256` is that of its content (32 bytes)."""

    index: int
    path: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class DirectoryLog:
    """One shard, read to its end: its cosigned checkpoint, and its entries about the directory."""

    note: Note
    size: int
    entries: Mapping[bytes, Told]
    trees: TileTrees

    def has(self, path: str, content: bytes) -> bool:
        """Whether the log shows this content of a file."""
        return directory_leaf(path, content) in self.entries

    def proof(self, path: str, content: bytes) -> bytes:
        """Return the tlog-proof@v1 file of a file that it `has`. Raises as the source of the log does."""
        index = self.entries[directory_leaf(path, content)].index
        return TlogProof(index, tuple(inclusion_proof(self.trees, index, self.size)), self.note).encode()

    def unseen(self, files: Iterable[tuple[str, bytes]]) -> list[Told]:
        """Return what the log tells of and `files` do not have, in order. Timestamps are not: only the newest is kept.

        An entry with another path or another hash is a version that whoever has these files has never seen.
        """
        known = {directory_leaf(path, content) for path, content in files}
        return sorted(told for entry, told in self.entries.items() if entry not in known and told.path != TIMESTAMP)


def read_directory_log(source: LogSource, policy: Policy, now_s: int | None = None) -> DirectoryLog:
    """Read a whole shard. With `now_s` (seconds since the epoch) cosignatures from the future do not count.

    Raises UncheckableError LOG_INCOMPLETE or KEY_UNKNOWN, UntrustedError (SIGNATURE_INVALID, QUORUM_MISSING,
    LOG_DAMAGED, LOG_INCONSISTENT), and as the source does.
    """
    files = LogFiles(source)
    note = files.checkpoint()
    checkpoint = policy.check(note, now_s).checkpoint
    edge, found = Edge(0, ()), dict[bytes, Told]()
    for index, entry in enumerate(_entries(files, checkpoint.size)):
        edge.append(leaf_hash(entry))
        told = parse_directory_leaf(entry)
        if told is not None and is_metadata(told[0]):
            found[entry] = Told(index, *told)
    if edge.head != checkpoint.head:
        raise UntrustedError(Code.LOG_INCONSISTENT, said("the entries are not those that the log signed"))
    return DirectoryLog(note, checkpoint.size, found, TileTrees(files.tile, checkpoint.size))


def _entries(files: LogFiles, size: int) -> Iterator[bytes]:
    for first in range(0, size, WIDTH):
        yield from files.entries(Tile(None, first // WIDTH, min(WIDTH, size - first)))
