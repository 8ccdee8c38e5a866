"""Metadata files of the directory at the door: what has arrived, and what the audit log has shown.

One row for each content of a path. A file and the log's word of it come in any order. Everything here is public.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, tuple_, update

from refbus.crypto.framing import sha256
from refbus.trust.layout import TIMESTAMP
from refbus.trust.reader.manifest import Named
from refbus_gateway.store.schema import directory_files
from refbus_gateway.store.session import Transaction, slices

MOST_OF_ONE_PATH: Final = 4
"""So many contents of one path wait at once; older ones that the log has not shown make room."""
MOST_WAITING: Final = 400
MOST_TOLD: Final = 5_000
"""So many hashes that the log has shown are remembered beyond the files that are here."""

_files = directory_files.c
_HERE: Final = _files.content.is_not(None)


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """One content of one path. `content` is None when only the log told of it. Times UTC ms."""

    id: int
    path: str
    sha256: bytes
    content: bytes | None = field(repr=False)
    arrived_ms: int
    proven_ms: int | None


def arrive(tx: Transaction, path: str, content: bytes, now_ms: int) -> bool:
    """Keep a file that arrived; False when it is here already."""
    digest = sha256(content)
    row = find(tx, path, digest)
    if row is not None and row.content is not None:
        return False
    if row is None:
        values = {"path": path, "sha256": digest, "content": content, "arrived_ms": now_ms}
        tx.connection.execute(insert(directory_files).values(**values))
    else:
        tx.connection.execute(update(directory_files).where(_files.id == row.id).values(content=content))
    _make_room(tx, path)
    return True


def prove(tx: Transaction, path: str, digest: bytes, now_ms: int) -> bool:
    """Note that the log shows this content; False when that was known."""
    row = find(tx, path, digest)
    if row is None:
        values = {"path": path, "sha256": digest, "arrived_ms": now_ms, "proven_ms": now_ms}
        tx.connection.execute(insert(directory_files).values(**values))
        told = select(_files.id).where(~_HERE).order_by(_files.id.desc()).offset(MOST_TOLD)
        tx.connection.execute(delete(directory_files).where(_files.id.in_(told)))
        return True
    if row.proven_ms is None:
        tx.connection.execute(update(directory_files).where(_files.id == row.id).values(proven_ms=now_ms))
    return row.proven_ms is None


def find(tx: Transaction, path: str, digest: bytes) -> DirectoryRow | None:
    """Return the row of one content."""
    return next(iter(_rows(tx, _files.path == path, _files.sha256 == digest)), None)


def named(tx: Transaction, files: Iterable[Named]) -> list[DirectoryRow]:
    """Return the rows of these contents, those that are known."""
    asked = [(file.path, file.sha256) for file in files]
    return [row for some in slices(asked) for row in _rows(tx, tuple_(_files.path, _files.sha256).in_(some))]


def others(tx: Transaction, path: str, digest: bytes) -> list[DirectoryRow]:
    """Return the rows of all other contents of a path."""
    return _rows(tx, _files.path == path, _files.sha256 != digest)


def timestamps(tx: Transaction) -> list[DirectoryRow]:
    """Return the timestamps that are here."""
    return _rows(tx, _files.path == TIMESTAMP, _HERE)


def here(tx: Transaction) -> list[DirectoryRow]:
    """Return all files that are here, without their contents (empty bytes)."""
    columns = (_files.id, _files.path, _files.sha256, _files.arrived_ms, _files.proven_ms)
    rows = tx.connection.execute(select(*columns).where(_HERE).order_by(_files.id))
    return [DirectoryRow(row.id, row.path, row.sha256, b"", row.arrived_ms, row.proven_ms) for row in rows]


def content(tx: Transaction, row_id: int) -> bytes | None:
    """Return the content of a row."""
    return tx.connection.execute(select(_files.content).where(_files.id == row_id)).scalar()


def forget(tx: Transaction, rows: Collection[int]) -> None:
    """Drop the contents of these rows; what the log has shown of them stays known."""
    chosen = _files.id.in_(rows)
    tx.connection.execute(delete(directory_files).where(chosen, _files.proven_ms.is_(None)))
    tx.connection.execute(update(directory_files).where(chosen).values(content=None))


def _make_room(tx: Transaction, path: str) -> None:
    same = tx.connection.execute(
        select(_files.id)
        .where(_HERE, _files.path == path, _files.proven_ms.is_(None))
        .order_by(_files.id.desc())
        .offset(MOST_OF_ONE_PATH)
    ).scalars()
    forget(tx, list(same))
    number = tx.connection.execute(select(func.count()).select_from(directory_files).where(_HERE)).scalar_one()
    if number > MOST_WAITING:
        oldest = select(_files.id).where(_HERE, _files.proven_ms.is_(None)).order_by(_files.id)
        forget(tx, list(tx.connection.execute(oldest.limit(number - MOST_WAITING)).scalars()))


def _rows(tx: Transaction, *conditions: ColumnElement[bool]) -> list[DirectoryRow]:
    rows = tx.connection.execute(select(directory_files).where(*conditions).order_by(_files.id))
    return [_row(row) for row in rows]


def _row(row: Row[Any]) -> DirectoryRow:
    return DirectoryRow(row.id, row.path, row.sha256, row.content, row.arrived_ms, row.proven_ms)
