"""Events that wait, and the room that they and stopped records take: who is to be looked at next, who has how much.

Every question here is answered from an index: the records themselves may be large, and are read one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, text, update

from refbus.core.bounds import TIME_MS
from refbus.core.gate.passage import Outcome
from refbus.core.units import HOUR_MS
from refbus.database.prepared import AnyOf, Prepared
from refbus.node.store.accounting import count
from refbus.node.store.node import NodeStore
from refbus.node.store.outgoing import AWAITING
from refbus.node.store.places import record_place
from refbus.node.store.reads import record_row
from refbus.node.store.rows import Dropped, HoldRow, RecordRow, Taken, Waits
from refbus.node.store.sound import earliest, whole
from refbus.node.store.tables import dropped, hold, outgoing, quarantine, record

_earlier = hold.alias("earlier")
_is_behind = (
    select(_earlier.c.id).where(_earlier.c.case_key == hold.c.case_key, _earlier.c.id < hold.c.id).correlate(hold)
).exists()
_may_go = (hold.c.wanted_version <= bindparam("version")) & ~_is_behind
_owner = func.coalesce(hold.c.owner_key, b"")  # not the column itself: its index has every row, due or not
_turns = (
    select(hold.c.id, func.row_number().over(partition_by=_owner, order_by=hold.c.id).label("turn"))
    .where(hold.c.next_ms <= bindparam("now"), or_(_may_go, hold.c.deadline_ms <= bindparam("now")))
    .subquery()
)
_waits_columns = [hold.c[name] for name in ("id", "topic", "offset", "case_key", "reason", "deadline_ms", "attempts")]
_ASTRAY = Prepared(select(*_waits_columns).where(hold.c.next_ms > bindparam("far")).limit(bindparam("most")))
_DUE = Prepared(
    select(*_waits_columns)
    .join(_turns, _turns.c.id == hold.c.id)
    .order_by(_turns.c.turn, hold.c.id)
    .limit(bindparam("most"))
)
_POSTPONE = Prepared(
    update(hold)
    .where(hold.c.id == bindparam("number"))
    .values(wanted_version=bindparam("version"), next_ms=bindparam("at"), attempts=hold.c.attempts + 1)
)
_HELD = AnyOf(select(hold.c.owner_key, hold.c.size), hold.c.owner_key)
_KEPT = AnyOf(select(quarantine.c.owner_key, quarantine.c.size), quarantine.c.owner_key)


def read_due(connection: Connection, version: int, now_ms: int, most: int) -> list[Waits]:
    """Return events for which what they wait for is there under directory `version`, or whose time is over.

    One of each owner first, then the second of each: nobody waits behind the many events of another. The order within
    an owner is the one in which they came, and none comes before an earlier event of its case. When none is due, those
    come whose next look is damaged. A deadline that is damaged is over.
    """
    rows = _DUE.once(connection, {"version": version, "now": now_ms, "most": most})
    return [_waits(row) for row in rows or _ASTRAY.once(connection, {"far": TIME_MS.high, "most": most})]


def read_held_record(connection: Connection, store: NodeStore, number: int) -> bytes | None:
    """Return a waiting record as received, None when it waits no longer."""
    chosen = select(hold.c.topic, hold.c.offset, hold.c.sealed_record).where(hold.c.id == number)
    row = connection.execute(chosen).one_or_none()
    return None if row is None else store.unseal(record_place(row.topic, row.offset), row.sealed_record)


def unheld(connection: Connection, store: NodeStore, topics: Iterable[str], most: int) -> list[RecordRow]:
    """Return records that count as held and do not wait: what said where the record of a hold is was damaged."""
    waits = select(hold.c.id).where(hold.c.topic == record.c.topic, hold.c.offset == record.c.offset).exists()
    chosen = select(record).where(record.c.topic.in_(topics), record.c.outcome == Outcome.HELD, ~waits).limit(most)
    return [record_row(store, row) for row in connection.execute(chosen)]


def postpone(connection: Connection, number: int, version: int, next_ms: int) -> None:
    """Note what an event that was looked at in vain waits for now; at its deadline it is looked at in any case."""
    _POSTPONE.once(connection, {"number": number, "version": version, "at": next_ms})


def held_by(connection: Connection, owners: Iterable[bytes]) -> dict[bytes, Taken]:
    """Return how much of each of these owners waits."""
    return _sums(_HELD, connection, owners)


def kept_by(connection: Connection, owners: Iterable[bytes]) -> dict[bytes, Taken]:
    """Return how much of each of these owners was refused or quarantined and is kept for a replay."""
    return _sums(_KEPT, connection, owners)


def urgent_of_senders(connection: Connection) -> dict[bytes, Taken]:
    """Return how much urgent of each sender waits for the receipt of its destination's gate, for all destinations."""
    counted = (
        select(outgoing.c.sender, func.count(), func.sum(func.length(outgoing.c.sealed_value)))
        .where(outgoing.c.state == AWAITING, text("urgent > 0"))  # in words: an index has these rows alone
        .group_by(outgoing.c.sender)
    )
    return {sender: Taken(int(rows), int(size)) for sender, rows, size in connection.execute(counted)}


