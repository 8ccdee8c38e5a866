"""The one module that imports confluent_kafka. What it promises is in `port`.

Writing is safe by construction, not by setting: acks=all, idempotent, one delivery report per record. Reading never
joins a group and never commits. A connection without TLS is refused beyond this machine. Nothing here logs a record.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka import Producer as KafkaProducer
from confluent_kafka import admin as kafka

from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.kafka_errors import PASSING, Troubles, answer_error, error_of
from refbus.bus.kafka_shapes import KIND_NAMES, in_words, rule_of, topic_state
from refbus.bus.port import AclRule, ClusterState, OnDelivery, Record, TopicState
from refbus.errors import Code, RefbusError, SetupError, TransportError

MAX_RECORD = 1_048_576
"""Largest record in bytes that a client hands to the broker; an envelope with its pass is below it."""

REQUEST_TIMEOUT_S = 10.0
"""How long one question to a broker may take."""

GROUP_ATTEMPTS = 6  # about 6 s: so long the broker may count a dead member

__all__ = ["BrokerAddress", "ConfluentAdmin", "ConfluentProducer", "ConfluentReader", "TlsFiles"]
__all__ += ["admin", "producer", "reader"]

_log = logging.getLogger("refbus.bus.kafka")
_Answer = TypeVar("_Answer")


def producer(
    address: BrokerAddress, *, delivery_timeout_s: float = 30.0, queue: int = 10_000, linger_s: float = 0.002
) -> ConfluentProducer:
    """Return a producer; a record not acknowledged within `delivery_timeout_s` (0: for ever) is reported unreachable.

    Records for one topic travel together if they are queued within `linger_s` of each other, or until `flush`.
    """
    return ConfluentProducer(address, delivery_timeout_s, queue, linger_s)


def reader(address: BrokerAddress, topic: str) -> ConfluentReader:
    """Return a reader at the beginning of `topic`."""
    return ConfluentReader(address, topic)


def admin(address: BrokerAddress) -> ConfluentAdmin:
    """Return the administrator's view of a cluster."""
    return ConfluentAdmin(address)


class ConfluentProducer:
    """See `port.Producer`. After a fatal error the client is replaced; what it still held is reported undelivered."""

    def __init__(self, address: BrokerAddress, delivery_timeout_s: float, queue: int, linger_s: float) -> None:
        self._config = _config(address, "refbus-writer") | {
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": int(delivery_timeout_s * 1000),
            "message.max.bytes": MAX_RECORD,
            "queue.buffering.max.messages": queue,
            "linger.ms": linger_s * 1000,
            "batch.size": MAX_RECORD,
            "compression.type": "none",  # sealed bytes do not shrink
        }
        self._client = KafkaProducer(self._config)
        self._broken = False

    def produce(self, topic: str, value: bytes, on_delivery: OnDelivery) -> None:
        """Queue one record. Raises TransportError: BROKER_UNREACHABLE for a full queue, BROKER_REFUSED if too large."""
        if self._broken:
            self._replace()
        try:
            self._client.produce(topic, value, partition=0, on_delivery=partial(self._report, on_delivery))
        except BufferError:
            raise TransportError(Code.BROKER_UNREACHABLE, "the queue to the broker is full") from None
        except KafkaException as caught:
            raise self._noted(caught.args[0]) from None

    def poll(self, timeout_s: float) -> None:
        """Run delivery callbacks that are due."""
        self._client.poll(timeout_s)

    def flush(self, timeout_s: float) -> int:
        """Wait until nothing is under way; return how many records still are."""
        return int(self._client.flush(timeout_s))

    def close(self) -> None:
        """Give up what is still queued and report it."""
        self._client.purge()
        self._client.flush(1.0)

    def _report(self, on_delivery: OnDelivery, failure: KafkaError | None, _message: Message) -> None:
        on_delivery(None if failure is None else self._noted(failure))

    def _noted(self, failure: KafkaError) -> RefbusError:
        if failure.fatal() or failure.code() == KafkaError._FATAL:
            self._broken = True
        return error_of(failure)

    def _replace(self) -> None:
        _log.warning("the client to the broker failed for good and is replaced")
        self.close()
        self._client = KafkaProducer(self._config)
        self._broken = False


