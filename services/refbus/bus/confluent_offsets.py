"""What a broker says of one topic without handing out records: where it begins and ends, and which topic it is."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from confluent_kafka import Consumer, TopicPartition

from refbus.bus.address import BrokerAddress
from refbus.bus.confluent_admin import REQUEST_TIMEOUT_S, ConfluentAdmin, asked, config_of
from refbus.bus.port import OpenTransaction, reader_group
from refbus.errors import Code, SetupError

if TYPE_CHECKING:
    from refbus.bus.driver import Line

_log = logging.getLogger("refbus.bus.kafka")


def new_consumer(address: BrokerAddress, country: str) -> Consumer:
    """Return a client for topics of a country that joins no group, commits nothing and sees committed records only.

    It has the name of a group because the client demands one, and asks who keeps that group: twice a second for as long
    as it is refused, and a broker notes each refusal in its log. So there is a name that every member may ask for.
    """
    return Consumer(
        config_of(address, "refbus-reader")
        | {
            "group.id": reader_group(country),
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


class Asker:
    """The one client of this process that asks a cluster where topics begin and end, made when it is first needed.

    What it remembers is not believed when it says that a topic is missing. After a stall of the broker it may say so
    for as long as it keeps its metadata, a quarter of an hour: the question is then asked once more by a client that
    knows nothing, which takes the place of the old one.
    """

    def __init__(self, address: BrokerAddress, country: str) -> None:
        self._address = address
        self._country = country
        self._client: Consumer | None = None
        self._making = threading.Lock()

    def ends(self, topic: str) -> tuple[int, int]:
        """Return where a topic begins and ends, from any thread. Raises TransportError, SetupError TOPIC_MISSING."""
        client = self._other_than(None)
        try:
            return _ends(client, topic)
        except SetupError:
            _log.warning("%s: asked again by a client that remembers nothing", topic)
            return _ends(self._other_than(client), topic)

    def _other_than(self, old: Consumer | None) -> Consumer:
        """Return a client that is not `old`. An old one is freed when nobody asks it any more."""
        with self._making:
            if self._client is old:
                self._client = new_consumer(self._address, self._country)
            client: Consumer = self._client
            return client


_askers: WeakValueDictionary[tuple[BrokerAddress, str], Asker] = (
    WeakValueDictionary()
)  # each as long as somebody has it
_looking = threading.Lock()


def asker(address: BrokerAddress, topic: str) -> Asker:
    """Return the one that asks this cluster for this topic and all others of its country."""
    country = country_asked(topic)
    with _looking:
        return _askers.setdefault((address, country), Asker(address, country))


def country_asked(topic: str) -> str:
    """Return the country to which a topic belongs."""
    return topic.partition(".")[0]


def _ends(client: Consumer, topic: str) -> tuple[int, int]:
    partition = TopicPartition(topic, 0)
    low, high = asked(lambda: client.get_watermark_offsets(partition, timeout=REQUEST_TIMEOUT_S))
    return int(low), int(high)


class TopicOffsets:
    """Asks about one topic."""

    def __init__(self, address: BrokerAddress, topic: str) -> None:
        address.check()  # before any connection: the one client that asks ends is made later
        self._address = address
        self._topic = topic
        self._asker = asker(address, topic)
        self._asking: Line | None = None

    def begin_offset(self) -> int:
        """Return the first offset that the log still has. Raises TransportError, SetupError TOPIC_MISSING."""
        return self._asker.ends(self._topic)[0]

    def end_offset(self) -> int:
        """Return the offset after the newest committed record. Raises TransportError, SetupError TOPIC_MISSING."""
        return self._asker.ends(self._topic)[1]

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
