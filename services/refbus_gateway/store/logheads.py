"""The newest checkpoint of each log that was seen here, and, as evidence for ever, those that contradict one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from refbus.crypto.framing import sha256
from refbus.tlog.checkpoint import Checkpoint
from refbus_gateway.store.schema import log_evidence, log_heads
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class LogHead:
    """The newest verified checkpoint of one log. `note` are its bytes as received. Times UTC ms.

    `quorum_ms`: since when a quorum of witnesses has stood behind it, None when the policy demands none.
    """

    checkpoint: Checkpoint
    note: bytes = field(repr=False)
    quorum_ms: int | None
    seen_ms: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two checkpoints of one log that cannot both be honest, as received. Time UTC ms."""

    id: int
    origin: str
    note: bytes = field(repr=False)
    against: bytes = field(repr=False)
    at_ms: int


def head(tx: Transaction, origin: str) -> LogHead | None:
    """Return the newest checkpoint of a log."""
    row = tx.connection.execute(select(log_heads).where(log_heads.c.origin == origin)).first()
    return None if row is None else _head(row)


def heads(tx: Transaction) -> list[LogHead]:
    """Return the newest checkpoint of every log, by origin."""
    return [_head(row) for row in tx.connection.execute(select(log_heads).order_by(log_heads.c.origin))]


def keep_head(tx: Transaction, new: LogHead) -> None:
    """Keep a checkpoint in place of the one before."""
    values = {
        "size": new.checkpoint.size,
        "root": new.checkpoint.root,
        "note": new.note,
        "quorum_ms": new.quorum_ms,
        "seen_ms": new.seen_ms,
    }
    change = update(log_heads).where(log_heads.c.origin == new.checkpoint.origin).values(**values)
    if tx.connection.execute(change).rowcount == 0:
        tx.connection.execute(insert(log_heads).values(origin=new.checkpoint.origin, **values))


def newest_ms(tx: Transaction) -> int | None:
    """Return when the newest checkpoint of any log was cosigned by its quorum; where none is demanded, was seen."""
    return tx.connection.execute(select(func.max(func.coalesce(log_heads.c.quorum_ms, log_heads.c.seen_ms)))).scalar()


def keep_evidence(tx: Transaction, origin: str, note: bytes, against: bytes, now_ms: int) -> bool:
    """Keep a checkpoint that contradicts another; False when it is here already."""
    digest = sha256(note)
    if tx.connection.execute(select(log_evidence.c.id).where(log_evidence.c.sha256 == digest)).first():
        return False
    row = insert(log_evidence).values(origin=origin, sha256=digest, note=note, against=against, at_ms=now_ms)
    tx.connection.execute(row)
    return True


def evidence(tx: Transaction) -> list[Evidence]:
    """Return all evidence, oldest first."""
    rows = tx.connection.execute(select(log_evidence).order_by(log_evidence.c.id))
    return [Evidence(row.id, row.origin, row.note, row.against, row.at_ms) for row in rows]


def _head(row: Row[Any]) -> LogHead:
    return LogHead(Checkpoint(row.origin, row.size, row.root), row.note, row.quorum_ms, row.seen_ms)
