"""The one transaction that writes what was decided.

Its first statement moves the fence on, under the write lock, and with it the position. If anything decided since the
reads, nothing is written and the caller stops with POSITION_CONFLICT. So decisions and their cryptography happen
outside every lock and still rest on the newest state (docs/adr/0020-decide-outside-the-lock.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, delete, insert, select, update

from refbus.errors import Code, StoreError
from refbus.store import outgoing
from refbus.store.node import NodeStore, put_setting
from refbus.store.places import answer_place, fact_place, record_place
from refbus.store.rows import Changes, Fact, HoldRow, Kept, Position, RecordRow
from refbus.store.tables import fact, failure, fence, hold, inbox, position, quarantine, record


def note_failure(store: NodeStore, topic: str, offset: int) -> int:
    """Count, durably, that a record failed alone; return how often it has."""
    this = (failure.c.topic == topic) & (failure.c.offset == offset)
    with store.database.writing() as connection:
        changed = connection.execute(update(failure).where(this).values(attempts=failure.c.attempts + 1))
        if changed.rowcount == 0:
            connection.execute(insert(failure).values(topic=topic, offset=offset, attempts=1))
        return int(connection.execute(select(failure.c.attempts).where(this)).scalar_one())


def commit(store: NodeStore, changes: Changes, expected_fence: int, before: Position | None, now_ms: int) -> None:
    """Write all of `changes` or nothing. Raises StoreError; POSITION_CONFLICT when another decided in between."""
    with store.database.writing() as connection:
        _move_fence(connection, expected_fence)
        if changes.position is not None:
            _move_position(connection, changes.position, before)
        _write_records(connection, store, changes)
        _write_facts(connection, store, changes.facts)
        _write_holds(connection, store, changes, now_ms)
        _replace(
            connection,
            _DROP_INBOX,
            insert(inbox),
            [{**asdict(row), "its_topic": row.topic} for row in changes.inboxes.values()],
        )
        outgoing.taken(connection, changes.confirmed)
        outgoing.remove(connection, changes.expired)
        outgoing.add(connection, store, changes.outgoing, now_ms)
        for name, value in changes.settings.items():
            put_setting(connection, name, value)


_NEXT_FENCE = update(fence).where(fence.c.decisions == bindparam("found")).values(decisions=bindparam("found") + 1)
_MOVE_RECORD = (
    update(record)
    .where(record.c.topic == bindparam("its_topic"), record.c.offset == bindparam("its_offset"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "decision_id",
                "outcome",
                "code",
                "signed_key",
                "envelope_key",
                "event_key",
                "at_ms",
                "sealed_answer",
            )
        }
    )
)
_DROP_FACT = delete(fact).where(fact.c.kind == bindparam("its_kind"), fact.c.fact_key == bindparam("its_key"))
_DROP_HOLD = delete(hold).where(hold.c.topic == bindparam("its_topic"), hold.c.offset == bindparam("its_offset"))
_DROP_KEPT = delete(quarantine).where(
    quarantine.c.topic == bindparam("its_topic"), quarantine.c.offset == bindparam("its_offset")
)
_DROP_FAILURE = delete(failure).where(failure.c.topic == bindparam("its_topic"), failure.c.offset < bindparam("below"))
_DROP_INBOX = delete(inbox).where(inbox.c.topic == bindparam("its_topic"))


def _move_fence(connection: Connection, expected: int) -> None:
    if connection.execute(_NEXT_FENCE, {"found": expected}).rowcount == 1:
        return
    if expected != 0 or connection.execute(select(fence.c.id)).first() is not None:
        raise StoreError(Code.POSITION_CONFLICT, "another process decided in between")
    connection.execute(insert(fence).values(id=1, decisions=1))


def _move_position(connection: Connection, after: Position, before: Position | None) -> None:
    if before is None:
        connection.execute(insert(position).values(**asdict(after)))
        return
    same = (
        (position.c.topic == before.topic)
        & (position.c.topic_id == before.topic_id)
        & (position.c.next_offset == before.next_offset)
    )
    if connection.execute(update(position).where(same).values(**asdict(after))).rowcount != 1:
        raise StoreError(Code.POSITION_CONFLICT, "the position is not where the batch begins")
    connection.execute(_DROP_FAILURE, {"its_topic": after.topic, "below": after.next_offset})


def _write_records(connection: Connection, store: NodeStore, changes: Changes) -> None:
    if changes.records:
        connection.execute(insert(record), [_record(store, row) for row in changes.records])
    if changes.moved:
        rows = [_record(store, row) for row in changes.moved]
        connection.execute(
            _MOVE_RECORD, [{**row, "its_topic": row["topic"], "its_offset": row["offset"]} for row in rows]
        )


def _write_facts(connection: Connection, store: NodeStore, facts: Mapping[tuple[str, bytes], Fact]) -> None:
    rows: list[dict[str, object]] = [
        {
            "its_kind": each.kind,
            "its_key": each.key,
            "kind": each.kind,
            "fact_key": each.key,
            "keep_until_ms": each.keep_until_ms,
            "sealed": store.seal(fact_place(each.kind, each.key), each.value),
        }
        for each in facts.values()
    ]
    _replace(connection, _DROP_FACT, insert(fact), rows)


def _write_holds(connection: Connection, store: NodeStore, changes: Changes, now_ms: int) -> None:
    freed = [_place(topic, offset) for topic, offset in (*changes.released, *changes.freed)]
    if freed:
        connection.execute(_DROP_HOLD, freed)
    if changes.released:
        connection.execute(_DROP_KEPT, [_place(topic, offset) for topic, offset in changes.released])
    if changes.held:
        connection.execute(insert(hold), [_hold(store, row) for row in changes.held])
    if changes.kept:
        connection.execute(insert(quarantine), [_kept(store, row, now_ms) for row in changes.kept])


def _place(topic: str, offset: int) -> dict[str, object]:
    return {"its_topic": topic, "its_offset": offset}


def _replace(connection: Connection, drop: Executable, add: Executable, rows: Sequence[Mapping[str, object]]) -> None:
    """Delete and insert: the one way to overwrite that SQLite and PostgreSQL spell alike."""
    if rows:
        connection.execute(drop, rows)
        connection.execute(add, rows)


def _record(store: NodeStore, row: RecordRow) -> dict[str, Any]:
    values = asdict(row)
    answer = values.pop("answer")
    place = answer_place(row.topic, row.offset)
    return {**values, "sealed_answer": None if answer is None else store.seal(place, answer)}


def _hold(store: NodeStore, row: HoldRow) -> dict[str, Any]:
    values = asdict(row)
    return {"sealed_record": store.seal(record_place(row.topic, row.offset), values.pop("value")), **values}


def _kept(store: NodeStore, row: Kept, now_ms: int) -> dict[str, Any]:
    values = asdict(row)
    sealed = store.seal(record_place(row.topic, row.offset), values.pop("value"))
    return {**values, "at_ms": now_ms, "sealed_record": sealed}
