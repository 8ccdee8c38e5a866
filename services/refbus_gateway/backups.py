"""Copying a home to a folder and back. Key files stay encrypted; the store stays sealed under its key.

A backup holds the case keys of its day. So erased cases are written to a list beside the store as well, and restoring
erases again whatever that list names: in the backup's own list and in the home that is being replaced.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from refbus.crypto.framing import sha256
from refbus.errors import Code, SetupError, StoreError
from refbus.store import erased as lists
from refbus_gateway.gateway import Gateway
from refbus_gateway.home import Home, read_json_object, read_limited, write_private

MANIFEST: Final = "backup.json"
_FORMAT: Final = "refbus-backup/1"
_LIMIT: Final = 1 << 30
_SKIP: Final = {"sync.lock", "store.db", "store.db-wal", "store.db-shm", "lock"}


def back_up(gateway: Gateway, target: Path) -> int:
    """Write a backup of the whole home to the new folder `target`; return how many files it has.

    Raises SetupError USAGE when the folder exists, StoreError.
    """
    if target.exists():
        raise SetupError(Code.USAGE, "the folder for the backup exists already")
    try:
        shutil.copytree(gateway.home.path, target, ignore=lambda _folder, names: _SKIP & set(names))
        target.chmod(0o700)
    except (OSError, shutil.Error) as error:
        raise StoreError(Code.STORE_FAILED, type(error).__name__) from None
    gateway.store.database.copy_to(target / "store.db")
    (target / "store.db").chmod(0o600)
    hashes = {path: sha256(read_limited(target / path, _LIMIT)).hex() for path in _files(target)}
    manifest = {"format": _FORMAT, "org_id": gateway.me, "made_ms": gateway.now_ms(), "files": hashes}
    write_private(target / MANIFEST, json.dumps(manifest, indent=2).encode())
    return len(hashes)


def check(source: Path) -> str:
    """Return whose backup this is. Raises SetupError BACKUP_INVALID when a file is missing, changed or extra."""
    manifest = read_json_object(source / MANIFEST, 8_388_608, Code.BACKUP_INVALID)
    files = manifest.get("files")
    if manifest.get("format") != _FORMAT or not isinstance(files, dict):
        raise SetupError(Code.BACKUP_INVALID, MANIFEST)
    if set(files) != set(_files(source)):
        raise SetupError(Code.BACKUP_INVALID, "files are missing or were added")
    for path, digest in files.items():
        if sha256(read_limited(source / path, _LIMIT)).hex() != digest:
            raise SetupError(Code.BACKUP_INVALID, path)
    _check_database(source / "store.db")
    return str(manifest.get("org_id"))


def restore(source: Path, home: Home) -> str:
    """Make `home`, which must not exist or be of the same organisation, what the backup holds; return the organisation.

    Cases that were erased after the backup, as far as the present home knows, are erased again when it is next opened.
    Raises SetupError BACKUP_INVALID, USAGE; StoreError.
    """
    org_id = check(source)
    erased = lists.noted(home.erased) | lists.noted(Home(source).erased)
    if home.path.exists():
        _require_same(home, org_id)
    fresh = home.path.with_name(f".{home.path.name}.restoring")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(source, fresh, ignore=shutil.ignore_patterns(MANIFEST))
        fresh.chmod(0o700)
        write_private(Home(fresh).erased, lists.encode(erased))
        if home.path.exists():
            home.path.rename(home.path.with_name(f"{home.path.name}.before-restore"))
        fresh.rename(home.path)
    except OSError as error:
        raise StoreError(Code.STORE_FAILED, type(error).__name__) from None
    return org_id


def _check_database(path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
            healthy = connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    except sqlite3.Error:
        healthy = False
    if not healthy:
        raise SetupError(Code.BACKUP_INVALID, path.name)


def _require_same(home: Home, org_id: str) -> None:
    if (home.path / "org.json").is_file() and home.member.identity().org_id != org_id:
        raise SetupError(Code.BACKUP_INVALID, "the backup is of another organisation")
    if home.path.with_name(f"{home.path.name}.before-restore").exists():
        raise SetupError(Code.USAGE, "an earlier *.before-restore folder is in the way: look at it and move it")


def _files(folder: Path) -> list[str]:
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if path != MANIFEST)
