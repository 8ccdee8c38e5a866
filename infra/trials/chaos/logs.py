"""The oracle's own eyes: a plain consumer that reads a topic from its first to its last committed record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from refbus.bus.address import BrokerAddress
from refbus.bus.port import reader_group

READ_S = 60.0


class TopicUnreadableError(Exception):
    """A topic could not be read to its end in time."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a log; the time is the broker's or the writer's, milliseconds UTC."""

    offset: int
    value: bytes = field(repr=False)
    time_ms: int


def read_topic(address: BrokerAddress, topic: str, *, isolation: str = "read_committed") -> list[Line]:
    """Return everything that the topic holds now. Raises TopicUnreadableError."""
    consumer = Consumer(
        address.client_config("chaos-oracle")
        | {
            "group.id": _group(topic),
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
            "fetch.wait.max.ms": 50,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        return _to_the_end(consumer, topic)
    finally:
        consumer.close()


def ends(address: BrokerAddress, topics: Mapping[str, object] | list[str]) -> dict[str, int]:
    """Return the offset behind the last record of each topic. Raises TopicUnreadableError."""
    consumer = Consumer(address.client_config("chaos-ends") | {"group.id": _group(next(iter(topics)))})
    try:
        return {topic: consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1] for topic in topics}
    except Exception as error:
        raise TopicUnreadableError(str(error)) from error
    finally:
        consumer.close()


def _group(topic: str) -> str:
    """Return the name that the client demands, one that members may ask for; nothing is joined or committed."""
    return reader_group(topic.partition(".")[0])


def _to_the_end(consumer: Consumer, topic: str) -> list[Line]:
    lines: list[Line] = []
    deadline = time.monotonic() + READ_S
    while time.monotonic() < deadline:
        for message in consumer.consume(500, 0.05):
            failure = message.error()
            if failure is None:
                lines.append(Line(message.offset(), message.value() or b"", message.timestamp()[1]))
            elif failure.code() == KafkaError._PARTITION_EOF:
                return lines
    raise TopicUnreadableError(topic)
