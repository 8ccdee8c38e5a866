"""The one transaction that writes what was decided.

Its first statement moves the fence on, under the write lock, and with it the position. If anything decided since the
reads, nothing is written and the caller stops with POSITION_CONFLICT. So decisions and their cryptography happen
outside every lock and still rest on the newest state (docs/adr/0020-decide-outside-the-lock.md).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, null, select, update

from refbus.database.port import Database
from refbus.database.prepared import Prepared
from refbus.errors import Code, StoreError
from refbus.node.store import delivered, entries_of_cases, holds, outgoing
from refbus.node.store.accounting import count, move
from refbus.node.store.node import NodeStore, put_setting
from refbus.node.store.places import answer_place, deadline_place, fact_place, record_place
from refbus.node.store.rows import Changes, Fact, Kept, Position, RecordRow
from refbus.node.store.tables import deadline, fact, failure, fence, hold, inbox, ping, position, quarantine, record


def note_failure(database: Database, topic: str, offset: int) -> int:
    """Count, durably, that a record failed alone; return how often it has."""
    this = (failure.c.topic == topic) & (failure.c.offset == offset)
    with database.writing() as connection:
        changed = connection.execute(update(failure).where(this).values(attempts=failure.c.attempts + 1))
        if changed.rowcount == 0:
            connection.execute(insert(failure).values(topic=topic, offset=offset, attempts=1))
        return int(connection.execute(select(failure.c.attempts).where(this)).scalar_one())


def commit(store: NodeStore, changes: Changes, expected_fence: int, before: Position | None, now_ms: int) -> None:
    """Write all of `changes` or nothing. Raises StoreError; POSITION_CONFLICT when another decided in between."""
    with store.database.writing() as connection:
        _move_fence(connection, expected_fence)
        if changes.position is not None:
            move_position(connection, changes.position, before)
        _write_records(connection, store, changes)
        _write_facts(connection, store, changes)
        _write_holds(connection, store, changes, now_ms)
        _write_inboxes(connection, changes)
        delivered.note(connection, changes.delivered)
        outgoing.taken(connection, changes.confirmed)
        outgoing.remove(connection, changes.expired)
        outgoing.add(connection, store, changes.outgoing, now_ms)
        _write_deadlines(connection, store, changes, now_ms)
        entries_of_cases.add(connection, changes.audited)
        entries_of_cases.forget(connection, changes.forgotten)
        for name, value in changes.settings.items():
            put_setting(connection, name, value)


def _insert(table: Table) -> Prepared:
    """Prepare an INSERT of whole rows; `id` is the number that the database gives."""
    return Prepared(
        insert(table).values({column.name: bindparam(column.name) for column in table.c if column.name != "id"})
    )


def _at(table: Table) -> Any:
    """Return the condition that names one row of a table by topic and offset."""
    return (table.c.topic == bindparam("its_topic")) & (table.c.offset == bindparam("its_offset"))


_AGAIN = ("decision_id", "outcome", "code", "signed_key", "envelope_key", "event_key", "at_ms", "sealed_answer")
_NEXT_FENCE = Prepared(
    update(fence).where(fence.c.decisions == bindparam("found")).values(decisions=bindparam("found") + 1)
)
_MOVE_POSITION = Prepared(
    update(position)
    .where(
        position.c.topic == bindparam("its_topic"),
        position.c.topic_id == bindparam("its_topic_id"),
        position.c.next_offset == bindparam("its_next_offset"),
    )
    .values({column.name: bindparam(column.name) for column in position.c})
)
_DROP_FAILURE = Prepared(
    delete(failure).where(failure.c.topic == bindparam("its_topic"), failure.c.offset < bindparam("below"))
)
_ADD_RECORD = _insert(record)
_MOVE_RECORD = Prepared(update(record).where(_at(record)).values({name: bindparam(name) for name in _AGAIN}))
_UNNAME_RECORD = Prepared(
    update(record).where(_at(record)).values({name: null() for name in ("record_key", "signed_key", "event_key")})
)
_DROP_FACT = Prepared(delete(fact).where(fact.c.kind == bindparam("its_kind"), fact.c.fact_key == bindparam("its_key")))
_ADD_FACT = _insert(fact)
_DROP_HOLD = Prepared(delete(hold).where(_at(hold)))
_ADD_HOLD = _insert(hold)
_DROP_KEPT = Prepared(delete(quarantine).where(_at(quarantine)))
_ADD_KEPT = _insert(quarantine)
_DROP_INBOX = Prepared(delete(inbox).where(inbox.c.topic == bindparam("its_topic")))
_ADD_INBOX = _insert(inbox)
_DROP_DEADLINE = Prepared(delete(deadline).where(deadline.c.course_key == bindparam("its_key")))
_ADD_DEADLINE = _insert(deadline)
_ADD_PING = _insert(ping)
_RECORD_FIELDS = tuple(each.name for each in fields(RecordRow) if each.name != "answer")


def _move_fence(connection: Connection, expected: int) -> None:
    if _NEXT_FENCE.once(connection, {"found": expected}).rowcount == 1:
        return
    if expected != 0 or connection.execute(select(fence.c.id)).first() is not None:
        raise StoreError(Code.POSITION_CONFLICT, "another process decided in between")
    connection.execute(insert(fence).values(id=1, decisions=1))


def move_position(connection: Connection, after: Position, before: Position | None) -> None:
    """Write how far a topic is decided. Raises StoreError POSITION_CONFLICT when it is not where `before` says."""
    if before is None:
        connection.execute(insert(position).values(**asdict(after)))
        return
    found = {"its_topic": before.topic, "its_topic_id": before.topic_id, "its_next_offset": before.next_offset}
    if _MOVE_POSITION.once(connection, {**found, **asdict(after)}).rowcount != 1:
        raise StoreError(Code.POSITION_CONFLICT, "the position is not where the batch begins")
    _DROP_FAILURE.once(connection, {"its_topic": after.topic, "below": after.next_offset})


def _write_records(connection: Connection, store: NodeStore, changes: Changes) -> None:
    _ADD_RECORD.many(connection, [_record(store, row) for row in changes.records])
    for (topic, offset), outcome in {(row.topic, row.offset): row.outcome for row in changes.moved}.items():
        move(connection, topic, offset, outcome)
    moved = [{**_record(store, row), **_place(row.topic, row.offset)} for row in changes.moved]
    _MOVE_RECORD.many(connection, moved)
    _UNNAME_RECORD.many(connection, [_place(*each) for each in changes.unnamed])
    counted = changes.counted + Counter((row.topic, row.outcome) for row in changes.records)
    for (topic, outcome), records in counted.items():
        count(connection, topic, outcome, records)


def _write_facts(connection: Connection, store: NodeStore, changes: Changes) -> None:
    """Delete and insert: the one way to overwrite that SQLite and PostgreSQL spell alike."""
    rows = [_fact(store, each) for each in changes.facts.values()]
    _DROP_FACT.many(connection, rows)
    _ADD_FACT.many(connection, rows)


def _write_holds(connection: Connection, store: NodeStore, changes: Changes, now_ms: int) -> None:
    released = [_place(topic, offset) for topic, offset in changes.released]
    _DROP_HOLD.many(connection, released + [_place(topic, offset) for topic, offset in changes.freed])
    _DROP_KEPT.many(connection, released)
    _ADD_HOLD.many(connection, [holds.hold_values(store, row, now_ms) for row in changes.held])
    _ADD_KEPT.many(connection, [_kept(store, row, now_ms) for row in changes.kept])
    holds.drop(connection, changes.dropped, now_ms)


def _write_inboxes(connection: Connection, changes: Changes) -> None:
    rows = [{**asdict(row), "its_topic": row.topic} for row in changes.inboxes.values()]
    _DROP_INBOX.many(connection, rows)
    _ADD_INBOX.many(connection, rows)


def _write_deadlines(connection: Connection, store: NodeStore, changes: Changes, now_ms: int) -> None:
    rows = [
        {
            "its_key": row.course_key,
            "course_key": row.course_key,
            "next_ms": row.next_ms,
            "keep_until_ms": row.keep_until_ms,
            "sealed": store.seal(deadline_place(row.course_key), row.value),
        }
        for row in changes.deadlines
    ]
    _DROP_DEADLINE.many(connection, rows)
    _ADD_DEADLINE.many(connection, rows)
    fresh = {"created_ms": now_ms, "attempts": 0, "next_attempt_ms": now_ms}
    _ADD_PING.many(connection, [{**asdict(row), **fresh} for row in changes.pings])


def _place(topic: str, offset: int) -> dict[str, Any]:
    return {"its_topic": topic, "its_offset": offset}


def _record(store: NodeStore, row: RecordRow) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(row, name) for name in _RECORD_FIELDS}
    place = answer_place(row.topic, row.offset)
    values["sealed_answer"] = None if row.answer is None else store.seal(place, row.answer)
    return values


def _fact(store: NodeStore, row: Fact) -> dict[str, Any]:
    return {
        "its_kind": row.kind,
        "its_key": row.key,
        "kind": row.kind,
        "fact_key": row.key,
        "keep_until_ms": row.keep_until_ms,
        "sealed": store.seal(fact_place(row.kind, row.key), row.value),
    }


def _kept(store: NodeStore, row: Kept, now_ms: int) -> dict[str, Any]:
    sealed = store.seal(record_place(row.topic, row.offset), row.value)
    return {
        "topic": row.topic,
        "offset": row.offset,
        "code": row.code,
        "at_ms": now_ms,
        "sealed_record": sealed,
        "owner_key": row.owner_key,
        "size": len(row.value),
    }
