"""Where a broker is and how to prove who we are. Plaintext never leaves this machine."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from refbus.errors import Code, SetupError
from refbus.files import is_private
from refbus.said import said

_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for mutual TLS: who signs broker certificates, and who we are. The key file must be private (0600)."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> TlsFiles:
        """Return the files of a REFBUS_TLS_<CC> folder: ca.pem, certificate.pem, key.pem."""
        return cls(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")

    def check(self) -> None:
        """Raise SetupError FILE_UNREADABLE for a missing file, KEYFILE_UNSAFE for a key that others may read."""
        for path in (self.ca, self.certificate, self.key):
            try:
                is_there, mode = path.is_file(), path.stat().st_mode
            except (OSError, ValueError):
                is_there, mode = False, 0
            if not is_there:
                raise SetupError(Code.FILE_UNREADABLE, path.name)
            if path == self.key and not is_private(mode):
                raise SetupError(Code.KEYFILE_UNSAFE, self.key.name)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a cluster is ("host:port,host:port") and how to prove who we are; without TLS only on this machine."""

    bootstrap: str
    tls: TlsFiles | None = None

    def check(self) -> None:
        """Raise SetupError: SETTINGS_INVALID for a bad address, UNSAFE_SETTING for plaintext beyond loopback."""
        for entry in self.bootstrap.split(","):
            host, port = split_host_port(entry)
            if not host or not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
                raise SetupError(Code.SETTINGS_INVALID, said("broker address is host:port"))
            if self.tls is None and not is_loopback(host):
                raise SetupError(Code.UNSAFE_SETTING, said("plaintext to a broker beyond this machine"))
        if self.tls is not None:
            self.tls.check()

    def client_config(self, client_id: str) -> dict[str, object]:
        """Return librdkafka's settings for this address. Raises SetupError as `check` does."""
        self.check()
        config: dict[str, object] = {
            "bootstrap.servers": self.bootstrap,
            "client.id": client_id,
            "log_level": 2,  # its log repeats itself many times a second; `kafka_errors.Troubles` does not
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 2_000,
            "socket.keepalive.enable": True,
        }
        if self.tls is not None:
            config |= {
                "security.protocol": "SSL",
                "ssl.ca.location": str(self.tls.ca),
                "ssl.certificate.location": str(self.tls.certificate),
                "ssl.key.location": str(self.tls.key),
                "ssl.endpoint.identification.algorithm": "https",
            }
        return config


def split_host_port(entry: str) -> tuple[str, str]:
    """Split "host:port" or "[v6]:port"; the port is "" when there is none."""
    host, _, port = entry.strip().rpartition(":")
    return host.strip("[]"), port


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its spelling; no name but "localhost" is looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
