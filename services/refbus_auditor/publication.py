"""From the ledger to files: tiles, then the signed state, then the signature, then the checkpoint, in this order.

    1  tiles and entry bundles of what is new, each on disk when it counts as written
    2  the root is computed again from those files alone: it must be the one that the ledger has
    3  compare-and-swap of the signed state in the store: from here on nothing else is ever signed for this size
    4  the checkpoint is signed, and put in place of the one before

A stop between any two steps repeats from 1 and ends in the same files: what is signed was fixed before, in the ledger.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import update

from refbus.database.port import Database
from refbus.errors import Code, MalformedError, RefbusError, SetupError, StoreError, UntrustedError
from refbus.files import write_whole
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.end import FILE as END
from refbus.tlog.end import LogEnd, sign_end
from refbus.tlog.hashing import complete_root, leaf_hash, tree_root
from refbus.tlog.keys import SignerKey
from refbus.tlog.note import Note, verified
from refbus.tlog.proofs import Head
from refbus.tlog.tiles import WIDTH, Tile, TileTrees, encode_bundle, level_sizes, split_hashes, tile_of, tiles_after
from refbus_auditor import ledger
from refbus_auditor.files import CHECKPOINT, LogFolder
from refbus_auditor.known import kept_newer
from refbus_auditor.ledger import Shard, Standing
from refbus_auditor.store.tables import shard

_log = logging.getLogger("refbus.auditor.publishing")


class Publisher:
    """Writes the files of all logs below one folder. `key_of` gives the key that signs a log's checkpoints.

    `evidence`: the folder with what witnesses showed of these logs when they refused.
    """

    def __init__(
        self, database: Database, files: LogFolder, key_of: Callable[[str], SignerKey], evidence: Path
    ) -> None:
        self._database = database
        self._files = files
        self._key_of = key_of
        self._evidence = evidence
        self._showing = threading.Lock()  # answers of witnesses arrive in another thread than the one that publishes

    def recover(self) -> None:
        """Publish again what a stop may have kept from the disk, or what an old copy or a damage took from it.

        The files are made from the store: whatever of what was signed is missing or another is written anew, and
        nothing is signed that was not. Raises SetupError LOG_ROLLED_BACK when a published checkpoint, an end, or what
        a witness has shown is ahead of the store: an old copy of the store must not sign; UntrustedError LOG_FORKED
        when the checkpoint is no beginning of what the store has signed; StoreError LOG_STORE_DAMAGED when the store
        itself does not lead to what it has signed.
        """
        self._files.remove_drafts()
        with self._database.reading() as connection:
            known = {each.origin: each for each in ledger.shards(connection)}
        published = {
            origin: found.head
            for origin in self._files.origins()
            if (found := self._believed(origin, self._shown(origin)))
        }
        for origin in self._files.origins():
            signed_size = known[origin].signed.size if origin in known else 0
            ahead = origin in published and published[origin].size > signed_size
            if (ahead or self._is_over(origin)) and not _has_ended(known.get(origin)):
                raise SetupError(Code.LOG_ROLLED_BACK, "the published checkpoint is ahead of the store")
        self._require_shown(list(known.values()))
        for each in known.values():
            self._require_one_history(each, published.get(each.origin, each.signed))
        for each in known.values():
            mended = self._mend_tiles(each)
            if mended:
                _log.warning("%d files of %s were missing or damaged and are made anew", mended, each.origin)
            self._sign(each, each.signed)
            self._say_end(each)

    def publish(self, log: Shard) -> Note | None:
        """Bring the files of a log up to date; return the new checkpoint, None when there is nothing new.

        Raises StoreError: AUDIT_INVALID when the files do not lead to the root of the ledger, POSITION_CONFLICT when
        another process signed meanwhile.
        """
        if log.head.size == log.signed.size:
            return None
        self._write_tiles(log)
        if tree_root(TileTrees(self._files.reader(log.origin), log.head.size), log.head.size) != log.head.root:
            raise StoreError(Code.AUDIT_INVALID, "the tiles do not lead to the root")
        self._swap(log)
        note = self._sign(log, log.head)
        self._remove_partial(log)
        return note

    def add_cosignatures(self, note: Note) -> None:
        """Show the cosignatures of `note` in the published checkpoint, if that is still the newest one."""
        origin = Checkpoint.parse(note.text).origin
        path = self._files.path(origin, CHECKPOINT)
        with self._showing:
            published = self._shown(origin)
            if published is not None and published.text == note.text:
                write_whole(path, published.with_signatures(note.signatures).encode())

    def _published(self, origin: str) -> Checkpoint | None:
        """Return what is published of a log."""
        return self._believed(origin, self._shown(origin))

    def _believed(self, origin: str, note: Note | None) -> Checkpoint | None:
        """Return the checkpoint of a log that is shown. One that its key did not sign was damaged: it says nothing."""
        try:
            if note is not None:
                verified(note, [self._key_of(origin).verifier])
                return Checkpoint.parse(note.text)
        except RefbusError as error:
            _log.critical("the checkpoint of %s is damaged (%s) and is made anew", origin, error.code)
        return None

    def _is_over(self, origin: str) -> bool:
        """Whether the file that tells the end of a log is there: one that cannot be read was written by an end too."""
        return self._files.path(origin, END).exists()

    def _require_shown(self, logs: Sequence[Shard]) -> None:
        """Require that what witnesses showed of a log that goes on is a beginning of what the store has signed."""
        for note in kept_newer(self._evidence):
            try:
                older = Checkpoint.parse(note.text)
                verified(note, [self._key_of(older.origin).verifier])
            except RefbusError as error:
                _log.critical("a checkpoint in evidence/ does not count: %s", error.code)
                continue
            if not ledger.begins_nothing_new(logs, older, self._root_of):
                raise SetupError(Code.LOG_ROLLED_BACK, "a witness has cosigned what is not in this log")

    def _root_of(self, log: Shard, size: int) -> bytes:
        """Return the root of the first entries of a log, by the store: tiles may be damaged. Raises StoreError."""
        with self._database.reading() as connection:
            return ledger.head_of(connection, log.origin, size).root

    def _shown(self, origin: str) -> Note | None:
        """Return the note that is in the place of a checkpoint, None when there is none or it cannot be read."""
        path = self._files.path(origin, CHECKPOINT)
        try:
            return Note.parse(path.read_bytes()) if path.is_file() else None
        except MalformedError as error:
            _log.critical("the checkpoint of %s cannot be read (%s) and is made anew", origin, error.code)
            return None

    def _require_one_history(self, log: Shard, published: Head) -> None:
        """Require that entries lead to what was signed, and before that to what is `published`, where it is no more."""
        with self._database.reading() as connection:
            ledger.require_sound(connection, log)
            if published.size > log.signed.size or published == log.signed:
                return
            if ledger.head_of(connection, log.origin, published.size) != published:
                raise UntrustedError(Code.LOG_FORKED, "the published checkpoint has another root than the store")

    def _mend_tiles(self, log: Shard) -> int:
        """Write anew what of the files of the signed tree is missing or another; return how many. Raises StoreError."""
        origin, size = log.origin, log.signed.size
        below, mended = list[bytes](), 0
        for level, count in level_sizes(size):
            full = list[bytes]()
            for start in range(0, count, WIDTH):
                tile = Tile(level, start // WIDTH, min(WIDTH, count - start))
                if level == 0:
                    entries = self._entries(origin, tile)
                    mended += self._mend(origin, Tile(None, tile.index, tile.width).path, encode_bundle(entries))
                    hashes = [leaf_hash(each) for each in entries]
                else:
                    hashes = below[start : start + tile.width]
                mended += self._mend(origin, tile.path, b"".join(hashes))
                full += [complete_root(hashes)] if tile.width == WIDTH else []
            below = full
        return mended

    def _mend(self, origin: str, relative: str, content: bytes) -> bool:
        path = self._files.path(origin, relative)
        if path.is_file() and path.read_bytes() == content:
            return False
        write_whole(path, content)
        return True

    def _write_tiles(self, log: Shard) -> None:
        for tile in tiles_after(log.signed.size, log.head.size):
            if tile.level is None:
                continue
            if tile.level == 0:
                entries = self._entries(log.origin, tile)
                bundle = Tile(None, tile.index, tile.width)
                write_whole(self._files.path(log.origin, bundle.path), encode_bundle(entries))
                hashes = [leaf_hash(each) for each in entries]
            else:
                hashes = self._above(log, tile.level, tile)
            write_whole(self._files.path(log.origin, tile.path), b"".join(hashes))

    def _entries(self, origin: str, tile: Tile) -> list[bytes]:
        start = tile.index * WIDTH
        with self._database.reading() as connection:
            return ledger.leaves(connection, origin, start, start + tile.width)

    def _above(self, log: Shard, level: int, tile: Tile) -> list[bytes]:
        """Return the hashes of a tile above level 0: those signed before, then one for each newly full tile below."""
        read = self._files.reader(log.origin)
        before = max(0, (log.signed.size >> 8 * level) - tile.index * WIDTH)
        hashes = split_hashes(read(tile_of(level, tile.index, log.signed.size)), before) if before else []
        for index in range(tile.index * WIDTH + before, tile.index * WIDTH + tile.width):
            hashes.append(complete_root(split_hashes(read(Tile(level - 1, index)), WIDTH)))
        return hashes

    def _swap(self, log: Shard) -> None:
        same = (shard.c.origin == log.origin) & (shard.c.signed_size == log.signed.size)
        same &= (shard.c.signed_root == log.signed.root) & (shard.c.size >= log.head.size)
        change = update(shard).where(same).values(signed_size=log.head.size, signed_root=log.head.root)
        with self._database.writing() as connection:
            if connection.execute(change).rowcount != 1:
                raise StoreError(Code.POSITION_CONFLICT, "another process signed a checkpoint")

    def _sign(self, log: Shard, head: Head) -> Note:
        """Sign and publish a state that is in the store. Repeating it changes nothing; cosignatures are kept.

        Whoever was frozen meanwhile leads no more, and puts nothing in the place of what was published since: of a log
        that goes on the published size never falls. Raises StoreError STORE_TAKEN_OVER.
        """
        note = sign_checkpoint(Checkpoint(log.origin, head.size, head.root), self._key_of(log.origin))
        path = self._files.path(log.origin, CHECKPOINT)
        self._database.require_lead()
        with self._showing:
            shown = self._shown(log.origin)
            published = self._believed(log.origin, shown)
            later = published is not None and published.size > head.size and not _has_ended(log)
            if not later and (shown is None or shown.text != note.text):
                write_whole(path, note.encode())
        return note

    def _say_end(self, log: Shard) -> None:
        """Publish that a log has ended, beside its checkpoint."""
        if log.standing is Standing.ENDED and log.newest is not None:
            newest = Checkpoint.parse(Note.parse(log.newest).text).head
            note = sign_end(LogEnd(log.origin, log.signed, newest), self._key_of(log.origin))
            write_whole(self._files.path(log.origin, END), note.encode())

    def _remove_partial(self, log: Shard) -> None:
        """Remove partial tiles whose full tile is there by now; a reader of an older checkpoint takes the full one."""
        for tile in tiles_after(log.signed.size, log.head.size):
            if tile.width == WIDTH:
                shutil.rmtree(self._files.path(log.origin, tile.path + ".p"), ignore_errors=True)


def _has_ended(log: Shard | None) -> bool:
    """Whether a log has ended: what it signed beyond its entries is told in its end, and nothing more is signed."""
    return log is not None and log.standing is Standing.ENDED
