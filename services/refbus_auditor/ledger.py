"""What is in the logs: entries get their places here, in the transaction of whoever adds them.

The order in this store is the log. Tiles, checkpoints and proofs are made from it later, and can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from refbus.crypto.framing import sha256
from refbus.database.prepared import AnyOf, Prepared
from refbus.errors import Code, MalformedError, RefbusError, StoreError
from refbus.node.store.node import get_setting, put_setting
from refbus.node.store.sound import earliest, is_sound, whole
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.edge import Edge
from refbus.tlog.hashing import EMPTY_ROOT, HASH_SIZE, leaf_hash
from refbus.tlog.note import Note
from refbus.tlog.proofs import Head
from refbus.tlog.shards import origin_of, shard_at
from refbus_auditor.store.tables import entry, setting, shard

DIRECTORY_WRITER = "directory"
"""In place of a writer: the entry is the hash of a file of the directory, which nobody signs but the file itself."""
PUBLISHED_WRITER = "published"
"""In place of a writer: the entry came back from the published files, and its record did not come again so far."""
ORDER_WRITER = "order"
"""In place of a writer, and no member's name: the entry says what became of an order to erase, which is its record."""


REBUILT = "rebuilt"
"""Setting: when entries came back from published files, ms UTC in eight bytes."""
RESTORED = "restored"
"""Setting: the store is a copy, and no log has begun in it since; the next may have been signed before."""
_WHOLE = "whole "
"""Setting, with the half-year of a log: its entries and files were looked at whole, and what came since was written."""
_YES = b"yes"
_AT_ONCE = 256
Name = tuple[str, bytes, bytes]
"""What an entry says: its writer, its decision id, its leaf."""


