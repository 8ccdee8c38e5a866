"""The heart of the gate: a batch of records becomes one transaction. It knows neither Faust nor Kafka.

    1  repeats are recognised by the hash of their bytes; the rest is opened and authenticated on all cores
    2  the state is read, with the number of the fence; decisions are made in order
    3  what they cause is signed and sealed on all cores
    4  one transaction: fence, position, rows, state, audit entries, outgoing rows

Nothing is held from 2 to 4 but this process's turn to decide, and nothing during 1. If anything else moved the fence, 4
writes nothing and the worker stops.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from refbus.bus.port import Record
from refbus.core.directory import DirectoryHistory
from refbus.core.gate.routing import about_event
from refbus.core.gate.verdicts import (
    About,
    Forward,
    Hold,
    MarkWithdrawn,
    Missing,
    NoteAnswer,
    Point,
    RecordConsent,
    Refuse,
    Verdict,
)
from refbus.core.ids import CountryCode
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import PERMITS_NOTHING
from refbus.crypto.framing import sha256
from refbus.envelope.consent import EvidenceCache
from refbus.errors import Code, RowError, UntrustedError
from refbus.node.counted_on import LOST_END
from refbus.node.store.audit_keys import AuditKeys
from refbus.node.store.commit import commit
from refbus.node.store.node import NodeStore
from refbus.node.store.reads import read_fence, read_records
from refbus.node.store.rows import Changes, Position
from refbus_gate.decide import egress, ingress
from refbus_gate.decide.effects import Batch, Decider
from refbus_gate.decide.egress import Egress
from refbus_gate.decide.inboxes import Inboxes
from refbus_gate.decide.ingress import Ingress
from refbus_gate.decide.opening import Opened, Opener
from refbus_gate.decide.quotas import Room
from refbus_gate.decide.repeats import Repeats
from refbus_gate.decide.state import View
from refbus_gate.decide.timetable import planned
from refbus_gate.decide.work import Work, Workers
from refbus_gate.names import GateKeys, border, outbox
from refbus_gate.restored import counted_on

_log = logging.getLogger("refbus.gate.batch")


@dataclass(frozen=True, slots=True)
class Source:
    """A topic that is decided: its name, the point of decision, and the country whose events are in it."""

    topic: str
    point: Point
    origin: CountryCode


def sources_of(country: CountryCode, others: Iterable[CountryCode]) -> tuple[Source, ...]:
    """Return the sources of a gate: its outbox and a border topic from each other country."""
    borders = (Source(border(country, other), Point.INGRESS, other) for other in sorted(others) if other != country)
    return (Source(outbox(country), Point.EGRESS, country), *borders)


@dataclass(frozen=True, slots=True)
class Took:
    """How long a batch took, and of that its commit with the write to disk; seconds."""

    batch_s: float
    commit_s: float


Wrote = Callable[[Point, Changes, Took], None]
"""Told of a committed transaction: where it was decided, what was written, how long it took."""


@dataclass(frozen=True, slots=True)
class GateParts:
    """What a gate is made of. `directories` gives the newest history each time; `now_ms` is this machine's clock."""

    keys: GateKeys
    store: NodeStore
    audit_keys: AuditKeys
    directories: Callable[[], DirectoryHistory]
    now_ms: Callable[[], int]
    workers: Workers


