"""What this gateway stated to the audit log, and the proofs of it that came back.

A statement is sealed under the key of its case, so destroying that key makes it unreadable; its leaf and its proof are
public and stay: they still verify, and nobody can tell any more what they are about. One that belongs to no case, or
that says that a case was erased, is sealed under the store key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, update

from refbus.audit.statement import Statement
from refbus.database.prepared import Prepared
from refbus.errors import Code, RuleError, UncheckableError
from refbus.said import said
from refbus_gateway.store.cases import Case, get
from refbus_gateway.store.referrals import Referral
from refbus_gateway.store.schema import events, outbox, statements
from refbus_gateway.store.session import Transaction, inserting

_BY_LEAF = Prepared(select(statements.c.id).where(statements.c.leaf_hash == bindparam("wanted")))
_NEW = inserting(statements, "leaf_hash", "case_id", "event_id", "outbox_id", "kept", "awaited", "at_ms", "body")
_ROWS = select(statements, outbox.c.produced_ms).outerjoin(outbox, outbox.c.id == statements.c.outbox_id)


@dataclass(frozen=True, slots=True)
class Link:
    """What a statement is about: its case, the row of its event, and the outbox row that carries it to the log.

    Without an outbox row it is a gate's own statement, which that gate logs. `awaited`: its proof comes over the topic
    of this country; another country's log has it otherwise.
    """

    case: Case | None = None
    event_row: int | None = None
    outbox_row: int | None = None
    awaited: bool = True


@dataclass(frozen=True, slots=True)
class Stated:
    """One statement. `sealed` is opened by `opened`; `proof` is a tlog-proof@v1 file without extra. Times UTC ms.

    `logged_ms`: when the broker took the entry, None while it waits or when it is a gate's.
    """

    id: int
    case_id: int | None
    event_row: int | None
    own: bool
    awaited: bool
    at_ms: int
    logged_ms: int | None
    proof: bytes | None = field(repr=False)
    proven_ms: int | None
    leaf_hash: bytes = field(repr=False)
    kept: bool
    sealed: bytes = field(repr=False)


def add(tx: Transaction, statement: Statement, link: Link) -> bool:
    """Keep a statement; False when it is here already."""
    leaf_hash = _leaf_hash(tx, statement.leaf)
    if _BY_LEAF.once(tx.connection, {"wanted": leaf_hash}).first() is not None:
        return False
    key = link.case.key if link.case else None
    context, content = _context(leaf_hash), statement.encode()
    row = {
        "leaf_hash": leaf_hash,
        "case_id": link.case.id if link.case else None,
        "event_id": link.event_row,
        "outbox_id": link.outbox_row,
        "kept": key is None,
        "awaited": link.awaited,
        "at_ms": statement.record.at_ms,
        "body": tx.vault.seal(context, content) if key is None else key.seal(context, content),
    }
    _NEW.once(tx.connection, row)
    return True


def opened(tx: Transaction, stated: Stated) -> Statement:
    """Return what was stated. Raises RuleError KEY_DESTROYED when its case was erased."""
    context = _context(stated.leaf_hash)
    if not stated.sealed:
        raise RuleError(Code.KEY_DESTROYED, said("the statement of a case that was erased"))
    if stated.kept:
        return Statement.parse(tx.vault.open(context, stated.sealed))
    if stated.case_id is None:
        raise UncheckableError(Code.KEY_DESTROYED, said("a statement without its case"))
    return Statement.parse(get(tx, stated.case_id).open_key().open(context, stated.sealed))


def of_referral(tx: Transaction, referral: Referral) -> list[Stated]:
    """Return what was stated about the events of a referral, oldest first."""
    query = _ROWS.join(events, events.c.id == statements.c.event_id).where(events.c.referral_id == referral.id)
    return _found(tx, query)


def of_case(tx: Transaction, case: Case) -> list[Stated]:
    """Return what was stated about a case, oldest first; of an erased case too, most of it unreadable."""
    return _found(tx, _ROWS.where(statements.c.case_id == case.id))


def between(tx: Transaction, start_ms: int, end_ms: int) -> list[Stated]:
    """Return what was stated from `start_ms` until before `end_ms`, oldest first."""
    return _found(tx, _ROWS.where(statements.c.at_ms >= start_ms, statements.c.at_ms < end_ms))


def unproven(tx: Transaction, leaves: Iterable[bytes]) -> dict[bytes, int]:
    """Return which of these leaves (as they stand in the log) are stated here and have no proof, with their row."""
    hashes = {_leaf_hash(tx, leaf): leaf for leaf in leaves}
    found: dict[bytes, int] = {}
    wanted = list(hashes)
    for start in range(0, len(wanted), 500):  # a database takes so many values at once
        part = statements.c.leaf_hash.in_(wanted[start : start + 500])
        query = select(statements.c.id, statements.c.leaf_hash).where(part, statements.c.proven_ms.is_(None))
        found.update({hashes[row.leaf_hash]: row.id for row in tx.connection.execute(query)})
    return found


def prove(tx: Transaction, row_id: int, proof: bytes, now_ms: int) -> None:
    """Keep the verified proof of a statement; the first one stays."""
    fresh = (statements.c.id == row_id, statements.c.proven_ms.is_(None))
    tx.connection.execute(update(statements).where(*fresh).values(proof=proof, proven_ms=now_ms))


def waiting(tx: Transaction) -> tuple[int, int | None]:
    """Return how many statements wait for a proof that this country's auditor owes, and since when the oldest does."""
    query = select(func.count(), func.min(statements.c.at_ms))
    count, oldest = tx.connection.execute(query.where(statements.c.awaited, statements.c.proven_ms.is_(None))).one()
    return int(count), oldest


def _found(tx: Transaction, query: Select[Any]) -> list[Stated]:
    return [_stated(row) for row in tx.connection.execute(query.order_by(statements.c.at_ms, statements.c.id))]


def _stated(row: Row[Any]) -> Stated:
    return Stated(
        id=row.id,
        case_id=row.case_id,
        event_row=row.event_id,
        own=row.outbox_id is not None,
        awaited=row.awaited,
        at_ms=row.at_ms,
        logged_ms=row.produced_ms,
        proof=row.proof,
        proven_ms=row.proven_ms,
        leaf_hash=row.leaf_hash,
        kept=row.kept,
        sealed=row.body,
    )


def _leaf_hash(tx: Transaction, leaf: bytes) -> bytes:
    return tx.vault.hash("leaf", leaf)


def _context(leaf_hash: bytes) -> bytes:
    return b"statement/" + leaf_hash