class Standing(IntEnum):
    """What may be signed of a log. REBUILT: nothing new before every witness has cosigned what is there.

    So it is where entries came back from files, and in a copy of a store: more may have been signed than it knows.
    """

    GROWS = 0
    REBUILT = 1
    ENDED = 2


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is to be logged. `raw` is the entry as received, None for what has no record; `logged_ms` broker's UTC.

    `stays`: no order of its writer deletes the record.
    """

    decision_id: bytes
    leaf: bytes
    writer: str
    logged_ms: int
    raw: bytes | None = field(default=None, repr=False)
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """What became of entries: how many are new, how many were there, and those that contradict what is there."""

    new: int
    known: int
    contradicting: tuple[NewEntry, ...]


@dataclass(frozen=True, slots=True)
class Shard:
    """One log as the store has it. `head` is what is in it; `signed` what was signed last; `proven` what was proven."""

    origin: str
    opened_ms: int
    head: Head
    signed: Head
    proven: int
    cosigned: bytes | None = field(repr=False)
    cosigned_ms: int | None
    standing: Standing
    newest: bytes | None = field(repr=False)

    @property
    def cosigned_size(self) -> int:
        """The size that a quorum stands behind, 0 before the first."""
        return 0 if self.cosigned is None else _size_of(self.cosigned)


_SIGNED = (shard.c.origin, shard.c.size, shard.c.root, shard.c.edge, shard.c.signed_size, shard.c.signed_root)
_SHARD = Prepared(select(shard).where(shard.c.origin == bindparam("its_origin")))
_NEWEST = Prepared(select(shard.c.origin).order_by(shard.c.origin.desc()).limit(1))
_GROW = Prepared(
    update(shard)
    .where(shard.c.origin == bindparam("its_origin"), shard.c.size == bindparam("old_size"))
    .values(size=bindparam("new_size"), root=bindparam("new_root"), edge=bindparam("new_edge"))
)
_ADD = Prepared(insert(entry).values({column.name: bindparam(column.name) for column in entry.c}))
_KNOWN = AnyOf(select(entry.c.decision_id, entry.c.writer, entry.c.leaf), entry.c.decision_id)
_PLACES = AnyOf(select(entry.c.origin, entry.c.place, entry.c.writer, entry.c.leaf), entry.c.decision_id)
_RANGE = Prepared(
    select(entry.c.place, entry.c.leaf)
    .where(entry.c.origin == bindparam("its_origin"))
    .where(entry.c.place >= bindparam("start"), entry.c.place < bindparam("end"))
    .order_by(entry.c.place)
)


class Ledger:
    """The logs of one auditor, whose log is called `name`. `listed` tells whether others know a half-year's key."""

    def __init__(self, name: str, listed: Callable[[str], bool] = lambda _shard: True) -> None:
        self.name = name
        self._listed = listed

    def add(self, connection: Connection, entries: Sequence[NewEntry], now_ms: int) -> Added:
        """Give the new ones of `entries` the next places in the shard of `now_ms` (UTC).

        An entry that was added before, by the same writer under the same decision id, is not added again; one with
        another leaf contradicts. Raises StoreError POSITION_CONFLICT when something else grew the log meanwhile.
        """
        fresh, known, contradicting = self._sort(connection, entries)
        new = _without_published(connection, fresh)
        if new:
            self._append(connection, self._open(connection, now_ms), new)
        return Added(len(fresh), known, contradicting)

    def known(self, connection: Connection, entries: Sequence[NewEntry]) -> frozenset[Name]:
        """Return the names (writer, decision id, leaf) of those that stand in a log, whichever."""
        rows = _KNOWN.rows(connection, [each.decision_id for each in entries])
        return frozenset((row.writer, row.decision_id, row.leaf) for row in rows)

    def _sort(
        self, connection: Connection, entries: Sequence[NewEntry]
    ) -> tuple[list[NewEntry], int, tuple[NewEntry, ...]]:
        rows = _KNOWN.rows(connection, [each.decision_id for each in entries])
        leaves = {(row.writer, row.decision_id): row.leaf for row in rows}
        fresh, contradicting, known = list[NewEntry](), list[NewEntry](), 0
        for each in entries:
            there = leaves.get((each.writer, each.decision_id))
            if there is None:
                leaves[each.writer, each.decision_id] = each.leaf
                fresh.append(each)
            elif there == each.leaf:
                known += 1
            else:
                contradicting.append(each)
        return fresh, known, tuple(contradicting)

    def _open(self, connection: Connection, now_ms: int) -> str:
        """Return the origin that entries go to at `now_ms`.

        A clock that is set back opens no older shard again, and a half-year without a key in the directory does not
        begin while there is another: nothing in it could be proven, and after a clock that ran ahead nothing ever.
        """
        half_year = shard_at(now_ms)
        origin = origin_of(self.name, half_year)
        newest = _NEWEST.once(connection, {}).scalar_one_or_none()
        if newest is not None and (newest >= origin or not self._listed(half_year)):
            return str(newest)
        begin(connection, origin, now_ms)
        return origin

    def _append(self, connection: Connection, origin: str, entries: Sequence[NewEntry]) -> None:
        row = _SHARD.once(connection, {"its_origin": origin}).one()
        edge = _edge(row)
        rows = list[dict[str, Any]]()
        for each in entries:
            rows.append(
                {
                    "origin": origin,
                    "place": edge.size,
                    "decision_id": each.decision_id,
                    "leaf": each.leaf,
                    "writer": each.writer,
                    "logged_ms": each.logged_ms,
                    "raw": each.raw,
                    "stays": int(each.stays),
                }
            )
            edge.append(leaf_hash(each.leaf))
        _ADD.many(connection, rows)
        head = edge.head
        grown = {"new_size": head.size, "new_root": head.root, "new_edge": edge.encode()}
        if _GROW.once(connection, {"its_origin": origin, "old_size": row.size, **grown}).rowcount != 1:
            raise StoreError(Code.POSITION_CONFLICT, "another process added to the log")


def published(connection: Connection, leaves: Sequence[bytes]) -> dict[bytes, tuple[str, int]]:
    """Return where those of these leaves stand that came back from published files and have no record yet."""
    if get_setting(connection, REBUILT) is None:
        return {}
    rows = _PLACES.rows(connection, [directory_id(leaf) for leaf in leaves])
    return {row.leaf: (row.origin, row.place) for row in rows if row.writer == PUBLISHED_WRITER}


