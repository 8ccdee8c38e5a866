"""What a broker says of one topic without handing out records: where it begins and ends, and which topic it is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition

from refbus.bus.address import BrokerAddress
from refbus.bus.confluent_admin import REQUEST_TIMEOUT_S, ConfluentAdmin, asked, config_of
from refbus.bus.port import OpenTransaction, reader_group
from refbus.errors import Code, SetupError

if TYPE_CHECKING:
    from refbus.bus.driver import Line

_log = logging.getLogger("refbus.bus.kafka")


def new_consumer(address: BrokerAddress, topic: str) -> Consumer:
    """Return a client for a topic that joins no group, commits nothing and sees committed records only.

    It has the name of a group because the client demands one, and asks who keeps that group: twice a second for as long
    as it is refused, and a broker notes each refusal in its log. So there is a name that every member may ask for.
    """
    return Consumer(
        config_of(address, "refbus-reader")
        | {
            "group.id": reader_group(topic.partition(".")[0]),
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


class TopicOffsets:
    """Asks about one topic. What the client remembers is not believed when it says that the topic is missing.

    After a stall of the broker it may say so for as long as it keeps its metadata, a quarter of an hour: the question
    is then asked once more by a client that knows nothing.
    """

    def __init__(self, address: BrokerAddress, topic: str) -> None:
        self._address = address
        self._topic = topic
        self._client = new_consumer(address, topic)
        self._asking: Line | None = None

    def begin_offset(self) -> int:
        """Return the first offset that the log still has. Raises TransportError, SetupError TOPIC_MISSING."""
        return self._offsets()[0]

    def end_offset(self) -> int:
        """Return the offset after the newest committed record. Raises TransportError, SetupError TOPIC_MISSING."""
        return self._offsets()[1]

    def topic_id(self) -> str:
        """Return the id that the broker gave the topic. Raises SetupError TOPIC_MISSING."""
        return ConfluentAdmin(self._address).topic_id(self._topic)

    def reaches(self, offset: int) -> bool:
        """Whether the log goes on to `offset`. Raises TransportError while the leader of the topic does not say."""
        try:
            self._line_of_its_own().fetch(offset, 0.0)
        except SetupError as error:
            if error.code is Code.LOG_TRUNCATED:
                return False
            raise
        return True

    def open_transaction(self) -> OpenTransaction | None:
        """Return the first transaction that keeps records from being read, None without one. Raises TransportError."""
        return self._line_of_its_own().open_transaction(self.end_offset())

    def _line_of_its_own(self) -> Line:
        if self._asking is None:
            from refbus.bus.driver import Line  # late: only a watchdog asks, and the driver takes its time to load

            self._asking = Line(self._address, self._topic)
        return self._asking

    def close(self) -> None:
        """Free the connections."""
        if self._asking is not None:
            self._asking.close()
        self._client.close()

    def _offsets(self) -> tuple[int, int]:
        try:
            return self._ends(self._client)
        except SetupError:
            _log.warning("%s: asked again by a client that remembers nothing", self._topic)
            return self._asked_anew()

    def _asked_anew(self) -> tuple[int, int]:
        """Ask by a new client, which takes the place of the old one. A reader that fetches keeps its own."""
        self._client.close()
        self._client = new_consumer(self._address, self._topic)
        return self._ends(self._client)

    def _ends(self, client: Consumer) -> tuple[int, int]:
        partition = TopicPartition(self._topic, 0)
        low, high = asked(lambda: client.get_watermark_offsets(partition, timeout=REQUEST_TIMEOUT_S))
        return int(low), int(high)
