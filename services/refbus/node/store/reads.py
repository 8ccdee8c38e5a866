"""What decisions read before they decide: in one transaction, with the number of the fence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from refbus.core.bounds import COUNT, TIME_MS
from refbus.database.prepared import AnyOf, Prepared
from refbus.errors import Code, RowError, StoreError
from refbus.node.store.node import NodeStore
from refbus.node.store.places import answer_place, deadline_place, fact_place, record_place
from refbus.node.store.rows import Fact, InboxRow, Kept, Position, RecordRow
from refbus.node.store.sound import is_sound
from refbus.node.store.tables import deadline, fact, fence, hold, inbox, position, quarantine, record

_log = logging.getLogger("refbus.node.reads")
_HASH_BYTES = 32
_FENCE = Prepared(select(fence.c.decisions))
_POSITION = Prepared(select(position).where(position.c.topic == bindparam("its_topic")))
_RECORDS = {column.name: AnyOf(select(record), column) for column in record.c}
_FACTS = AnyOf(select(fact).where(fact.c.kind == bindparam("its_kind")), fact.c.fact_key)
_HELD_CASES = AnyOf(select(hold.c.case_key).distinct(), hold.c.case_key)
_DEADLINES = AnyOf(select(deadline), deadline.c.course_key)
_INBOXES = AnyOf(select(inbox), inbox.c.topic)
_PUT_OFF = Prepared(
    update(deadline).where(deadline.c.course_key == bindparam("its_key")).values(next_ms=bindparam("at"))
)


def read_fence(connection: Connection) -> int:
    """Return the number that the next deciding transaction must find."""
    return _FENCE.once(connection, {}).scalar_one_or_none() or 0


def read_position(connection: Connection, topic: str) -> Position | None:
    """Return how far `topic` is decided, None before its first record.

    Raises StoreError POSITION_CONFLICT when that is damaged: nothing of the topic may be decided twice, or passed over.
    """
    row = _POSITION.once(connection, {"its_topic": topic}).one_or_none()
    if row is None:
        return None
    if not is_sound(row, *(each for each in position.c if each is not position.c.last_hash)):
        raise StoreError(Code.POSITION_CONFLICT, "the position is damaged")
    numbers = row.next_offset, row.first_offset, row.gaps, row.shift
    read = row.next_offset - row.first_offset - row.gaps
    if not all(COUNT.holds(each) for each in (*numbers[:3], abs(row.shift), read)):
        raise StoreError(Code.POSITION_CONFLICT, "no topic has such a position")
    is_hash = isinstance(row.last_hash, bytes) and len(row.last_hash) == _HASH_BYTES
    return Position(row.topic, row.topic_id, *numbers, row.last_hash if is_hash else None)


def read_records(
    connection: Connection, store: NodeStore, column: str, keys: Iterable[bytes]
) -> dict[bytes, RecordRow]:
    """Return a record under each of these keys; `column` is one of the `*_key` columns or decision_id."""
    rows = _RECORDS[column].rows(connection, set(keys))
    return {getattr(row, column): record_row(store, row) for row in rows}


def read_record_at(connection: Connection, store: NodeStore, topic: str, offset: int) -> RecordRow | None:
    """Return what became of the record at this place."""
    chosen = select(record).where(record.c.topic == topic, record.c.offset == offset)
    row = connection.execute(chosen).one_or_none()
    return None if row is None else record_row(store, row)


def read_facts(
    connection: Connection, store: NodeStore, names: Iterable[tuple[str, bytes]]
) -> dict[tuple[str, bytes], Fact | None]:
    """Return the facts that are known among these (kind, key); None for one whose value is damaged."""
    wanted = dict[str, set[bytes]]()
    for kind, key in names:
        wanted.setdefault(kind, set()).add(key)
    found = (row for kind, keys in wanted.items() for row in _FACTS.rows(connection, keys, its_kind=kind))
    return {(row.kind, row.fact_key): _fact(store, row) for row in found}


def every_fact(
    connection: Connection, store: NodeStore, kind: str, failed: Callable[[RowError], object] = lambda _: None
) -> Iterator[bytes]:
    """Yield every fact of one kind, unsealed; a damaged one is left out, the store counts it, and `failed` hears it."""
    for row in connection.execute(select(fact).where(fact.c.kind == kind).execution_options(yield_per=500)):
        try:
            yield store.unseal(fact_place(row.kind, row.fact_key), row.sealed)
        except RowError as error:
            failed(error)


def read_held_cases(connection: Connection, case_keys: Iterable[bytes]) -> set[bytes]:
    """Return those of these cases that have an event waiting."""
    return {row.case_key for row in _HELD_CASES.rows(connection, set(case_keys))}


def read_inboxes(connection: Connection, topics: Iterable[str]) -> dict[str, InboxRow]:
    """Return the inboxes that have been written to among these topics.

    Where a count or a hash is damaged it begins anew: the office takes every record, and is alarmed (INBOX_COUNT_BACK).
    """
    rows = _INBOXES.rows(connection, set(topics))
    return {row.topic: _inbox(row) for row in rows}


def read_deadlines(connection: Connection, store: NodeStore, course_keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the timetables that are kept of these courses; a damaged one is left out, and is made anew."""
    rows = _DEADLINES.rows(connection, set(course_keys))
    found = ((row.course_key, _timetable(store, row)) for row in rows)
    return {key: value for key, value in found if value is not None}


