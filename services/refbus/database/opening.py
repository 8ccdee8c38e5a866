"""Opens a database wherever it is: a file of the home, or a schema of a server."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from refbus.database.address import Schema, Server
from refbus.database.copies import copy_database
from refbus.database.engine import FileDatabase
from refbus.database.port import Database, StoreKind

if TYPE_CHECKING:
    from refbus.database.lead import Lead

Place = Path | Schema


def place_of(owner: Lead | Server | None, schema: str, file: Path) -> Place:
    """Return where a store is: a file of the home, or a schema; whoever has the lead may write it."""
    return file if owner is None else owner.schema(schema)


def open_database(place: Place, kind: StoreKind, mark: Path | None = None) -> Database:
    """Open or create a database; `mark` as for `FileDatabase`. Raises SetupError, StoreError."""
    if isinstance(place, Path):
        return FileDatabase(place, kind, mark=mark)
    from refbus.database.server import ServerDatabase  # late: most services keep their store in a file

    return ServerDatabase(place, kind, mark=mark)


def copy_database_to(target: Path, place: Place, kind: StoreKind) -> None:
    """Write a copy of a database, which others may write to meanwhile, to a file. Raises SetupError, StoreError."""
    if isinstance(place, Path):
        copy_database(place, target)
        return
    with closing(look_at_database(place, kind)) as database:
        database.copy_to(target)


def look_at_database(place: Place, kind: StoreKind) -> Database:
    """Open a database that another process may own, to look at it. Raises SetupError HOME_NOT_FOUND; StoreError."""
    if isinstance(place, Path):
        return FileDatabase.read_only(place, kind)
    from refbus.database.server import ServerDatabase  # late, as above

    return ServerDatabase.read_only(place, kind)
