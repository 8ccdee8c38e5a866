"""The one port to a country's brokers: `KafkaCluster` over the network, `refbus.bus.memory.MemoryBus` in tests.

The composition of a service takes its clusters as arguments; addresses are turned into clusters where it is started.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from refbus.bus.address import BrokerAddress, split_host_port
from refbus.bus.port import Admin, Offsets, Producer, Reader, Record, Told
from refbus.errors import RefbusError

DELIVERY_S: Final = 30.0
"""So long a producer tries before it reports a record as unreachable."""
CONNECT_S: Final = 3.0
"""So long a broker has to take a connection when it is asked whether it is there."""
LINGER_S: Final = 0.002
"""Records for one topic that are queued within this time travel together."""


def unheard(_batch: Record) -> None:
    """Let nobody hear of a batch that cannot be read."""


class Cluster(Protocol):
    """A way to write to topics, to read them, and to look at what the cluster is."""

    def producer(self, *, delivery_timeout_s: float = DELIVERY_S, linger_s: float = LINGER_S) -> Producer:
        """Return a new producer; with `delivery_timeout_s` 0 it tries for ever."""
        ...

    def reader(self, topic: str, told: Told = unheard) -> Reader:
        """Return a new reader at the beginning of `topic`; `told` hears of each batch that cannot be read."""
        ...

    def offsets(self, topic: str) -> Offsets:
        """Return what answers questions about `topic` and reads no record."""
        ...

    def admin(self) -> Admin:
        """Return the administrator's view; the broker decides what this principal may do with it."""
        ...

    def is_plaintext(self) -> bool:
        """Whether the connection is without TLS."""
        ...

    def certificate_end_ms(self) -> int | None:
        """Return when our own certificate ends, UTC ms; None where there is none."""
        ...

    def refusal(self) -> RefbusError | None:
        """Return which certificate keeps us from the broker, None when none does."""
        ...

    def listening(self, brokers: Iterable[str]) -> dict[str, bool]:
        """Return for these addresses and those of the settings ("host:port") whether a connection is taken there."""
        ...


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """A cluster reached over the network. The client is loaded by the first call that needs it."""

    address: BrokerAddress

    def producer(self, *, delivery_timeout_s: float = DELIVERY_S, linger_s: float = LINGER_S) -> Producer:
        """Return a new producer: acks from all replicas, idempotent. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import confluent  # late: only what talks to a broker pays for it

        return confluent.producer(self.address, delivery_timeout_s=delivery_timeout_s, linger_s=linger_s)

    def reader(self, topic: str, told: Told = unheard) -> Reader:
        """Return a reader at the beginning of `topic`; it unpacks within bounds. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import batchreader  # late: see above

        return batchreader.reader(self.address, topic, told)

    def offsets(self, topic: str) -> Offsets:
        """Return what answers questions about `topic`. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import confluent_offsets  # late: see above

        return confluent_offsets.TopicOffsets(self.address, topic)

    def admin(self) -> Admin:
        """Return the administrator's view. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import confluent  # late: see above

        return confluent.admin(self.address)

    def is_plaintext(self) -> bool:
        """Whether the connection is without TLS."""
        return self.address.tls is None

    def certificate_end_ms(self) -> int | None:
        """Return when our own certificate ends, UTC ms. Raises SetupError FILE_UNREADABLE."""
        from refbus.bus import certificates  # late: see above

        return None if self.address.tls is None else certificates.end_ms(self.address.tls)

    def refusal(self) -> RefbusError | None:
        """Return which certificate keeps us from the broker, None when none does or nobody answers."""
        from refbus.bus import certificates  # late: see above

        return certificates.refusal(self.address)

    def listening(self, brokers: Iterable[str]) -> dict[str, bool]:
        """Return for these addresses and those of the settings whether a connection is taken: a frozen process does."""
        named = {each.strip() for each in self.address.bootstrap.split(",")}
        return {each: _is_listening(each) for each in sorted(named.union(brokers))}


def _is_listening(address: str) -> bool:
    host, port = split_host_port(address)
    try:
        with socket.create_connection((host, int(port)), CONNECT_S):
            return True
    except (OSError, ValueError):
        return False
