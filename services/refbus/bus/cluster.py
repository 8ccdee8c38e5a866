"""The way to one country's brokers: `KafkaCluster` over the network; `refbus.bus.memory` has one for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from refbus.bus.address import BrokerAddress
from refbus.bus.port import Admin, Producer, Reader
from refbus.errors import RefbusError


class Cluster(Protocol):
    """A way to write to topics, to read them, and to look at what the cluster is."""

    def producer(self) -> Producer:
        """Return a new producer."""
        ...

    def reader(self, topic: str) -> Reader:
        """Return a new reader at the beginning of `topic`."""
        ...

    def admin(self) -> Admin:
        """Return the administrator's view; the broker decides what this principal may do with it."""
        ...

    def certificate_end_ms(self) -> int | None:
        """Return when our own certificate ends, UTC ms; None where there is none."""
        ...

    def refusal(self) -> RefbusError | None:
        """Return which certificate keeps us from the broker, None when none does."""
        ...


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """A cluster reached over the network. The client is loaded by the first call that needs it."""

    address: BrokerAddress

    def producer(self) -> Producer:
        """Return a new producer: acks from all replicas, idempotent. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import confluent  # late: only what talks to a broker pays for it

        return confluent.producer(self.address)

    def reader(self, topic: str) -> Reader:
        """Return a reader at the beginning of `topic`; it unpacks within bounds. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import batchreader  # late: see above

        return batchreader.reader(self.address, topic)

    def admin(self) -> Admin:
        """Return the administrator's view. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import confluent  # late: see above

        return confluent.admin(self.address)

    def certificate_end_ms(self) -> int | None:
        """Return when our own certificate ends, UTC ms. Raises SetupError FILE_UNREADABLE."""
        from refbus.bus import certificates  # late: see above

        return None if self.address.tls is None else certificates.end_ms(self.address.tls)

    def refusal(self) -> RefbusError | None:
        """Return which certificate keeps us from the broker, None when none does or nobody answers."""
        from refbus.bus import certificates  # late: see above

        return certificates.refusal(self.address)