class ConfluentReader:
    """See `port.Reader`. One partition, assigned by hand; only committed records are seen."""

    def __init__(self, address: BrokerAddress, topic: str) -> None:
        self._address = address
        self._topic = topic
        self._position: int | None = None
        self._served = False  # whether the broker ever gave a record or the end
        self._client = Consumer(
            _config(address, "refbus-reader")
            | {
                "group.id": "refbus-unused",  # the client demands a name; no group is joined, nothing is committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "allow.auto.create.topics": False,
                "check.crcs": True,
                "fetch.wait.max.ms": 500,  # data end the wait at once; this is how often the broker is asked in vain
                "fetch.error.backoff.ms": 100,
            }
        )
        self._assigned = False  # a reader that only asks for offsets must not fetch records in the background

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return the next records. Raises SetupError LOG_TRUNCATED, TransportError."""
        if not self._assigned:
            self._assign(OFFSET_BEGINNING)
        deadline = time.monotonic() + timeout_s
        records: list[Record] = []
        while not records:
            left = max(0.0, deadline - time.monotonic())
            first = self._client.poll(left)
            if first is None:
                self._require_topic()
                break
            self._take(first, records)
        # What is already here comes along; waiting for a full batch would cost latency.
        for message in self._client.consume(max_records - len(records), 0) if 0 < len(records) < max_records else ():
            self._take(message, records)
        return records

    def seek(self, offset: int) -> None:
        """Make `offset` the next one to be read."""
        self._assign(offset)
        self._position = offset

    def position(self) -> int:
        """Return the next offset to be read. Before the first read this asks the broker for the beginning."""
        if self._position is None:
            self._position = self.begin_offset()
        return self._position

    def begin_offset(self) -> int:
        """Return the first offset that the log still has."""
        return self._offsets()[0]

    def end_offset(self) -> int:
        """Return the offset after the newest committed record."""
        return self._offsets()[1]

    def topic_id(self) -> str:
        """Return the id that the broker gave the topic. Raises SetupError TOPIC_MISSING."""
        return ConfluentAdmin(self._address).topic_id(self._topic)

    def close(self) -> None:
        """Free the connection."""
        self._client.close()

    def _assign(self, offset: int) -> None:
        self._client.assign([TopicPartition(self._topic, 0, offset)])
        self._assigned = True

    def _offsets(self) -> tuple[int, int]:
        partition = TopicPartition(self._topic, 0)
        low, high = asked(lambda: self._client.get_watermark_offsets(partition, timeout=REQUEST_TIMEOUT_S))
        return int(low), int(high)

    def _require_topic(self) -> None:
        """Raise when the topic is missing or closed to us: for such a topic the client waits in silence."""
        if not self._served:
            with suppress(KafkaException):  # the broker is away: nothing is known, reading goes on
                failure = self._client.list_topics(self._topic, timeout=1.0).topics[self._topic].error
                if failure is not None:
                    raise answer_error(failure)

    def _take(self, message: Message, records: list[Record]) -> None:
        failure, offset = message.error(), message.offset()
        self._served = self._served or failure is None or failure.code() == KafkaError._PARTITION_EOF
        if failure is None:
            kind, timestamp_ms = message.timestamp()
            when = 0 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms
            records.append(Record(self._topic, offset, message.value() or b"", when))
            self._position = offset + 1
        elif failure.code() == KafkaError._PARTITION_EOF:
            self._position = offset  # past control records too, which are never shown
        elif failure.code() != KafkaError.GROUP_AUTHORIZATION_FAILED and not failure.retriable():
            # The client looks for a group's coordinator whether or not it has a group; to be refused that is harmless.
            raise error_of(failure)


class ConfluentAdmin:
    """See `port.Admin`."""

    def __init__(self, address: BrokerAddress) -> None:
        self._address = address
        self._client = kafka.AdminClient(_config(address, "refbus-admin"))

    def topics(self, names: Sequence[str] | None = None) -> dict[str, TopicState]:
        """Return the topics that exist, by name; the broker's own (with "__") are left out."""
        if names is None:
            listed = asked(lambda: self._client.list_topics(timeout=REQUEST_TIMEOUT_S)).topics
            names = [name for name in listed if not name.startswith("__")]
        found = self._described(names)
        configs = self._configs(list(found))
        return {name: topic_state(each, configs[name]) for name, each in found.items()}

    def topic_id(self, name: str) -> str:
        """Return the id of one topic. Raises SetupError TOPIC_MISSING."""
        found = self._described([name])
        if name not in found:
            raise SetupError(Code.TOPIC_MISSING, name)
        return str(found[name].topic_id)

    def create_topic(self, topic: TopicState) -> None:
        """Create one topic and wait until the broker knows it."""
        new = kafka.NewTopic(topic.name, topic.partitions, topic.replication, config=dict(topic.config))
        made = self._client.create_topics([new], request_timeout=REQUEST_TIMEOUT_S, operation_timeout=REQUEST_TIMEOUT_S)
        asked(made[topic.name].result)

    def set_topic_config(self, name: str, config: Mapping[str, str]) -> None:
        """Set these settings of one topic and leave the others."""
        entries = [
            kafka.ConfigEntry(key, value, incremental_operation=kafka.AlterConfigOpType.SET)
            for key, value in config.items()
        ]
        resource = kafka.ConfigResource(kafka.ResourceType.TOPIC, name, incremental_configs=entries)
        asked(self._client.incremental_alter_configs([resource], request_timeout=REQUEST_TIMEOUT_S)[resource].result)

    def acls(self) -> frozenset[AclRule] | None:
        """Return all access rules that this system writes (allow, literal, any host), None without an authoriser."""
        # Asked of the broker's settings: without an authoriser, describing rules gives an error or an empty list.
        if not self._broker_config()[1]["authorizer.class.name"].value:
            return None
        return frozenset(rule for rule in map(rule_of, self._bindings()) if rule is not None)

    def strange_acls(self) -> tuple[str, ...]:
        """Return, in words, the access rules of any other shape."""
        return tuple(sorted(in_words(binding) for binding in self._bindings() if rule_of(binding) is None))

    def add_acls(self, rules: Sequence[AclRule]) -> None:
        """Add these access rules."""
        if rules:
            made = self._client.create_acls([_binding(rule) for rule in rules], request_timeout=REQUEST_TIMEOUT_S)
            for future in made.values():
                asked(future.result)

    def remove_acls(self, rules: Sequence[AclRule]) -> None:
        """Remove exactly these access rules."""
        if rules:
            gone = self._client.delete_acls(
                [_binding(rule, kafka.AclBindingFilter) for rule in rules], request_timeout=REQUEST_TIMEOUT_S
            )
            for future in gone.values():
                asked(future.result)

    def cluster(self) -> ClusterState:
        """Return the cluster's id, the addresses of its brokers and whether it makes topics by itself."""
        cluster, config = self._broker_config()
        return ClusterState(
            cluster.cluster_id,
            tuple(f"{node.host}:{node.port}" for node in cluster.nodes),
            auto_create_topics=config["auto.create.topics.enable"].value == "true",
        )

    def group_offset(self, group: str, topic: str) -> int | None:
        """Return the offset that a consumer group committed for the topic, or None."""
        wanted = [TopicPartition(topic, 0)]
        offset = self._of_group(group, lambda client: client.committed(wanted, timeout=REQUEST_TIMEOUT_S)).offset
        return None if offset < 0 else int(offset)

    def set_group_offset(self, group: str, topic: str, offset: int) -> None:
        """Move the committed offset of a group, waiting a bounded time for its last member to be forgotten."""
        wanted = [TopicPartition(topic, 0, offset)]
        self._of_group(group, lambda client: client.commit(offsets=wanted, asynchronous=False))

    def _of_group(self, group: str, question: Callable[[Consumer], list[TopicPartition]]) -> TopicPartition:
        """Return a group's answer about one partition; a coordinator that loads or has just moved is asked again."""
        last: RefbusError = TransportError(Code.BROKER_UNREACHABLE)
        for attempt in range(GROUP_ATTEMPTS):
            try:
                with self._outside(group) as client:
                    found: TopicPartition = asked(partial(question, client))[0]
            except RefbusError as error:
                last = error
            else:
                if found.error is None:
                    return found
                last = error_of(found.error)
            if last.detail not in PASSING:
                break
            time.sleep(min(0.25 * 2**attempt, 2.0))
        raise last

    @contextmanager
    def _outside(self, group: str) -> Iterator[Consumer]:
        """Speak to a group's coordinator without joining the group.

        Not by the administrator's calls: they end the process (librdkafka 2.16) when a coordinator has just moved.
        """
        client = Consumer(_config(self._address, "refbus-admin") | {"group.id": group, "enable.auto.commit": False})
        try:
            yield client
        finally:
            client.close()

    def _bindings(self) -> list[Any]:
        return list(asked(self._client.describe_acls(_ANY_ACL, request_timeout=REQUEST_TIMEOUT_S).result))

    def _described(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the client's descriptions of those topics that exist."""
        found: dict[str, Any] = {}
        if names:
            answers = self._client.describe_topics(TopicCollection(list(names)), request_timeout=REQUEST_TIMEOUT_S)
            for name, future in answers.items():
                with suppress(SetupError):  # TOPIC_MISSING
                    found[name] = asked(future.result)
        return found

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        resources = {kafka.ConfigResource(kafka.ResourceType.TOPIC, name): name for name in names}
        if not resources:
            return {}
        answers = self._client.describe_configs(list(resources), request_timeout=REQUEST_TIMEOUT_S)
        return {
            resources[resource]: {key: entry.value for key, entry in asked(future.result).items()}
            for resource, future in answers.items()
        }

    def _broker_config(self) -> tuple[Any, dict[str, Any]]:
        """Return the cluster's description and the settings of its first broker."""
        cluster = asked(self._client.describe_cluster(request_timeout=REQUEST_TIMEOUT_S).result)
        resource = kafka.ConfigResource(kafka.ResourceType.BROKER, str(cluster.nodes[0].id))
        answers = self._client.describe_configs([resource], request_timeout=REQUEST_TIMEOUT_S)
        return cluster, asked(answers[resource].result)


def _config(address: BrokerAddress, client_id: str) -> dict[str, Any]:
    return address.client_config(client_id) | {"logger": _log, "error_cb": Troubles(_log)}


def asked(question: Callable[[], _Answer]) -> _Answer:
    """Return the broker's answer. Raises TransportError, SetupError instead of the client's exception."""
    try:
        return question()
    except KafkaException as caught:
        raise answer_error(caught.args[0]) from None


_ALLOW, _LITERAL = kafka.AclPermissionType.ALLOW, kafka.ResourcePatternType.LITERAL
_ANY_ACL = kafka.AclBindingFilter(
    *(kafka.ResourceType.ANY, None, kafka.ResourcePatternType.ANY, None, None),
    *(kafka.AclOperation.ANY, kafka.AclPermissionType.ANY),
)


def _binding(rule: AclRule, kind: Callable[..., Any] = kafka.AclBinding) -> Any:
    operation = kafka.AclOperation[rule.operation.name]
    return kind(kafka.ResourceType[KIND_NAMES[rule.kind]], rule.name, _LITERAL, rule.principal, "*", operation, _ALLOW)
