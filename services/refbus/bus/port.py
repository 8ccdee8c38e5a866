"""What the rest of the system may ask of a broker. Bytes in, bytes out; keys and headers stay empty on purpose.

Every topic has one partition, so an offset alone is a position. Implementations: `refbus.bus.confluent` (Kafka) and
`refbus.bus.memory` (tests). All of them raise only errors of `refbus.errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from refbus.errors import Code, MalformedError, RefbusError

Told = Callable[["Record"], None]
"""Hears of each batch that cannot be read."""

OnDelivery = Callable[[RefbusError | None], None]
"""Told exactly once per record what became of it: None is stored and replicated, an error says why that is not known.

BROKER_UNREACHABLE leaves the outcome open (the record may be stored all the same); BROKER_REFUSED means not stored.
"""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the broker holds it. `timestamp_ms` is the broker's or the writer's, milliseconds UTC.

    With a reason in `unreadable` it stands for the records of a batch that cannot be read, from offset `first` to
    `offset`, and `value` is that batch as it came: what nobody can parse is treated as what nobody should.
    """

    topic: str
    offset: int
    value: bytes = field(repr=False)
    timestamp_ms: int
    first: int = -1
    unreadable: str = ""

    @property
    def begin(self) -> int:
        """The first offset that this stands for."""
        return self.first if self.unreadable else self.offset

    def content(self) -> bytes:
        """Return the value. Raises MalformedError BATCH_UNREADABLE when this stands for what cannot be read."""
        if self.unreadable:
            raise MalformedError(Code.BATCH_UNREADABLE, f"offsets {self.begin} to {self.offset}: {self.unreadable}")
        return self.value


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A writer's transaction that has not ended: nothing from `offset` on is read, `held` offsets as of now.

    `producer` is the number that the broker gave the writer; its log says which principal that is.
    """

    offset: int
    held: int
    producer: int | None


class Producer(Protocol):
    """Writes records. Order per topic is the order of `produce` calls as long as no record fails."""

    def produce(self, topic: str, value: bytes, on_delivery: OnDelivery) -> None:
        """Queue one record. Raises TransportError BROKER_UNREACHABLE when the bounded queue is full."""
        ...

    def poll(self, timeout_s: float) -> None:
        """Run delivery callbacks that are due, waiting at most `timeout_s` seconds for the first."""
        ...

    def flush(self, timeout_s: float) -> int:
        """Wait until nothing is under way; return how many are. 0 is not acceptance: the callbacks tell."""
        ...

    def reported_end(self, topic: str) -> int | None:
        """Return the offset behind the newest record of `topic` in a delivery report, None before the first."""
        ...

    def close(self) -> None:
        """Give up what is still queued (its callbacks hear BROKER_UNREACHABLE) and free the connection."""
        ...


class Offsets(Protocol):
    """Asks about one topic without reading a record."""

    def begin_offset(self) -> int:
        """Return the first offset that the log still has. Raises TransportError, SetupError TOPIC_MISSING."""
        ...

    def end_offset(self) -> int:
        """Return the offset after the newest committed record. Raises TransportError, SetupError TOPIC_MISSING."""
        ...

    def reaches(self, offset: int) -> bool:
        """Whether the log goes on to `offset`; False only when the broker that leads the topic says that it does not.

        Raises TransportError, SetupError TOPIC_MISSING while nobody can say so.
        """
        ...

    def topic_id(self) -> str:
        """Return the id that the broker gave the topic; another id means it was deleted and made anew."""
        ...

    def open_transaction(self) -> OpenTransaction | None:
        """Return the first transaction that keeps records from being read, None without one. Raises TransportError."""
        ...

    def close(self) -> None:
        """Free the connection."""
        ...


class Reader(Offsets, Protocol):
    """Reads one topic in order from an explicit position; never commits anything. Starts at the beginning."""

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return the next records; empty after `timeout_s` seconds without any, also while the broker is away.

        Raises SetupError LOG_TRUNCATED when the position is no longer in the log, TOPIC_MISSING; TransportError
        BROKER_REFUSED when this topic is closed to us.
        """
        ...

    def seek(self, offset: int) -> None:
        """Make `offset` the next one to be read."""
        ...

    def position(self) -> int:
        """Return the next offset to be read; equal to `end_offset()` once everything was read."""
        ...


