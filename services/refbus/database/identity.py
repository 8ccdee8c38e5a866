"""Which database a home has: a number in the database's own header, and the same number in a file apart from it.

A database that was emptied, lost, left unmounted or exchanged looks like the one of a first start. The file, which is
in the home and not in the folder of the database, tells them apart: where it is, a database has been, and no other one
is begun in its place. A first start needs nothing: there is no such file, and it is written when the database is there.
To begin anew on purpose a person deletes the file.

The number is SQLite's `user_version`, on a server a row (`refbus.database.server`). Whatever copies the database copies
it, so a copy counts as the same database.
"""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from refbus.errors import Code, SetupError
from refbus.files import store_errors, write_whole
from refbus.said import said

_MOST: Final = 2**31 - 1
GET: Final = "PRAGMA user_version"
"""Asks a SQLite database for its number."""


def require(path: Path, mark: Path) -> None:
    """Raise SetupError HOME_DAMAGED when `mark` says that there was a database at `path` and it is missing or empty."""
    gone = not path.is_file() or path.stat().st_size == 0
    if gone and mark.exists():
        raise SetupError(Code.HOME_DAMAGED, said("%(file)s is missing or empty: restore it", file=path.name))


def claim(found: int, name: str, mark: Path) -> int:
    """Return the number of the database `name` that has the number `found`; a new one when it has none (0).

    Before anything else is written. Raises SetupError HOME_DAMAGED when `mark` tells of another database.
    """
    if number_in(mark) not in {0, found}:
        raise SetupError(
            Code.HOME_DAMAGED, said("%(file)s is empty, or another one than this home had: restore it", file=name)
        )
    return found or new_number()


def new_number() -> int:
    """Return a number that no other database is likely to have."""
    return secrets.randbelow(_MOST) + 1


def is_same(path: Path, mark: Path) -> bool:
    """Whether the database at `path` can be read and is the one that `mark` tells of, if it tells of any."""
    known = number_in(mark)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            return known in {0, opened.execute(GET).fetchone()[0]}
    except sqlite3.Error:
        return False


def number_of(path: Path) -> int:
    """Return the number of a closed database; 0 when it has none. Raises StoreError."""
    with store_errors(path.name), closing(sqlite3.connect(path)) as opened:
        return int(opened.execute(GET).fetchone()[0])


def note(mark: Path, number: int) -> None:
    """Write down which database this home has. Raises StoreError."""
    if number_in(mark) != number:
        write_whole(mark, b"%010d\n" % number)


def follow(path: Path, mark: Path) -> None:
    """Let the closed database at `path`, which a restore has checked, be the one that `mark` tells of.

    Raises StoreError.
    """
    known = number_in(mark)
    if known:
        with store_errors(path.name), closing(sqlite3.connect(path)) as opened:
            opened.execute(f"{GET} = {known}").close()


def number_in(mark: Path) -> int:
    """Return the number in a mark; 0 when there is no mark, or a damaged one, or one of an office before 2026-12."""
    try:
        text = mark.read_bytes().strip()
    except OSError:
        return 0
    number = int(text) if text.isdigit() and len(text) == 10 else 0
    return number if number <= _MOST else 0