def read_due(connection: Connection, store: NodeStore, now_ms: int, most: int) -> list[tuple[bytes, bytes | None]]:
    """Return the courses that have to be looked at now, the longest waiting first: their keys and timetables.

    None for a timetable that is damaged. A course whose time is damaged has to be looked at.
    """
    rows = list[Row[Any]]()
    for come in (deadline.c.next_ms <= now_ms, deadline.c.next_ms > TIME_MS.high):
        chosen = select(deadline).where(come).order_by(deadline.c.next_ms)
        rows += connection.execute(chosen.limit(most - len(rows))).all()
    return [(row.course_key, _timetable(store, row)) for row in rows]


def put_off(connection: Connection, course_key: bytes, next_ms: int | None) -> None:
    """Look at a course at that time (UTC ms) and not before; None: when its next event has made its timetable anew."""
    _PUT_OFF.once(connection, {"its_key": course_key, "at": next_ms})


def oldest_due(connection: Connection, now_ms: int) -> int | None:
    """Return when (UTC ms) the longest waiting course had to be looked at; None when none waits."""
    return connection.execute(select(func.min(deadline.c.next_ms)).where(deadline.c.next_ms <= now_ms)).scalar()


def read_kept(connection: Connection, store: NodeStore, topic: str, offset: int) -> Kept | None:
    """Return a refused or quarantined record as received."""
    chosen = select(quarantine).where(quarantine.c.topic == topic, quarantine.c.offset == offset)
    row = connection.execute(chosen).one_or_none()
    return (
        None
        if row is None
        else Kept(
            row.topic,
            row.offset,
            row.code,
            store.unseal(record_place(row.topic, row.offset), row.sealed_record),
            row.owner_key,
        )
    )


def _fact(store: NodeStore, row: Row[Any]) -> Fact | None:
    with suppress(RowError):
        value = store.unseal(fact_place(row.kind, row.fact_key), row.sealed)
        return Fact(row.kind, row.fact_key, row.keep_until_ms, value)
    return None


def _inbox(row: Row[Any]) -> InboxRow:
    if is_sound(row, *inbox.c) and COUNT.holds(row.sequence):
        return InboxRow(row.topic, row.sequence, row.hash)
    _log.critical("the count of an inbox is damaged and begins anew: its office is alarmed")
    return InboxRow(row.topic, row.sequence if COUNT.holds(row.sequence) else 0, bytes(32))


def _timetable(store: NodeStore, row: Row[Any]) -> bytes | None:
    if not is_sound(row, deadline.c.course_key):
        store.note_damaged(f"deadline/{row.course_key}")
        return None
    with suppress(RowError):
        return store.unseal(deadline_place(row.course_key), row.sealed)
    return None


def _answer(store: NodeStore, row: Row[Any]) -> bytes | None:
    with suppress(RowError):
        return (
            None if row.sealed_answer is None else store.unseal(answer_place(row.topic, row.offset), row.sealed_answer)
        )
    return None


def record_row(store: NodeStore, row: Row[Any]) -> RecordRow:
    """Return a row of `record` with its answer, None for one that is damaged."""
    return RecordRow(
        topic=row.topic,
        offset=row.offset,
        decision_id=row.decision_id,
        outcome=row.outcome,
        code=row.code,
        record_key=row.record_key,
        signed_key=row.signed_key,
        envelope_key=row.envelope_key,
        event_key=row.event_key,
        at_ms=row.at_ms,
        keep_until_ms=row.keep_until_ms,
        answer=_answer(store, row),
    )
