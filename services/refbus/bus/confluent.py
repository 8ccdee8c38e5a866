"""With `confluent_admin` the one door to confluent_kafka. What it promises is in `port`.

Writing is safe by construction, not by setting: acks=all, idempotent, one delivery report per record. Reading never
joins a group and never commits. A connection without TLS is refused beyond this machine. Nothing here logs a record.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from functools import partial

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka import Producer as KafkaProducer

from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.confluent_admin import ConfluentAdmin, config_of
from refbus.bus.confluent_offsets import TopicOffsets, country_asked, new_consumer
from refbus.bus.kafka_errors import UNREADABLE, answer_error, error_of
from refbus.bus.port import OnDelivery, Reader, Record
from refbus.errors import Code, RefbusError, TransportError
from refbus.said import said

MAX_RECORD = 1_048_576
"""Largest record in bytes that a client hands to the broker; an envelope with its pass is below it."""

__all__ = ["BrokerAddress", "ConfluentAdmin", "ConfluentProducer", "ConfluentReader", "TlsFiles"]
__all__ += ["admin", "producer", "reader"]

_log = logging.getLogger("refbus.bus.kafka")


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
        self._config = config_of(address, "refbus-writer") | {
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
        self._ends: dict[str, int] = {}

    def produce(self, topic: str, value: bytes, on_delivery: OnDelivery) -> None:
        """Queue one record. Raises TransportError: BROKER_UNREACHABLE for a full queue, BROKER_REFUSED if too large."""
        if self._broken:
            self._replace()
        try:
            self._client.produce(topic, value, partition=0, on_delivery=partial(self._report, on_delivery))
        except BufferError:
            raise TransportError(Code.BROKER_UNREACHABLE, said("the queue to the broker is full")) from None
        except KafkaException as caught:
            raise self._noted(caught.args[0]) from None

    def poll(self, timeout_s: float) -> None:
        """Run delivery callbacks that are due."""
        self._client.poll(timeout_s)

    def flush(self, timeout_s: float) -> int:
        """Wait until nothing is under way; return how many records still are."""
        return int(self._client.flush(timeout_s))

    def reported_end(self, topic: str) -> int | None:
        """Return the offset behind the newest record of `topic` in a delivery report, None before the first."""
        return self._ends.get(topic)

    def close(self) -> None:
        """Give up what is still queued and report it."""
        self._client.purge()
        self._client.flush(1.0)

    def _report(self, on_delivery: OnDelivery, failure: KafkaError | None, message: Message) -> None:
        if failure is None:
            self._ends[message.topic()] = message.offset() + 1
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


class ConfluentReader(TopicOffsets):
    """See `port.Reader`. One partition, assigned by hand; only committed records are seen.

    Once the client meets a batch that it cannot read, `batchreader` reads in its place.
    """

    def __init__(self, address: BrokerAddress, topic: str) -> None:
        super().__init__(address, topic)
        self._client = new_consumer(address, country_asked(topic))
        self._position: int | None = None
        self._served = False  # whether the broker ever gave a record or the end
        self._assigned = False  # whether it fetches records in the background
        self._instead: Reader | None = None

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return the next records. Raises SetupError LOG_TRUNCATED, TransportError."""
        if self._instead is not None:
            return self._instead.read(max_records, timeout_s)
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
            if not self._assigned:  # another reads in its place from here on
                return self.read(max_records, left)
        # What is already here comes along; waiting for a full batch would cost latency.
        for message in self._client.consume(max_records - len(records), 0) if 0 < len(records) < max_records else ():
            self._take(message, records)
        return records

    def seek(self, offset: int) -> None:
        """Make `offset` the next one to be read."""
        if self._instead is not None:
            self._instead.seek(offset)
            return
        self._assign(offset)
        self._position = offset

    def position(self) -> int:
        """Return the next offset to be read. Before the first read this asks the broker for the beginning."""
        if self._instead is not None:
            return self._instead.position()
        if self._position is None:
            self._position = self.begin_offset()
        return self._position

    def close(self) -> None:
        """Free the connection."""
        if self._instead is not None:
            self._instead.close()
        super().close()
        self._client.close()

    def _assign(self, offset: int) -> None:
        self._client.assign([TopicPartition(self._topic, 0, offset)])
        self._assigned = True

    def _require_topic(self) -> None:
        """Raise when the topic is missing or closed to us: for such a topic the client waits in silence."""
        if not self._served:
            with suppress(KafkaException):  # the broker is away: nothing is known, reading goes on
                failure = self._client.list_topics(self._topic, timeout=1.0).topics[self._topic].error
                if failure is not None:
                    raise answer_error(failure)

    def _take(self, message: Message, records: list[Record]) -> None:
        if self._instead is not None:
            return  # it comes again
        failure, offset = message.error(), message.offset()
        self._served = self._served or failure is None or failure.code() == KafkaError._PARTITION_EOF
        if failure is None:
            kind, timestamp_ms = message.timestamp()
            when = 0 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms
            records.append(Record(self._topic, offset, message.value() or b"", when))
            self._position = offset + 1
        elif failure.code() == KafkaError._PARTITION_EOF:
            self._position = offset  # past control records too, which are never shown
        elif failure.name() in UNREADABLE:
            self._read_otherwise(failure)
        elif failure.code() != KafkaError.GROUP_AUTHORIZATION_FAILED and not failure.retriable():
            # It asks who keeps its group, although it joins none; before `topics apply` it is refused that, no more.
            raise error_of(failure)

    def _read_otherwise(self, failure: KafkaError) -> None:
        from refbus.bus.batchreader import BatchReader  # late: a short command seldom needs the driver

        _log.warning("%s: a batch is not read by the client (%s)", self._topic, failure.name())
        position = self.position()
        self._client.unassign()
        self._assigned = False
        self._instead = BatchReader(self._address, self._topic)
        self._instead.seek(position)
