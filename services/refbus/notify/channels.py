"""Mail (RFC 5321, 5322, 8314) and webhooks. Each call sends once and raises TransportError when it could not."""

from __future__ import annotations

import http.client
import ipaddress
import json
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum
from urllib.parse import urlsplit

from refbus.errors import Code, SetupError, TransportError
from refbus.notify.message import Ping

TIMEOUT_S = 15.0
"""From one byte to the next."""
LIMIT_S = 30.0
"""One mail, or one call of a webhook, in all."""


class Security(StrEnum):
    """How the connection to the mail server is protected."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"  # on this machine only


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server that takes mail from the gate."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)

    def check(self) -> None:
        """Raise SetupError UNSAFE_SETTING for mail in plain text beyond this machine."""
        if self.security is Security.NONE and not is_loopback(self.host):
            raise SetupError(Code.UNSAFE_SETTING, "mail without TLS beyond this machine")

    def send(self, address: str, ping: Ping) -> None:
        """Send one mail; it is over after LIMIT_S, whatever the server does. Raises TransportError PING_FAILED."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = ping.subject, self.sender, address
        mail["Message-ID"] = f"<{ping.message_id.hex()}@{self.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notices in return
        mail.set_content(ping.text)
        try:
            with (
                socket.create_connection((self.host, self.port), TIMEOUT_S) as plain,
                _ended_in_time(plain),
                self._connected(plain) as server,
            ):
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise TransportError(Code.PING_FAILED, type(error).__name__) from None

    def _connected(self, plain: socket.socket) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security is Security.TLS:
            return _Greeted(self.host, self.port, context.wrap_socket(plain, server_hostname=self.host))
        server = _Greeted(self.host, self.port, plain)
        if self.security is Security.STARTTLS:
            server.starttls(context=context)
        return server


class _Greeted(smtplib.SMTP):
    """Mail over a connection that is there already, so that somebody else can end it."""

    def __init__(self, host: str, port: int, connection: socket.socket) -> None:
        self._given = connection
        super().__init__(host, port, timeout=TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._given


def call_webhook(url: str, ping: Ping) -> None:
    """Post `{"refbus": "inbox", "urgent": ..., "id": ...}` once; any 2xx will do. Raises TransportError PING_FAILED.

    It is over after LIMIT_S, also when the other side sends a byte now and then.
    """
    parts = urlsplit(url)
    body = json.dumps({"refbus": "inbox", "urgent": ping.urgent, "id": ping.message_id.hex()})
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host, tls = parts.hostname or "", parts.scheme == "https"
    try:
        port = parts.port or (443 if tls else 80)
        with socket.create_connection((host, port), TIMEOUT_S) as plain, _ended_in_time(plain):
            connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if tls else plain
            with closing(connection):
                connection.request("POST", target, body, {"Content-Type": "application/json"})
                status = connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise TransportError(Code.PING_FAILED, type(error).__name__) from None
    if not 200 <= status < 300:
        raise TransportError(Code.PING_FAILED, f"status {status}")


@contextmanager
def _ended_in_time(plain: socket.socket) -> Iterator[None]:
    """End a connection after LIMIT_S, whatever is done with it; timeouts count from one byte to the next."""
    with plain.dup() as held:
        timer = threading.Timer(LIMIT_S, _end, (held,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _end(held: socket.socket) -> None:
    with suppress(OSError):
        held.shutdown(socket.SHUT_RDWR)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by name or by address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
