"""Rows that the pumps deliver: written in a decision's transaction, ended only by their own delivery report or receipt.

A row is READY until the broker has it. Then it is deleted, or, when the destination's gate must confirm it, AWAITING:
it is sent again from time to time until the hop receipt removes it or it expires.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from refbus.core.units import HOUR_MS
from refbus.database.prepared import AnyOf, Prepared
from refbus.errors import RowError
from refbus.node.store.node import NodeStore
from refbus.node.store.places import outgoing_place
from refbus.node.store.sound import earliest, is_sound, whole
from refbus.node.store.tables import outgoing

_log = logging.getLogger("refbus.node.outgoing")
FIRST, NEXT = 2, 1
READY = "READY"
AWAITING = "AWAITING"
DAMAGED = "DAMAGED"
"""State of a row whose value does not open: nobody can deliver it. It counts as expired."""
MOST_BYTES = 4 << 20
"""Bytes of the rows that are sent again at a time: a pump asks once a second."""
SHARES = 4
"""One sender gets a quarter of the rows and bytes of each urgency, before anybody gets what is left over."""
FAR_MS = 2 * HOUR_MS
"""No row is put off for longer than an hour: one that is by two is due."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be delivered. Rows of a `lane` stay in order; with an `envelope_key` a hop receipt must end it.

    When many have to be sent again, the `urgent` ones come first: FIRST, a no, before NEXT, an emergency, so that no
    flood of emergencies stands in the way of a no. Those of one urgency go in turns by `sender`, a keyed name, so that
    nobody's flood stands in the way of another's.
    """

    destination: str  # country whose cluster it goes to
    topic: str
    value: bytes = field(repr=False)
    lane: bytes
    envelope_key: bytes | None = None
    expires_ms: int | None = None
    urgent: int = 0
    sender: bytes = b""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that a pump took up. `confirmed` tells that a hop receipt, not the broker's report, ends it."""

    id: int
    topic: str
    value: bytes = field(repr=False)
    lane: bytes
    confirmed: bool
    attempts: int
    expires_ms: int | None


