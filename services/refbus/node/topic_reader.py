"""How one topic is read: positions, repeats, gaps, and the record that nothing can be done with.

The position in the store is the truth; what the broker keeps for the consumer group is a hint. Records at or below the
position are skipped before any check, and missing ones are fetched from the log. A log that has lost its end is read
again from its beginning, under numbers that were never given (`counted_on`).
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby, takewhile
from pathlib import Path
from typing import Protocol

from refbus.bus.port import Reader, Record
from refbus.errors import Code, RefbusError, SetupError, TransportError
from refbus.node.counted_on import (
    DOUBTED,
    PATIENCE_S,
    CountedOn,
    behind_lost,
    has_other_record,
    hash_of,
    is_other_log,
    numbered,
)
from refbus.node.store.rows import Position

_log = logging.getLogger("refbus.node.topic_reader")

POISON_ATTEMPTS = 3
"""How often a record may fail alone, or a batch be unreadable, before it is put aside."""
_FETCH = 256
_FETCH_WAIT_S = 5.0


class Decider(Protocol):
    """What is done with the records of one topic. Everything is on disk when a method returns, or nothing is."""

    def position(self) -> Position | None:
        """Return how far the topic is decided, None before its first record."""
        ...

    def decide(self, records: Sequence[Record], after: Position, before: Position | None) -> None:
        """Decide records that follow each other, and move the position from `before` to `after`."""
        ...

    def skip(self, after: Position, before: Position | None) -> None:
        """Move the position past offsets that hold no record."""
        ...

    def put_aside(self, record: Record, after: Position, before: Position | None) -> None:
        """Set a record aside that nothing can be done with, or the bytes of a batch, and move the position behind."""
        ...

    def note_failure(self, offset: int) -> int:
        """Count, durably, that the record at `offset` failed alone; return how often it has."""
        ...

    def count_on(self, after: Position, before: Position | None, committed: int) -> None:
        """Move the position to where the offsets of another log are counted on, and remember when that was.

        `committed` is what the consumer group has, counted so: no sign that this store is a copy.
        """
        ...

    def self_test(self) -> None:
        """Raise StoreError when the store does not work: then no record is to blame."""
        ...


class Consumer:
    """Decides the records of one topic, each once. A `BatchHandler` for the harness."""

    def __init__(
        self,
        topic: str,
        decider: Decider,
        connect: Callable[[], Reader],
        told: Callable[[Record], None] = lambda _record: None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`told` hears of each batch that was put aside because it cannot be read.

        `patience_s`: so long a broker must say that the topic ends below the position before it is believed.
        """
        self.topic = topic
        self._told = told
        self._decider = decider
        self._plain = connect
        self._patience_s = patience_s
        self._doubted = False
        self._position: Position | None = None
        self._topic_id = ""

    @property
    def next_offset(self) -> int:
        """The offset that is decided next."""
        return 0 if self._position is None else self._position.next_offset

    @property
    def shift(self) -> int:
        """How much higher offsets are here than at the broker."""
        return 0 if self._position is None else self._position.shift

    @property
    def known(self) -> Position | None:
        """How far the topic is decided, None before its first record."""
        return self._position

    def start(self, committed: int | None) -> None:
        """Check the log against the position, and read again what the group has passed but this store has not.

        `committed` is the group's offset: what is before it does not come by itself any more, and after the restore of
        a database it would be lost. Raises SetupError LOG_TRUNCATED when such records are gone, or the topic is anew.
        When the broker has lost what was decided already, everything that it has is read again.
        """
        start_together([self], {self.topic: committed})

    def look(self, committed: int | None) -> Behind | None:
        """Check the log against the position; return what is to be read again. Raises as `start`."""
        self._position = known = self._decider.position()
        with ExitStack() as opened:
            reader = self._connect()
            opened.callback(reader.close)
            self._topic_id, begin = reader.topic_id(), reader.begin_offset()
            if known is not None and known.topic_id != self._topic_id:
                raise SetupError(Code.LOG_TRUNCATED, "the topic was deleted and made anew")
            if begin > self.next_offset:
                raise SetupError(Code.LOG_TRUNCATED, "records were deleted before they were decided")
            end, done = reader.end_offset(), (committed or 0) + self.shift
            if known is not None and is_other_log(reader, known, self._patience_s):
                return self._read_anew(known, done)
            end = min(done, end)
            if end <= self.next_offset:
                return None
            _log.warning("the store is behind the group: records are read again")
            opened.pop_all()
            return Behind(self, reader, end)

    def is_other_log(self, known: Position) -> bool:
        """Whether the broker has another topic, or has another record before this position. Raises TransportError."""
        reader = self._connect()
        try:
            return known.topic_id != reader.topic_id() or has_other_record(reader, known)
        finally:
            reader.close()

    def doubt(self) -> None:
        """Note for the next start that the broker has lost what was decided: it may have grown again by then.

        Raises StoreError. What is decided meanwhile notes it too.
        """
        self._doubted = True
        known = self._position
        if known is not None:
            self._decider.skip(replace(known, last_hash=DOUBTED), known)

    def _read_anew(self, known: Position, committed: int) -> Behind:
        """Count on behind the position, and return everything that the log has: what was decided shows as a repeat."""
        reader = self._plain()
        try:
            after = behind_lost(known, reader.begin_offset())
        finally:
            reader.close()
        self._decider.count_on(after, known, committed - known.shift + after.shift)
        self._position = after
        place = (Code.LOG_TRUNCATED, self.topic, known.next_offset - known.shift)
        _log.critical("%s: the broker has lost the end of %s, which was decided up to offset %d", *place)
        anew = self._connect()
        try:
            return Behind(self, anew, anew.end_offset())
        except RefbusError:
            anew.close()
            raise

    def _connect(self) -> Reader:
        """Return a reader whose offsets are those of the store."""
        return CountedOn(self._plain(), self.shift)

    def handle(self, records: Sequence[Record]) -> None:
        """Decide a batch. Returns when everything is on disk; raises to stop the worker."""
        for run in self._runs(numbered(records, self.shift)):
            self.take_run(run)

    def _runs(self, records: Sequence[Record]) -> Iterator[list[Record]]:
        """Yield the new records in runs without gaps; what is missing between is fetched first."""
        run: list[Record] = []
        expected = self.next_offset
        for record in records:
            if record.offset < expected:
                continue
            if record.begin > expected:
                if run:
                    yield run
                    run = []
                self._fill(record.begin)
            run.append(record)
            expected = record.offset + 1
        if run:
            yield run

    def _fill(self, end: int) -> None:
        """Fetch the records up to `end`; offsets that hold none are the markers of a writer's transactions."""
        reader = self._connect()
        try:
            if reader.begin_offset() > self.next_offset:
                raise SetupError(Code.LOG_TRUNCATED, "records were deleted before they were decided")
            missing = Behind(self, reader, end)
            while missing.head_ms() is not None:
                missing.take()
        finally:
            reader.close()

    def take_run(self, records: Sequence[Record]) -> None:
        """Decide what can be read; what cannot is read again first, since only the answer may have been damaged."""
        for unread, some in groupby(records, key=lambda record: bool(record.unreadable)):
            if not unread:
                self._decide_all(list(some))
                continue
            for record in some:
                while self.next_offset <= record.offset:
                    self._read_again(record.offset)

    def _read_again(self, last: int) -> None:
        """Read on by a new connection, up to offset `last`. A batch that fails three times is put aside."""
        reader = self._connect()
        try:
            reader.seek(self.next_offset)
            found, behind = reader.read(_FETCH, _FETCH_WAIT_S), reader.position()
        finally:
            reader.close()
        records = [each for each in found if each.begin <= last]
        if not records and (found or behind > last):
            self.skip_to(last + 1)
            return
        if not records:
            raise TransportError(Code.BROKER_UNREACHABLE, "records to be read again do not come")
        readable = list(takewhile(lambda record: not record.unreadable, records))
        self._decide_all(readable)
        if not readable:
            self._failed(records[0])

    def _decide_all(self, records: Sequence[Record]) -> None:
        if not records:
            return
        try:
            self._decide(records)
        except RefbusError as error:
            if _is_infrastructure(error):
                raise
            self._one_by_one(records)
        except Exception as error:  # noqa: BLE001 - whatever a record makes the code raise
            _log.error("a batch failed with %s; its records are tried one by one", where(error))
            self._one_by_one(records)

    def _one_by_one(self, records: Sequence[Record]) -> None:
        for record in records:
            while not self._alone(record):
                pass

    def _alone(self, record: Record) -> bool:
        """Try one record; at the third failure, and if the store works, put it aside. Returns whether it is decided."""
        try:
            self._decide([record])
        except RefbusError as error:
            if _is_infrastructure(error):
                raise
        except Exception as error:  # noqa: BLE001 - whatever a record makes the code raise
            _log.error("a record failed alone with %s", where(error))
        else:
            return True
        return self._failed(record)

    def _failed(self, record: Record) -> bool:
        """Count a failure; at the third, and if the store works, put the record aside. Returns whether it was."""
        attempts = self._decider.note_failure(record.offset)
        self._decider.self_test()
        if attempts < POISON_ATTEMPTS:
            return False
        if record.unreadable:
            named = f"offsets {record.begin} to {record.offset} of {record.topic}"
            _log.critical("%s cannot be read (%s): put aside as %s", named, record.unreadable, Code.BATCH_UNREADABLE)
            self._told(record)
        before = self._position
        after = self._after([record])
        self._decider.put_aside(record, after, before)
        self._position = after
        return True

    def _decide(self, records: Sequence[Record]) -> None:
        before = self._position
        after = self._after(records)
        self._decider.decide(records, after, before)
        self._position = after

    def _after(self, records: Sequence[Record]) -> Position:
        """Return the position behind these records; offsets skipped on the way are counted as gaps."""
        known = self._position or Position(self.topic, self._topic_id, 0, 0, 0)
        end, last_hash = records[-1].offset + 1, DOUBTED if self._doubted else hash_of(records[-1])
        gaps = known.gaps + end - known.next_offset - len(records)
        return replace(known, next_offset=end, gaps=gaps, last_hash=last_hash)

    def skip_to(self, end: int) -> None:
        """Pass offsets that hold no record; the next decision writes it."""
        known = self._position or Position(self.topic, self._topic_id, 0, 0, 0)
        _log.info("%d offsets hold no record", end - known.next_offset)
        after = replace(known, next_offset=end, gaps=known.gaps + end - known.next_offset, last_hash=None)
        self._decider.skip(after, self._position)
        self._position = after


