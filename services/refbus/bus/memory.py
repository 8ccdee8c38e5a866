"""A bus in memory with the same port as the Kafka one, and faults on order. For tests; it keeps nothing."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from refbus.bus.cluster import DELIVERY_S, LINGER_S, unheard
from refbus.bus.memory_log import Fault, Log, Torn
from refbus.bus.port import AclRule, ClusterState, OnDelivery, OpenTransaction, QuotaChange, Record, Told, TopicState
from refbus.errors import Code, RefbusError, SetupError, TransportError

__all__ = ["Fault", "MemoryAdmin", "MemoryBus", "MemoryProducer", "MemoryReader"]


class MemoryBus:
    """Topics in memory. Set `down` to take the broker away; `inject` faults for the next records of a topic.

    As on our brokers no topic is created by being written to.
    """

    def __init__(self, topics: Sequence[str] = (), clock: Callable[[], int] = lambda: 0) -> None:
        self.down = False
        self.own_certificate_end_ms: int | None = None
        self.certificate_refusal: RefbusError | None = None
        self.acl_rules: set[AclRule] | None = set()
        self.silent: set[str] = set()
        self.strange_rules: tuple[str, ...] = ()
        self.quotas: dict[str, Mapping[str, float]] = {}
        self.cluster_state = ClusterState("memory", ("127.0.0.1:9092",), auto_create_topics=False)
        self.group_offsets: dict[tuple[str, str], int] = {}
        self._clock = clock
        self._logs: dict[str, Log] = {}
        for name in topics:
            self.create_topic(TopicState(name, 1, 1, {}))

    def create_topic(self, topic: TopicState) -> None:
        """Create a topic; one that exists is left alone."""
        self._logs.setdefault(topic.name, Log(replace(topic, topic_id=uuid.uuid4().hex)))

    def recreate_topic(self, name: str) -> None:
        """Delete a topic and make it anew, empty and with another id."""
        state = self._logs.pop(name).state
        self.create_topic(state)

    def truncate(self, name: str, begin: int) -> None:
        """Forget the records before offset `begin`, as retention does."""
        log = self.log(name)
        log.records = [record for record in log.records if record.offset >= begin]
        log.begin = begin

    def lose_end(self, name: str, end: int) -> None:
        """Forget the records from offset `end` on, as a broker does whose disk is gone; the topic stays the same."""
        del self.log(name).records[end - self.log(name).begin :]

    def inject(self, topic: str, *faults: Fault) -> None:
        """Let the next records written to `topic` meet these faults, one each."""
        self.log(topic).faults.extend(faults)

    def records(self, topic: str) -> tuple[Record, ...]:
        """Return everything that a topic holds."""
        return tuple(self.log(topic).records)

    def put(self, topic: str, value: bytes) -> None:
        """Store a value at once, past every fault."""
        self.log(topic).append(value, self._clock())

    def put_torn(self, topic: str, values: Sequence[bytes], raw: bytes, *, heals: int = 0) -> None:
        """Store a batch that cannot be read before it has been tried `heals` times; 0: never."""
        log = self.log(topic)
        log.torn.append(Torn(log.begin + len(log.records), tuple(values), raw, heals))
        for value in values:
            log.append(value, self._clock())

    def open_transaction(self, topic: str) -> None:
        """Let what is written from here on wait behind a transaction that is open."""
        log = self.log(topic)
        log.open_from = log.begin + len(log.records)

    def end_transaction(self, topic: str) -> None:
        """End it: what waits can be read."""
        self.log(topic).open_from = None

    def producer(self, *, delivery_timeout_s: float = DELIVERY_S, linger_s: float = LINGER_S) -> MemoryProducer:
        """Return a new producer; it reports at once, so there is no time to wait for."""
        return MemoryProducer(self)

    def reader(self, topic: str, told: Told = unheard) -> MemoryReader:
        """Return a new reader at the beginning of `topic`; `told` hears of each batch that cannot be read."""
        return MemoryReader(self, topic, told)

    def offsets(self, topic: str) -> MemoryReader:
        """Return what answers questions about `topic`."""
        return MemoryReader(self, topic)

    def is_plaintext(self) -> bool:
        """Whether the connection is without TLS: as long as no certificate was set."""
        return self.own_certificate_end_ms is None

    def certificate_end_ms(self) -> int | None:
        """Return when our certificate ends, UTC ms: as it was set, None without one."""
        return self.own_certificate_end_ms

    def refusal(self) -> RefbusError | None:
        """Return which certificate keeps us from this broker: as it was set."""
        return self.certificate_refusal if self.down else None

    def listening(self, brokers: Iterable[str]) -> dict[str, bool]:
        """Return for these addresses whether a broker is there: as it was set."""
        return {each: not self.down and each not in self.silent for each in sorted(brokers)}

    def admin(self) -> MemoryAdmin:
        """Return the administrator's view."""
        return MemoryAdmin(self)

    def log(self, topic: str) -> Log:
        """Return one topic's log. Raises SetupError TOPIC_MISSING."""
        if topic not in self._logs:
            raise SetupError(Code.TOPIC_MISSING, topic)
        return self._logs[topic]

    def require_up(self) -> None:
        """Raise TransportError while the bus is down."""
        if self.down:
            raise TransportError(Code.BROKER_UNREACHABLE)

    def end(self, topic: str) -> int:
        """Return the offset behind the newest record of a topic."""
        log = self.log(topic)
        return log.begin + len(log.records)

    def states(self) -> dict[str, TopicState]:
        """Return all topics by name."""
        return {name: log.state for name, log in self._logs.items()}

    def set_state(self, state: TopicState) -> None:
        """Replace what a topic's settings are."""
        self.log(state.name).state = state

    def store(self, topic: str, value: bytes) -> RefbusError | None:
        """Write one value, meeting a fault if one is due; return what the delivery report says."""
        if self.down:
            return TransportError(Code.BROKER_UNREACHABLE)
        if topic not in self._logs:
            return TransportError(Code.TOPIC_MISSING, topic)
        log = self._logs[topic]
        return _store(log, value, self._clock(), log.faults.popleft() if log.faults else None)


