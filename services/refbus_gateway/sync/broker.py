"""What the gateway needs of a bus, and the real one. Tests give a `MemoryBus`, which has the same two calls."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from refbus.bus.port import Admin, Producer, Reader
from refbus.errors import Code, RefbusError, SetupError
from refbus_gateway.home.folder import Config


class Bus(Protocol):
    """A way to write to topics and to read one."""

    def producer(self) -> Producer:
        """Return a new producer."""
        ...

    def reader(self, topic: str) -> Reader:
        """Return a new reader at the beginning of `topic`."""
        ...

    def admin(self) -> Admin:
        """Return the administrator's view; the broker decides what this organisation may do with it."""
        ...

    def certificate_end_ms(self) -> int | None:
        """Return when the certificate of this organisation ends, UTC ms; None where there is none."""
        ...

    def refusal(self) -> RefbusError | None:
        """Return which certificate keeps us from the broker, None when none does."""
        ...


class KafkaBus:
    """The broker of this organisation's country."""

    def __init__(self, bootstrap: str, tls: Path | None) -> None:
        from refbus.bus.address import BrokerAddress, TlsFiles  # late: only what talks to a broker pays for it

        files = TlsFiles(tls / "ca.pem", tls / "certificate.pem", tls / "key.pem") if tls else None
        self._address = BrokerAddress(bootstrap, files)

    def check(self) -> None:
        """Raise SetupError for a bad address, a missing file, or plaintext beyond this machine."""
        self._address.check()

    def producer(self) -> Producer:
        """Return a new producer: acks from all replicas, idempotent. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import confluent

        return confluent.producer(self._address)

    def reader(self, topic: str) -> Reader:
        """Return a reader at the beginning of `topic`; it unpacks within bounds. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import batchreader

        return batchreader.reader(self._address, topic)

    def admin(self) -> Admin:
        """Return the administrator's view. Raises SetupError UNSAFE_SETTING."""
        from refbus.bus import confluent

        return confluent.admin(self._address)

    def certificate_end_ms(self) -> int | None:
        """Return when the certificate of this organisation ends, UTC ms. Raises SetupError FILE_UNREADABLE."""
        from refbus.bus import certificates

        return None if self._address.tls is None else certificates.end_ms(self._address.tls)

    def refusal(self) -> RefbusError | None:
        """Return which certificate keeps us from the broker, None when none does or nobody answers."""
        from refbus.bus import certificates

        return certificates.refusal(self._address)


def kafka(config: Config, bootstrap: str | None, tls: Path | None) -> KafkaBus:
    """Return the broker from the environment's settings, else from the home's. Raises SetupError SETTINGS_INVALID."""
    address = bootstrap or config.bootstrap
    if not address:
        raise SetupError(Code.SETTINGS_INVALID, "no broker: refbus home connect --bootstrap HOST:PORT")
    return KafkaBus(address, tls or (Path(config.tls) if config.tls else None))
