"""Asking about the home: show it, connect it, trust a root, take a directory, back it up, bring a backup back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from refbus.clock import Clock
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.core.times import show_second
from refbus.crypto.framing import sha256
from refbus.errors import Code, SetupError
from refbus.files import read_limited
from refbus.said import said
from refbus.trust.layout import list_files
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.directory import door
from refbus_gateway.home import attempts, backups, keyring, slots
from refbus_gateway.home import restore as restoring
from refbus_gateway.home.folder import Config, Home
from refbus_gateway.home.key_changes import ANSWER_FILE, REQUEST_FILE
from refbus_gateway.home.restore import Restored
from refbus_gateway.people.admission import tried
from refbus_gateway.sync.broker import address_of

_MOST_PROOF_BYTES: Final = 65_536
LEAST_TOLD: Final = 32
"""Hexadecimal digits of the root's SHA-256 that are compared at least: 128 bits."""
BackupMade = backups.Made
"""A backup that was made."""


@dataclass(frozen=True, slots=True)
class HomeShown:
    """Whose home this is and how it is connected."""

    home: str
    org_id: OrgId
    country: CountryCode
    role: OrgRole
    bootstrap: str
    tls: str
    notify_command: tuple[str, ...]
    has_keys: bool


@dataclass(frozen=True, slots=True)
class PassphraseRight:
    """The passphrase opens the home."""

    right: bool


@dataclass(frozen=True, slots=True)
class Connected:
    """Where the broker of this country is said to be now."""

    bootstrap: str


@dataclass(frozen=True, slots=True)
class Notifying:
    """The command that is run when something new has arrived, empty for none."""

    notify_command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RootPinned:
    """The initial root of the federation is pinned."""

    pinned: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What of the set-up of a home is done, as the home itself shows. `directory`: the version in force, None for none.

    `listed`: this organisation is in that directory; with that the set-up is over.
    """

    has_request: bool
    answered: bool
    has_root: bool
    directory: int | None
    listed: bool
    connected: bool
    has_people: bool


@dataclass(frozen=True, slots=True)
class DirectoryTaken:
    """The version of the directory that is in force now, and how many members it has."""

    version: int
    organisations: int


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup of so many files in a new folder."""

    files: int
    folder: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody opens backup and home with: a passphrase, and a name where people sign in."""

    passphrase: str = field(repr=False)
    name: str | None = None


class SettingsUse(StrEnum):
    """What became of broker and commands that a backup names."""

    USED = "used"
    ASKED = "asked"  # a person must say so first
    KEPT = "kept"  # the home has settings of its own, or the backup has none


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """What a backup would talk to and run on news."""

    bootstrap: str
    tls: str
    notify_command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HomeRestored:
    """What a restore did. `before`: where the home is that was there; `kept_store`: its store was sound and stayed.

    `proven`: whoever wrote the backup had the store key of this organisation.
    """

    org_id: OrgId
    home: str
    before: str | None
    proven: bool
    kept_store: bool
    settings: SettingsUse


def show(desk: Desk, actor: Actor) -> HomeShown:
    """Return whose home this is and how it is connected. The gateway stays closed."""
    actor.require(Permission.READ_STATUS)
    home, identity, config = desk.home, desk.home.member.identity(), desk.home.config()
    return HomeShown(
        str(home.path),
        identity.org_id,
        identity.country,
        identity.role,
        desk.bootstrap,
        config.tls,
        tuple(config.notify_command),
        home.store_key.is_file(),
    )


def check_passphrase(desk: Desk, actor: Actor, passphrase: str, clock: Clock, address: str) -> PassphraseRight:
    """Check that a passphrase opens the home, which may be open already: counted and slowed as every attempt.

    `address`: from where on the network it came. Raises SetupError KEYFILE_*, RuleError SIGN_IN_SLOWED.
    """
    actor.require(Permission.READ_STATUS)
    tried(desk.home, attempts.NOBODY, clock, lambda: keyring.check_passphrase(desk.home, passphrase), address)
    attempts.succeeded(desk.home, attempts.NOBODY)
    return PassphraseRight(right=True)


def connect(desk: Desk, actor: Actor, bootstrap: str, tls: Path | None) -> Connected:
    """Keep where the broker of this country is, and the folder of its certificates. Raises SetupError."""
    actor.require(Permission.MANAGE_HOME)
    address_of(bootstrap, tls).check()
    desk.home.save_config(replace(desk.home.config(), bootstrap=bootstrap, tls=str(tls.resolve()) if tls else ""))
    return Connected(bootstrap)


def notify(desk: Desk, actor: Actor, command: Iterable[str], every_s: int) -> Notifying:
    """Keep the command that is run, at most once in `every_s` seconds, when something new has arrived."""
    actor.require(Permission.MANAGE_HOME)
    words = tuple(command)
    desk.home.save_config(replace(desk.home.config(), notify_command=words, notify_interval_s=every_s))
    return Notifying(words)


def trust(desk: Desk, actor: Actor, root: bytes) -> RootPinned:
    """Pin the federation's initial root. Raises as `pin_root` does."""
    actor.require(Permission.MANAGE_HOME)
    return _pin(desk, root)