def _store(log: Log, value: bytes, now_ms: int, fault: Fault | None) -> RefbusError | None:
    if fault is Fault.REJECT:
        return TransportError(Code.BROKER_REFUSED, "refused by order")
    if fault is Fault.REORDER:
        log.postponed.append(value)
    elif fault is not Fault.DROP:
        log.append(_flip(value) if fault is Fault.TAMPER else value, now_ms)
    if fault is Fault.REPEAT:
        log.append(value, now_ms)
    return TransportError(Code.BROKER_UNREACHABLE) if fault is Fault.UNKNOWN else None


def _flip(value: bytes) -> bytes:
    middle = len(value) // 2
    return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]


class MemoryProducer:
    """A producer whose records are stored when it is polled, as with a real client."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._ends: dict[str, int] = {}
        self._queue: deque[tuple[str, bytes, OnDelivery]] = deque()

    def produce(self, topic: str, value: bytes, on_delivery: OnDelivery) -> None:
        """Queue one record."""
        self._queue.append((topic, value, on_delivery))

    def poll(self, timeout_s: float) -> None:
        """Store what is queued and report; nothing to wait for."""
        while self._queue:
            topic, value, on_delivery = self._queue.popleft()
            failure = self._bus.store(topic, value)
            if failure is None:
                self._ends[topic] = self._bus.end(topic)
            on_delivery(failure)

    def flush(self, timeout_s: float) -> int:
        """Store what is queued; nothing remains."""
        self.poll(timeout_s)
        return len(self._queue)

    def reported_end(self, topic: str) -> int | None:
        """Return the offset behind the newest record of `topic` that was reported, None before the first."""
        return self._ends.get(topic)

    def close(self) -> None:
        """Give up what is queued."""
        while self._queue:
            self._queue.popleft()[2](TransportError(Code.BROKER_UNREACHABLE, "closed"))


class MemoryReader:
    """Reads one topic from an explicit position."""

    def __init__(self, bus: MemoryBus, topic: str, told: Told = unheard) -> None:
        self._bus = bus
        self._topic = topic
        self._told = told
        self._next: int | None = None

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return the next records; nothing while the bus is down. Raises SetupError LOG_TRUNCATED, TOPIC_MISSING."""
        if self._bus.down:
            return []
        if not self.reaches(self.position()):
            raise SetupError(Code.LOG_TRUNCATED, self._topic)
        records = self._bus.log(self._topic).shown(self.position(), max_records)
        if records:
            self._next = records[-1].offset + 1
        for record in records:
            if record.unreadable:
                self._told(record)
        return records

    def seek(self, offset: int) -> None:
        """Make `offset` the next one."""
        self._next = offset

    def position(self) -> int:
        """Return the next offset."""
        return self._bus.log(self._topic).begin if self._next is None else self._next

    def begin_offset(self) -> int:
        """Return the first offset still held."""
        self._bus.require_up()
        return self._bus.log(self._topic).begin

    def end_offset(self) -> int:
        """Return the offset after the newest record."""
        self._bus.require_up()
        return self._bus.log(self._topic).committed_end

    def reaches(self, offset: int) -> bool:
        """Whether there is an `offset` to read from; as long as the bus recovers, nobody can say."""
        return self.begin_offset() <= offset <= self._bus.end(self._topic)

    def open_transaction(self) -> OpenTransaction | None:
        """Return what waits behind an open transaction, None when nothing does."""
        self._bus.require_up()
        log = self._bus.log(self._topic)
        held = log.begin + len(log.records) - log.committed_end
        return OpenTransaction(log.committed_end, held, 7) if held else None

    def topic_id(self) -> str:
        """Return the topic's id."""
        self._bus.require_up()
        return self._bus.log(self._topic).state.topic_id

    def close(self) -> None:
        """Nothing to free."""


