"""One topic of the bus in memory: its records, what cannot be read of it, and the faults of its next ones."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from refbus.bus.port import Record, TopicState


@dataclass(frozen=True, slots=True)
class Torn:
    """A batch that cannot be read: how many records, its bytes, and at which reading it turns out whole (0: never)."""

    first: int
    values: tuple[bytes, ...]
    raw: bytes
    heals: int = 0

    @property
    def last(self) -> int:
        """The last of its offsets."""
        return self.first + len(self.values) - 1


class Fault(StrEnum):
    """What goes wrong with the next record that is written to a topic."""

    DROP = "DROP"  # acknowledged and lost: what no honest broker does, so that a check of ours must notice
    REPEAT = "REPEAT"  # stored twice
    REORDER = "REORDER"  # stored after the record that follows it
    TAMPER = "TAMPER"  # one bit in the middle is flipped
    REJECT = "REJECT"  # refused in its delivery report
    UNKNOWN = "UNKNOWN"  # stored, but the report says unreachable


@dataclass(slots=True)
class Log:
    """One topic."""

    state: TopicState
    records: list[Record] = field(default_factory=list)
    begin: int = 0
    faults: deque[Fault] = field(default_factory=deque)
    postponed: list[bytes] = field(default_factory=list)
    torn: list[Torn] = field(default_factory=list)
    open_from: int | None = None
    tried: dict[int, int] = field(default_factory=dict)

    @property
    def committed_end(self) -> int:
        """The offset behind all that may be read."""
        end = self.begin + len(self.records)
        return end if self.open_from is None else min(end, self.open_from)

    def shown(self, position: int, most: int) -> list[Record]:
        """Return records from `position` on; a torn batch shows as one record that says so."""
        records: list[Record] = []
        for record in self.records[max(0, position - self.begin) : self.committed_end - self.begin]:
            if len(records) == most:
                break
            if record.offset < position:
                continue
            torn = next((each for each in self.torn if each.first <= record.offset <= each.last), None)
            if torn is None or self._healed(torn, first=record.offset == max(position, torn.first)):
                records.append(record)
            elif record.offset == torn.last:
                first = max(position, torn.first)
                records.append(Record(record.topic, torn.last, torn.raw, record.timestamp_ms, first, "torn"))
        return records

    def _healed(self, torn: Torn, *, first: bool) -> bool:
        """Count a reading at the `first` record of a torn batch; return whether it shows whole now."""
        self.tried[torn.first] = self.tried.get(torn.first, 0) + first
        return 0 < torn.heals <= self.tried[torn.first]

    def append(self, value: bytes, now_ms: int) -> None:
        """Store one value, then any that was to come after it."""
        for each in (value, *self.postponed):
            self.records.append(Record(self.state.name, self.begin + len(self.records), each, now_ms))
        self.postponed.clear()
