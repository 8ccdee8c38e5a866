"""A source of the gate as the node's consumer reads it: its records are decided by the gate's core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refbus.bus.port import Reader, Record
from refbus.node.counted_on import PATIENCE_S
from refbus.node.store.commit import note_failure
from refbus.node.store.reads import read_position
from refbus.node.store.rows import Position
from refbus.node.topic_reader import Consumer
from refbus_gate.decide.batch import GateCore, Source
from refbus_gate.decide.poison import quarantine


@dataclass(frozen=True, slots=True)
class SourceDecider:
    """Decides one source. A `Decider`."""

    core: GateCore
    source: Source

    def position(self) -> Position | None:
        """Return how far the source is decided, None before its first record."""
        with self.core.parts.store.database.reading() as connection:
            return read_position(connection, self.source.topic)

    def decide(self, records: Sequence[Record], after: Position, before: Position | None) -> None:
        """Decide a batch in one transaction. Raises as `GateCore.decide`."""
        self.core.decide(self.source, records, after, before)

    def skip(self, after: Position, before: Position | None) -> None:
        """Move the position past offsets that hold no record."""
        self.core.skip(after, before)

    def count_on(self, after: Position, before: Position | None, committed: int) -> None:
        """Count on in a log that has lost its end: in one transaction, with the moment."""
        self.core.count_on(after, before, committed)

    def put_aside(self, record: Record, after: Position, before: Position | None) -> None:
        """Quarantine a record that failed three times, or the bytes of a batch that cannot be read."""
        quarantine(self.core, self.source, record, after, before)

    def note_failure(self, offset: int) -> int:
        """Count, durably, that the record at `offset` failed alone; return how often it has."""
        return note_failure(self.core.parts.store.database, self.source.topic, offset)

    def self_test(self) -> None:
        """Raise StoreError when the store does not work."""
        self.core.parts.store.self_test()


def consumer_of(
    core: GateCore,
    source: Source,
    connect: Callable[[], Reader],
    told: Callable[[Record], None] = lambda _record: None,
    patience_s: float = PATIENCE_S,
) -> Consumer:
    """Return what reads a source of the gate, each record once; `told` hears of batches that cannot be read.

    `patience_s`: so long a broker must say that the topic ends below the position before it is believed.
    """
    return Consumer(source.topic, SourceDecider(core, source), connect, told, patience_s)
