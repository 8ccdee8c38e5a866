"""Records of the inbox that were not taken in: held until they can be, or refused and kept as evidence."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from refbus.database.prepared import Prepared
from refbus.errors import Code
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.store.schema import set_aside
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.vault import member_of


class AsideState(StrEnum):
    """HELD is tried again at each synchronisation; REFUSED stays as evidence."""

    HELD = "HELD"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Aside:
    """An inbox record that was not taken in, with its bytes as received."""

    id: int
    sequence: int
    kind: InboxKind
    value: bytes = field(repr=False)
    state: AsideState
    code: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Setting:
    """How a record is set aside. `sender` is a keyed hash, b"" while nobody knows from whom it is.

    `basis`: what was here of what it waits for. `keep` its bytes, not only their hash.
    """

    state: AsideState
    code: Code
    sender: bytes = b""
    basis: str = ""
    stop: bool = False
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a record that was set aside, without its bytes; `told` whether people heard of it."""

    id: int
    state: AsideState
    code: str
    since_ms: int
    attempts: int
    basis: str
    told: bool


def put_aside(tx: Transaction, record: InboxRecord, setting: Setting, now_ms: int) -> None:
    """Keep a record that cannot be taken in; the same bytes are kept once, and written once.

    Of one about an erased case only the hash is kept: its bytes could still be opened with the key of this home.
    """
    digest = hashlib.sha256(record.body).digest()
    kept = record.body if setting.keep else b""
    facts = {
        "state": setting.state,
        "code": setting.code,
        "sender": setting.sender or None,
        "stop": setting.stop,
        "basis": setting.basis,
    }
    before = tx.connection.execute(select(set_aside.c.value != b"").where(set_aside.c.sha256 == digest)).scalar()
    if before is None:
        row = {"sequence": record.sequence, "sha256": digest, "kind": record.kind, "since_ms": now_ms}
        tx.connection.execute(insert(set_aside).values(**row, **facts, value=kept, attempts=1, told=False))
        return
    change = update(set_aside).where(set_aside.c.sha256 == digest)
    tx.connection.execute(change.values(**facts, attempts=set_aside.c.attempts + 1))
    if bool(before) != setting.keep:
        tx.connection.execute(change.values(value=kept))


def found_aside(tx: Transaction, body: bytes) -> Found | None:
    """Return what is known of a record that was set aside, without its bytes."""
    digest = hashlib.sha256(body).digest()
    row = _BY_DIGEST.once(tx.connection, {"wanted": digest}).first()
    return None if row is None else _found(row)


def attempts(tx: Transaction, aside_id: int) -> int | None:
    """Return how often a record that waits was tried; None when it waits no longer."""
    held = (set_aside.c.id == aside_id, set_aside.c.state == AsideState.HELD)
    return tx.connection.execute(select(set_aside.c.attempts).where(*held)).scalar()


def note_told(tx: Transaction, body: bytes) -> None:
    """Note that people were told of a record that was set aside."""
    digest = hashlib.sha256(body).digest()
    tx.connection.execute(update(set_aside).where(set_aside.c.sha256 == digest).values(told=True))


def newest_aside(tx: Transaction) -> int:
    """Return the number of the row that was set aside last, 0 when there is none."""
    return _NEWEST.once(tx.connection, {}).scalar() or 0


def waits(tx: Transaction) -> bool:
    """Whether anything waits."""
    query = select(set_aside.c.id).where(set_aside.c.state == AsideState.HELD).limit(1)
    return tx.connection.execute(query).first() is not None


def waiting(tx: Transaction, last: int | None = None) -> list[Found]:
    """Return what waits, up to row `last`: first what says stop, then what was tried least, as in the inbox."""
    asked = _WAITING if last is None else _WAITING_UP_TO
    return [_found(row) for row in asked.once(tx.connection, {} if last is None else {"last": last})]


def kept_of(tx: Transaction, sender: bytes, state: AsideState) -> tuple[int, int]:
    """Return how many records of a sender (keyed hash) are kept whole in this state, and how many bytes those are."""
    size = func.length(set_aside.c.value)
    kept = (set_aside.c.sender == sender, set_aside.c.state == state, size > 0)
    records, octets = tx.connection.execute(select(func.count(), func.coalesce(func.sum(size), 0)).where(*kept)).one()
    return int(records), int(octets)


def aside_with(tx: Transaction, aside_id: int) -> Aside | None:
    """Return one record that was set aside, with its bytes; None when it is taken in."""
    row = tx.connection.execute(select(set_aside).where(set_aside.c.id == aside_id)).first()
    return None if row is None else _aside(row)


def aside(tx: Transaction, state: AsideState) -> list[Aside]:
    """Return the records set aside in this state, in the order of the inbox."""
    rows = tx.connection.execute(select(set_aside).where(set_aside.c.state == state).order_by(set_aside.c.sequence))
    return [_aside(row) for row in rows]


def forget_content(tx: Transaction, aside_id: int) -> None:
    """Keep only the hash of a record that was set aside: its case was erased."""
    change = update(set_aside).where(set_aside.c.id == aside_id)
    tx.connection.execute(change.values(value=b"", state=AsideState.REFUSED, code=Code.KEY_DESTROYED))


def take_back(tx: Transaction, body: bytes) -> Found | None:
    """Drop a record from what is held: it is being taken in again. Return what was known of it."""
    digest, before = hashlib.sha256(body).digest(), found_aside(tx, body)
    if before is not None:
        _DROP_HELD.once(tx.connection, {"wanted": digest})
    return before


def count_aside(tx: Transaction, state: AsideState) -> int:
    """Return how many records are set aside in this state."""
    query = select(func.count()).select_from(set_aside).where(set_aside.c.state == state)
    return int(tx.connection.execute(query).scalar_one())


_FOUND = (
    set_aside.c.id,
    set_aside.c.state,
    set_aside.c.code,
    set_aside.c.since_ms,
    set_aside.c.attempts,
    set_aside.c.basis,
    set_aside.c.told,
)
_HELD = select(*_FOUND).where(set_aside.c.state == AsideState.HELD)
_IN_TURN = _HELD.order_by(set_aside.c.stop.desc(), set_aside.c.attempts, set_aside.c.sequence)
_WAITING = Prepared(_IN_TURN)
_WAITING_UP_TO = Prepared(_IN_TURN.where(set_aside.c.id <= bindparam("last")))
_NEWEST = Prepared(select(func.max(set_aside.c.id)))
_BY_DIGEST = Prepared(select(*_FOUND).where(set_aside.c.sha256 == bindparam("wanted")))
_DROP_HELD = Prepared(
    delete(set_aside).where(set_aside.c.sha256 == bindparam("wanted"), set_aside.c.state == AsideState.HELD)
)


def _found(row: Any) -> Found:
    return Found(row.id, member_of(AsideState, row.state), row.code, row.since_ms, row.attempts, row.basis, row.told)


def _aside(row: Row[Any]) -> Aside:
    return Aside(
        row.id,
        row.sequence,
        member_of(InboxKind, row.kind),
        row.value,
        member_of(AsideState, row.state),
        row.code,
        row.since_ms,
    )
