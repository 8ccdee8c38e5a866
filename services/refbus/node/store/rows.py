"""What the node store keeps, as plain values. Keys are names from `NodeStore.name`; times are milliseconds UTC."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from refbus.node.store.outgoing import Outgoing


@dataclass(frozen=True, slots=True)
class Position:
    """How far a topic is decided: its id at the broker, the next offset, the first one ever, offsets without record.

    Offsets are counted on over logs: they are the broker's and `shift`. `last_hash` is SHA-256 of the record before the
    position, None where that is not known or there is no record.
    """

    topic: str
    topic_id: str
    next_offset: int
    first_offset: int
    gaps: int
    shift: int = 0
    last_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What became of one record. The keys find it again (a repeat has none); `answer` is what a resend is told.

    Found by a key, it has an answer unless that is damaged.
    """

    topic: str
    offset: int
    decision_id: bytes
    outcome: str
    code: str
    record_key: bytes | None
    signed_key: bytes | None
    envelope_key: bytes | None
    event_key: bytes | None
    at_ms: int
    keep_until_ms: int
    answer: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Fact:
    """A piece of state that decisions read, by kind and name."""

    kind: str
    key: bytes
    keep_until_ms: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HoldRow:
    """An event that waits: the record as received, its case, why and until when.

    It is looked at when the directory has `wanted_version`, `next_ms` has come and no earlier event of the case waits.
    `owner_key` is whose quota it takes.
    """

    topic: str
    offset: int
    case_key: bytes | None
    reason: str
    deadline_ms: int
    value: bytes = field(repr=False)
    owner_key: bytes | None = None
    wanted_version: int = 0
    next_ms: int = 0


@dataclass(frozen=True, slots=True)
class Waits:
    """An event that waits, without its bytes. `number` is the order in which they came, `attempts` counts in vain."""

    number: int
    topic: str
    offset: int
    case_key: bytes | None
    reason: str
    deadline_ms: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The room that somebody takes: how many records, and their bytes as received."""

    records: int = 0
    size: int = 0

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.records + other.records, self.size + other.size)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record for which there was no room: where it was, what it counts as, how many bytes it had."""

    topic: str
    offset: int
    outcome: str
    size: int


@dataclass(frozen=True, slots=True)
class InboxRow:
    """Last sequence and running hash (32 bytes) of an inbox."""

    topic: str
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A refused or quarantined record as received, for an operator. `owner_key` is whose quota it takes."""

    topic: str
    offset: int
    code: str
    value: bytes = field(repr=False)
    owner_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class DeadlineRow:
    """A course that is waited for: when to look at it next (None: never), and which steps were told."""

    course_key: bytes
    next_ms: int | None
    keep_until_ms: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PingRow:
    """A message without content to an organisation. `message_id` (16 bytes) stays the same when it is sent again."""

    organisation: str
    kind: str
    message_id: bytes


@dataclass(slots=True)
class Changes:
    """Everything that one deciding transaction writes."""

    position: Position | None = None
    records: list[RecordRow] = field(default_factory=list)  # new
    moved: list[RecordRow] = field(default_factory=list)  # decided again
    unnamed: list[tuple[str, int]] = field(default_factory=list)  # (topic, offset): known by its bytes no more
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)  # (topic, outcome): records without a row
    facts: dict[tuple[str, bytes], Fact] = field(default_factory=dict)
    held: list[HoldRow] = field(default_factory=list)
    released: list[tuple[str, int]] = field(default_factory=list)  # (topic, offset): neither held nor kept any more
    freed: list[tuple[str, int]] = field(default_factory=list)  # (topic, offset): not held any more
    inboxes: dict[str, InboxRow] = field(default_factory=dict)
    delivered: dict[str, int] = field(default_factory=dict)  # topic: the offset behind its newest record
    outgoing: list[Outgoing] = field(default_factory=list)
    confirmed: list[bytes] = field(default_factory=list)  # envelope keys with a hop receipt
    expired: list[int] = field(default_factory=list)  # rows of `outgoing` that ended undelivered
    kept: list[Kept] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    audited: list[tuple[bytes, bytes, int]] = field(default_factory=list)  # (case key, decision id, keep until ms)
    forgotten: list[bytes] = field(default_factory=list)  # case keys whose audit entries are erased
    deadlines: list[DeadlineRow] = field(default_factory=list)
    pings: list[PingRow] = field(default_factory=list)
    steps: list[tuple[str, str]] = field(default_factory=list)  # deadlines told: kind, level; not written, counted
    settings: dict[str, bytes] = field(default_factory=dict)
    unverified: Counter[str] = field(default_factory=Counter)  # reasons of what nobody verified; counted
    unkept: int = 0  # stopped records whose bytes were not kept for want of room; not written, counted
    refusals: list[str] = field(default_factory=list)  # every reason of every refusal; not written, counted
    urgent_held: int = 0  # urgent events that were held; counted
    loud: list[str] = field(default_factory=list)  # what was let through and nobody may overlook; counted like them

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return any(getattr(self, name) for name in self.__slots__)