_INSERT = Prepared(insert(outgoing).values({c.name: bindparam(c.name) for c in outgoing.c if c.name != "id"}))
_COLUMNS = (
    outgoing.c.id,
    outgoing.c.topic,
    outgoing.c.lane,
    outgoing.c.envelope_key,
    outgoing.c.attempts,
    outgoing.c.expires_ms,
    outgoing.c.sealed_value,
)
_FRESH = Prepared(
    select(*_COLUMNS)
    .where(outgoing.c.destination == bindparam("to"), outgoing.c.state == READY, outgoing.c.id > bindparam("after"))
    .order_by(outgoing.c.id)
    .limit(bindparam("most"))
)
_AWAITS = Prepared(
    select(outgoing.c.id).where(outgoing.c.destination == bindparam("to"), outgoing.c.state == AWAITING).limit(1)
)
_LANE = Prepared(
    select(*_COLUMNS)
    .where(
        outgoing.c.lane == bindparam("lane"),
        outgoing.c.destination == bindparam("to"),
        outgoing.c.state == READY,
        outgoing.c.id <= bindparam("upto"),
    )
    .order_by(outgoing.c.id)
    .limit(bindparam("most"))
)
_overdue = (
    select(outgoing.c.id, outgoing.c.next_attempt_ms, func.length(outgoing.c.sealed_value).label("size"))
    .where(
        outgoing.c.destination == bindparam("to"),
        outgoing.c.state == AWAITING,
        outgoing.c.urgent == bindparam("its_urgent"),
        outgoing.c.sender == bindparam("its_sender"),
    )
    .order_by(outgoing.c.next_attempt_ms)
    .limit(bindparam("most"))
)
_DUE = Prepared(_overdue.where(outgoing.c.next_attempt_ms <= bindparam("now")))
_TOO_FAR = Prepared(_overdue.where(outgoing.c.next_attempt_ms > bindparam("far")))
_NEXT_SENDER = Prepared(
    select(outgoing.c.sender)
    .where(
        outgoing.c.destination == bindparam("to"),
        outgoing.c.state == AWAITING,
        outgoing.c.urgent == bindparam("its_urgent"),
        outgoing.c.sender > bindparam("after"),
    )
    .order_by(outgoing.c.sender)
    .limit(1)
)
_ROWS = AnyOf(select(*_COLUMNS), outgoing.c.id)
_ARRIVED = Prepared(
    update(outgoing)
    .where(outgoing.c.id == bindparam("row"))
    .values(state=AWAITING, attempts=bindparam("tried"), next_attempt_ms=bindparam("again"))
)
_READY_OF = Prepared(
    select(func.count())
    .select_from(outgoing)
    .where(outgoing.c.topic == bindparam("its_topic"), outgoing.c.state == READY)
)
_NEXT_DESTINATION = Prepared(
    select(outgoing.c.destination)
    .where(outgoing.c.destination > bindparam("after"))
    .order_by(outgoing.c.destination)
    .limit(1)
)
_BOUND_FOR = Prepared(
    select(outgoing.c.id, outgoing.c.envelope_key)
    .where(outgoing.c.destination == bindparam("to"))
    .limit(bindparam("most"))
)
_EXPIRED = Prepared(
    select(outgoing.c.id, outgoing.c.envelope_key)
    .where(outgoing.c.expires_ms <= bindparam("now"))
    .limit(bindparam("most"))
)
_AWAITED = AnyOf(select(outgoing.c.envelope_key, outgoing.c.destination), outgoing.c.envelope_key)
_DONE = Prepared(delete(outgoing).where(outgoing.c.id == bindparam("row")))
_TAKEN = Prepared(delete(outgoing).where(outgoing.c.envelope_key == bindparam("envelope")))


def add(connection: Connection, store: NodeStore, rows: Sequence[Outgoing], now_ms: int) -> None:
    """Write rows in the order in which they are to go out."""
    _INSERT.many(connection, [_values(store, row, now_ms) for row in rows])


def fresh(store: NodeStore, destination: str, after: int, most: int) -> list[Waiting]:
    """Return READY rows with an id above `after`, in order."""
    with store.database.reading() as connection:
        rows = _FRESH.once(connection, {"to": destination, "after": after, "most": most})
    return _read(store, destination, rows)


def awaits(store: NodeStore, destination: str) -> bool:
    """Whether any row for a destination waits for its receipt."""
    with store.database.reading() as connection:
        return _AWAITS.once(connection, {"to": destination}).first() is not None


def of_lane(store: NodeStore, destination: str, lane: bytes, upto: int, most: int) -> list[Waiting]:
    """Return the READY rows of one lane with an id up to `upto`, in order."""
    with store.database.reading() as connection:
        rows = _LANE.once(connection, {"to": destination, "lane": lane, "upto": upto, "most": most})
    return _read(store, destination, rows)


def again(store: NodeStore, destination: str, now_ms: int, most: int) -> list[Waiting]:
    """Return AWAITING rows whose receipt is overdue, and those put off further than anything is: a clock was wrong.

    Stops and emergencies first, in turns by sender, each sender's longest overdue first, in two rounds: at most its
    share (SHARES) of each urgency, then what is left over. Never more than `most` rows, nor, beside the first, than
    MOST_BYTES: a destination that is silent has its records already, and gets no flood of them.
    """
    with store.database.reading() as connection:
        ids = list(_overdue_ids(connection, destination, now_ms, most))
        found = {row.id: row for row in _ROWS.rows(connection, ids)}
    return _read(store, destination, [found[each] for each in ids if each in found])