def owners(connection: Connection) -> Iterator[tuple[bytes | None, Taken, Taken, int | None]]:
    """Yield each owner with what waits of it, what is kept of it, and since when (UTC ms) the oldest waits."""
    waits = select(hold.c.owner_key, func.count(), func.sum(hold.c.size), func.min(hold.c.since_ms))
    found = {row[0]: row for row in connection.execute(waits.group_by(hold.c.owner_key))}
    keeps = select(quarantine.c.owner_key, func.count(), func.sum(quarantine.c.size)).group_by(quarantine.c.owner_key)
    kept = {row[0]: Taken(row[1], row[2]) for row in connection.execute(keeps)}
    for owner in found.keys() | kept.keys():
        row = found.get(owner)
        held = Taken() if row is None else Taken(row[1], row[2])
        yield owner, held, kept.get(owner, Taken()), None if row is None else earliest([row[3]])


def drop(connection: Connection, records: Iterable[Dropped], now_ms: int) -> None:
    """Count records for which there was no room: in the account, and as a range of offsets for each topic and hour."""
    for each in records:
        _add_to_range(connection, each, now_ms // HOUR_MS)
        count(connection, each.topic, each.outcome, 1)


def _add_to_range(connection: Connection, each: Dropped, hour: int) -> None:
    this = (dropped.c.topic == each.topic, dropped.c.hour == hour)
    grown = {"last_offset": each.offset, "records": dropped.c.records + 1, "size": dropped.c.size + each.size}
    if connection.execute(update(dropped).where(*this).values(**grown)).rowcount == 0:
        ends = {"first_offset": each.offset, "last_offset": each.offset}
        connection.execute(insert(dropped).values(topic=each.topic, hour=hour, records=1, size=each.size, **ends))


def hold_values(store: NodeStore, row: HoldRow, now_ms: int) -> dict[str, object]:
    """Return the columns of a new row. Its next look is at its deadline, whatever it waits for."""
    return {
        "topic": row.topic,
        "offset": row.offset,
        "case_key": row.case_key,
        "reason": row.reason,
        "deadline_ms": row.deadline_ms,
        "sealed_record": store.seal(record_place(row.topic, row.offset), row.value),
        "owner_key": row.owner_key,
        "size": len(row.value),
        "since_ms": now_ms,
        "wanted_version": row.wanted_version,
        "next_ms": min(row.next_ms, row.deadline_ms),
        "attempts": 0,
    }


def _waits(row: Row[Any]) -> Waits:
    deadline_ms, attempts = whole(row.deadline_ms, 0), whole(row.attempts, 0)
    return Waits(row.id, row.topic, row.offset, row.case_key, row.reason, deadline_ms, attempts)


def _sums(question: AnyOf, connection: Connection, owners: Iterable[bytes]) -> dict[bytes, Taken]:
    found = dict.fromkeys(owners, Taken())
    for row in question.rows(connection, list(found)):
        found[row.owner_key] += Taken(1, whole(row.size, 0))
    return found
