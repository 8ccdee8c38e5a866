"""How far the inbox and the directory topic were read, what was set aside on the way, and alarms for a person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update

from refbus.errors import Code
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.store.schema import alarms, inbox_seen, positions, set_aside
from refbus_gateway.store.session import Transaction

START_HASH = bytes(32)
"""Running hash of an empty inbox."""
SYNCHRONISED: Final = "synchronised"
"""Where the store keeps when everything was last read to its end, in ms UTC."""


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset of a topic; for an inbox also the last sequence and the running hash (32 bytes) up to it.

    `seen_from`: from this offset on, `has_seen` knows every record that was read.
    """

    topic_id: str
    next_offset: int
    sequence: int = 0
    running_hash: bytes = START_HASH
    seen_from: int = 0


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


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must look at. `detail` names ids of organisations or counts, never a case."""

    id: int
    code: str
    detail: str
    at_ms: int


def position(tx: Transaction, topic: str) -> Position | None:
    """Return how far a topic was read."""
    row = tx.connection.execute(select(positions).where(positions.c.topic == topic)).first()
    return (
        None if row is None else Position(row.topic_id, row.next_offset, row.sequence, row.running_hash, row.seen_from)
    )


def set_position(tx: Transaction, topic: str, new: Position) -> None:
    """Keep how far a topic was read."""
    values = {
        "topic_id": new.topic_id,
        "next_offset": new.next_offset,
        "sequence": new.sequence,
        "running_hash": new.running_hash,
        "seen_from": new.seen_from,
    }
    change = update(positions).where(positions.c.topic == topic).values(**values)
    if tx.connection.execute(change).rowcount == 0:
        tx.connection.execute(insert(positions).values(topic=topic, **values))


def forget_position(tx: Transaction, topic: str) -> None:
    """Read a topic from its beginning the next time."""
    tx.connection.execute(delete(positions).where(positions.c.topic == topic))


def has_seen(tx: Transaction, record: InboxRecord) -> bool:
    """Whether a record of this kind with these bytes was read before."""
    query = select(inbox_seen.c.sha256).where(inbox_seen.c.sha256 == _seen_name(record))
    return tx.connection.execute(query).first() is not None


def note_seen(tx: Transaction, record: InboxRecord) -> None:
    """Remember that a record of this kind with these bytes was read."""
    if not has_seen(tx, record):
        tx.connection.execute(insert(inbox_seen).values(sha256=_seen_name(record)))


def _seen_name(record: InboxRecord) -> bytes:
    """Return the SHA-256 of the bytes; of a notice its complement: whoever runs the broker can change the kind."""
    digest = hashlib.sha256(record.body).digest()
    return digest if record.kind is InboxKind.EVENT else bytes(255 - each for each in digest)


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
    row = tx.connection.execute(select(*_FOUND).where(set_aside.c.sha256 == digest)).first()
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
    return tx.connection.execute(select(func.max(set_aside.c.id))).scalar() or 0


def waiting(tx: Transaction, last: int | None = None) -> list[Found]:
    """Return what waits, up to row `last`: first what says stop, then what was tried least, as in the inbox."""
    order = (set_aside.c.stop.desc(), set_aside.c.attempts, set_aside.c.sequence)
    query = select(*_FOUND).where(set_aside.c.state == AsideState.HELD).order_by(*order)
    rows = tx.connection.execute(query if last is None else query.where(set_aside.c.id <= last))
    return [_found(row) for row in rows]


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
    tx.connection.execute(delete(set_aside).where(set_aside.c.sha256 == digest, set_aside.c.state == AsideState.HELD))
    return before


def raise_alarm(tx: Transaction, code: Code, detail: str, now_ms: int) -> None:
    """Tell a person; an alarm that already stands with the same words is not repeated."""
    if not _stands(tx, code, detail):
        tx.connection.execute(insert(alarms).values(code=code, detail=detail, at_ms=now_ms))


MOST_OF_ONE: Final = 20
"""Alarms with one code that stand about what one source causes; what is beyond is counted in one more."""


def raise_of_many(
    tx: Transaction, code: Code, source: str, detail: str, now_ms: int, *, most: int = MOST_OF_ONE
) -> None:
    """Tell a person of something that others cause, so that nobody buries all other alarms under their own.

    `source`: words that the `detail` of each such alarm has. Once `most` of them stand, one more says how many came
    since.
    """
    if count_alarms(tx, code, source) < most or _stands(tx, code, detail):
        raise_alarm(tx, code, detail, now_ms)
        return
    head, tail = f"{source.strip(' :,')}: and ", " more"
    rest = (alarms.c.code == code, alarms.c.detail.startswith(head, autoescape=True), alarms.c.cleared_ms.is_(None))
    row = tx.connection.execute(select(alarms.c.id, alarms.c.detail).where(*rest)).first()
    number = 1 if row is None else int(row.detail.removeprefix(head).removesuffix(tail)) + 1
    if row is None:
        raise_alarm(tx, code, f"{head}{number}{tail}", now_ms)
    else:
        change = update(alarms).where(alarms.c.id == row.id)
        tx.connection.execute(change.values(detail=f"{head}{number}{tail}", at_ms=now_ms))


def count_alarms(tx: Transaction, code: Code, words: str) -> int:
    """Return how many alarms with this code stand whose detail has these words."""
    found = (alarms.c.code == code, alarms.c.detail.contains(words, autoescape=True), alarms.c.cleared_ms.is_(None))
    return int(tx.connection.execute(select(func.count()).select_from(alarms).where(*found)).scalar_one())


def _stands(tx: Transaction, code: Code, detail: str) -> bool:
    same = (alarms.c.code == code, alarms.c.detail == detail, alarms.c.cleared_ms.is_(None))
    return tx.connection.execute(select(alarms.c.id).where(*same)).first() is not None


def withdraw_alarm(tx: Transaction, code: Code, detail: str, now_ms: int) -> None:
    """Take back an alarm whose reason is gone."""
    change = update(alarms).where(alarms.c.code == code, alarms.c.detail == detail, alarms.c.cleared_ms.is_(None))
    tx.connection.execute(change.values(cleared_ms=now_ms))


def standing_alarms(tx: Transaction) -> list[Alarm]:
    """Return the alarms that nobody has cleared."""
    rows = tx.connection.execute(select(alarms).where(alarms.c.cleared_ms.is_(None)).order_by(alarms.c.id))
    return [Alarm(row.id, row.code, row.detail, row.at_ms) for row in rows]


def clear_alarm(tx: Transaction, alarm_id: int, now_ms: int) -> bool:
    """Note that a person dealt with an alarm; False when there is none with this number."""
    change = update(alarms).where(alarms.c.id == alarm_id, alarms.c.cleared_ms.is_(None)).values(cleared_ms=now_ms)
    return tx.connection.execute(change).rowcount == 1


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


def _found(row: Any) -> Found:
    return Found(row.id, AsideState(row.state), row.code, row.since_ms, row.attempts, row.basis, row.told)


def _aside(row: Row[Any]) -> Aside:
    return Aside(row.id, row.sequence, InboxKind(row.kind), row.value, AsideState(row.state), row.code, row.since_ms)
