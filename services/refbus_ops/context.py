"""What every command of the operator needs: settings, the country, its cluster, its verified directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.cluster import Cluster, KafkaCluster
from refbus.clock import machine_ms
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.errors import Code, SetupError
from refbus.settings import OpsSettings, Profile
from refbus.trust.reader import versions


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator at one node. Options of the command line go before the environment."""

    settings: OpsSettings
    country: CountryCode | None = None
    home: Path | None = None
    connect: Callable[[BrokerAddress], Cluster] = KafkaCluster
    clock: Callable[[], int] = field(default=machine_ms)
    account: str = ""  # of this machine, who runs the command

    @property
    def production(self) -> bool:
        """Whether three replicas are demanded."""
        return self.settings.profile is Profile.PRODUCTION

    def one_country(self) -> CountryCode:
        """Return the country of this node. Raises SetupError USAGE when none was named."""
        country = self.country or self.settings.country
        if country is None:
            raise SetupError(Code.USAGE, "which country: --country or REFBUS_OPS_COUNTRY")
        return country

    def countries(self) -> tuple[CountryCode, ...]:
        """Return the country that was named, else every country whose brokers the settings name."""
        if self.country or self.settings.country:
            return (self.one_country(),)
        if not self.settings.bootstrap:
            raise SetupError(Code.SETTINGS_INVALID, "no broker: set REFBUS_BOOTSTRAP_<CC>")
        return tuple(sorted(self.settings.bootstrap))

    def gate_home(self) -> Path:
        """Return the folder of the gate. Raises SetupError HOME_NOT_FOUND."""
        home = self.home or self.settings.gate_home
        if home is None or not home.is_dir():
            raise SetupError(Code.HOME_NOT_FOUND, "the gate's folder: --gate-home or REFBUS_OPS_GATE_HOME")
        return home

    def directory(self) -> Directory:
        """Return the newest directory that the gate has verified. Raises SetupError, StoreError.

        Nothing is written into the folder of the gate: who asks may have no right to.
        """
        verified = versions.load_all(self.gate_home() / "directory" / "versions")
        if not verified:
            raise SetupError(Code.DIRECTORY_INVALID, "the gate has not verified a directory yet")
        return verified[-1].directory

    def address(self, country: CountryCode) -> BrokerAddress:
        """Return where the brokers of `country` are. Raises SetupError SETTINGS_INVALID."""
        bootstrap = self.settings.bootstrap.get(country)
        if bootstrap is None:
            raise SetupError(Code.SETTINGS_INVALID, f"no broker: set REFBUS_BOOTSTRAP_{country.upper()}")
        folder = self.settings.tls.get(country)
        return BrokerAddress(bootstrap, TlsFiles.in_folder(folder) if folder else None)

    def cluster(self, country: CountryCode) -> Cluster:
        """Return the cluster of `country`."""
        return self.connect(self.address(country))
