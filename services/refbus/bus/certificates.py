"""The certificates of a connection: when ours ends, who is warned of it, and why a broker and we do not accept them.

The client of the broker only says that nobody answers; a handshake of our own says which certificate it is about.
"""

from __future__ import annotations

import logging
import math
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from refbus.bus.address import BrokerAddress, TlsFiles, split_host_port
from refbus.core.ids import CountryCode
from refbus.core.units import DAY_MS
from refbus.errors import Code, RefbusError, SetupError, TransportError
from refbus.said import placed, said

_log = logging.getLogger("refbus.certificates")
WARNED_MS: Final = 30 * DAY_MS
"""So long before its end a person hears of it: certificates are issued by people, who take their time."""
_TIMEOUT_S: Final = 5.0
_LISTEN_S: Final = 1.0
"""With TLS 1.3 the other side refuses our certificate after the handshake; it says so at once or not at all."""


def end_ms(tls: TlsFiles) -> int:
    """Return when our certificate ends, UTC ms. Raises SetupError FILE_UNREADABLE."""
    from cryptography import x509  # late: commands that talk to no broker need none of it

    try:
        certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    except (OSError, ValueError, x509.InvalidVersion):
        raise SetupError(Code.FILE_UNREADABLE, tls.certificate.name) from None
    return int(certificate.not_valid_after_utc.timestamp() * 1000)


def is_ending(ends_ms: int, now_ms: int) -> bool:
    """Whether a certificate that ends at `ends_ms` (UTC) is to be warned of."""
    return ends_ms - now_ms < WARNED_MS


def show_day(ends_ms: int) -> str:
    """Return the day of a moment (UTC ms)."""
    return time.strftime("%Y-%m-%d", time.gmtime(ends_ms // 1000))


class Watch:
    """Watches the certificates with which a node reaches clusters; says each that ends soon in the log, once.

    `ends` asks for each cluster when ours ends, UTC ms (`Cluster.certificate_end_ms`).
    """

    def __init__(self, ends: Mapping[CountryCode, Callable[[], int | None]]) -> None:
        self._ends = dict(ends)
        self._told: dict[CountryCode, int] = {}

    def also(self, name: CountryCode, ends: Callable[[], int | None]) -> None:
        """Watch the certificate for one more cluster."""
        self._ends = {**self._ends, name: ends}

    def left_s(self, now_ms: int) -> float:
        """Return the seconds until the first of them ends; 0 for one that cannot be read, infinite without any."""
        left = math.inf
        for name, ask in self._ends.items():
            try:
                ends_ms = ask()
            except SetupError as error:
                ends_ms = 0
                self._tell(name, ends_ms, f"it cannot be read: {error.detail}")
            else:
                if ends_ms is None:
                    continue
                if is_ending(ends_ms, now_ms):
                    self._tell(name, ends_ms, f"it ends on {show_day(ends_ms)}")
            left = min(left, max(0, ends_ms - now_ms) / 1000)
        return left

    def _tell(self, name: CountryCode, ends_ms: int, what: str) -> None:
        if self._told.get(name) != ends_ms:
            self._told[name] = ends_ms
            _log.critical("%s: the certificate for the cluster of %s: %s", Code.TLS_CERTIFICATE_ENDING, name, what)


def refusal(address: BrokerAddress) -> RefbusError | None:
    """Return which certificate keeps us from a cluster, None when none does or nobody answers."""
    if address.tls is None:
        return None
    try:
        address.check()
        context = client_context(address.tls)
    except SetupError as error:
        return TransportError(Code.TLS_REFUSED, placed(error.code, error.detail))
    for entry in address.bootstrap.split(","):
        host, port = split_host_port(entry)
        found = _refusal(context, host, int(port))
        if found is not None:
            return found
    return None


def _refusal(context: ssl.SSLContext, host: str, port: int) -> RefbusError | None:
    # UnicodeError: a name that none can have, with an empty label or one of more than 63 characters
    with suppress(OSError, UnicodeError), socket.create_connection((host, port), _TIMEOUT_S) as plain:
        return _handshake(context, plain, host)
    return None


def _handshake(context: ssl.SSLContext, plain: socket.socket, host: str) -> RefbusError | None:
    try:
        with context.wrap_socket(plain, server_hostname=host) as connection:
            connection.settimeout(_LISTEN_S)
            with suppress(TimeoutError):
                connection.recv(1)
    except ssl.SSLCertVerificationError as error:
        return TransportError(
            Code.TLS_REFUSED, said("the broker's certificate: %(reason)s", reason=error.verify_message)
        )
    except ssl.SSLError as error:
        reason = (error.reason or "").lower()
        if "alert" in reason:
            told = reason.rpartition("alert_")[2].replace("_", " ")
            return TransportError(Code.TLS_REFUSED, said("the broker does not accept ours: %(reason)s", reason=told))
    return None


def client_context(tls: TlsFiles) -> ssl.SSLContext:
    """Return the client side of mutual TLS with host name check. Raises SetupError for unusable files.

    Chain, term and name are checked as librdkafka does it. Python 3.13 adds rules of form (an authority key identifier
    must be there); with them a newer Python would cut off a country whose certificates were issued without.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(tls.ca))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_cert_chain(str(tls.certificate), str(tls.key))
    except (OSError, ssl.SSLError) as error:
        raise SetupError(Code.UNSAFE_SETTING, said("the TLS files cannot be used")) from error
    return context
