"""The audit topic: each entry is checked against the directory and gets its place in the log, once.

An erasure order is no entry: it deletes sealed records of its own writer, and the leaves stay.
What becomes of a record is one of LOGGED, DUPLICATE, ERASED, REFUSED and WAITING; the tally in the store always
balances with the position. An entry whose writer's key is not known here yet waits for the directory instead of being
lost, and so does, in its order, what a writer adds beyond its quota (refbus_auditor.quotas). What repeats an entry, an
order or a record that waits takes nothing of a quota: anybody can write the bytes of others again.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from refbus.audit.erasure import OrderAnswer
from refbus.bus.port import Record
from refbus.clock import Clock
from refbus.core.directory import Directory
from refbus.core.units import DAY_MS
from refbus.crypto.framing import sha256
from refbus.database.port import Database
from refbus.database.prepared import AnyOf, Prepared
from refbus.errors import Code, RecordError, UncheckableError
from refbus.node.counted_on import LOST_END
from refbus.node.store.commit import move_position, note_failure
from refbus.node.store.node import get_setting, put_setting
from refbus.node.store.reads import read_position
from refbus.node.store.rows import Position
from refbus.node.store.sound import whole
from refbus.telemetry.labels import EntryResult
from refbus.wire.transport import ErasureOrder
from refbus_auditor.batch import Sorted, Waits, amount_of, checked_in, name_in, owner_unverified
from refbus_auditor.erasure import Erasures, logged_order
from refbus_auditor.ledger import DIRECTORY_WRITER, Ledger, Name, NewEntry, directory_id, published
from refbus_auditor.quotas import Amount, Budget, account_of
from refbus_auditor.store.tables import tally, waiting

_log = logging.getLogger("refbus.auditor.entries")
WAIT_MS = 30 * DAY_MS
"""For how long an entry of an unknown writer waits; after that it is refused."""
_AT_ONCE = 100
_PARTS = 5
"""Parts of so many waiting entries in one call: the next has its turn a second later."""
_GIVEN_UP_AT_ONCE = 50
_SELF_TEST = "self_test"
_RESULTS = frozenset(EntryResult)
_WAITING = AnyOf(select(waiting.c.name), waiting.c.name)
_GROW = Prepared(
    update(tally)
    .where(tally.c.result == bindparam("its_result"), tally.c.code == bindparam("its_code"))
    .values(records=tally.c.records + bindparam("more"))
)
_BEGIN = Prepared(
    insert(tally).values(result=bindparam("its_result"), code=bindparam("its_code"), records=bindparam("more"))
)

Counted = Callable[[EntryResult, Code | None, int], None]
"""Told of committed results: what became of how many records, and why."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Decides the records of `<cc>.audit`. A `Decider` for the node's consumer."""

    topic: str
    database: Database
    ledger: Ledger
    erasures: Erasures
    directory: Callable[[], Directory]
    clock: Clock
    counted: Counted = lambda _result, _code, _number: None
    aside: Callable[[Record], None] = lambda _record: None
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _looked: list[int] = field(default_factory=list)

    def position(self) -> Position | None:
        """Return how far the topic is decided, None before its first record."""
        with self.database.reading() as connection:
            return read_position(connection, self.topic)

    def decide(self, records: Sequence[Record], after: Position, before: Position | None) -> None:
        """Check a batch, log what is good, and move the position, in one transaction. Raises StoreError."""
        with self._turn:
            with self.database.reading() as connection:
                sorted_ = self._sort(records, Budget(connection, self.clock.now_ms()))
            self.erasures.note(sorted_.orders)
            with self.database.writing() as connection:
                move_position(connection, after, before)
                self._keep(connection, sorted_)
                self._add_waiting(connection, sorted_.wait)
        self._tell(sorted_)

    def skip(self, after: Position, before: Position | None) -> None:
        """Move the position past offsets that hold no record."""
        with self.database.writing() as connection:
            move_position(connection, after, before)

    def count_on(self, after: Position, before: Position | None, committed: int) -> None:
        """Count on in a log that has lost its end: in one transaction, with the moment."""
        with self.database.writing() as connection:
            move_position(connection, after, before)
            put_setting(connection, LOST_END, self.clock.now_ms().to_bytes(8, "big"))

    def put_aside(self, record: Record, after: Position, before: Position | None) -> None:
        """Refuse a record on which the code failed three times, or a batch that cannot be read, with an alarm.

        The bytes of such a batch are kept in the home: whoever wrote it may have entries in it that were never logged.
        """
        code = Code.BATCH_UNREADABLE if record.unreadable else Code.INTERNAL_ERROR
        if record.unreadable:
            self.aside(record)
        with self._turn, self.database.writing() as connection:
            sorted_ = Sorted(Budget(connection, self.clock.now_ms()))
            sorted_.results[EntryResult.REFUSED, code] = 1
            move_position(connection, after, before)
            self._keep(connection, sorted_)
        self._tell(sorted_)
        _log.critical("the record at offset %d was refused with %s", record.offset, code)

    def note_failure(self, offset: int) -> int:
        """Count, durably, that the record at `offset` failed alone; return how often it has."""
        return note_failure(self.database, self.topic, offset)

    def self_test(self) -> None:
        """Write and read back one row. Raises StoreError when the store does not work."""
        with self.database.writing() as connection:
            put_setting(connection, _SELF_TEST, secrets.token_bytes(8))  # what is there already would not be written
            get_setting(connection, _SELF_TEST)

    def again(self, *, moved: bool) -> int:
        """Try again some of what waits; return how many records got an answer.

        When the directory has `moved`, what waits for it is tried once, in parts, from the oldest on; what waits for
        room is tried as soon as its writer has some.
        """
        if moved:
            self._looked[:] = [-1]
        answered = 0
        for _ in range(_PARTS):
            if not self._looked or not (rows := self._waiting(self._looked[0])):
                self._looked.clear()
                break
            answered += self._again(rows)
            self._looked[:] = [rows[-1].offset]
        return answered + sum(self._again(rows) for rows in self._with_room())

    def _waiting(self, after: int) -> Sequence[Row[Any]]:
        """Return some of what waits for the directory, from behind an offset: all may not fit into memory."""
        mine = select(waiting).where(waiting.c.topic == self.topic, waiting.c.offset > after)
        mine = mine.where(waiting.c.code != Code.TOO_MANY_WAITING)
        with self.database.reading() as connection:
            return connection.execute(mine.order_by(waiting.c.offset).limit(_AT_ONCE)).all()

    def _with_room(self) -> Iterator[Sequence[Row[Any]]]:
        """Yield, for each writer that has room again, some of what waits for that, the oldest first."""
        full = (waiting.c.topic == self.topic, waiting.c.code == Code.TOO_MANY_WAITING)
        with self.database.reading() as connection:
            owners = connection.execute(select(waiting.c.owner).where(*full).distinct()).scalars().all()
        for owner in owners:
            mine = select(waiting).where(waiting.c.owner == owner, *full)
            with self.database.reading() as connection:
                rows = connection.execute(mine.order_by(waiting.c.offset).limit(_AT_ONCE)).all()
                has_room = Budget(connection, self.clock.now_ms()).takes(owner, Amount(1, whole(rows[0].size, 0)))
            if has_room:
                yield rows

    def _again(self, rows: Sequence[Row[Any]]) -> int:
        records = [Record(row.topic, row.offset, row.raw, row.logged_ms) for row in rows]
        now_ms = self.clock.now_ms()
        since = {row.offset: whole(row.since_ms, now_ms) for row in rows if row.code != Code.TOO_MANY_WAITING}
        with self._turn:
            with self.database.reading() as connection:
                sorted_ = self._sort(records, Budget(connection, now_ms), again=True)
            still = {each.record.offset: each for each in sorted_.wait}
            known = (offset for offset, each in still.items() if each.code is not Code.TOO_MANY_WAITING)
            given_up = self._given_up({offset: since.get(offset, now_ms) for offset in known})
            for offset in given_up:
                sorted_.results[EntryResult.REFUSED, still.pop(offset).code] += 1
            answered = [record.offset for record in records if record.offset not in still]
            self.erasures.note(sorted_.orders)
            with self.database.writing() as connection:
                mine = waiting.c.topic == self.topic
                connection.execute(delete(waiting).where(mine, waiting.c.offset.in_(answered)))
                for offset, each in still.items():
                    changed = update(waiting).where(mine, waiting.c.offset == offset)
                    connection.execute(changed.values(code=each.code, owner=each.owner))
                self._keep(connection, sorted_)
        self._tell(sorted_)
        return len(answered)

    def _given_up(self, since: dict[int, int]) -> frozenset[int]:
        """Return which of these nobody waits for any more: a few at a time, and none while the clock is in doubt."""
        if not self.clock.may_forget():
            return frozenset()
        over = [offset for offset, since_ms in since.items() if self.clock.now_ms() - since_ms >= WAIT_MS]
        return frozenset(over[:_GIVEN_UP_AT_ONCE])

    def add_directory(self, leaves: Iterable[bytes]) -> int:
        """Log entries about files of the directory; return how many are new."""
        now_ms = self.clock.now_ms()
        entries = [NewEntry(directory_id(leaf), leaf, DIRECTORY_WRITER, now_ms) for leaf in leaves]
        with self.database.writing() as connection:
            return self.ledger.add(connection, entries, now_ms).new

    def _sort(self, records: Sequence[Record], budget: Budget, *, again: bool = False) -> Sorted:
        """Check records in their order. What waits already (`again`) is there, and takes no new room."""
        found, directory = Sorted(budget, again=again), self.directory()
        if not again:
            records = self._first_of_each(found, records)
        checked = self._verified(found, records, directory)
        known = self._known(budget.connection, [each for _, each in checked])
        there = published(budget.connection, [leaf for _, each in checked for leaf in _leaves_of(each)])
        for record, each in checked:
            if name_in(each) in known:
                found.results[EntryResult.DUPLICATE, None] += 1
                continue
            if there and _take_again(found, record, each, there):
                continue
            owner = account_of(each.writer, stays=isinstance(each, NewEntry) and each.stays)
            if found.has_room(owner, amount_of(record, each)):
                self._take(found, record, each)
            else:
                found.put_off(record, each, owner)
        return found

    def _first_of_each(self, found: Sorted, records: Sequence[Record]) -> list[Record]:
        """Return the records whose bytes neither wait nor stand before in the batch; count the others."""
        names = [sha256(record.value) for record in records]
        seen = {row.name for row in _WAITING.rows(found.budget.connection, set(names))}
        first = list[Record]()
        for record, name in zip(records, names, strict=True):
            if name in seen:
                found.results[EntryResult.DUPLICATE, None] += 1
            else:
                first.append(record)
            seen.add(name)
        return first

    def _verified(
        self, found: Sorted, records: Sequence[Record], directory: Directory
    ) -> list[tuple[Record, NewEntry | ErasureOrder]]:
        """Return what verified records say; let wait what may be good later, and count what is not."""
        good = list[tuple[Record, NewEntry | ErasureOrder]]()
        for record in records:
            try:
                good.append((record, checked_in(record, directory)))
            except UncheckableError as error:
                found.let_wait(Waits(record, error.code, owner_unverified(record, directory)))
            except RecordError as error:
                found.results[EntryResult.REFUSED, error.code] += 1
        return good

    def _known(self, connection: Connection, checked: Sequence[NewEntry | ErasureOrder]) -> frozenset[Name]:
        """Return the names of what stands in the log already: entries as they are, and orders that were answered."""
        entries = [each for each in checked if isinstance(each, NewEntry)]
        orders = [each for each in checked if isinstance(each, ErasureOrder)]
        answers = {logged_order(each, answer, 0): each for each in orders for answer in OrderAnswer}
        there = self.ledger.known(connection, [*entries, *answers])
        answered = (name_in(order) for entry, order in answers.items() if name_in(entry) in there)
        return frozenset((*there, *answered))

    def _take(self, found: Sorted, record: Record, checked: NewEntry | ErasureOrder) -> None:
        """Put a record that passed where it belongs."""
        if isinstance(checked, NewEntry):
            found.good.append(checked)
            return
        named = set(checked.decision_ids)
        fresh = any(each.stays and each.writer == checked.writer and each.decision_id in named for each in found.good)
        if fresh or self.erasures.names_evidence(found.budget.connection, checked):
            found.refuse(checked, record.timestamp_ms)
        else:
            found.obey(checked, record.timestamp_ms)

    def _keep(self, connection: Connection, sorted_: Sorted) -> None:
        self.erasures.apply(connection, sorted_.orders)
        good = self.erasures.without(connection, sorted_.good)
        added = self.ledger.add(connection, good, self.clock.now_ms())
        self.ledger.add(connection, sorted_.answers, self.clock.now_ms())  # no record of the topic: not counted
        for result, number in ((EntryResult.LOGGED, added.new), (EntryResult.DUPLICATE, added.known)):
            sorted_.results[result, None] += number
        sorted_.results[EntryResult.REFUSED, Code.AUDIT_INVALID] += len(added.contradicting)
        sorted_.budget.write(connection)
        for (result, reason), number in sorted_.results.items():
            _count(connection, result, reason, number)

    def _add_waiting(self, connection: Connection, new: Iterable[Waits]) -> None:
        now_ms = self.clock.now_ms()
        for each in new:
            record = each.record
            row = {"topic": record.topic, "offset": record.offset, "raw": record.value, "size": len(record.value)}
            times = {"since_ms": now_ms, "logged_ms": record.timestamp_ms}
            name = sha256(record.value)
            connection.execute(insert(waiting).values(code=each.code, owner=each.owner, name=name, **row, **times))

    def _tell(self, sorted_: Sorted) -> None:
        if sorted_.orders:
            self.database.scrub()
        for (result, code), number in sorted_.results.items():
            self.counted(result, code, number)
            if result is EntryResult.REFUSED and number:
                _log.warning("%d audit entries were refused: %s", number, code)


