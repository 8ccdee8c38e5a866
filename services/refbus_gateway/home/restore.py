"""Bringing a backup back, into a home that is there or onto a clean computer. A home never gets older by it.

What the home still has and what is sound stays: its store when it has everything that the backup's has, its keys, its
settings, its newer directory. The backup gives what is missing or damaged. Everything is made ready, verified, and
migrated in a copy beside the home, under the home's lock; then names are changed, which is a matter of an instant:

    1. .NAME.restoring                        the copy, until it is whole and flushed
    2. .NAME.restoring -> .NAME.restored      whole; `restored.json` in it names the folder of step 3
    3. NAME            -> NAME.before-restore (or -2, -3, ...)
    4. .NAME.restored  -> NAME

A stop at any point leaves NAME as it was, or not there between 3 and 4. The next restore first puts back what was
there, so it may be given again at any time. A home that is a link stays a link: the copy lies beside what it links to.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from refbus import locks
from refbus.core.ids import OrgId
from refbus.crypto import keyfile
from refbus.crypto.secretbox import StateKey
from refbus.database import copies, identity
from refbus.database import erased as lists
from refbus.errors import Code, RefbusError, SetupError, StoreError
from refbus.files import (
    append_lines,
    copy_whole,
    flush_folder,
    flush_tree,
    make_folder,
    open_lock,
    store_errors,
    write_whole,
)
from refbus.said import said, some_of
from refbus.trust.reader.client import is_initial_root
from refbus.trust.reader.loader import TrustStore
from refbus_gateway.home import backups, carried, confirmation, erased_again, founding, keyfolder, officer_list, slots
from refbus_gateway.home.backups import Backup
from refbus_gateway.home.begun import is_unfinished
from refbus_gateway.home.erased_again import Listed
from refbus_gateway.home.folder import CLOCK, SETTINGS, Config, Home, read_json_object, restored_beside
from refbus_gateway.home.keyring import Keyring
from refbus_gateway.home.restored_people import Opening
from refbus_gateway.store import alarms, cases, generation, positions
from refbus_gateway.store.session import Store
from refbus_gateway.store.vault import Vault

_MARK: Final = "restored.json"
_PRESENT: Final = "present.db"
_NAMES: Final = {"cases": "case_hash", "events": "event_hash", "outbox": "sha256"}
"""What a store must have of another one to stand for it, and the column that names each row."""
_FROM_BACKUP: Final = frozenset({"org.json", "root.json", _MARK, backups.ERASED, SETTINGS})


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. `path`: the home; `before`: where the home that was there is now, None when there was none.

    `kept_store`: the store of that home was sound and had everything, so it stayed. `settings`: what the backup says
    of broker and commands; it is not used before a person says so. None: the home's own settings stayed, or none.
    """

    backup: Backup
    path: Path
    before: Path | None
    kept_store: bool
    settings: Config | None


def restore(
    source: Path,
    home: Home,
    passphrase: str,
    clock: Callable[[], int],
    *,
    name: str | None = None,
    unproven: bool = False,
) -> Restored:
    """Bring the backup in `source` back as `home`, which is missing, damaged, or of the same organisation.

    `name`: who signs in, where people do, at the backup and at the home that is there: nobody who was locked out of it
    comes back by an older backup. `unproven` takes a backup that does not prove who wrote it. Whatever is raised, the
    home is as it was: SetupError BACKUP_INVALID, BACKUP_UNPROVEN, FILE_UNREADABLE, HOME_IN_USE, KEYFILE_*, USAGE;
    StoreError, also STORE_NEWER.
    """
    return _restore(source, home, lambda there: Opening.of(source, there, name, passphrase), clock, unproven=unproven)


def restore_by_sheets(source: Path, home: Home, seed: bytes, clock: Callable[[], int]) -> Restored:
    """Bring a backup back with what enough recovery sheets hold, on a computer that has no home in this place.

    Raises SetupError USAGE where there is one, RECOVERY_*, and as `restore` does.
    """
    if not founding.is_new(home):
        raise SetupError(Code.USAGE, said("there is a home already: give sheets without a backup, or another folder"))
    return _restore(source, home, lambda _: Opening.by_sheets(source, seed), clock, unproven=False)