def trust_compared(desk: Desk, actor: Actor, root: bytes, told: str) -> RootPinned:
    """Pin a root whose SHA-256 begins with what was `told` by telephone, at least LEAST_TOLD digits of it.

    Raises SetupError DIRECTORY_INVALID where it does not, or the file is no root, or another one is pinned.
    """
    actor.require(Permission.MANAGE_HOME)
    digits = "".join(told.lower().split())
    if len(digits) < LEAST_TOLD or not sha256(root).hex().startswith(digits):
        raise SetupError(Code.DIRECTORY_INVALID, said("not the number that was told"))
    return _pin(desk, root)


def _pin(desk: Desk, root: bytes) -> RootPinned:
    """Pin a root, and put it where a process that is open already looks for it."""
    desk.home.member.pin_root(root)
    desk.home.member.trust_store()
    return RootPinned(pinned=True)


def progress(desk: Desk, actor: Actor) -> Progress:
    """Return how far the set-up of this home is. Raises StoreError."""
    actor.require(Permission.READ_STATUS)
    home, directory = desk.home, desk.gateway.newest_directory()
    return Progress(
        has_request=(home.path / REQUEST_FILE).is_file(),
        answered=(home.path / ANSWER_FILE).is_file(),
        has_root=home.member.is_pinned,
        directory=directory.version if directory else None,
        listed=directory is not None and directory.find(home.member.identity().org_id) is not None,
        connected=bool(desk.bootstrap),
        has_people=slots.has_slots(home),
    )


def take_directory(desk: Desk, actor: Actor, folder: Path, *, unlogged: bool) -> DirectoryTaken:
    """Take the directory from a folder (metadata/ and targets/), each metadata file with its proof beside it.

    `unlogged`: on its signatures alone. Raises SetupError FILE_UNREADABLE, and as `door.take_proven` does.
    """
    actor.require(Permission.MANAGE_HOME)
    if not folder.is_dir():
        raise SetupError(Code.FILE_UNREADABLE, folder.name)
    gateway = desk.gateway
    files = list_files(folder)
    if unlogged:
        door.take_unlogged(gateway, files)
    else:
        door.take_proven(gateway, files, _proofs(folder, (path for path, _ in files)))
    latest = gateway.history.latest
    return DirectoryTaken(latest.version, len(latest.organisations))


def back_up(desk: Desk, actor: Actor, folder: Path) -> BackedUp:
    """Copy keys, directory and store into one new folder. Raises SetupError USAGE, StoreError."""
    actor.require(Permission.MANAGE_HOME)
    return BackedUp(backups.back_up(desk.gateway, folder), str(folder))


def back_up_into(desk: Desk, actor: Actor, place: Path) -> BackedUp:
    """Make a backup in a new folder, named by its moment, in a folder that is there: a stick, a disk of the network.

    Raises SetupError FILE_UNREADABLE when `place` is no folder, USAGE, StoreError.
    """
    actor.require(Permission.MANAGE_HOME)
    if not place.is_absolute() or not place.is_dir():
        raise SetupError(Code.FILE_UNREADABLE, place.name)
    moment = show_second(desk.gateway.now_ms()).partition(" UTC")[0]
    folder = place / ("desk-backup-" + "".join(each if each.isalnum() else "-" for each in moment))
    return BackedUp(backups.back_up(desk.gateway, folder), str(folder))


def last_backup(desk: Desk, actor: Actor) -> BackupMade | None:
    """Return where and when the last backup was made, None where none ever was. Raises StoreError."""
    actor.require(Permission.READ_STATUS)
    return backups.last(desk.home)


def restore(
    folder: Path,
    actor: Actor,
    source: Path,
    entry: Entry,
    *,
    clock: Callable[[], int],
    use: Callable[[BackupSettings], bool],
    unproven: bool = False,
) -> HomeRestored:
    """Bring the backup in `source` back as the home `folder`; `use` says whether its settings are used here.

    Raises as `home.restore.restore` does.
    """
    actor.require(Permission.MANAGE_HOME)
    done = restoring.restore(source, Home(folder), entry.passphrase, clock, name=entry.name, unproven=unproven)
    return restored_as(done, use)


def restored_as(done: Restored, use: Callable[[BackupSettings], bool]) -> HomeRestored:
    """Return what a restore did, after `use` said whether the settings of the backup are used."""
    settings = SettingsUse.KEPT if done.settings is None else _used(done.path, done.settings, use)
    before = None if done.before is None else str(done.before)
    return HomeRestored(done.backup.org_id, str(done.path), before, done.backup.proven, done.kept_store, settings)


def _used(home: Path, config: Config, use: Callable[[BackupSettings], bool]) -> SettingsUse:
    if not use(BackupSettings(config.bootstrap, config.tls, tuple(config.notify_command))):
        return SettingsUse.ASKED
    Home(home).save_config(config)
    return SettingsUse.USED


def _proofs(folder: Path, paths: Iterable[str]) -> dict[str, bytes]:
    beside = {path: folder / f"{path}.tlog-proof" for path in paths}
    return {path: read_limited(file, _MOST_PROOF_BYTES) for path, file in beside.items() if file.is_file()}
