"""The clusters that a service talks to, out of its settings: where they are, and each as a way to it."""

from __future__ import annotations

from collections.abc import Mapping

from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.cluster import Cluster, KafkaCluster
from refbus.core.ids import CountryCode
from refbus.errors import Code, SetupError
from refbus.settings import CommonSettings


def addresses(settings: CommonSettings, own: CountryCode) -> dict[CountryCode, BrokerAddress]:
    """Return where the cluster of each country is, `own` among them. Raises SetupError for unsafe or missing ones."""
    found = {
        country: BrokerAddress(bootstrap, _tls(settings, country)) for country, bootstrap in settings.bootstrap.items()
    }
    if own not in found:
        raise SetupError(Code.SETTINGS_INVALID, f"REFBUS_BOOTSTRAP_{own.upper()} is missing")
    for address in found.values():
        address.check()
    return found


def clusters(where: Mapping[CountryCode, BrokerAddress]) -> dict[CountryCode, Cluster]:
    """Return the cluster at each address; nothing is connected yet."""
    return {country: KafkaCluster(address) for country, address in where.items()}


def _tls(settings: CommonSettings, country: CountryCode) -> TlsFiles | None:
    folder = settings.tls.get(country)
    return None if folder is None else TlsFiles.in_folder(folder)
