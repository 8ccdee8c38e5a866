"""Putting a copy of a node's database in its place: checked first, in one step, and repeatable after a stop anywhere.

    1  under the lock of the database the copy is copied beside it, page by page, and read through
    2  the caller's check opens and migrates that, and may refuse
    3  the database that is there gets a second name, NAME.before-1 (or -2, ...), with nothing left in its log
    4  the checked copy takes its name

Until 4 the database is the one that was there.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from refbus.database import identity
from refbus.database.address import Schema
from refbus.database.definitions import ACTING
from refbus.database.engine import own
from refbus.database.opening import Place
from refbus.database.port import StoreKind
from refbus.errors import Code, SetupError, StoreError
from refbus.files import copy_whole, flush_file, flush_folder, prepare_database, store_errors
from refbus.said import said

_DRAFT = "putting-back"
_BESIDE = ("-wal", "-shm")


def exchange(
    copy: Path, place: Place, kind: StoreKind, check: Callable[[Path], None], *, mark: Path, beside: Path
) -> Place | None:
    """Put `copy` in the place of a database, wherever that is; return where the one before is kept.

    As `put_back`; a schema must be led by the caller. `beside`: the file that the home has, or would have.
    """
    if isinstance(place, Path):
        return put_back(copy, place, check, mark)
    return put_back_on_server(copy, place, kind, check, mark=mark, kept=beside)


def put_back(copy: Path, target: Path, check: Callable[[Path], None], mark: Path) -> Path | None:
    """Put `copy` in the place of the database `target`; return where the one before is kept, None when there was none.

    `check` gets a copy that it may open and change; what it raises is raised, and nothing has changed then. `mark`:
    what the home says of its database (`refbus.database.identity`). Raises SetupError HOME_IN_USE, BACKUP_INVALID;
    StoreError.
    """
    with own(target), _checked(copy, target, check, mark) as fresh:
        with store_errors(target.name):
            flush_file(fresh)
            kept = _keep(target)
            fresh.replace(target)
            flush_folder(target.parent)
        return kept


def put_back_on_server(
    copy: Path, schema: Schema, kind: StoreKind, check: Callable[[Path], None], *, mark: Path, kept: Path
) -> Place | None:
    """Let a schema, which the caller leads, have the rows of `copy`; return where those before are kept.

    As `put_back`: what `check` raises is raised, and nothing has changed then; the rows are exchanged in one
    transaction. `kept`: what the file beside the home is called, NAME.before-1. A schema that was altered, or is of a
    later version, stays on the server under another name. Raises SetupError BACKUP_INVALID; StoreError.
    """
    from refbus.database.server import ServerDatabase, make_anew  # late: most services keep their store in a file

    with _checked(copy, kept, check, mark) as fresh:
        number = identity.number_of(fresh)
        try:
            database = ServerDatabase(schema, kind)
        except StoreError as error:
            if error.code not in {Code.STORE_FAILED, Code.STORE_NEWER}:
                raise
            return make_anew(schema, kind, fresh, number)
        with closing(database):
            before = None
            if database.has_rows():
                before = _unused(kept)
                database.copy_to(before)
            database.fill_from(fresh, number)
        return before


def told_before(kept: Place | None) -> str:
    """Return what the operator must know of where the database before is kept."""
    return "Before: " + ("none." if kept is None else f"{kept.name}, beside it. Delete it when all works.")


@contextmanager
def _checked(copy: Path, beside: Path, check: Callable[[Path], None], mark: Path) -> Iterator[Path]:
    """Give a copy of `copy` that was checked and has the number of `mark`: a draft near `beside`, gone afterwards."""
    draft = beside.parent / _DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    try:
        fresh = draft / beside.name
        _read_through(copy, fresh)
        check(fresh)
        identity.follow(fresh, mark)
        _settle(fresh)
        yield fresh
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _read_through(copy: Path, fresh: Path) -> None:
    if not copy.is_file() or copy.stat().st_size == 0:
        raise SetupError(Code.BACKUP_INVALID, said("%(file)s is no database", file=copy.name))
    prepare_database(fresh)
    try:
        with (
            closing(sqlite3.connect(f"{copy.resolve().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(fresh)) as into,
        ):
            source.backup(into)
            found = into.execute("PRAGMA integrity_check").fetchone()[0]
            acts = into.execute(ACTING).fetchone() is not None
    except sqlite3.Error as error:
        raise SetupError(Code.BACKUP_INVALID, f"{copy.name}: {type(error).__name__}") from None
    if acts:
        raise SetupError(
            Code.BACKUP_INVALID, said("%(file)s has triggers or views, which no version made", file=copy.name)
        )
    if found != "ok":
        raise SetupError(Code.BACKUP_INVALID, said("%(file)s is damaged", file=copy.name))


def _settle(path: Path) -> None:
    """Bring everything from the write-ahead log into the database, if it can be opened at all."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


def _unused(target: Path) -> Path:
    """Return the first NAME.before-1, -2, ... that is free."""
    number = 1
    while (kept := target.with_name(f"{target.name}.before-{number}")).exists():
        number += 1
    return kept


def _keep(target: Path) -> Path | None:
    """Give the database that is there a second name. A log that cannot be settled would spoil the new one: it goes too.

    Raises OSError.
    """
    if not target.exists():
        return None
    _settle(target)
    kept = _unused(target)
    try:
        os.link(target, kept)
    except OSError:  # a medium without second names
        copy_whole(target, kept)
    for end in _BESIDE:
        beside = target.with_name(target.name + end)
        if beside.exists():
            beside.replace(kept.with_name(kept.name + end))
    return kept
