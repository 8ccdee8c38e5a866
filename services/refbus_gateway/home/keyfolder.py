"""The folder `keys` of a home as a whole: who may look into it, and how it is replaced so that a stop leaves one.

    1. keys.draft                 the new folder, until it is whole and flushed
    2. keys.draft -> keys.next    whole
    3. keys -> keys.gone
    4. keys.next -> keys
    5. keys.gone is removed

A stop before 4 leaves what was there, or nothing but `keys.next`, which `settle` then puts in its place.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from refbus import locks
from refbus.files import flush_folder, flush_tree, open_lock, store_errors

KEYS: Final = "keys"
DRAFT: Final = "keys.draft"
NEXT: Final = "keys.next"
GONE: Final = "keys.gone"
UNSETTLED: Final = (DRAFT, NEXT, GONE)
"""Folders that are there only while `keys` is replaced. No backup has them."""
LOCK: Final = "keys.lock"


@contextmanager
def held(home: Path, *, alone: bool = False) -> Iterator[None]:
    """Keep the folder as it is meanwhile; `alone`: to change what is in it. It waits, and is not taken twice.

    Raises StoreError.
    """
    with store_errors(LOCK):
        lock = open_lock(home / LOCK)
    with lock:
        with store_errors(LOCK):
            locks.take(lock.fileno(), shared=not alone)
        yield


def settle(home: Path) -> None:
    """Bring a replacement to its end, or undo it, if a stop cut it. Raises StoreError."""
    if [name for name in UNSETTLED if (home / name).exists()]:
        with held(home, alone=True), store_errors(KEYS):
            _settle(home)


def replace(home: Path) -> None:
    """Let the whole folder `keys.draft` take the place of `keys`. The caller holds it alone. Raises StoreError."""
    with store_errors(KEYS):
        flush_tree(home / DRAFT)
        _rename(home, DRAFT, NEXT)
        _rename(home, KEYS, GONE)
        _rename(home, NEXT, KEYS)
        shutil.rmtree(home / GONE)


def _settle(home: Path) -> None:
    for name in (NEXT, GONE):
        if not (home / KEYS).exists() and (home / name).is_dir():
            _rename(home, name, KEYS)
    if (home / KEYS).exists():
        for name in UNSETTLED:
            shutil.rmtree(home / name, ignore_errors=True)


def _rename(home: Path, source: str, target: str) -> None:
    (home / source).rename(home / target)
    flush_folder(home)