def _without_published(connection: Connection, entries: Sequence[NewEntry]) -> list[NewEntry]:
    """Give entries that came back from published files their records, and return the others.

    A record that was written after the log was rebuilt is left out, and so is its second place: whoever copies a leaf
    that is public does not get the place of it.
    """
    there = published(connection, [each.leaf for each in entries])
    if not there:
        return list(entries)
    rebuilt_ms = int.from_bytes(get_setting(connection, REBUILT) or b"", "big")
    for each in entries:
        origin, place = there.get(each.leaf, ("", 0))
        if origin and each.logged_ms <= rebuilt_ms:
            said = {"decision_id": each.decision_id, "writer": each.writer, "logged_ms": each.logged_ms}
            same = (entry.c.origin == origin, entry.c.place == place)
            connection.execute(update(entry).where(*same).values(raw=each.raw, stays=int(each.stays), **said))
    return [each for each in entries if each.leaf not in there]


def directory_id(leaf: bytes) -> bytes:
    """Return the decision id of an entry about a file of the directory: the log has it once."""
    return sha256(leaf)[:16]


def logged(connection: Connection, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return those of these entries about files of the directory that stand in a log, whichever."""
    rows = _PLACES.rows(connection, [directory_id(leaf) for leaf in leaves])
    return tuple(row.leaf for row in rows if row.writer == DIRECTORY_WRITER)


def places(connection: Connection, origin: str, leaves: Sequence[bytes]) -> dict[int, bytes]:
    """Return where in a log these entries about files of the directory are; those that are not there are left out."""
    rows = _PLACES.rows(connection, [directory_id(leaf) for leaf in leaves])
    return {row.place: row.leaf for row in rows if row.origin == origin and row.writer == DIRECTORY_WRITER}


def shards(connection: Connection) -> list[Shard]:
    """Return all logs, oldest first."""
    return list(map(_shard, connection.execute(select(shard).order_by(shard.c.origin))))


def begin(connection: Connection, origin: str, now_ms: int) -> None:
    """Begin an empty log. The first of a store that was restored may have begun before, which its witnesses know."""
    empty = {"size": 0, "root": EMPTY_ROOT, "edge": b"", "signed_size": 0, "signed_root": EMPTY_ROOT, "proven_size": 0}
    copied = connection.execute(delete(setting).where(setting.c.name == RESTORED)).rowcount > 0
    standing = Standing.REBUILT if copied else Standing.GROWS
    connection.execute(insert(shard).values(origin=origin, opened_ms=now_ms, standing=standing, **empty))


def doubt(connection: Connection) -> None:
    """Note that this store is a copy: every log that grows, and the next to begin, waits for every witness."""
    growing = shard.c.standing == Standing.GROWS
    connection.execute(update(shard).where(growing).values(standing=Standing.REBUILT))
    connection.execute(delete(setting).where(setting.c.name.startswith(_WHOLE)))
    put_setting(connection, RESTORED, b"")


def settle(connection: Connection, origin: str) -> None:
    """Note that every witness has cosigned what a rebuilt log signed last."""
    connection.execute(update(shard).where(shard.c.origin == origin).values(standing=Standing.GROWS))


def is_whole(connection: Connection, origin: str) -> bool:
    """Whether the entries and files of a log were once looked at whole, and nothing was found amiss since."""
    return get_setting(connection, _whole_name(origin)) == _YES


def note_whole(connection: Connection, origin: str, *, whole: bool) -> None:
    """Note that the entries and files of a log are what they must be, or that this is not known."""
    put_setting(connection, _whole_name(origin), _YES if whole else b"")


def _whole_name(origin: str) -> str:
    return _WHOLE + origin.rpartition("/")[2]


def may_be_signed(logs: Sequence[Shard], origin: str) -> bool:
    """Whether anything can still be signed in a log: not after its end, nor where `logs` have passed it over."""
    known = next((log for log in logs if log.origin == origin), None)
    if known is None:
        return not logs or origin > logs[-1].origin
    return known.standing is not Standing.ENDED


def begins_nothing_new(logs: Sequence[Shard], older: Checkpoint, root_of: Callable[[Shard, int], bytes]) -> bool:
    """Whether no second history begins beside a checkpoint that we signed at some time.

    It is a beginning of what is signed now, or its log is one in which nothing more is signed. `root_of` gives the root
    of the first entries of a log.
    """
    if not may_be_signed(logs, older.origin):
        return True
    log = next((each for each in logs if each.origin == older.origin), None)
    return log is not None and older.size <= log.signed.size and root_of(log, older.size) == older.root


def find(connection: Connection, origin: str) -> Shard | None:
    """Return the log with this origin."""
    row = _SHARD.once(connection, {"its_origin": origin}).one_or_none()
    return None if row is None else _shard(row)


def leaves(connection: Connection, origin: str, start: int, end: int) -> list[bytes]:
    """Return the leaves from `start` up to `end`. Raises StoreError: AUDIT_INVALID, LOG_STORE_DAMAGED."""
    rows = _RANGE.once(connection, {"its_origin": origin, "start": start, "end": end}).all()
    if len(rows) != end - start or any(row.place != place for place, row in enumerate(rows, start)):
        raise StoreError(Code.AUDIT_INVALID, "entries of the log are missing in the store")
    if not all(is_sound(row, entry.c.leaf) for row in rows):
        raise StoreError(Code.LOG_STORE_DAMAGED, origin)
    return [row.leaf for row in rows]


def head_of(connection: Connection, origin: str, size: int) -> Head:
    """Return the root of the first `size` entries of a log, from the entries. Raises StoreError AUDIT_INVALID."""
    edge = Edge(0, ())
    for start in range(0, size, _AT_ONCE):
        for each in leaves(connection, origin, start, min(start + _AT_ONCE, size)):
            edge.append(leaf_hash(each))
    return edge.head


def require_sound(connection: Connection, log: Shard) -> None:
    """Raise StoreError LOG_STORE_DAMAGED, AUDIT_INVALID unless the entries of a log lead to what it has signed."""
    if head_of(connection, log.origin, log.signed.size) != log.signed:
        raise StoreError(Code.LOG_STORE_DAMAGED, log.origin)


def records(connection: Connection, origin: str, first_ms: int, last_ms: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield (index, logged_ms, raw) of what was logged in [first_ms, last_ms) and still has its record."""
    chosen = (
        select(entry.c.place, entry.c.logged_ms, entry.c.raw)
        .where(entry.c.origin == origin, entry.c.logged_ms >= first_ms, entry.c.logged_ms < last_ms)
        .where(entry.c.raw.is_not(None))
        .order_by(entry.c.place)
    )
    yield from (tuple(row) for row in connection.execute(chosen))


@lru_cache(maxsize=16)
def _size_of(note: bytes) -> int:
    """Return the size in a cosigned checkpoint of our own store: the same bytes are looked at in each turn."""
    return Checkpoint.parse(Note.parse(note).text).size


def _shard(row: Row[Any]) -> Shard:
    """Return a log. Raises StoreError LOG_STORE_DAMAGED: nothing may be signed then.

    Of what is not signed a damaged value counts as none: it is cosigned, or proven, again.
    """
    if not _leads_on(row):
        raise StoreError(Code.LOG_STORE_DAMAGED, str(row.origin))
    proven = whole(row.proven_size, 0)
    return Shard(
        row.origin,
        whole(row.opened_ms, 0),
        Head(row.size, row.root),
        Head(row.signed_size, row.signed_root),
        proven if 0 <= proven <= row.signed_size else 0,
        row.cosigned if _is_sound(row.cosigned) else None,
        earliest([row.cosigned_ms]),
        Standing(row.standing),
        row.newest if row.standing == Standing.ENDED and _is_sound(row.newest) else None,
    )


def _leads_on(row: Row[Any]) -> bool:
    """Whether what a log grows from, and what was signed of it, can be what was written."""
    if row.standing not in frozenset(Standing):
        return False
    return is_sound(row, *_SIGNED) and len(row.root) == len(row.signed_root) == HASH_SIZE


def _edge(row: Row[Any]) -> Edge:
    """Return the edge that a log grows at. Raises StoreError LOG_STORE_DAMAGED: no entry may be taken for a bad one."""
    if _leads_on(row):
        with suppress(MalformedError):
            return Edge.parse(row.size, row.edge)
    raise StoreError(Code.LOG_STORE_DAMAGED, str(row.origin))


def _is_sound(note: bytes | None) -> bool:
    """Whether there is a cosigned checkpoint that can be read; in place of a damaged one witnesses are asked again."""
    try:
        return isinstance(note, bytes) and _size_of(note) >= 0
    except RefbusError:
        return False