def _overdue_ids(connection: Connection, destination: str, now_ms: int, most: int) -> Iterator[int]:
    shares, rest = list[Row[Any]](), list[Row[Any]]()
    for urgent in (FIRST, NEXT, 0):
        asked = {"to": destination, "its_urgent": urgent}
        for row, in_share in _in_turns(_of_senders(connection, asked, now_ms, most), most):
            (shares if in_share else rest).append(row)
    size = 0
    for taken, row in enumerate((shares + rest)[:most]):
        size += row.size
        if size > MOST_BYTES and taken:
            return
        yield row.id


def _of_senders(connection: Connection, asked: dict[str, Any], now_ms: int, most: int) -> Iterator[list[Row[Any]]]:
    """Yield what is overdue of each sender, the longest overdue first."""
    for overdue, bound in ((_DUE, {"now": now_ms}), (_TOO_FAR, {"far": now_ms + FAR_MS})):
        for sender in _senders(connection, asked):
            rows = overdue.once(connection, {**asked, **bound, "its_sender": sender, "most": most})
            if rows:
                yield list(rows)


def _senders(connection: Connection, asked: dict[str, Any]) -> Iterator[bytes]:
    """Yield the senders with rows of one urgency, each found by one step in the index; b"" is where none was noted."""
    yield b""
    found = _NEXT_SENDER.once(connection, {**asked, "after": b""}).first()
    while found is not None:
        yield found.sender
        found = _NEXT_SENDER.once(connection, {**asked, "after": found.sender}).first()


