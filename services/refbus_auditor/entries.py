"""The audit topic: each entry is checked against the directory and gets its place in the log, once.

An erasure order is no entry: it deletes sealed records of its own writer, and the leaves stay.
What becomes of a record is one of LOGGED, DUPLICATE, ERASED, REFUSED and WAITING; the tally in the store always
balances with the position. An entry whose writer's key is not known here yet waits for the directory instead of being
lost.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from refbus.audit.entry import verify_entry
from refbus.audit.erasure import verify_order
from refbus.bus.port import Record
from refbus.core.directory import Directory, Organisation
from refbus.core.ids import OrgId
from refbus.errors import Code, MalformedError, RefbusError, UncheckableError, UntrustedError
from refbus.store.commit import move_position, note_failure
from refbus.store.engine import Database
from refbus.store.node import get_setting, put_setting
from refbus.store.reads import read_position
from refbus.store.rows import Position
from refbus.telemetry.labels import EntryResult
from refbus.wire.transport import AuditEntry, ErasureOrder
from refbus_auditor.erasing import Erasures
from refbus_auditor.ledger import DIRECTORY_WRITER, Ledger, NewEntry, directory_id
from refbus_auditor.store.tables import tally, waiting

_log = logging.getLogger("refbus.auditor.entries")
WAIT_MS = 30 * 86_400_000
"""For how long an entry of an unknown writer waits; after that it is refused."""
_AT_ONCE = 100
_SELF_TEST = "self_test"

Counted = Callable[[EntryResult, Code | None, int], None]
"""Told of committed results: what became of how many records, and why."""


@dataclass(slots=True)
class _Sorted:
    """A batch after the checks."""

    good: list[NewEntry] = field(default_factory=list)
    orders: list[ErasureOrder] = field(default_factory=list)
    wait: list[tuple[Record, Code]] = field(default_factory=list)
    results: Counter[tuple[EntryResult, Code | None]] = field(default_factory=Counter)

    def take(self, checked: NewEntry | ErasureOrder) -> None:
        """Put a record that passed where it belongs."""
        if isinstance(checked, NewEntry):
            self.good.append(checked)
        else:
            self.orders.append(checked)
            self.results[EntryResult.ERASED, None] += 1


@dataclass(frozen=True, slots=True)
class Entries:
    """Decides the records of `<cc>.audit`. A `Decider` for the node's consumer."""

    topic: str
    database: Database
    ledger: Ledger
    erasures: Erasures
    directory: Callable[[], Directory]
    now_ms: Callable[[], int]
    counted: Counted = lambda _result, _code, _number: None

    def position(self) -> Position | None:
        """Return how far the topic is decided, None before its first record."""
        with self.database.reading() as connection:
            return read_position(connection, self.topic)

    def decide(self, records: Sequence[Record], after: Position, before: Position | None) -> None:
        """Check a batch, log what is good, and move the position, in one transaction. Raises StoreError."""
        sorted_ = self._sort(records)
        self.erasures.note(sorted_.orders)
        with self.database.writing() as connection:
            move_position(connection, after, before)
            self._keep(connection, sorted_)
        self._tell(sorted_)

    def skip(self, after: Position, before: Position | None) -> None:
        """Move the position past offsets that hold no record."""
        with self.database.writing() as connection:
            move_position(connection, after, before)

    def put_aside(self, record: Record, after: Position, before: Position | None) -> None:
        """Refuse a record on which the code failed three times, with an alarm."""
        sorted_ = _Sorted(results=Counter({(EntryResult.REFUSED, Code.INTERNAL_ERROR): 1}))
        with self.database.writing() as connection:
            move_position(connection, after, before)
            self._keep(connection, sorted_)
        self._tell(sorted_)
        _log.critical("the record at offset %d was refused with INTERNAL_ERROR", record.offset)

    def note_failure(self, offset: int) -> int:
        """Count, durably, that the record at `offset` failed alone; return how often it has."""
        return note_failure(self.database, self.topic, offset)

    def self_test(self) -> None:
        """Write and read back one row. Raises StoreError when the store does not work."""
        with self.database.writing() as connection:
            put_setting(connection, _SELF_TEST, b"\x01")
            get_setting(connection, _SELF_TEST)

    def again(self) -> int:
        """Try again what waits for the directory; return how many records got an answer."""
        answered, after = 0, -1
        while rows := self._waiting(after):
            answered += self._again(rows)
            after = rows[-1].offset
        return answered

    def _waiting(self, after: int) -> Sequence[Row[Any]]:
        """Return some of what waits, from behind an offset: there may be more than fits into memory."""
        mine = select(waiting).where(waiting.c.topic == self.topic, waiting.c.offset > after)
        with self.database.reading() as connection:
            return connection.execute(mine.order_by(waiting.c.offset).limit(_AT_ONCE)).all()

    def _again(self, rows: Sequence[Row[Any]]) -> int:
        records = [Record(row.topic, row.offset, row.raw, row.logged_ms) for row in rows]
        since = {row.offset: row.since_ms for row in rows}
        sorted_ = self._sort(records)
        still = {record.offset for record, _ in sorted_.wait}
        given_up = {offset for offset in still if self.now_ms() - since[offset] >= WAIT_MS}
        for record, code in sorted_.wait:
            if record.offset in given_up:
                sorted_.results[EntryResult.REFUSED, code] += 1
        sorted_.wait.clear()
        answered = [record.offset for record in records if record.offset not in still - given_up]
        if answered:
            self.erasures.note(sorted_.orders)
            with self.database.writing() as connection:
                connection.execute(delete(waiting).where(waiting.c.topic == self.topic, waiting.c.offset.in_(answered)))
                self._keep(connection, sorted_)
            self._tell(sorted_)
        return len(answered)

    def add_directory(self, leaves: Iterable[bytes]) -> int:
        """Log entries about files of the directory; return how many are new."""
        now_ms = self.now_ms()
        entries = [NewEntry(directory_id(leaf), leaf, DIRECTORY_WRITER, now_ms) for leaf in leaves]
        with self.database.writing() as connection:
            return self.ledger.add(connection, entries, now_ms).new

    def _sort(self, records: Sequence[Record]) -> _Sorted:
        found, directory = _Sorted(), self.directory()
        for record in records:
            try:
                checked = _checked(record, directory)
            except UncheckableError as error:
                found.wait.append((record, error.code))
            except RefbusError as error:
                found.results[EntryResult.REFUSED, error.code] += 1
            else:
                found.take(checked)
        return found

    def _keep(self, connection: Connection, sorted_: _Sorted) -> None:
        self.erasures.apply(connection, sorted_.orders)
        good = self.erasures.without(connection, sorted_.good)
        added = self.ledger.add(connection, good, self.now_ms())
        for result, number in ((EntryResult.LOGGED, added.new), (EntryResult.DUPLICATE, added.known)):
            sorted_.results[result, None] += number
        sorted_.results[EntryResult.REFUSED, Code.AUDIT_INVALID] += len(added.contradicting)
        now_ms = self.now_ms()
        for record, code in sorted_.wait:
            row = {"topic": record.topic, "offset": record.offset, "code": code, "raw": record.value}
            connection.execute(insert(waiting).values(since_ms=now_ms, logged_ms=record.timestamp_ms, **row))
        for (result, reason), number in sorted_.results.items():
            _count(connection, result, reason, number)

    def _tell(self, sorted_: _Sorted) -> None:
        if sorted_.orders:
            self.database.scrub()
        for (result, code), number in sorted_.results.items():
            self.counted(result, code, number)
            if result is EntryResult.REFUSED and number:
                _log.warning("%d audit entries were refused: %s", number, code)


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the records that were read: `read` = the sum of `results` and `waiting`."""

    read: int
    waiting: int
    results: dict[EntryResult, int]

    @property
    def difference(self) -> int:
        """Records that nothing accounts for. Anything but 0 is an alarm."""
        return self.read - self.waiting - sum(self.results.values())


def account(connection: Connection, topic: str) -> Account:
    """Return the balance of the audit topic."""
    position = read_position(connection, topic)
    read = 0 if position is None else position.next_offset - position.first_offset - position.gaps
    results = Counter[EntryResult]()
    for row in connection.execute(select(tally.c.result, tally.c.records)):
        results[EntryResult(row.result)] += row.records
    waits = connection.execute(select(func.count()).select_from(waiting)).scalar_one()
    return Account(read, waits, dict(results))


def _checked(record: Record, directory: Directory) -> NewEntry | ErasureOrder:
    """Return what a record says. Raises MalformedError, UntrustedError; UncheckableError: it may be good later."""
    parsed = _parsed(record.value)
    writer = _writer(record, directory, parsed.writer)
    if isinstance(parsed, ErasureOrder):
        verify_order(parsed, writer, record.timestamp_ms)
        return parsed
    verify_entry(parsed, writer, record.timestamp_ms)
    return NewEntry(parsed.decision_id, parsed.leaf, parsed.writer, record.timestamp_ms, record.value)


def _parsed(value: bytes) -> AuditEntry | ErasureOrder:
    """Return the entry, or else the order, in a record: the signature of the one is none of the other."""
    try:
        return AuditEntry.parse(value)
    except MalformedError as error:
        try:
            return ErasureOrder.parse(value)
        except MalformedError:
            raise error from None


def _writer(record: Record, directory: Directory, named: OrgId) -> Organisation:
    writer = directory.find(named)
    if writer is None:
        raise UncheckableError(Code.ORGANISATION_UNKNOWN, "writer of an audit entry")
    if record.topic.partition(".")[0] != writer.country:
        raise UntrustedError(Code.WRONG_COUNTRY, "writer of an audit entry")
    return writer


def _count(connection: Connection, result: EntryResult, code: Code | None, number: int) -> None:
    if number == 0:
        return
    same = (tally.c.result == result) & (tally.c.code == (code or ""))
    if connection.execute(update(tally).where(same).values(records=tally.c.records + number)).rowcount == 0:
        connection.execute(insert(tally).values(result=result, code=code or "", records=number))
