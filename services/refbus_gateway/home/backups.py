"""Copying a home to a folder, and believing such a folder (docs/spec/backup.md). Bringing it back is `restoring`.

Key files stay encrypted, the store stays sealed under its key. The manifest lists the SHA-256 of every file and is
itself under a MAC whose key comes from the store key: who does not know the passphrase cannot change a file unseen.

Cases that are erased after the backup are written to the list `erased` in it too, as long as the medium is there.
"""

from __future__ import annotations

import hmac
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from refbus.core.bounds import TIME_MS
from refbus.core.ids import OrgId
from refbus.crypto import keyfile
from refbus.crypto.secretbox import KEY_SIZE, StateKey
from refbus.errors import Code, RefbusError, SetupError, StoreError
from refbus.files import (
    TEMPORARY,
    alone_in,
    append_lines,
    copy_whole,
    flush_folder,
    read_limited,
    sha256_of,
    store_errors,
    write_whole,
)
from refbus.said import said
from refbus_gateway.home import erased_again, keyfolder
from refbus_gateway.home import folder as homes
from refbus_gateway.home.folder import LEFT_OUT, Home, read_json_object
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.home.keyring import store_label

MANIFEST: Final = homes.MANIFEST
ERASED: Final = erased_again.LIST
STORE: Final = "store.db"
_FORMAT: Final = "refbus-backup/2"
_UNPROVEN_FORMAT: Final = "refbus-backup/1"
_MANIFEST_LIMIT: Final = 8_388_608
_CONTEXT: Final = b"refbus-gateway/backup/2"
_STORE_FILES: Final = frozenset({STORE, f"{STORE}-wal", f"{STORE}-shm"})
_HEAD: Final = (MANIFEST, "org.json", "keys/store.key")
"""The files that say who wrote a backup."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What is known of a backup. `proven`: whoever wrote it had the store key of this organisation.

    `made_ms`: UTC; `generation`: of the store in it, "" in a backup of the first format.
    """

    org_id: OrgId
    made_ms: int
    generation: str
    proven: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made: where, when (ms UTC), and whether it is `there` now."""

    folder: str
    made_ms: int
    there: bool


def back_up(gateway: Gateway, target: Path) -> int:
    """Write a backup of the whole home to the new folder `target`; return how many files it has.

    It is made under another name and takes its own when it is whole and flushed. Raises SetupError USAGE when the
    folder exists or lies inside of the home, StoreError.
    """
    home, target = gateway.home.path.resolve(), target.resolve()
    if target.exists():
        raise SetupError(Code.USAGE, said("the folder for the backup exists already"))
    if target.is_relative_to(home):
        raise SetupError(Code.USAGE, said("a backup cannot lie inside of the home that it is of"))
    with alone_in(target.parent):
        return _back_up(gateway, home, target)


def _back_up(gateway: Gateway, home: Path, target: Path) -> int:
    draft = target.with_name(f".{target.name}.writing")
    with store_errors(target.name):
        if draft.exists():
            shutil.rmtree(draft)
    gateway.store.database.copy_to(draft / STORE)  # first: a file that is newer than the store does no harm
    with keyfolder.held(home):
        hashes = {path: digest.hex() for path in home_files(home) if (digest := _copy(home / path, draft / path))}
    hashes[STORE] = sha256_of(draft / STORE).hex()
    listed = hashes.pop(ERASED, None)
    manifest = {
        "format": _FORMAT,
        "org_id": gateway.me,
        "made_ms": gateway.now_ms(),
        "generation": gateway.generation,
        "files": hashes,
    }
    proof = _mac(gateway.keys.store, manifest)
    write_whole(draft / MANIFEST, json.dumps({**manifest, "mac": proof}, indent=2).encode())
    with store_errors(target.name):
        draft.rename(target)
        flush_folder(target.parent)
    append_lines(gateway.home.backups, f"{target}\n".encode())
    return len(hashes) + (listed is not None)


def last(home: Home) -> Made | None:
    """Return where and when the last backup of a home was made, None where none ever was. Raises StoreError.

    The time is the one in the backup; where its medium is away, that of this computer when it was made.
    """
    with store_errors(home.backups.name):
        if not home.backups.is_file():
            return None
        lines = home.backups.read_text(encoding="utf-8", errors="replace").splitlines()
        made_ms = int(home.backups.stat().st_mtime * 1000)
    if not lines:
        return None
    folder = Path(lines[-1])
    try:
        made_ms = _time_of(read_json_object(folder / MANIFEST, _MANIFEST_LIMIT, Code.BACKUP_INVALID))
    except RefbusError:
        return Made(str(folder), made_ms, there=False)
    return Made(str(folder), made_ms, there=True)


def _time_of(manifest: Mapping[str, Any]) -> int:
    made_ms = manifest.get("made_ms")
    if not isinstance(made_ms, int) or not TIME_MS.holds(made_ms):
        raise SetupError(Code.BACKUP_INVALID, "made_ms")
    return made_ms


def take(source: Path, target: Path, passphrase: str, *, unproven: bool = False) -> Backup:
    """Copy a backup into the new folder `target`, without manifest and list; return whose it is.

    Who wrote it is verified before anything large is copied, and what it says of each file before that file is: a
    medium fills no disk. `unproven` takes one that does not prove who wrote it. Raises SetupError: BACKUP_INVALID when
    a file is missing, changed or extra, BACKUP_UNPROVEN, FILE_UNREADABLE, KEYFILE_*; StoreError.
    """
    _copy_head(source, target)
    backup, files = _proven(target, passphrase, unproven=unproven)
    _require_same_names(source, files)
    for path, digest in files.items():
        copied = sha256_of(source / path).hex() == digest
        if copied and path not in _HEAD:
            copy_whole(source / path, target / path)
        if not copied or sha256_of(target / path).hex() != digest:
            raise SetupError(Code.BACKUP_INVALID, path)
    (target / MANIFEST).unlink()
    return backup


def _copy_head(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise SetupError(Code.FILE_UNREADABLE, source.name)
    if not (source / MANIFEST).is_file():
        raise SetupError(Code.BACKUP_INVALID, MANIFEST)
    for name in _HEAD:
        if (source / name).is_symlink():
            raise SetupError(Code.BACKUP_INVALID, said("a link"))
        if (source / name).is_file():
            write_whole(target / name, read_limited(source / name, _MANIFEST_LIMIT))


def _proven(folder: Path, passphrase: str, *, unproven: bool) -> tuple[Backup, dict[str, Any]]:
    """Return whose backup it is and its files with their hashes, from the files of its head alone."""
    manifest = dict(read_json_object(folder / MANIFEST, _MANIFEST_LIMIT, Code.BACKUP_INVALID))
    mac, files = manifest.pop("mac", None), manifest.get("files")
    old = manifest.get("format") == _UNPROVEN_FORMAT
    if (manifest.get("format") != _FORMAT and not old) or not isinstance(files, dict):
        raise SetupError(Code.BACKUP_INVALID, MANIFEST)
    key = _store_key(folder, passphrase)
    if not old and (not isinstance(mac, str) or not hmac.compare_digest(mac, _mac(key, manifest))):
        raise SetupError(
            Code.BACKUP_INVALID, said("%(file)s was not written with the keys of this organisation", file=MANIFEST)
        )
    if old and not unproven:
        raise SetupError(Code.BACKUP_UNPROVEN, _UNPROVEN_FORMAT)
    made_ms, org_id = manifest.get("made_ms"), Home(folder).member.identity().org_id
    if org_id != manifest.get("org_id") or not isinstance(made_ms, int) or not TIME_MS.holds(made_ms):
        raise SetupError(Code.BACKUP_INVALID, MANIFEST)
    files.pop(ERASED, None)
    return Backup(org_id, made_ms, str(manifest.get("generation", "")), proven=not old), files


def home_files(home: Path) -> list[str]:
    """Return the files of a home that are copied as they are: all but the store, locks and drafts."""
    found = [path for path in sorted(home.rglob("*")) if path.is_file() and not path.name.startswith(TEMPORARY)]
    names = [path.relative_to(home).as_posix() for path in found]
    names = [name for name in names if name.partition("/")[0] not in keyfolder.UNSETTLED]
    return [name for name in names if name not in _STORE_FILES and name.rpartition("/")[2] not in LEFT_OUT]


def _require_same_names(folder: Path, files: dict[str, Any]) -> None:
    """Raise SetupError BACKUP_INVALID unless a medium has the files of the manifest and no other, and no link."""
    found = set[str]()
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise SetupError(Code.BACKUP_INVALID, said("a link"))
        if not path.is_dir():
            found.add(path.relative_to(folder).as_posix())
        if len(found) > len(files) + 2:
            break
    if found - {MANIFEST, ERASED} != set(files):
        raise SetupError(Code.BACKUP_INVALID, said("files are missing or were added"))


def _copy(source: Path, target: Path) -> bytes | None:
    """Copy one file; None when it went away meanwhile, as files of the directory do."""
    try:
        return copy_whole(source, target)
    except StoreError:
        if os.path.lexists(source):
            raise
        return None


def _store_key(folder: Path, passphrase: str) -> StateKey:
    label, secret = keyfile.load(Home(folder).store_key, passphrase)
    try:
        expected = store_label(Home(folder).member.identity().org_id)
    except RefbusError:
        raise SetupError(Code.BACKUP_INVALID, "org.json") from None
    if label != expected or len(secret) != KEY_SIZE:
        raise SetupError(Code.BACKUP_INVALID, said("%(file)s belongs to another organisation", file="keys/store.key"))
    return StateKey(secret)


def _mac(key: StateKey, manifest: dict[str, Any]) -> str:
    """Return the MAC of a manifest without its own, over its JSON with sorted names and no blanks."""
    content = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return key.lookup(_CONTEXT, content).hex()
