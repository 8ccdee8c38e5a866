"""The broker of this home: where its settings, or those of the environment, say that it is."""

from __future__ import annotations

from pathlib import Path

from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.cluster import KafkaCluster
from refbus.errors import Code, SetupError
from refbus.said import said
from refbus_gateway.home.folder import Config


def address_of(bootstrap: str, tls: Path | None) -> BrokerAddress:
    """Return the address of a broker, with the files of TLS in the folder `tls`."""
    return BrokerAddress(bootstrap, TlsFiles.in_folder(tls) if tls else None)


def kafka(config: Config, bootstrap: str | None, tls: Path | None) -> KafkaCluster:
    """Return the broker from the environment's settings, else from the home's. Raises SetupError SETTINGS_INVALID."""
    address = bootstrap or config.bootstrap
    if not address:
        raise SetupError(Code.SETTINGS_INVALID, said("no broker: refbus home connect --bootstrap HOST:PORT"))
    return KafkaCluster(address_of(address, tls or (Path(config.tls) if config.tls else None)))