def _restore(
    source: Path, home: Home, open_it: Callable[[Path], Opening], clock: Callable[[], int], *, unproven: bool
) -> Restored:
    """Bring a backup back; `open_it` opens it, and the home that is there, whose path it is given."""
    place = _Place(home.path, source)
    with place.alone():
        try:
            given = open_it(place.home)
            backup = backups.take(source, place.draft, given.backup, unproven=unproven)
            return _Restoring(place, backup, given, clock).run(source)
        finally:
            shutil.rmtree(place.draft, ignore_errors=True)


class _Place:
    """The names beside a home that a restore uses, and in what order."""

    def __init__(self, home: Path, source: Path) -> None:
        """Raise SetupError USAGE where no restore is possible."""
        self.home: Final = home.resolve()
        self.draft: Final = self.home.with_name(f".{self.home.name}.restoring")
        self.ready: Final = restored_beside(self.home)
        given = source.resolve()
        if os.path.ismount(self.home):
            raise SetupError(Code.USAGE, said("the home is a disk of its own: a home is a folder on it"))
        if given.is_relative_to(self.home) or self.home.is_relative_to(given):
            raise SetupError(Code.USAGE, said("the backup and the home lie in each other"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other command of this home away, and put back what a restore that was cut has moved."""
        with ExitStack() as stack, store_errors(self.home.name):
            make_folder(self.home.parent)
            _lock(stack, self.home.with_name(f".{self.home.name}.restore-lock"))
            self._put_back()
            if self.home.is_dir():
                for name in ("use.lock", "sync.lock"):
                    _lock(stack, self.home / name)
                keyfolder.settle(self.home)
            yield

    def others(self) -> list[Path]:
        """Return the homes that earlier restores put aside, the newest first."""
        found = self.home.parent.glob(f"{self.home.name}.before-restore*")
        return sorted(found, key=lambda path: (len(path.name), path.name), reverse=True)

    def swap(self) -> Path | None:
        """Let the whole copy take the place of the home; return where that is now."""
        aside = self._free_name() if self.home.exists() else None
        write_whole(self.draft / _MARK, json.dumps({"before": aside.name if aside else ""}).encode())
        flush_tree(self.draft)
        self._rename(self.draft, self.ready)
        if aside is not None:
            self._rename(self.home, aside)
        self._rename(self.ready, self.home)
        return aside

    def _put_back(self) -> None:
        if self.ready.is_dir():
            with suppress(SetupError):
                before = read_json_object(self.ready / _MARK, 4096, Code.USAGE).get("before")
                if before and not self.home.exists():
                    self._rename(self.home.with_name(str(before)), self.home)
            shutil.rmtree(self.ready)
        if self.draft.is_dir():
            shutil.rmtree(self.draft)

    def _free_name(self) -> Path:
        base = self.home.with_name(f"{self.home.name}.before-restore")
        number = 2
        found = base
        while found.exists():
            found, number = base.with_name(f"{base.name}-{number}"), number + 1
        return found

    @staticmethod
    def _rename(source: Path, target: Path) -> None:
        source.rename(target)
        flush_folder(target.parent)


class _Restoring:
    """One restore at work on the copy, which is a whole verified backup when this is made."""

    def __init__(self, place: _Place, backup: Backup, given: Opening, clock: Callable[[], int]) -> None:
        self._place = place
        self._backup = backup
        self._given = given
        self._clock = clock
        self._fresh = Home(place.draft)
        self._present = Home(place.home) if place.home.is_dir() else None
        _, secret = keyfile.load(self._fresh.store_key, given.backup)
        self._key = StateKey(secret)

    def run(self, source: Path) -> Restored:
        """Make the copy what the home is to be, and let it take its place."""
        self._require_same()
        listed = self._listed(source)
        write_whole(self._fresh.erased, lists.encode(name.hex() for name in listed.proven))
        settings = self._settings()
        self._given.settle_people(self._fresh)
        if self._present is not None:
            self._keep_files(self._present)
            self._keep_directory(self._present)
        officer_list.settle_restored(self._fresh, vouched=officer_list.is_vouched(self._present))
        kept = self._keep_store(listed)
        Keyring.unlock(self._fresh, self._given.sealed_under)
        self._fresh.member.trust_store().load(self._clock())
        append_lines(self._fresh.backups, f"{source.resolve()}\n".encode())
        before = self._place.swap()
        with suppress(StoreError):  # the backup knows it from now on, where its medium can be written
            vault = Vault(self._key)
            lists.note(
                source / backups.ERASED,
                listed.proven - erased_again.foreign_list(source / backups.ERASED, vault).proven,
            )
        return Restored(self._backup, self._place.home, before, kept, settings)

    def _require_same(self) -> None:
        """Raise SetupError BACKUP_INVALID for a home of another organisation, or pinned to another root."""
        if self._present is None:
            return
        if _org_of(self._present) not in {None, self._backup.org_id}:
            raise SetupError(Code.BACKUP_INVALID, said("the backup is of another organisation"))
        pinned, given = (_bytes(each.path / "root.json") for each in (self._present, self._fresh))
        if pinned != given and is_initial_root(pinned):
            raise SetupError(Code.BACKUP_INVALID, said("the backup is pinned to another root of the federation"))

    def _listed(self, source: Path) -> Listed:
        """Return what the lists of the medium name and prove, and what the homes of this computer name."""
        vault = Vault(self._key)
        found = erased_again.foreign_lists(source, vault)
        for path in (*(() if self._present is None else (self._present.path,)), *self._place.others()):
            found |= erased_again.own_list(Home(path).erased, vault)
        return found

    def _settings(self) -> Config | None:
        """Put the home's own settings into the copy; return those of the backup when it has none that can be read."""
        own = self._fresh.settings_path
        content = _bytes(own)
        own.unlink(missing_ok=True)
        if self._present is not None and self._present.settings_path.is_file():
            with suppress(SetupError):
                self._fresh.save_config(self._present.config())
                return None
        with suppress(SetupError):
            return Config.parse(content) if content else None
        return None

    def _keep_files(self, present: Home) -> None:
        """Take over what the home has: keys that open, every other file that is not empty."""
        own = [name for name in CLOCK if (present.path / name).is_file()]
        for name in (*own, *backups.home_files(present.path)):
            if name in _FROM_BACKUP or name.startswith("directory/"):
                continue
            source, target = present.path / name, self._fresh.path / name
            if name.startswith("keys/"):
                self._given.keep_key(source, target, name.removeprefix("keys/"))
            elif source.stat().st_size:
                target.unlink(missing_ok=True)
                copy_whole(source, target)

    def _keep_directory(self, present: Home) -> None:
        """Keep the home's directory when it can be read and is not older: nobody is led back to an older version."""
        folder = self._fresh.path / "directory"
        root = _bytes(self._fresh.path / "root.json")
        if _version(present.path / "directory", root, self._clock()) >= _version(folder, root, self._clock()):
            shutil.rmtree(folder, ignore_errors=True)
            for name in backups.home_files(present.path):
                if name.startswith("directory/"):
                    copy_whole(present.path / name, self._fresh.path / name)

    def _keep_store(self, listed: Listed) -> bool:
        """Choose the store, migrate it in the copy, and erase again; whether the home's own stayed.

        The home's stays when it is sound and has every event, case and envelope that the backup's has.
        """
        copy = self._fresh.path / _PRESENT
        sound = self._present is not None and self._copy_sound(self._present.store_path, copy)
        self._open(self._fresh.store_path, Code.BACKUP_INVALID)
        kept = sound and not copies.has_more(copy, self._fresh.store_path, _NAMES)
        if kept:
            copy.replace(self._fresh.store_path)
        with closing(Store(self._fresh.store_path, self._key)) as store:
            with store.write() as tx:
                positions.forget_position(tx, f"{self._fresh.member.identity().country}.directory")
                if not kept:
                    generation.begin(tx)
                    confirmation.mark(tx, self._backup.made_ms, self._clock())
            if not kept and self._present is not None:
                self._carry_nos(copy, store)
            erased_again.again(self._fresh, store, self._clock())
            self._tell_unproven(store, listed)
            self._tell_people(store)
            store.scrub()
        identity.follow(self._fresh.store_path, self._fresh.store_made)
        for name in ("", "-wal", "-shm"):
            copy.with_name(copy.name + name).unlink(missing_ok=True)
        return kept

    def _tell_unproven(self, store: Store, listed: Listed) -> None:
        """Tell a person of cases that a medium names as erased without proof, and of lists that could not be read."""
        with store.write() as tx:
            named = [number for number, case_hash in cases.live_hashes(tx).items() if case_hash in listed.bare]
            if named:
                told = said(
                    "the list of erased cases names, without proof, case %(some)s: erase it if you know that it was",
                    some=some_of(named),
                )
                alarms.raise_alarm(tx, Code.BACKUP_UNPROVEN, told, self._clock())
            if listed.unread:
                number = len(listed.unread)
                told = said("the list of erased cases in %(number)s backups could not be read", number=number)
                alarms.raise_alarm(tx, Code.BACKUP_INVALID, told, self._clock())

    def _tell_people(self, store: Store) -> None:
        """Tell a person that the backup says who opens this home: somebody may have been locked out since."""
        if self._given.people_from_backup and (count := len(slots.ids(self._fresh))):
            told = said("who opens this home (%(n)s) comes from the backup: look at `refbus people list`", n=count)
            with store.write() as tx:
                alarms.raise_alarm(tx, Code.RESTORE_UNCONFIRMED, told, self._clock())

    def _carry_nos(self, copy: Path, store: Store) -> None:
        """Take over what people refused, as far as the home's own store can still be read; say what could not be."""
        told = said("the store that was here could not be read: what people refused since the backup is not known")
        if copy.is_file():
            with suppress(RefbusError, sqlite3.Error), closing(Store(copy, self._key)) as old:
                told = carried.carry(old, store, self._backup.org_id, self._clock())
        with store.write() as tx:
            alarms.raise_alarm(tx, Code.RESTORE_UNCONFIRMED, told, self._clock())

    def _copy_sound(self, source: Path, copy: Path) -> bool:
        if not source.is_file():
            return False
        try:
            copies.copy_database(source, copy)
            self._open(copy, Code.STORE_FAILED)
        except RefbusError as error:
            if error.code in {Code.STORE_NEWER, Code.STORE_FULL}:
                raise
            return False
        return True

    def _open(self, path: Path, code: Code) -> None:
        """Open a store once: migrated and checked. Raises SetupError with `code` when it is damaged; STORE_NEWER."""
        try:
            with closing(Store(path, self._key)) as store:
                store.require_sound()
        except StoreError as error:
            if error.code in {Code.STORE_NEWER, Code.STORE_FULL}:
                raise
            raise SetupError(code, path.name) from None
        except SetupError:
            raise
        except (RefbusError, sqlite3.Error):
            raise SetupError(code, path.name) from None


def _version(folder: Path, root: bytes, now_ms: int) -> int:
    """Return the number of the directory in a folder, 0 when none can be read."""
    if not folder.is_dir():
        return 0
    with suppress(RefbusError):
        history = TrustStore.create(folder, root).load(now_ms)
        return history.latest.version if history is not None else 0
    return 0


def _lock(stack: ExitStack, path: Path) -> None:
    lock = stack.enter_context(open_lock(path))
    try:
        locks.take(lock.fileno(), wait=False)
    except BlockingIOError:
        raise SetupError(Code.HOME_IN_USE, said("a command of this home is at work")) from None


def _org_of(home: Home) -> OrgId | None:
    """Return whose home this is, None when its org.json is missing or damaged, or its first keys were never made."""
    if is_unfinished(home.path):
        return None
    try:
        return home.member.identity().org_id
    except SetupError:
        return None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
