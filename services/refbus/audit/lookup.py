"""Finding an entry in a published log, and the proof of it: what an inspector does who has the files but no proof.

Everything rests on a checkpoint that the policy accepts; what the files say is checked against it.
"""

from __future__ import annotations

from functools import lru_cache

from refbus.audit.published_log import LogFiles, LogSource
from refbus.errors import Code, UncheckableError, UntrustedError
from refbus.said import said
from refbus.tlog.hashing import leaf_hash
from refbus.tlog.note import Note
from refbus.tlog.policy import Policy, Seen
from refbus.tlog.prooffile import TlogProof
from refbus.tlog.proofs import inclusion_proof, verify_inclusion
from refbus.tlog.tiles import WIDTH, Tile, TileTrees

_KEPT_TILES = 64


class LogLookup:
    """One shard of a log as its files show it, under its newest checkpoint."""

    def __init__(self, source: LogSource, policy: Policy, now_s: int | None = None) -> None:
        """Read and check the checkpoint. Raises as `Policy.check` and `LogFiles.checkpoint` do."""
        self._files = LogFiles(source)
        self.note: Note = self._files.checkpoint()
        self.seen: Seen = policy.check(self.note, now_s)
        self._entries = lru_cache(maxsize=_KEPT_TILES)(self._files.entries)
        self._trees = TileTrees(lru_cache(maxsize=_KEPT_TILES)(self._files.tile), self.seen.checkpoint.size)

    @property
    def origin(self) -> str:
        """The origin that signed the checkpoint."""
        return self.seen.checkpoint.origin

    def proof(self, entry: bytes, index: int) -> TlogProof:
        """Return the checked proof that `entry` stands at `index`.

        Raises UntrustedError PROOF_INVALID when another one does, LOG_DAMAGED; UncheckableError LOG_NOT_PUBLISHED when
        the log does not reach so far, LOG_INCOMPLETE.
        """
        head = self.seen.checkpoint.head
        if index >= head.size:
            raise UncheckableError(
                Code.LOG_NOT_PUBLISHED,
                said("%(origin)s: %(size)s entries", origin=self.origin, size=head.size),
            )
        if index < 0 or self._at(index) != entry:
            raise UntrustedError(
                Code.PROOF_INVALID, said("%(origin)s has another entry at %(index)s", origin=self.origin, index=index)
            )
        hashes = inclusion_proof(self._trees, index, head.size)
        verify_inclusion(leaf_hash(entry), index, head, hashes)
        return TlogProof(index, hashes, self.note)

    def find(self, entry: bytes) -> int | None:
        """Return where the first such entry stands, None when there is none; reads every bundle until then."""
        size = self.seen.checkpoint.size
        for first in range(0, size, WIDTH):
            entries = self._entries(Tile(None, first // WIDTH, min(WIDTH, size - first)))
            if entry in entries:
                return first + entries.index(entry)
        return None

    def _at(self, index: int) -> bytes:
        bundle = index // WIDTH
        width = min(WIDTH, self.seen.checkpoint.size - bundle * WIDTH)
        return self._entries(Tile(None, bundle, width))[index % WIDTH]
