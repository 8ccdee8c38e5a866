"""Reading the directory topic, then the inbox, to their ends; each batch in one transaction with its position.

Only what was read to the end may be shown: a withdrawal can wait behind a referral. Sequence numbers and the running
hash show holes, and only that: a gate that goes on from a backup counts from an old number. What was read before is
known by its bytes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from refbus.bell import Bell
from refbus.bus.cluster import Cluster
from refbus.bus.port import Reader, Record, ends_below
from refbus.each import each
from refbus.errors import Code, MalformedError, RefbusError, SetupError, StoreError, TransportError, UncheckableError
from refbus.said import Said, named, said
from refbus.trust.member.profile import is_profile
from refbus.wire.transport import DirectoryFile, InboxKind, InboxRecord
from refbus_gateway.directory import door, profiles
from refbus_gateway.home import confirmation
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.inbox import arrivals, notices, refusals
from refbus_gateway.inbox.refusals import Patience
from refbus_gateway.store import alarms, positions, set_aside
from refbus_gateway.store.positions import Position
from refbus_gateway.store.session import Transaction
from refbus_gateway.sync.listener import Listener

BATCH: Final = 50
SLICE: Final = 20
"""Records that waited, tried again between two looks into the inbox."""
_WAIT_S: Final = 5.0
UNKNOWN_HASH: Final = b""
"""Running hash after a hole: the next heartbeat gives a new start."""


class Draining:
    """The two readers of one home. One instance at a time: the holder of the home's lock."""

    def __init__(self, gateway: Gateway, bus: Cluster, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._gateway = gateway
        self._patience = Patience(gateway, monotonic)
        self._directory = bus.reader(gateway.directory_topic)
        self._inbox = bus.reader(gateway.inbox_topic)
        self._placed: set[str] = set()
        gateway.resume_directory()  # what a stop interrupted is finished before anything new is taken
        self._listening: Listener | None = None
        self._nothing_held: int | None = None  # the change mark at which nothing was held that could be tried again
        self._lost = False  # whether the directory was read again because the version in force is damaged here
        self._known_files = 0  # below this offset the directory is read again, and old versions are no news

    def drain(self) -> int:
        """Read both topics to the ends that they have now; return how many things are new for a person.

        Raises TransportError BROKER_UNREACHABLE, SetupError TOPIC_MISSING, StoreError.
        """
        gateway = self._gateway
        started_ms, news = gateway.now_ms(), 0
        self._look_after_directory()
        if self._listening is None or not self._is_placed() or not self.at_end():  # else it goes on listening
            news = self._rest() + self._read_to_the_ends()
        with gateway.store.write() as tx:
            tx.put_int(positions.SYNCHRONISED, started_ms)
            confirmation.note_drained(tx, started_ms)
        return news

    def _look_after_directory(self) -> None:
        """Take over what others verified; read the topic from its beginning once where the version in force is lost."""
        self._gateway.catch_up()
        lost = self._gateway.trust.is_lost
        if lost and not self._lost:
            self._placed.discard(self._gateway.directory_topic)
        self._lost = lost

    def _is_placed(self) -> bool:
        """Whether both readers stand where the store says, in the logs that it knows."""
        return self._placed >= {self._gateway.directory_topic, self._gateway.inbox_topic}

    def _read_to_the_ends(self) -> int:
        gateway = self._gateway
        self._read_all(self._directory, gateway.directory_topic, self._take_directory)
        with gateway.store.read() as tx:
            last = set_aside.newest_aside(tx)
        self._again_held(last)
        news = self._read_all(self._inbox, gateway.inbox_topic, self._take_inbox)
        while self._again_held(last):
            pass
        return news

    def keep_up(self) -> None:
        """Take what has arrived of the directory, and try again what could not be checked; never waits for a broker.

        Asking a broker for the end of a topic waits behind the reader's own long question for more.
        """
        self._place(self._directory, self._gateway.directory_topic)
        while records := self._read(self._directory, self._gateway.directory_topic, 0):
            self._take_directory(records)
        mark = self._gateway.store.change_mark()
        if mark == self._nothing_held:
            return
        with self._gateway.store.read() as tx:
            waits = set_aside.waits(tx)
        self._nothing_held = None if waits else mark
        if waits:
            self._again_held()

    def read_some(self, timeout_s: float) -> int:
        """Read what has arrived in the inbox, waiting at most `timeout_s` seconds; return what is new for a person."""
        self._place(self._inbox, self._gateway.inbox_topic)
        records = self._read(self._inbox, self._gateway.inbox_topic, timeout_s)
        return self._take_inbox(records) if records else 0

    def hear(self, bell: Bell, wait_s: float) -> int:
        """Wait until something arrives in the inbox, the bell rings or `wait_s` seconds are over, and take it in.

        Returns what is new for a person. What arrives after the bell is taken in the next time. Raises as `read_some`.
        """
        if self._listening is None:
            self._listening = Listener(self._inbox, bell, BATCH)
        if not self._listening.is_asking:
            self._place(self._inbox, self._gateway.inbox_topic)
            self._listening.ask()
        bell.wait(wait_s)
        return self._take_heard(self._listening)

    def stop_hearing(self) -> None:
        """Wait no more for the inbox. What has arrived and was not taken in is read again, from where the store is."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            self._placed.discard(self._gateway.inbox_topic)

    def at_end(self) -> bool:
        """Whether this home has everything that both topics have now. Raises TransportError."""
        pairs = ((self._directory, self._gateway.directory_topic), (self._inbox, self._gateway.inbox_topic))
        with self._gateway.store.read() as tx:
            kept = {topic: positions.position(tx, topic) for _, topic in pairs}
        return all(_reached(reader, kept[topic]) for reader, topic in pairs)

    def close(self) -> None:
        """Free the connections."""
        self.stop_hearing()
        self._directory.close()
        self._inbox.close()

    def _rest(self) -> int:
        """Come back from waiting for the inbox, before it is read or placed in another way."""
        if self._listening is None:
            return 0
        self._listening.rest()
        return self._take_heard(self._listening)

    def _take_heard(self, listening: Listener) -> int:
        try:
            records = listening.take()
        except SetupError:
            self._placed.discard(self._gateway.inbox_topic)
            raise
        return self._take_inbox(records) if records else 0

    def _again_held(self, last: int | None = None) -> bool:
        """Try again some of what could not be checked, if what it waits for may be here; False when nothing is due.

        A slice at a time, so that new records are read between: what waits delays nobody. `last` is the newest row to
        try, None for all.
        """
        with self._gateway.store.read() as tx:
            due = self._patience.due(tx, SLICE, last)
        for row_id in due:
            with self._gateway.store.write() as tx:
                each = set_aside.aside_with(tx, row_id)
                if each is not None:
                    record = InboxRecord(each.kind, max(each.sequence, 1), each.value)
                    arrivals.take_in(self._gateway, tx, record, Position("", 0, each.sequence - 1, UNKNOWN_HASH))
                self._patience.tried(tx, row_id)
        return bool(due)

    def _read_all(self, reader: Reader, topic: str, take: Callable[[list[Record]], int]) -> int:
        self._place(reader, topic)
        end = reader.end_offset()
        news = 0
        while reader.position() < end:
            records = self._read(reader, topic, _WAIT_S)
            if not records:
                raise TransportError(Code.BROKER_UNREACHABLE, topic.split(".")[1])
            news += take(records)
        return news

    def _read(self, reader: Reader, topic: str, wait_s: float) -> list[Record]:
        """Return the next records. Where the log has lost its end, the next turn looks again where it stands."""
        try:
            return reader.read(BATCH, wait_s)
        except SetupError:
            self._placed.discard(topic)
            raise

    def _place(self, reader: Reader, topic: str) -> None:
        if topic not in self._placed:
            known = place(self._gateway, reader, topic)
            if topic == self._gateway.directory_topic:
                self._known_files = known
            self._placed.add(topic)

    def _take_directory(self, records: list[Record]) -> int:
        gateway = self._gateway
        failures: list[RefbusError] = []

        def failed(record: Record, error: RefbusError) -> None:
            if record.offset >= self._known_files:
                failures.append(error)

        each(records, lambda record: _add_file(gateway, record), failed)
        with gateway.store.write() as tx:
            for error in failures:
                alarms.raise_alarm(tx, error.code, said("a file of the directory"), gateway.now_ms())
            self._advance(tx, gateway.directory_topic, records[-1])
        door.release(gateway)
        return 0

    def _advance(self, tx: Transaction, topic: str, last: Record) -> None:
        kept = positions.position(tx, topic)
        if kept is not None:
            positions.set_position(tx, topic, replace(kept, next_offset=last.offset + 1))

    def _take_inbox(self, records: list[Record]) -> int:
        topic = self._gateway.inbox_topic
        try:
            with self._gateway.store.write() as tx:
                position = positions.position(tx, topic) or Position("", records[0].offset)
                news, first = 0, records[0]
                other = position.seen_from <= first.offset == position.next_offset - 1 and not _was_read(tx, first)
                for record in () if other else records:
                    position, new = self._take_one(tx, record, position)
                    news += new
                positions.set_position(tx, topic, position)
        except StoreError:
            self._placed.discard(topic)  # nothing of the batch is kept: read it again
            raise
        if other:
            self._read_anew()
        return news

    def _read_anew(self) -> None:
        """Read the inbox from its beginning: it was cut and has grown since. What was read is known by its bytes."""
        topic, begin = self._gateway.inbox_topic, self._inbox.begin_offset()
        with self._gateway.store.write() as tx:
            kept = positions.position(tx, topic)
            if kept is not None:
                _tell_lost(self._gateway, tx, topic)
                positions.set_position(tx, topic, replace(kept, next_offset=begin))
        self._inbox.seek(begin)

    def _take_one(self, tx: Transaction, record: Record, position: Position) -> tuple[Position, int]:
        """Take one record in and return where the inbox stands after it."""
        gateway = self._gateway
        after = replace(position, next_offset=record.offset + 1)
        if record.offset < position.next_offset:
            return position, 0
        try:
            parsed = InboxRecord.parse(record.content())
        except MalformedError as error:
            unreadable = InboxRecord(InboxKind.EVENT, position.sequence + 1, record.value)
            refusals.unreadable(gateway, tx, unreadable, error.code, _place(record))
            return after, 1
        if parsed.sequence <= position.sequence:
            if record.offset < position.seen_from or positions.has_seen(tx, parsed):
                return after, 0
            detail = said("record %(number)s after record %(last)s", number=parsed.sequence, last=position.sequence)
            alarms.raise_of_many(tx, Code.INBOX_COUNT_BACK, said("record"), detail, gateway.now_ms())
            position = replace(position, sequence=parsed.sequence - 1, running_hash=UNKNOWN_HASH)
        missing = range(position.sequence + 1, parsed.sequence)
        if missing:
            position = replace(position, sequence=parsed.sequence - 1, running_hash=UNKNOWN_HASH)
        positions.note_seen(tx, parsed)
        new = arrivals.take_in(gateway, tx, parsed, position)
        begins_anew = notices.begins_anew(tx, position.sequence)
        if missing and not begins_anew:
            detail = said("records %(first)s to %(last)s", first=missing[0], last=missing[-1])
            alarms.raise_of_many(tx, Code.INBOX_GAP, said("record"), detail, gateway.now_ms())
            gateway.observer.gap()
        if begins_anew or position.running_hash == UNKNOWN_HASH:
            position = replace(position, running_hash=notices.told_hash(tx, position.sequence))
        return _following(after, position, parsed), int(new)


def _place(record: Record) -> Said:
    if record.unreadable:
        return said("inbox offsets %(first)s to %(last)s", first=record.begin, last=record.offset)
    return said("inbox offset %(offset)s", offset=record.offset)


def place(gateway: Gateway, reader: Reader, topic: str) -> int:
    """Put a reader where this home stopped; what the log has lost in between is an alarm, never a stop.

    Where files of the directory are damaged here, it is read from its beginning. Returns the offset up to which this
    home has read before. Raises TransportError, SetupError TOPIC_MISSING, StoreError.
    """
    topic_id, begin, end = reader.topic_id(), reader.begin_offset(), reader.end_offset()
    with gateway.store.write() as tx:
        kept = positions.position(tx, topic) or Position(topic_id, begin)
        known = kept.next_offset
        if topic == gateway.directory_topic and gateway.trust.wants_files:
            kept = replace(kept, next_offset=begin)  # what is damaged here comes again
        same = kept.topic_id == topic_id
        if not same or kept.next_offset < begin or ends_below(reader, end, kept.next_offset):
            _tell_lost(gateway, tx, topic)
            kept = replace(kept, topic_id=topic_id, next_offset=begin, seen_from=kept.seen_from if same else 0)
        positions.set_position(tx, topic, kept)
    again = topic == gateway.inbox_topic  # the last record that was read tells whether this is the same log
    reader.seek(max(begin, kept.next_offset - again))
    return known


def _tell_lost(gateway: Gateway, tx: Transaction, topic: str) -> None:
    alarms.raise_alarm(tx, Code.LOG_TRUNCATED, named(topic.split(".")[1]), gateway.now_ms())
    if topic == gateway.inbox_topic:
        confirmation.note_lost(tx)


def _was_read(tx: Transaction, record: Record) -> bool:
    """Whether a record before the position is one that was read; of what cannot be read nobody can say."""
    try:
        return positions.has_seen(tx, InboxRecord.parse(record.content()))
    except MalformedError:
        return True


def _following(after: Position, before: Position, record: InboxRecord) -> Position:
    """Return the position with the running hash moved on: SHA-256(before || SHA-256(body)); unknown stays unknown."""
    known = before.running_hash != UNKNOWN_HASH
    body = hashlib.sha256(record.body).digest()
    running = hashlib.sha256(before.running_hash + body).digest() if known else UNKNOWN_HASH
    return replace(after, sequence=record.sequence, running_hash=running)


def _reached(reader: Reader, kept: Position | None) -> bool:
    """Whether everything was read; never where the log ends below the position: what came since has its numbers."""
    if kept is None:
        return False
    end = reader.end_offset()
    return kept.next_offset >= end and not ends_below(reader, end, kept.next_offset)


def _add_file(gateway: Gateway, record: Record) -> None:
    """Bring one file to the door of the directory, or keep a profile. What is incomplete is no failure.

    Raises RefbusError.
    """
    with suppress(UncheckableError):
        file = DirectoryFile.parse(record.content())
        if is_profile(file.path):
            profiles.take(gateway, file)
        else:
            door.take(gateway, file)
