"""Metadata files of the directory at the door: what has arrived, and what the audit log has shown.

One row for each content of a path. A file and the log's word of it come in any order. Everything here is public.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, update

from refbus.crypto.framing import sha256
from refbus.database.prepared import AnyOf, Prepared
from refbus.trust.layout import TIMESTAMP
from refbus.trust.reader.manifest import Named
from refbus_gateway.store.schema import directory_files
from refbus_gateway.store.session import Transaction

MOST_OF_ONE_PATH: Final = 4
"""So many contents of one path wait at once; older ones that the log has not shown make room."""
MOST_WAITING: Final = 400
MOST_TOLD: Final = 5_000
"""So many hashes that the log has shown are remembered beyond the files that are here."""

_files = directory_files.c
_HERE: Final = _files.content.is_not(None)
_ROWS: Final = select(directory_files).order_by(_files.id)
_BY_CONTENT: Final = Prepared(_ROWS.where(_files.path == bindparam("path"), _files.sha256 == bindparam("digest")))
_OTHERS: Final = Prepared(_ROWS.where(_files.path == bindparam("path"), _files.sha256 != bindparam("digest")))
_BY_PATHS: Final = AnyOf(_ROWS, _files.path)
_TIMESTAMPS: Final = Prepared(_ROWS.where(_files.path == TIMESTAMP, _HERE))
_LISTED: Final = (_files.id, _files.path, _files.sha256, _files.arrived_ms, _files.proven_ms)
_ALL_HERE: Final = Prepared(select(*_LISTED).where(_HERE).order_by(_files.id))


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
    row = _BY_CONTENT.once(tx.connection, {"path": path, "digest": digest}).first()
    return None if row is None else _row(row)


def named(tx: Transaction, files: Iterable[Named]) -> list[DirectoryRow]:
    """Return the rows of these contents, those that are known."""
    asked = {(file.path, file.sha256) for file in files}
    found = _BY_PATHS.rows(tx.connection, sorted({path for path, _ in asked}))
    return [_row(row) for row in found if (row.path, row.sha256) in asked]


def others(tx: Transaction, path: str, digest: bytes) -> list[DirectoryRow]:
    """Return the rows of all other contents of a path."""
    return [_row(row) for row in _OTHERS.once(tx.connection, {"path": path, "digest": digest})]


def timestamps(tx: Transaction) -> list[DirectoryRow]:
    """Return the timestamps that are here."""
    return [_row(row) for row in _TIMESTAMPS.once(tx.connection, {})]


def here(tx: Transaction) -> list[DirectoryRow]:
    """Return all files that are here, without their contents (empty bytes)."""
    rows = _ALL_HERE.once(tx.connection, {})
    return [DirectoryRow(row.id, row.path, row.sha256, b"", row.arrived_ms, row.proven_ms) for row in rows]


def content(tx: Transaction, row_id: int) -> bytes | None:
    """Return the content of a row."""
    return tx.connection.execute(select(_files.content).where(_files.id == row_id)).scalar()


def forget(tx: Transaction, rows: Collection[int]) -> None:
    """Drop the contents of these rows; what the log has shown of them stays known."""
    if not rows:
        return
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


def _row(row: Any) -> DirectoryRow:
    return DirectoryRow(row.id, row.path, row.sha256, row.content, row.arrived_ms, row.proven_ms)
