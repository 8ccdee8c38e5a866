"""Where the database server of a node is, how to prove who we are, and which schema of it is whose.

What says anything beyond this machine goes over TLS, to a server that proved its name.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from refbus.errors import Code, SetupError
from refbus.files import is_private
from refbus.said import said

if TYPE_CHECKING:
    import psycopg

_SESSION: Final = {
    "statement_timeout": "20s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}
_CLIENT: Final[dict[str, Any]] = {  # seconds until a server that is gone is noticed
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "target_session_attrs": "read-write",  # of several hosts the one that takes writes
}


class Leading(Protocol):
    """Who has the lead of a service (`refbus.database.lead`); `called` is the name of its sessions."""

    called: str

    def require(self) -> None:
        """Raise StoreError STORE_TAKEN_OVER unless this process led a moment ago."""


@dataclass(frozen=True, slots=True)
class Server:
    """A database on a PostgreSQL server. `hosts` and `ports` as libpq takes them: with commas, a socket's folder too.

    `tls`: a folder with ca.pem, and certificate.pem and key.pem where the server asks for a certificate.
    """

    hosts: str
    ports: str
    name: str
    user: str
    password: str = field(default="", repr=False)
    tls: Path | None = None

    @classmethod
    def at(cls, url: str, password: str = "", tls: Path | None = None) -> Server:
        """Return what postgresql://user@host:port/database names; the setting has checked its form."""
        user, _, places = urlsplit(url).netloc.rpartition("@")
        pairs = [_host_and_port(each) for each in places.split(",")]
        hosts, ports = (",".join(each) for each in zip(*pairs, strict=True))
        return cls(hosts, ports, unquote(urlsplit(url).path[1:]), unquote(user), password, tls)

    def check(self, *, production: bool) -> None:
        """Raise SetupError: UNSAFE_SETTING where TLS is missing, FILE_UNREADABLE, KEYFILE_UNSAFE for a bad key file.

        Without TLS there are a socket of this machine and, to try things out, its loopback.
        """
        if self.tls is None:
            if all(_is_socket(host) or (_is_loopback(host) and not production) for host in self.hosts.split(",")):
                return
            raise SetupError(
                Code.UNSAFE_SETTING, said("%(name)s is missing: %(form)s", name="REFBUS_DATABASE_TLS", form="ca.pem")
            )
        for path in (self.tls / "ca.pem", *self._own_certificate().values()):
            if not path.is_file():
                raise SetupError(Code.FILE_UNREADABLE, path.name)
        key = self.tls / "key.pem"
        if key.is_file() and not is_private(key.stat().st_mode):
            raise SetupError(Code.KEYFILE_UNSAFE, key.name)

    def connect(self, *, called: str, **session: str) -> psycopg.Connection[Any]:
        """Return a connection without a transaction; `called` names it to whoever looks at the server.

        Raises psycopg.Error.
        """
        import psycopg  # late: most services keep their store in a file
        from psycopg.conninfo import make_conninfo

        session_words = " ".join(f"-c {name}={value}" for name, value in {**_SESSION, **session}.items())
        where = {"host": self.hosts, "port": self.ports, "user": self.user, "password": self.password}
        given = {name: value for name, value in where.items() if value.strip(",")}
        words = make_conninfo(
            dbname=self.name, options=session_words, application_name=called, **given, **_CLIENT, **self._tls()
        )
        made: psycopg.Connection[Any] = psycopg.connect(words, autocommit=True)
        made.prepared_max = 400
        return made

    def schema(self, name: str, lead: Leading | None = None) -> Schema:
        """Return a schema of this database; only with the lead it can be written."""
        return Schema(self, name, lead)

    def _tls(self) -> dict[str, str]:
        if self.tls is None:
            return {"sslmode": "disable"}
        own = {name: str(path) for name, path in self._own_certificate().items()}
        return {"sslmode": "verify-full", "sslrootcert": str(self.tls / "ca.pem"), **own}

    def _own_certificate(self) -> dict[str, Path]:
        folder = self.tls
        if folder is None or not (folder / "certificate.pem").is_file():
            return {}
        return {"sslcert": folder / "certificate.pem", "sslkey": folder / "key.pem"}


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema that one store has in a database. Without `lead` it can only be read."""

    server: Server
    name: str
    lead: Leading | None = None

    def beside(self, name: str) -> Schema:
        """Return another schema of the same service."""
        return replace(self, name=name)


def _host_and_port(text: str) -> tuple[str, str]:
    """Return host and port, each may be empty; an IPv6 address is in brackets."""
    head, _, port = text.rpartition(":") if not text.endswith("]") and ":" in text else (text, "", "")
    return unquote(head.strip("[]")), port


def _is_socket(host: str) -> bool:
    return host == "" or host.startswith("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