class GateCore:
    """Decides records. One batch at a time in a process; `wrote` is told of every committed transaction."""

    def __init__(self, parts: GateParts, wrote: Wrote = lambda _point, _changes, _took: None) -> None:
        self.parts = parts
        self.turn = threading.RLock()
        self._cache = EvidenceCache()
        self._repeats = Repeats()
        self._inboxes = Inboxes(parts.store)
        self._wrote = wrote

    def batch(self, source: Source) -> Batch:
        """Return what is the same for all records that are decided now."""
        parts = self.parts
        return Batch(parts.keys, parts.directories(), source.point, source.origin, parts.now_ms())

    def decide(self, source: Source, records: Sequence[Record], after: Position, before: Position | None) -> None:
        """Decide records of one source that follow each other, and move its position from `before` to `after`.

        Raises StoreError (nothing is written), SetupError, and whatever a poison record makes the code raise.
        """
        batch = self.batch(source)
        work = Work(self.parts.store, self.parts.keys.country)
        opened = self._open(source, batch, records)
        with self.turn:
            view = View(self.parts.store, self.parts.keys.country, source.point, opened)
            work.changes.position = after
            decider = self.decider(batch, view, work)
            for each in opened:
                decision_id = self.decision_id(after.topic_id, each.record)
                decider.take(each, verdict_of(each, view, batch), decision_id)
            self.write(view, work, batch.now_ms, before)

    def count_on(self, after: Position, before: Position | None, committed: int) -> None:
        """Move a position to where the offsets of another log are counted on; so is `committed`, the group's."""
        settings = counted_on(after.topic, committed) | {LOST_END: self.parts.now_ms().to_bytes(8, "big")}
        self._move(Changes(position=after, settings=settings), before)

    def skip(self, after: Position, before: Position | None) -> None:
        """Move a position past offsets that hold no record."""
        self._move(Changes(position=after), before)

    def _move(self, changes: Changes, before: Position | None) -> None:
        with self.turn:
            with self.parts.store.database.reading() as connection:
                fence = read_fence(connection)
            commit(self.parts.store, changes, fence, before, self.parts.now_ms())

    def decider(self, batch: Batch, view: View, work: Work) -> Decider:
        """Return what gives verdicts of this batch their effects."""
        store = self.parts.store
        side = Egress(batch, store, work) if batch.point is Point.EGRESS else Ingress(batch, store, view, work)
        return Decider(batch, store, view, work, side, Room(store), self._repeats)

    def write(
        self,
        view: View,
        work: Work,
        now_ms: int,
        before: Position | None = None,
        *,
        first: Callable[[], None] | None = None,
    ) -> None:
        """Finish the work and write it in one transaction; `first` is done when all is made, and may stop it."""
        work.finish(self.parts.workers, self.parts.audit_keys, partial(self._inboxes.at, view.fence))
        work.changes.facts = view.changed_facts(now_ms)
        work.changes.deadlines = planned(view, self.parts.directories().latest, now_ms)
        if first is not None:
            first()
        ready = time.monotonic()
        commit(self.parts.store, work.changes, view.fence, before, now_ms)
        self._inboxes.wrote(view.fence, work.changes.inboxes)
        done = time.monotonic()
        self._wrote(view.point, work.changes, Took(done - work.began, done - ready))

    def decision_id(self, topic_id: str, record: Record) -> bytes:
        """Return the name of the first decision about a record (16 bytes): the same if it has to be repeated."""
        place = f"{record.topic}\0{topic_id}\0{record.offset}"
        return self.parts.store.name("decision", place.encode())[:16]

    def next_decision_id(self, before: bytes) -> bytes:
        """Return the name of the decision that replaces another."""
        return self.parts.store.name("decision", before)[:16]

    def open_again(self, source: Source, batch: Batch, records: Sequence[Record]) -> list[Opened]:
        """Open records that were decided before."""
        opener = Opener(batch.keys, batch.directories, batch.now_ms, self._cache)
        if source.point is Point.EGRESS:
            return self.parts.workers.spread(lambda each: opener.outbox(each, resumed=True), records)
        return self.parts.workers.spread(lambda each: opener.border(each, source.origin, resumed=True), records)

    def _open(self, source: Source, batch: Batch, records: Sequence[Record]) -> list[Opened]:
        """Open what was not decided before; a repeat is not looked into, whatever the time is now."""
        opener = Opener(batch.keys, batch.directories, batch.now_ms, self._cache)
        hashes = [sha256(record.value) for record in records]  # handing one over would take as long
        names = [self.parts.store.name(f"record/{source.point}", each) for each in hashes]
        with self.parts.store.database.reading() as connection:
            known = read_records(connection, self.parts.store, "record_key", names)
        seen = {name for name, row in known.items() if row.answer is not None}  # else the record says whom to answer

        def open_one(item: tuple[Record, bytes, bytes]) -> Opened:
            record, digest, name = item
            if name in seen:
                return Opened(record, digest, error=UntrustedError(Code.REPLAY))
            return opener.outbox(record) if source.point is Point.EGRESS else opener.border(record, source.origin)

        return self.parts.workers.spread(open_one, list(zip(records, hashes, names, strict=True)))


def verdict_of(opened: Opened, view: View, batch: Batch, *, resumed: bool = False) -> Verdict:
    """Decide about one record, at the point where the batch is."""
    decide = egress.decide if batch.point is Point.EGRESS else ingress.decide
    try:
        verdict = decide(opened, view, batch, resumed=resumed)
    except RowError as error:
        block = opened.block
        if block is None or block.event_type not in PERMITS_NOTHING:
            return _unread(opened, batch, error)
        with view.without_damaged(frozenset({block.sender, block.recipient})):
            verdict = decide(opened, view, batch, resumed=resumed)
    return _unlogged(verdict, opened, batch) if batch.inspector() is None else verdict


def _unread(opened: Opened, batch: Batch, error: RowError) -> Refuse:
    """Refuse what asks for a damaged row: what it forbade cannot be read. The sender hears of it, and asks anew."""
    about = About(batch.point) if opened.presented is None else about_event(batch.point, opened.presented)
    block = opened.signed_block
    _log.critical("the event at offset %d of %s is refused: %s", opened.record.offset, opened.record.topic, error)
    return Refuse(about, (error.code,), notify=None if block is None else block.sender)


def _unlogged(verdict: Verdict, opened: Opened, batch: Batch) -> Verdict:
    """Let what discloses or permits wait for a directory with an inspector; what it teaches of consent counts now."""
    block, header = opened.block, opened.header
    if not isinstance(verdict, Forward) or block is None or header is None or block.event_type in PERMITS_NOTHING:
        return verdict
    learnt = tuple(each for each in verdict.effects if isinstance(each, (RecordConsent, MarkWithdrawn, NoteAnswer)))
    missing = Missing(batch.directories.latest.version + 1)
    return Hold(verdict.about, (Code.KEY_UNKNOWN,), header.expires_at_hour * HOUR_MS, block.sender, learnt, missing)