def _leaves_of(checked: NewEntry | ErasureOrder) -> list[bytes]:
    """Return what can be in the log of a record: an order has another leaf for each answer."""
    if isinstance(checked, NewEntry):
        return [checked.leaf]
    return [logged_order(checked, answer, 0).leaf for answer in OrderAnswer]


def _take_again(found: Sorted, record: Record, checked: NewEntry | ErasureOrder, there: Container[bytes]) -> bool:
    """Take a record whose leaf came back from published files: it needs no room, and an order keeps its answer."""
    if isinstance(checked, NewEntry):
        if checked.leaf in there:
            found.good.append(checked)
        return checked.leaf in there
    if logged_order(checked, OrderAnswer.OBEYED, 0).leaf in there:
        found.obey(checked, record.timestamp_ms)
    elif logged_order(checked, OrderAnswer.REFUSED, 0).leaf in there:
        found.refuse(checked, record.timestamp_ms)
    else:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the records that were read: `read` = the sum of `results` and `waiting`.

    `over_quota`: how many of those that wait do so because their writer wrote too much.
    """

    read: int
    waiting: int
    results: dict[EntryResult, int]
    over_quota: int = 0

    @property
    def difference(self) -> int:
        """Records that nothing accounts for. Anything but 0 is an alarm."""
        return self.read - self.waiting - sum(self.results.values())


def account(connection: Connection, topic: str) -> Account:
    """Return the balance of the audit topic. What a damaged row counted is missing in it."""
    position = read_position(connection, topic)
    read = 0 if position is None else position.next_offset - position.first_offset - position.gaps
    results = Counter[EntryResult]()
    for row in connection.execute(select(tally.c.result, tally.c.records)):
        if row.result in _RESULTS:
            results[EntryResult(row.result)] += whole(row.records, 0)
    counts = select(waiting.c.code == Code.TOO_MANY_WAITING, func.count()).group_by(waiting.c.code)
    waits = Counter[bool]()
    for over_quota, number in connection.execute(counts):
        waits[bool(over_quota)] += number
    return Account(read, waits.total(), dict(results), waits[True])


def _count(connection: Connection, result: EntryResult, code: Code | None, number: int) -> None:
    if number == 0:
        return
    counted = {"its_result": result, "its_code": code or "", "more": number}
    if _GROW.once(connection, counted).rowcount == 0:
        _BEGIN.once(connection, counted)