class MemoryAdmin:
    """The administrator's view of a `MemoryBus`."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    def topics(self, names: Sequence[str] | None = None) -> dict[str, TopicState]:
        """Return the topics that exist."""
        self._bus.require_up()
        return {name: state for name, state in self._bus.states().items() if names is None or name in names}

    def topic_id(self, name: str) -> str:
        """Return a topic's id."""
        self._bus.require_up()
        return self._bus.log(name).state.topic_id

    def create_topic(self, topic: TopicState) -> None:
        """Create one topic."""
        self._bus.require_up()
        self._bus.create_topic(topic)

    def set_topic_config(self, name: str, config: Mapping[str, str]) -> None:
        """Set these settings."""
        self._bus.require_up()
        state = self._bus.log(name).state
        self._bus.set_state(replace(state, config={**state.config, **config}))

    def acls(self) -> frozenset[AclRule] | None:
        """Return all access rules, None when `acl_rules` of the bus is None."""
        self._bus.require_up()
        return None if self._bus.acl_rules is None else frozenset(self._bus.acl_rules)

    def strange_acls(self) -> tuple[str, ...]:
        """Return `strange_rules` of the bus."""
        self._bus.require_up()
        return self._bus.strange_rules

    def add_acls(self, rules: Sequence[AclRule]) -> None:
        """Add rules."""
        self._rules().update(rules)

    def remove_acls(self, rules: Sequence[AclRule]) -> None:
        """Remove rules."""
        self._rules().difference_update(rules)

    def quotas(self) -> Mapping[str, Mapping[str, float]]:
        """Return by user what each may take."""
        self._bus.require_up()
        return dict(self._bus.quotas)

    def set_quotas(self, changes: Sequence[QuotaChange]) -> None:
        """Give each user exactly what they are to have."""
        self._bus.require_up()
        self._bus.quotas = {**self._bus.quotas, **{each.user: each.wants for each in changes}}

    def cluster(self) -> ClusterState:
        """Return what this cluster is."""
        self._bus.require_up()
        return self._bus.cluster_state

    def ends(self, beginning: str) -> dict[str, int]:
        """Return the end offset of every topic whose name begins so."""
        self._bus.require_up()
        return {name: self._bus.end(name) for name in self._bus.states() if name.startswith(beginning)}

    def group_offset(self, group: str, topic: str) -> int | None:
        """Return a group's committed offset."""
        self._bus.require_up()
        return self._bus.group_offsets.get((group, topic))

    def set_group_offset(self, group: str, topic: str, offset: int) -> None:
        """Move a group's committed offset."""
        self._bus.require_up()
        self._bus.group_offsets[group, topic] = offset

    def _rules(self) -> set[AclRule]:
        self._bus.require_up()
        if self._bus.acl_rules is None:
            raise TransportError(Code.BROKER_REFUSED, "no authoriser")
        return self._bus.acl_rules
