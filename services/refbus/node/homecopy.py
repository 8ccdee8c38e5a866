"""Bringing files back into the home of a node from a copy of it: what the home lacks, and never over what it has.

A file that the home has, and that is neither empty nor a key file that does not open, is the newer one and stays. Each
file of the copy is made ready beside the home and checked there, whatever modes its medium has, and takes its name in
one step. So a stop anywhere leaves files that were checked, and the same order may be given again.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from refbus.crypto import keyfile
from refbus.errors import Code, RefbusError, SetupError
from refbus.files import copy_whole, flush_folder, make_folder, store_errors
from refbus.trust.homes import Home
from refbus.trust.reader.client import is_initial_root

_DRAFT: Final = ".bringing-back"
_FIRST: Final = ("org.json", "root.json")
_ERASED: Final = "erased"
_LATER: Final = ("*.made", _ERASED)
_MOST_BYTES: Final = 64 * 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", re.ASCII)


def bring_back(source: Path, home: Home, passphrase: str, folders: Sequence[str]) -> list[str]:
    """Bring back from the copy `source` of a home what `home` has not; return the names of what came.

    `folders`: those of the home that are brought back beside `keys`. Raises SetupError BACKUP_INVALID when the copy is
    of another member or has a file that cannot be one of these; KEYFILE_*, TOO_LARGE; StoreError.
    """
    _require_same(source, home)
    draft, came = home.folder / _DRAFT, list[str]()
    try:
        for path in files_of(source, folders):
            name = path.relative_to(source).as_posix()
            target = home.folder / name
            if _stays(target, passphrase):
                continue
            shutil.rmtree(draft, ignore_errors=True)
            fresh = draft / path.name
            copy_whole(path, fresh)
            _check(fresh, name)
            if name.startswith("keys/") and _is_key(fresh):
                _require_key(fresh, name, passphrase, home)
            with store_errors(name):
                make_folder(target.parent)
                fresh.replace(target)
                flush_folder(target.parent)
            came.append(name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return came


def tell_of_list(came: Sequence[str], what: str) -> list[str]:
    """Return what the operator must know when the list of what was erased came from the copy: nothing proves it."""
    if _ERASED not in came:
        return []
    return [
        f"The list `{_ERASED}` is the one of the copy, and nothing proves who wrote it.",
        f"At the start the {what} that it names are destroyed.",
        "Was the copy in other hands? Then start nothing before you have compared it with another.",
    ]


def _require_same(source: Path, home: Home) -> None:
    """Raise SetupError BACKUP_INVALID unless the copy is of this member, pinned to the same root."""
    here, given = (each / "org.json" for each in (home.folder, source))
    if given.is_file() and here.is_file() and Home(source).identity() != home.identity():
        raise SetupError(Code.BACKUP_INVALID, "the copy is of another member")
    if not given.is_file() and not here.is_file():
        raise SetupError(Code.BACKUP_INVALID, "neither the home nor the copy says whose it is: org.json")
    roots = [path.read_bytes() for each in (home.folder, source) if (path := each / "root.json").is_file()]
    if len({root for root in roots if is_initial_root(root)}) > 1:
        raise SetupError(Code.BACKUP_INVALID, "the copy is pinned to another root of the federation")


def files_of(source: Path, folders: Sequence[str]) -> list[Path]:
    """Return the files to look at: whose home it is before keys, keys before what they open."""
    found = [source / name for name in _FIRST]
    for folder in ("keys", *folders):
        found += sorted((source / folder).glob("*"))
    for pattern in _LATER:
        found += sorted(source.glob(pattern))
    whole = [path for path in found if path.is_file() and not path.is_symlink() and path.stat().st_size]
    return [path for path in whole if not path.name.startswith(".")]


def _stays(target: Path, passphrase: str) -> bool:
    """Whether the home has this file. Raises SetupError KEYFILE_UNSAFE for a key file that others may read."""
    if not target.is_file() or not target.stat().st_size:
        return False
    return not _is_key(target) or _opens(target, passphrase)


def _check(fresh: Path, name: str) -> None:
    if not _NAME.fullmatch(fresh.name):
        raise SetupError(Code.BACKUP_INVALID, name)
    if fresh.stat().st_size > _MOST_BYTES:
        raise SetupError(Code.TOO_LARGE, name)
    if name == "root.json" and not is_initial_root(fresh.read_bytes()):
        raise SetupError(Code.BACKUP_INVALID, name)


def _require_key(fresh: Path, name: str, passphrase: str, home: Home) -> None:
    """Raise SetupError unless a key file opens and is of this member: BACKUP_INVALID, KEYFILE_*."""
    label, _ = keyfile.load(fresh, passphrase)
    if label.rpartition(" ")[2] != home.identity().org_id:
        raise SetupError(Code.BACKUP_INVALID, f"{name} is of another member")


def _is_key(path: Path) -> bool:
    return path.suffix == ".key"


def _opens(path: Path, passphrase: str) -> bool:
    try:
        keyfile.load(path, passphrase)
    except RefbusError as error:
        if error.code is Code.KEYFILE_UNSAFE:
            raise
        return False
    return True