class Behind:
    """Records of one topic that are read again, from the position up to offset `end`."""

    def __init__(self, consumer: Consumer, reader: Reader, end: int) -> None:
        """`reader` is closed by `close`."""
        self._consumer = consumer
        self._reader = reader
        self._end = end
        self._ready: list[Record] = []
        reader.seek(consumer.next_offset)

    def head_ms(self) -> int | None:
        """Return when the next record was written, None when there is none. Raises TransportError."""
        while not self._ready and self._consumer.next_offset < self._end:
            if self._reader.position() >= self._end:
                self._consumer.skip_to(self._end)
                break
            records = self._reader.read(_FETCH, _FETCH_WAIT_S)
            if not records and self._reader.position() < self._end:
                raise TransportError(Code.BROKER_UNREACHABLE, "records to be read again do not come")
            self._ready = [record for record in records if record.begin < self._end]
        return self._ready[0].timestamp_ms if self._ready else None

    def take(self, until_ms: int | None = None) -> None:
        """Decide the next record, and those behind it that were written up to `until_ms`."""
        run = list(takewhile(lambda each: until_ms is None or each.timestamp_ms <= until_ms, self._ready))
        run = run or self._ready[:1]
        del self._ready[: len(run)]
        self._consumer.take_run(run)

    def close(self) -> None:
        """Free the connection."""
        self._reader.close()


def start_together(consumers: Iterable[Consumer], committed: Mapping[str, int | None]) -> None:
    """Start the consumers of topics of one cluster; `committed` is what the group has of each. Raises as `start`.

    What several of them read again is decided in the order in which the broker got it: an answer in one topic behind
    what it answers in another. It would be refused before.
    """
    behind: list[Behind] = []
    try:
        for consumer in consumers:
            found = consumer.look(committed.get(consumer.topic))
            behind += [] if found is None else [found]
        while heads := sorted(
            (at_ms, index) for index, each in enumerate(behind) if (at_ms := each.head_ms()) is not None
        ):
            behind[heads[0][1]].take(heads[1][0] if len(heads) > 1 else None)
    finally:
        for each in behind:
            each.close()


def where(error: BaseException) -> str:
    """Return the kind of an exception and the place it came from; its text may quote a record, so that is left out."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"


def _is_infrastructure(error: RefbusError) -> bool:
    """Whether broker, store or set-up failed, so that no record is to blame."""
    return isinstance(error, SetupError) or (error.retriable and error.code is not Code.INTERNAL_ERROR)
