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
from refbus.files import store_errors, write_whole
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.end import FILE as END
from refbus.tlog.end import LogEnd, sign_end
from refbus.tlog.hashing import complete_root, leaf_hash, tree_root
from refbus.tlog.keys import SignerKey
from refbus.tlog.note import MOST_SIGNATURES, Note, verified
from refbus.tlog.proofs import Head
from refbus.tlog.tiles import WIDTH, Tile, TileTrees, encode_bundle, split_hashes, tile_of, tiles_after
from refbus_auditor import ledger
from refbus_auditor.files import CHECKPOINT, LogFolder
from refbus_auditor.known import kept_newer
from refbus_auditor.ledger import Shard, Standing
from refbus_auditor.repair import Repair
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
        self._repair = Repair(database, files)
        self._seen: dict[str, tuple[int, ...] | None] = {}
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
        doubted = [each for each in known.values() if not self._repair.is_whole(each)]
        for each in doubted:
            self._repair.doubt(each)
        for each in known.values():
            self._require_one_history(each, published.get(each.origin, each.signed))
        for each in doubted:
            self._repair.mend(each)
        for each in known.values():
            self._sign(each, each.signed)
            self._say_end(each)

    def publish(self, log: Shard) -> Note | None:
        """Bring the files of a log up to date; return the new checkpoint, None when there is nothing new.

        Raises StoreError: AUDIT_INVALID when the files do not lead to the root of the ledger, POSITION_CONFLICT when
        another process signed meanwhile.
        """
        if log.head.size == log.signed.size:
            self._show_again(log)
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
        with self._showing:
            published = self._shown(origin)
            if published is not None and published.text == note.text:
                together = published.with_signatures(note.signatures)
                fits = len(together.signatures) <= MOST_SIGNATURES  # else the quorum that came last stands alone
                self._show(origin, together if fits else note, lambda shown: shown == published)

    def look(self, logs: Callable[[], Sequence[Shard]], steady_ms: int) -> None:
        """Look at another slice of the files of all logs, and mend them. Raises StoreError as `Repair.look`."""
        self._repair.look(logs, steady_ms)

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
            if not ledger.begins_nothing_new(logs, older, self._repair.root_of):
                raise SetupError(Code.LOG_ROLLED_BACK, "a witness has cosigned what is not in this log")

    def _shown(self, origin: str) -> Note | None:
        """Return the note that is in the place of a checkpoint, None when there is none or it cannot be read."""
        path = self._files.path(origin, CHECKPOINT)
        try:
            with store_errors(path.name):  # what may be newer than all that is known here is not passed over
                return Note.parse(path.read_bytes()) if path.is_file() else None
        except MalformedError as error:
            _log.critical("the checkpoint of %s cannot be read (%s) and is made anew", origin, error.code)
            return None

    def _require_one_history(self, log: Shard, published: Head) -> None:
        """Require that what is signed begins with what is `published`, where that is no more."""
        if published.size > log.signed.size or published == log.signed:
            return
        if self._repair.root_of(log, published.size) != published.root:
            raise UntrustedError(Code.LOG_FORKED, "the published checkpoint has another root than the store")

    def _write_tiles(self, log: Shard) -> None:
        for tile in tiles_after(log.signed.size, log.head.size):
            if tile.level is None:
                continue
            if tile.level == 0:
                entries = self._repair.entries(log.origin, tile)
                bundle = Tile(None, tile.index, tile.width)
                write_whole(self._files.path(log.origin, bundle.path), encode_bundle(entries))
                hashes = [leaf_hash(each) for each in entries]
            else:
                hashes = self._above(log, tile.level, tile)
            write_whole(self._files.path(log.origin, tile.path), b"".join(hashes))

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
            if log.signed.size == 0:  # the first files of a log: all of them were written just now
                ledger.note_whole(connection, log.origin, whole=True)

    def _sign(self, log: Shard, head: Head) -> Note:
        """Sign and publish a state that is in the store. Repeating it changes nothing; cosignatures are kept.

        Whoever was frozen meanwhile leads no more, and puts nothing in the place of what was published since: of a log
        that goes on the published size never falls. Raises StoreError STORE_TAKEN_OVER.
        """
        note = sign_checkpoint(Checkpoint(log.origin, head.size, head.root), self._key_of(log.origin))

        def gives_way(shown: Note | None) -> bool:
            published = self._believed(log.origin, shown)
            later = published is not None and published.size > head.size and not _has_ended(log)
            return not later and (shown is None or shown.text != note.text)

        self._database.require_lead()
        with self._showing:
            if gives_way(self._shown(log.origin)):
                self._show(log.origin, _with_quorum(log, note), gives_way)
        return note

    def _show(self, origin: str, note: Note, gives_way: Callable[[Note | None], bool]) -> None:
        """Put a note in the place of the checkpoint if what is there `gives_way`, when the new one is on the disk."""
        path = self._files.path(origin, CHECKPOINT)
        write_whole(path, note.encode(), still=lambda: gives_way(self._shown(origin)))

    def _show_again(self, log: Shard) -> None:
        """See that what was signed last is what is published.

        Whoever was frozen in the very step in which its checkpoint took its place, and led no more when it went on, has
        put an older one there. It stays for one turn.
        """
        found = _state_of(self._files.path(log.origin, CHECKPOINT))
        if found is None or found != self._seen.get(log.origin):
            self._sign(log, log.signed)
            self._seen[log.origin] = found

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


def _state_of(path: Path) -> tuple[int, ...] | None:
    """Return what changes of a file when another takes its place, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _with_quorum(log: Shard, note: Note) -> Note:
    """Return a checkpoint with its cosignatures, where the store has them."""
    cosigned = None if log.cosigned is None else Note.parse(log.cosigned)
    return cosigned if cosigned is not None and cosigned.text == note.text else note


def _has_ended(log: Shard | None) -> bool:
    """Whether a log has ended: what it signed beyond its entries is told in its end, and nothing more is signed."""
    return log is not None and log.standing is Standing.ENDED
