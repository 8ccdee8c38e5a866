"""Deleting sealed records whose writer has ordered it. The leaf stays, and so does every proof about it.

What is evidence stays: an order that names it is refused as a whole. What became of an order is logged with the order
itself, so that a deletion can be proven, and who ordered it.

What was ordered is written to a list beside the store before the store forgets it, so that a store that is brought back
forgets it again; and an entry that arrives after the order about it is logged without its record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from refbus.audit.erasure import OrderAnswer, order_leaf
from refbus.crypto.framing import lp, sha256
from refbus.database import erased as lists
from refbus.database.port import Database
from refbus.database.prepared import AnyOf
from refbus.node.store.sound import is_sound
from refbus.wire.transport import ErasureOrder
from refbus_auditor.ledger import ORDER_WRITER, NewEntry
from refbus_auditor.store.tables import entry, erased

_AT_ONCE = 500
_ORDERED = AnyOf(select(erased.c.name), erased.c.name)
_EVIDENCE = AnyOf(select(entry.c.writer).where(entry.c.stays == 1), entry.c.decision_id)


def logged_order(order: ErasureOrder, answer: OrderAnswer, logged_ms: int) -> NewEntry:
    """Return the entry that says what became of an order: its leaf shows nothing to whoever does not have the order."""
    raw = order.encode()
    name = sha256(lp(answer.encode()) + lp(raw))[:16]
    return NewEntry(name, order_leaf(raw, answer), ORDER_WRITER, logged_ms, raw, stays=True)


def name_of(writer: str, decision_id: bytes) -> bytes:
    """Return the hash (32 bytes) under which the list knows an entry. Both are in the log's own store in clear."""
    return sha256(lp(writer.encode()) + lp(decision_id))


@dataclass(frozen=True, slots=True)
class Erasures:
    """What was erased from one auditor's store. `path` is the list beside it."""

    path: Path
    database: Database

    def note(self, orders: Sequence[ErasureOrder]) -> None:
        """Write verified orders to the list, on the disk when it returns. Raises StoreError."""
        if orders:
            lists.note(self.path, _names(orders))

    def apply(self, connection: Connection, orders: Iterable[ErasureOrder]) -> None:
        """Delete the records of the decisions of the orders' own writers, and remember them. Again changes nothing."""
        for order in orders:
            for start in range(0, len(order.decision_ids), _AT_ONCE):
                part = order.decision_ids[start : start + _AT_ONCE]
                _remember(connection, [name_of(order.writer, each) for each in part])
                own = (entry.c.writer == order.writer, entry.c.decision_id.in_(part), entry.c.stays == 0)
                connection.execute(update(entry).where(*own).values(raw=None))

    def names_evidence(self, connection: Connection, order: ErasureOrder) -> bool:
        """Whether a record that must stay is among those that the order names."""
        rows = _EVIDENCE.rows(connection, order.decision_ids)
        return any(row.writer == order.writer for row in rows)

    def without(self, connection: Connection, entries: Sequence[NewEntry]) -> list[NewEntry]:
        """Return the entries, those that were ordered to be deleted without their record unless it is evidence."""
        if connection.execute(select(erased.c.name).limit(1)).first() is None:
            return list(entries)
        names = [name_of(each.writer, each.decision_id) for each in entries]
        ordered = {row.name for row in _ORDERED.rows(connection, names)}
        both = zip(entries, names, strict=True)
        return [replace(each, raw=None) if name in ordered and not each.stays else each for each, name in both]

    def again(self) -> int:
        """Delete whatever the list names and the store still has, as after a restore; return how many were new to it.

        A list that lost lines gets them again from the store. Raises StoreError.
        """
        listed = frozenset(bytes.fromhex(line) for line in lists.noted(self.path))
        with self.database.reading() as connection:
            rows = connection.execute(select(erased.c.name))
            known = frozenset(row.name for row in rows if is_sound(row, erased.c.name))
        new = listed - known
        if known - listed:
            lists.note(self.path, known - listed)
        if not new:
            return 0
        with self.database.writing() as connection:
            names = sorted(new)
            for start in range(0, len(names), _AT_ONCE):
                _remember(connection, names[start : start + _AT_ONCE])
            for origin, place in list(_having(connection, new)):
                same = (entry.c.origin == origin, entry.c.place == place)
                connection.execute(update(entry).where(*same).values(raw=None))
        self.database.scrub()
        return len(new)


def _names(orders: Iterable[ErasureOrder]) -> Iterator[bytes]:
    for order in orders:
        yield from (name_of(order.writer, each) for each in order.decision_ids)


def _remember(connection: Connection, names: Sequence[bytes]) -> None:
    known = {row.name for row in _ORDERED.rows(connection, names)}
    rows = [{"name": name} for name in names if name not in known]
    if rows:
        connection.execute(insert(erased), rows)


def _having(connection: Connection, names: frozenset[bytes]) -> Iterator[tuple[str, int]]:
    """Yield where entries of these names stand that still have their record."""
    chosen = select(entry.c.origin, entry.c.place, entry.c.writer, entry.c.decision_id)
    for row in connection.execute(chosen.where(entry.c.raw.is_not(None), entry.c.stays == 0)):
        if is_sound(row, entry.c.writer, entry.c.decision_id) and name_of(row.writer, row.decision_id) in names:
            yield row.origin, row.place
