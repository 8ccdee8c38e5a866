"""What a node or gateway keeps of the directory: files arrive one at a time, verified versions come out.

    root.json     the initial root, pinned when the store is made
    incoming/     files as they arrived, not trusted
    tuf/          the updater's own state: newest root, timestamp and snapshot seen
    versions/     one file for each verified version, kept for one message life, and what they are made of

Every file is written whole, and what is in force is the newest file in `versions/`, which is written last. So a stop
at any point leaves the version before in force, and the next start verifies what had arrived.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from refbus import locks
from refbus.core.directory import Directory, Organisation
from refbus.core.ids import OrgId
from refbus.errors import Code, RefbusError, SetupError, StoreError, UncheckableError, UntrustedError
from refbus.files import open_lock, remove_drafts, sha256_of_all, store_errors, write_whole
from refbus.said import placed, reason_of, said
from refbus.trust.layout import MAX_METADATA_BYTES, TIMESTAMP, check_file, is_metadata, list_files, publishing_order
from refbus.trust.reader import versions
from refbus.trust.reader.arrivals import Arrivals
from refbus.trust.reader.assembly import Assembly, Problem, assemble, key_owners
from refbus.trust.reader.history import History
from refbus.trust.reader.members import Members
from refbus.trust.reader.standing import Standing

if TYPE_CHECKING:  # only for the type: it loads TUF
    from refbus.trust.reader.client import Verified

_UPDATER_DRAFT = "tmp"


class TrustStore:
    """The directory of one home. Several processes may read it; they take turns to write."""

    def __init__(self, folder: Path) -> None:
        self._root_file = folder / "root.json"
        self._incoming = folder / "incoming"
        self._tuf = folder / "tuf"
        self._versions = folder / "versions"
        self._history: History | None = None
        self._timestamp_version = 0
        self._first_verified_ms = 0
        self._loaded = False
        self._waiting = False
        self._in_use: frozenset[str] = frozenset()
        self._arrived = Arrivals(self._incoming)
        self._seen: frozenset[tuple[str, int, int]] = frozenset()  # the files of `versions` that were read last
        self._all_read = False  # whether none of them was damaged
        self._doubted = False  # whether what is in force may be another's work
        self.is_lost = False
        """Whether the version in force is damaged here: until its files came again, not everybody can be read."""
        self._guard = threading.Lock()  # of what is in force: threads that show it take over what others verified
        self.last_error: RefbusError | None = None
        """Why the newest timestamp that arrived is not in force; None when it is."""

    @classmethod
    def create(cls, folder: Path, root: bytes) -> TrustStore:
        """Return the store in `folder`, made with `root` pinned if it is not there yet.

        A damaged copy of the root is written again from `root`. Raises SetupError DIRECTORY_INVALID when the store is
        pinned to another root, HOME_DAMAGED when `root` is none, StoreError.
        """
        store = cls(folder)
        kept = store.root() if store._root_file.exists() else b""
        if kept == root:
            return store
        if len(root) > MAX_METADATA_BYTES:
            raise SetupError(Code.DIRECTORY_INVALID, placed("root.json", said("too large")))
        from refbus.trust.reader import client  # late: it loads TUF, which a home that is at rest does without

        if not client.is_exact_root(root):
            raise SetupError(Code.HOME_DAMAGED, "root.json")
        if client.is_initial_root(kept):
            raise SetupError(Code.DIRECTORY_INVALID, said("this home is pinned to another root of the federation"))
        write_whole(store._root_file, root)
        return store

    def root(self) -> bytes:
        """Return the root that is pinned here. Raises SetupError FILE_UNREADABLE, DIRECTORY_INVALID."""
        try:
            content = self._root_file.read_bytes()
        except OSError as error:
            raise SetupError(Code.FILE_UNREADABLE, placed("root.json", reason_of(error))) from None
        if len(content) > MAX_METADATA_BYTES:
            raise SetupError(Code.DIRECTORY_INVALID, placed("root.json", said("too large")))
        return content

    @property
    def history(self) -> History:
        """What is in force now. Raises UncheckableError DIRECTORY_INVALID before the first verified version."""
        if self._history is None:
            raise UncheckableError(Code.DIRECTORY_INVALID, said("no verified version has arrived yet"))
        return self._history

    def newest(self) -> Directory | None:
        """Return the newest verified version, fresh or not; None before the first one."""
        return None if self._history is None else self._history.versions[-1]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the version in force leaves out, and why."""
        return () if self._history is None else self._history.problems

    def files(self) -> list[tuple[str, bytes]]:
        """Return (path, content) of what is to be handed on, in publishing order. Raises StoreError.

        It is what was verified: what arrived beside it, under the name of the timestamp, of a version to come or of a
        target that nothing names, may be anybody's.
        """
        timestamp, standing = self.timestamp(), Standing.of(self._tuf)
        with store_errors():
            found = dict(list_files(self._incoming))
        found.pop(TIMESTAMP, None)
        if timestamp is not None:
            found[TIMESTAMP] = timestamp
        named = {path for path in found if is_metadata(path) or path in self._in_use or not self._in_use}
        return [(path, found[path]) for path in publishing_order(named) if not standing.is_to_come(path)]

    def resume(self, now_ms: int, is_known: Callable[[bytes], bool], require_ours: Callable[[bytes], None]) -> bool:
        """Read the verified versions; verify what has arrived unless all is as it was left. Returns whether it was.

        At rest the newest timestamp that arrived is, byte by byte, the one that was verified, what was made of it is in
        force, and `is_known` knows the `fingerprint`. Else `require_ours` is given the root and raises for a foreign
        one, and the newest version is made again of what was checked; one that nobody signed goes. Raises as `load`.
        """
        self.catch_up(lambda: now_ms)
        found, root = self.fingerprint(), self.root()
        if found is not None and is_known(found):
            return True
        require_ours(root)
        self._doubted = found is not None
        try:
            self.load(now_ms)
        finally:
            self._doubted = False
        return False

    def fingerprint(self) -> bytes | None:
        """Return the SHA-256 of the files that are believed without a look at signatures; None while not at rest.

        They are the pinned root, the updater's own state and the verified versions. Raises StoreError.
        """
        if self.last_error is not None or not self._is_at_rest():
            return None
        files = [self._root_file, *sorted(self._tuf.rglob("*.json")), *sorted(self._versions.glob("*.json"))]
        with store_errors():
            try:
                return sha256_of_all(files)
            except FileNotFoundError:  # another process has just removed an older version
                return None

    def _is_at_rest(self) -> bool:
        verified, arrived = self.timestamp(), self._incoming / TIMESTAMP
        with store_errors():
            same = verified is not None and arrived.is_file() and arrived.read_bytes() == verified
        if not same or verified is None or self._history is None or not self._all_read:
            return False
        return versions.timestamp_version(verified) == self._timestamp_version

    def load(self, now_ms: int) -> History | None:
        """Read the verified versions and finish what a stop interrupted; None when nothing was ever verified here.

        An expired directory is returned (see `History.require_fresh`), so that a gateway can start and fetch a newer
        one. Raises SetupError when the pinned root cannot be read, StoreError.
        """
        self.root()
        self._loaded = True
        self._clear_damaged()
        self.catch_up(lambda: now_ms)
        with self._lock(wait=False) as mine:
            if mine:
                self._finish(now_ms)
        return self._history

    def catch_up(self, now_ms: Callable[[], int]) -> None:
        """Take over what another process of this home has verified; one look at a folder while there is nothing new.

        `now_ms` gives UTC ms; it is asked when there is something. What is in force never becomes older by it. Where
        it was found damaged, it is made again of what arrived; what is missing comes again (`is_lost`). Raises
        StoreError.
        """
        self._look(now_ms)
        if self.is_lost:
            with self._lock(wait=False) as mine:
                if mine:
                    self._finish(now_ms())

    def _look(self, now_ms: Callable[[], int]) -> None:
        """Read the verified versions when they are others than before. Raises StoreError."""
        with self._guard:
            there = versions.standing(self._versions)  # first: what comes while they are read is seen next time
            if there != self._seen:
                found = versions.load_all(self._versions)
                self._all_read = len(found) == len(there)
                self._adopt(found, now_ms())
                newest = self.newest()
                self.is_lost = newest is not None and newest.version not in {each.directory.version for each in found}
                self._seen = there

    @property
    def wants_files(self) -> bool:
        """Whether files that were here are missing or damaged: nothing is in force, or what arrived cannot be used."""
        broken = self.last_error is not None and self.last_error.code is not Code.DIRECTORY_EXPIRED
        return self._history is None or broken or self.is_lost

    def _clear_damaged(self) -> None:
        """Remove metadata that a failing disk left empty, cut or unreadable: it comes again, and hides nothing."""
        from refbus.trust.reader import client  # late: see above

        with self._lock(wait=False) as mine, store_errors():
            for folder in (self._tuf, self._incoming / "metadata") if mine else ():
                for path in folder.rglob("*.json"):
                    if not client.is_metadata_document(path.read_bytes()):
                        path.unlink(missing_ok=True)
                        self._arrived.forget()

    def _finish(self, now_ms: int) -> None:
        remove_drafts(self._incoming)
        remove_drafts(self._versions)
        remove_drafts(self._tuf, (_UPDATER_DRAFT,))
        if (self._incoming / TIMESTAMP).is_file():
            try:
                self._refresh(now_ms)
            except StoreError:
                raise
            except RefbusError as error:
                self.last_error = error

    def add_file(self, path: str, content: bytes, now_ms: int) -> Directory | None:
        """Take one file that arrived; verify the whole when a timestamp is there. Returns the new directory, if any.

        Raises MalformedError (path, size, content that is not its name), UntrustedError DIRECTORY_INVALID,
        UncheckableError DIRECTORY_INCOMPLETE or DIRECTORY_EXPIRED, StoreError. Whatever is raised, the version before
        stays in force and later files are welcome. Nothing takes the place of what was verified.
        """
        check_file(path, content)
        if not self._loaded:
            self.load(now_ms)
        target = self._incoming / path
        with self._lock():
            if not self._is_welcome(path, content):
                return None
            with store_errors():
                before = target.read_bytes() if target.is_file() else None
            if before != content:
                self._arrived.make_room(path, len(content), self._in_use)
                write_whole(target, content, flush=False)
            else:
                self._arrived.again(path, len(content))
            if path == TIMESTAMP:
                return self._refresh_or_restore(target, before, now_ms)
            return self._try_again(now_ms) if self._waiting else None

    def _is_welcome(self, path: str, content: bytes) -> bool:
        """Whether a file is to be kept; one that is superseded is passed over. Raises UntrustedError."""
        standing = Standing.about(path, self._tuf)
        if standing.allows(path, content):
            return True
        if standing.is_over(path):
            return False
        raise UntrustedError(Code.DIRECTORY_INVALID, said("a file is not the content that its name says"))

    def _refresh_or_restore(self, target: Path, before: bytes | None, now_ms: int) -> Directory | None:
        """Look at a timestamp that arrived; one that is false leaves the one before in its place, which may wait."""
        waiting = self._waiting
        try:
            return self._refresh(now_ms)
        except UntrustedError:
            if before is not None:
                write_whole(target, before, flush=False)
                self._waiting = waiting
            raise

    def refresh_from(self, files: Iterable[tuple[str, bytes]], now_ms: int) -> Directory | None:
        """Take a whole publication (a folder or archive, see `export`), whatever its order.

        Raises as `add_file` does.
        """
        given, newest = dict(files), None
        for path, content in given.items():
            check_file(path, content)
        for path in publishing_order(given):
            newest = self.add_file(path, given[path], now_ms) or newest
        return newest

    def take_exactly(self, files: Mapping[str, bytes], now_ms: int) -> Directory | None:
        """Take metadata that was found good as a whole; other metadata that had arrived is never read again.

        For a reader who lets in only what an audit log has shown. Raises as `add_file` does; DIRECTORY_INCOMPLETE says
        that a target has still to come.
        """
        if not self._loaded:
            self.load(now_ms)
        with self._lock(), store_errors():
            (self._incoming / TIMESTAMP).unlink(missing_ok=True)  # what it names is replaced before it is looked at
            for path in self._incoming.glob("metadata/*.json"):
                if path.relative_to(self._incoming).as_posix() not in files:
                    path.unlink(missing_ok=True)
            self._arrived.forget()
            self._waiting = False
        return self.refresh_from(files.items(), now_ms)

    def timestamp(self) -> bytes | None:
        """Return the newest timestamp that was verified here, None before the first. Raises StoreError."""
        path = self._tuf / "timestamp.json"
        with store_errors():
            return path.read_bytes() if path.is_file() else None

    def _refresh(self, now_ms: int) -> Directory | None:
        """Verify what has arrived; the directory now in force if it changed, else None."""
        try:
            changed = self._verify(now_ms)
        except RefbusError as error:
            self.last_error = error
            self._waiting = error.code is Code.DIRECTORY_INCOMPLETE
            raise
        self.last_error = None
        self._waiting = False
        return changed

    def _verify(self, now_ms: int) -> Directory | None:
        from refbus.trust.reader import client  # late: see above

        found = client.verify(self._tuf, self._incoming, self.root(), now_ms)
        known = () if self._history is None else self._history.versions
        version = known[-1].version if known else 0
        anew = self._doubted or self.is_lost  # what is in force is made once more
        older = tuple(each for each in known if each.version < found.version) if anew else known
        said_last = 0 if self._doubted else version
        if found.version < said_last or found.timestamp_version < self._timestamp_version:
            raise UntrustedError(Code.DIRECTORY_INVALID, said("older than the version in force"))
        self._in_use = found.files
        if not anew and (found.version, found.timestamp_version) == (version, self._timestamp_version):
            return None
        before = older[-1].organisations if older else None
        first_ms = self._first_verified_ms if found.version == version else now_ms
        accepted = versions.accept(found, self._assemble(found, before), first_ms)
        if self._doubted and known and versions.is_same(accepted.directory, known[-1]):
            return None
        accepted = versions.save(self._versions, accepted, alone=self._doubted)
        with self._guard:
            self._use(accepted, History(older), now_ms)
            self.is_lost = False
        versions.sweep(self._versions)
        return accepted.directory

    def _assemble(self, found: Verified, before: Mapping[OrgId, Organisation] | None) -> Assembly:
        """Check what is new since the version before; all of it when that may be another's work."""
        if not isinstance(before, Members):
            return assemble(found.targets, found.countries, {})
        known = None if self._doubted else before.index
        return assemble(found.targets, found.countries, key_owners(before), known)

    def _use(self, accepted: versions.Version, older: History, now_ms: int) -> None:
        self._history = older.with_version(accepted.directory, accepted.problems, now_ms)
        self._timestamp_version = accepted.timestamp_version
        self._first_verified_ms = accepted.first_verified_ms
        versions.remove_older(self._versions, [directory.version for directory in self._history.versions])

    def _adopt(self, found: list[versions.Version], now_ms: int) -> None:
        if not found:
            return
        before = 0 if self._history is None else self._history.latest.version
        newest = (found[-1].directory.version, found[-1].timestamp_version)
        if newest < (before, self._timestamp_version):
            return
        if newest[0] > before:
            self.last_error = None
        ends = [version.first_verified_ms for version in found[1:]]
        older = [replace(version.directory, superseded_at_ms=end) for version, end in zip(found, ends, strict=False)]
        self._use(found[-1], History(tuple(older)), now_ms)

    def _try_again(self, now_ms: int) -> Directory | None:
        """Verify again, since a missing file may have come; if others are still missing, that is already known."""
        try:
            return self._refresh(now_ms)
        except UncheckableError:
            return None

    @contextmanager
    def _lock(self, *, wait: bool = True) -> Iterator[bool]:
        """Keep other processes of this home from writing; yields False when one does and `wait` is off."""
        with store_errors(), open_lock(self._root_file.parent / "lock") as lock:
            try:
                locks.take(lock.fileno(), wait=wait)
            except BlockingIOError:
                yield False
            else:
                yield True