class Operation(StrEnum):
    """What an access rule allows."""

    READ = "READ"
    WRITE = "WRITE"
    DESCRIBE = "DESCRIBE"
    DESCRIBE_CONFIGS = "DESCRIBE_CONFIGS"


class ResourceKind(StrEnum):
    """What an access rule is about."""

    TOPIC = "TOPIC"
    GROUP = "GROUP"
    CLUSTER = "CLUSTER"


CLUSTER_NAME = "kafka-cluster"
"""The name by which Kafka's access rules call the cluster itself."""


def reader_group(country: str) -> str:
    """Return the group that readers on a country's cluster name to its brokers; the rules let nobody join it."""
    return f"refbus-reader-{country}"


@dataclass(frozen=True, slots=True, order=True)
class AclRule:
    """`principal` ("User:kz-gate") may do `operation` on exactly this resource, from any host.

    A cluster's name is CLUSTER_NAME. There are no rules that deny: what is not allowed is not possible.
    """

    kind: ResourceKind
    name: str
    principal: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is on a broker, or as it should be; `topic_id` is "" for one that is only wanted.

    `in_sync` is how many replicas have all that was acknowledged, 0 without a leader, None when nobody asked.
    """

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]
    topic_id: str = ""
    in_sync: int | None = None


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A cluster's id, the addresses its brokers advertise, and the broker settings that our safety depends on.

    `longest_transaction_ms` is how long a writer may leave a transaction open, in which nothing behind it is read;
    `settings` has by address what each broker that answered says of itself (`demands.LOOKED_AT`).
    """

    cluster_id: str
    brokers: tuple[str, ...]
    auto_create_topics: bool
    longest_transaction_ms: int = 0
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


EVERYBODY = "<default>"
"""Stands for every user who has no quota of their own; none is ever declared for it."""


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """Quotas of one user that differ: what they have and what they are to have, {} for none."""

    user: str
    has: Mapping[str, float]
    wants: Mapping[str, float]


class Admin(Protocol):
    """Looks at topics and access rules and changes them. Every call raises TransportError when the broker is away."""

    def topics(self, names: Sequence[str] | None = None) -> dict[str, TopicState]:
        """Return the topics that exist, by name; all when `names` is None (the broker's own are left out)."""
        ...

    def topic_id(self, name: str) -> str:
        """Return the id of one topic. Raises SetupError TOPIC_MISSING."""
        ...

    def create_topic(self, topic: TopicState) -> None:
        """Create one topic. Raises TransportError BROKER_REFUSED."""
        ...

    def set_topic_config(self, name: str, config: Mapping[str, str]) -> None:
        """Set these settings of one topic and leave the others."""
        ...

    def acls(self) -> frozenset[AclRule] | None:
        """Return all access rules, or None when this cluster has no authoriser (plaintext development)."""
        ...

    def strange_acls(self) -> tuple[str, ...]:
        """Return, in words, the access rules of a shape that is never written here: prefixes, hosts, denials, ALL."""
        ...

    def add_acls(self, rules: Sequence[AclRule]) -> None:
        """Add these access rules."""
        ...

    def remove_acls(self, rules: Sequence[AclRule]) -> None:
        """Remove exactly these access rules."""
        ...

    def quotas(self) -> Mapping[str, Mapping[str, float]]:
        """Return by user what each may take of a broker; quotas of any other kind are left out."""
        ...

    def set_quotas(self, changes: Sequence[QuotaChange]) -> None:
        """Give each user exactly what they are to have."""
        ...

    def cluster(self) -> ClusterState:
        """Return what this cluster is."""
        ...

    def ends(self, beginning: str) -> dict[str, int]:
        """Return the end offset of every topic whose name begins so and that we may know of."""
        ...

    def group_offset(self, group: str, topic: str) -> int | None:
        """Return the offset that a consumer group committed for the topic, or None."""
        ...

    def set_group_offset(self, group: str, topic: str, offset: int) -> None:
        """Move the committed offset of a group without live members. Raises TransportError BROKER_REFUSED."""
        ...


def ends_below(offsets: Offsets, end: int, offset: int) -> bool:
    """Whether a log that ends at `end` for readers does not go on to `offset`. Raises as `Offsets.reaches`."""
    return end < offset and not offsets.reaches(offset)
