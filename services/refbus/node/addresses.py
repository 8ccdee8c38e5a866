"""The clusters that a service talks to, out of its settings: where they are, and each as a way to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.cluster import Cluster, KafkaCluster
from refbus.core.ids import CountryCode, parse_country
from refbus.each import each
from refbus.errors import Code, RefbusError, SetupError
from refbus.files import read_limited, write_whole
from refbus.settings import CommonSettings
from refbus.trust.canonical import Fields, dumps, loads

_log = logging.getLogger("refbus.node.addresses")
PEERS = "peers"
_MOST_BYTES = 4096


def addresses(settings: CommonSettings, own: CountryCode, home: Path) -> dict[CountryCode, BrokerAddress]:
    """Return where the cluster of each country is, `own` among them. Raises SetupError for unsafe or missing ones.

    What the settings name goes before what the home has (`note_peer`).
    """
    found = peers(home) | {
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


def note_peer(home: Path, country: CountryCode, address: BrokerAddress) -> None:
    """Write into a home where the cluster of another country is: a running service takes it up within seconds.

    Raises SetupError for an address that is not safe, StoreError.
    """
    address.check()
    folder = "" if address.tls is None else str(address.tls.ca.parent)
    write_whole(home / PEERS / f"{country}.json", dumps({"bootstrap": address.bootstrap, "tls": folder}))


def forget_peer(home: Path, country: CountryCode) -> bool:
    """Take such an address away; return whether there was one."""
    path = home / PEERS / f"{country}.json"
    found = path.exists()
    path.unlink(missing_ok=True)
    return found


def peers(home: Path, told: Callable[[Path, RefbusError], object] | None = None) -> dict[CountryCode, BrokerAddress]:
    """Return the addresses that were written into a home; `told` hears of each that cannot be used, else the log."""
    return dict(each(sorted((home / PEERS).glob("*.json")), _peer, told or _left_out))


class Meeting:
    """Gives the clusters that an operator writes into the home of a running service; says what is wrong once."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._told: set[tuple[str, str]] = set()

    def __call__(self) -> dict[CountryCode, Cluster]:
        """Return the clusters of now; nothing is connected."""
        return clusters(peers(self._home, self._wrong))

    def _wrong(self, path: Path, error: RefbusError) -> None:
        if (path.name, str(error)) not in self._told:
            self._told.add((path.name, str(error)))
            _left_out(path, error)


def _peer(path: Path) -> tuple[CountryCode, BrokerAddress]:
    fields = Fields(loads(read_limited(path, _MOST_BYTES)), "peer")
    bootstrap, folder = fields.text("bootstrap", 1024), str(fields.take("tls"))
    fields.done()
    address = BrokerAddress(bootstrap, TlsFiles.in_folder(Path(folder)) if folder else None)
    address.check()
    return parse_country(path.stem), address


def _left_out(path: Path, error: RefbusError) -> None:
    _log.error("the address in %s cannot be used: %s %s", path.name, error.code, error.detail)


def _tls(settings: CommonSettings, country: CountryCode) -> TlsFiles | None:
    folder = settings.tls.get(country)
    return None if folder is None else TlsFiles.in_folder(folder)