def _in_turns(by_sender: Iterable[list[Row[Any]]], most: int) -> list[tuple[Row[Any], bool]]:
    """Return rows in turns, one of each sender at a time, and whether a row is within its sender's share."""
    found = list[tuple[int, int, Row[Any], bool]]()
    for rows in by_sender:
        size = 0
        for turn, row in enumerate(rows):
            size += row.size
            in_share = turn == 0 or (turn < most // SHARES and size <= MOST_BYTES // SHARES)
            found.append((turn, whole(row.next_attempt_ms, 0), row, in_share))
    found.sort(key=lambda each: each[:2])
    return [(row, in_share) for _, _, row, in_share in found]


def arrived(connection: Connection, rows: Sequence[Waiting], now_ms: int, back_off: Sequence[int]) -> None:
    """Note that the broker has these rows; `back_off` has for each row the milliseconds until it is sent again."""
    done = [{"row": row.id} for row in rows if not row.confirmed]
    kept = [
        {"row": row.id, "tried": row.attempts + 1, "again": now_ms + wait}
        for row, wait in zip(rows, back_off, strict=True)
        if row.confirmed
    ]
    _DONE.many(connection, done)
    _ARRIVED.many(connection, kept)


def ready(connection: Connection, topics: Iterable[str]) -> dict[str, int]:
    """Return how many READY rows there are for each of these topics that has any."""
    found = ((topic, _READY_OF.once(connection, {"its_topic": topic}).scalar_one()) for topic in set(topics))
    return {topic: int(rows) for topic, rows in found if rows}


def awaited(connection: Connection, envelope_keys: Iterable[bytes]) -> dict[bytes, str]:
    """Return those of these envelopes that nobody has signed for yet, with the country whose gate must."""
    return {row.envelope_key: row.destination for row in _AWAITED.rows(connection, set(envelope_keys))}


def taken(connection: Connection, envelope_keys: Sequence[bytes]) -> None:
    """Remove the rows that a hop receipt confirmed."""
    _TAKEN.many(connection, [{"envelope": key} for key in envelope_keys])


def expired(connection: Connection, now_ms: int, most: int) -> list[tuple[int, bytes | None]]:
    """Return (id, envelope key) of rows that nobody may deliver any more."""
    rows = _EXPIRED.once(connection, {"now": now_ms, "most": most})
    return [(row.id, row.envelope_key) for row in rows]


def destinations(connection: Connection) -> list[str]:
    """Return the countries that something waits for, each found by one step in the index."""
    found, after = list[str](), ""
    while (row := _NEXT_DESTINATION.once(connection, {"after": after}).first()) is not None:
        after = row.destination
        found.append(after)
    return found


def bound_for(connection: Connection, destination: str, most: int) -> list[tuple[int, bytes | None]]:
    """Return (id, envelope key) of rows for a country, whatever their state."""
    rows = _BOUND_FOR.once(connection, {"to": destination, "most": most})
    return [(row.id, row.envelope_key) for row in rows]


def of_envelope(connection: Connection, store: NodeStore, envelope_key: bytes) -> Outgoing | None:
    """Return the row by which an envelope goes to its destination, None when it is gone. Raises RowError."""
    row = connection.execute(select(outgoing).where(outgoing.c.envelope_key == envelope_key)).first()
    if row is None:
        return None
    value = store.unseal(outgoing_place(row.destination, row.topic), row.sealed_value)
    return Outgoing(
        row.destination, row.topic, value, row.lane, row.envelope_key, row.expires_ms, row.urgent, row.sender
    )


def remove(connection: Connection, ids: Sequence[int]) -> None:
    """Remove rows."""
    _DONE.many(connection, [{"row": each} for each in ids])


def waiting(connection: Connection) -> tuple[dict[str, tuple[int, int | None]], tuple[int, int | None]]:
    """Return, per family of topics ("border", "inbox"), how many rows are READY and since when the oldest is there.

    And the same for all AWAITING rows together. Times in ms UTC.
    """
    counted = select(outgoing.c.topic, outgoing.c.state, func.count(), func.min(outgoing.c.created_ms)).group_by(
        outgoing.c.topic, outgoing.c.state
    )
    ready: dict[str, tuple[int, int | None]] = {}
    awaiting, oldest_awaiting = 0, None
    for topic, state, rows, oldest in connection.execute(counted):
        if state == READY:
            family = topic.partition(".")[2].partition(".")[0]
            before, age = ready.get(family, (0, None))
            ready[family] = before + rows, earliest((age, oldest))
        else:
            awaiting += rows
            oldest_awaiting = earliest((oldest, oldest_awaiting))
    return ready, (awaiting, oldest_awaiting)


def _values(store: NodeStore, row: Outgoing, now_ms: int) -> dict[str, object]:
    return {
        "destination": row.destination,
        "topic": row.topic,
        "lane": row.lane,
        "envelope_key": row.envelope_key,
        "state": READY,
        "created_ms": now_ms,
        "attempts": 0,
        "next_attempt_ms": now_ms,
        "expires_ms": row.expires_ms,
        "urgent": row.urgent,
        "sender": row.sender,
        "sealed_value": store.seal(outgoing_place(row.destination, row.topic), row.value),
    }


def _read(store: NodeStore, destination: str, rows: Iterable[Row[Any]]) -> list[Waiting]:
    """Return what rows say. One that does not open is given up, and keeps no other from being delivered.

    Upkeep tells the sender of an event; an office sees that the numbers of its inbox do not follow.
    """
    found, damaged = list[Waiting](), list[int]()
    for row in rows:
        try:
            found.append(_waiting(store, destination, row))
        except RowError:
            damaged.append(row.id)
    if damaged:
        _log.critical("%d rows for %s are damaged and given up; their senders are told", len(damaged), destination)
        with store.database.writing() as connection:
            given_up = update(outgoing).where(outgoing.c.id.in_(damaged))
            connection.execute(given_up.values(state=DAMAGED, expires_ms=0))
    return found


def _waiting(store: NodeStore, destination: str, row: Row[Any]) -> Waiting:
    value = store.unseal(outgoing_place(destination, row.topic), row.sealed_value)
    if not is_sound(row, *_COLUMNS):
        store.note_damaged(f"outgoing/{row.id}")  # what is to be delivered opens: it goes, whatever counts beside it
    attempts = whole(row.attempts, 0)
    return Waiting(row.id, row.topic, value, row.lane, row.envelope_key is not None, attempts, row.expires_ms)
